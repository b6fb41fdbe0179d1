//! The layers, one a file.

mod activations;
mod attention;
mod batch_norm;
mod channel_norm;
mod conv;
mod conv_transpose;
mod dropout;
mod dropout_family;
mod embedding;
mod flatten;
mod gelu;
mod glu;
mod group_norm;
mod identity;
mod instance_norm;
mod layer_norm;
mod linear;
mod padding;
mod pool;
mod positions;
mod prelu;
mod recurrent;
mod recurrent_cells;
mod recurrent_core;
mod sequential;
mod softmax;
mod transformer;
mod transformer_layers;
mod upsample;

pub use activations::{
    Celu, Elu, Hardshrink, Hardsigmoid, Hardswish, Hardtanh, LeakyRelu, LogSigmoid, Mish, Relu,
    Relu6, Selu, Sigmoid, Silu, Softplus, Softshrink, Softsign, Step, Tanh, Tanhshrink, Threshold,
};
pub use attention::{AttentionMasks, MultiheadAttention, MultiheadAttentionOptions};
pub use batch_norm::{BatchNorm1d, BatchNorm2d, BatchNorm3d, BatchNormOptions};
pub use channel_norm::ChannelNorm;
pub use conv::{Conv, Conv1d, Conv2d, Conv3d, ConvLayerOptions, PaddingMode};
pub use conv_transpose::{
    ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, ConvTransposeLayerOptions,
};
pub use dropout::Dropout;
pub use dropout_family::{AlphaDropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout};
pub use embedding::{Embedding, EmbeddingOptions};
pub use flatten::Flatten;
pub use gelu::{Approximate, Gelu};
pub use glu::Glu;
pub use group_norm::{GroupNorm, LocalResponseNorm};
pub use identity::Identity;
pub use instance_norm::{InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, InstanceNormOptions};
pub use layer_norm::{LayerNorm, LayerNormOptions, RmsNorm};
pub use linear::{Linear, LinearOptions};
pub use padding::{
    CircularPad1d, CircularPad2d, ConstantPad1d, ConstantPad2d, Pad, ReflectionPad1d,
    ReflectionPad2d, ReplicationPad1d, ReplicationPad2d, ZeroPad1d, ZeroPad2d,
};
pub use pool::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveMaxPool1d, AdaptiveMaxPool2d,
    AdaptiveMaxPool3d, AvgPool1d, AvgPool2d, AvgPool3d, GlobalAvgPool2d, GlobalMaxPool2d, LPPool1d,
    LPPool2d, MaxPool1d, MaxPool2d, MaxPool3d, MaxUnpool1d, MaxUnpool2d, MaxUnpool3d,
};
pub use positions::{LearnedPositionalEmbedding, PositionalEncoding};
pub use prelu::PRelu;
pub use recurrent::{Gru, Lstm, Rnn, RnnNonlinearity};
pub use recurrent_cells::{GruCell, LstmCell, RnnCell};
pub use recurrent_core::{RecurrentOptions, RecurrentWeights};
pub use sequential::Sequential;
pub use softmax::{LogSoftmax, Softmax};
pub use transformer::{TransformerDecoder, TransformerEncoder};
pub use transformer_layers::{
    TransformerActivation, TransformerDecoderLayer, TransformerEncoderLayer, TransformerOptions,
};
pub use upsample::{PixelShuffle, PixelUnshuffle, Upsample};
