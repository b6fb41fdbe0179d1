//! The layers, one a file.

mod activations;
mod conv;
mod conv_transpose;
mod dropout;
mod embedding;
mod flatten;
mod gelu;
mod glu;
mod identity;
mod linear;
mod prelu;
mod sequential;
mod softmax;

pub use activations::{
    Celu, Elu, Hardshrink, Hardsigmoid, Hardswish, Hardtanh, LeakyRelu, LogSigmoid, Mish, Relu,
    Relu6, Selu, Sigmoid, Silu, Softplus, Softshrink, Softsign, Step, Tanh, Tanhshrink, Threshold,
};
pub use conv::{Conv, Conv1d, Conv2d, Conv3d, ConvLayerOptions, PaddingMode};
pub use conv_transpose::{
    ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, ConvTransposeLayerOptions,
};
pub use dropout::Dropout;
pub use embedding::{Embedding, EmbeddingOptions};
pub use flatten::Flatten;
pub use gelu::{Approximate, Gelu};
pub use glu::Glu;
pub use identity::Identity;
pub use linear::{Linear, LinearOptions};
pub use prelu::PRelu;
pub use sequential::Sequential;
pub use softmax::{LogSoftmax, Softmax};
