//! The layers, one a file.

mod activations;
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
