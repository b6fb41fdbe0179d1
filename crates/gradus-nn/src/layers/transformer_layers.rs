//! The layers that transformers are stacks of.

use gradus_autodiff::Tensor;
use gradus_tensor::Result;

use super::attention::{AttentionMasks, MultiheadAttention, MultiheadAttentionOptions};
use super::dropout::Dropout;
use super::layer_norm::{LayerNorm, LayerNormOptions};
use super::linear::{Linear, LinearOptions};
use crate::Module;
use crate::layer::{Layer, WithinLayer};

/// The function between the two linear layers of a transformer layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransformerActivation {
    /// `relu`, the default.
    #[default]
    Relu,
    /// `gelu`, exact.
    Gelu,
}

/// Options of transformer layers, with PyTorch's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransformerOptions {
    /// Features between the two linear layers: 2048.
    pub dim_feedforward: usize,
    /// The probability of a zero in training: 0.1, also of the attention's weights.
    pub dropout: f64,
    /// The function between the linear layers.
    pub activation: TransformerActivation,
    /// Added to the variance in layer norms: 1e-5.
    pub layer_norm_eps: f64,
    /// Whether N is the first dimension.
    pub batch_first: bool,
    /// Whether layer norm comes before attention and linear layers rather than after the sum.
    pub norm_first: bool,
    /// Whether linear layers and norms have biases.
    pub bias: bool,
}

impl Default for TransformerOptions {
    fn default() -> Self {
        TransformerOptions {
            dim_feedforward: 2048,
            dropout: 0.1,
            activation: TransformerActivation::Relu,
            layer_norm_eps: 1e-5,
            batch_first: false,
            norm_first: false,
            bias: true,
        }
    }
}

impl TransformerOptions {
    fn attention(&self, d_model: usize, nhead: usize) -> Result<MultiheadAttention> {
        let TransformerOptions { dropout, bias, batch_first, .. } = *self;
        let options = MultiheadAttentionOptions { dropout, bias, batch_first };
        MultiheadAttention::with(d_model, nhead, options)
    }

    fn linear(&self, from: usize, to: usize) -> Result<Linear> {
        Linear::with(from, to, LinearOptions { bias: self.bias, ..Default::default() })
    }

    fn norm(&self, d_model: usize) -> LayerNorm {
        let (eps, bias) = (self.layer_norm_eps, self.bias);
        LayerNorm::with([d_model], LayerNormOptions { eps, elementwise_affine: true, bias })
    }
}

/// Self-attention and two linear layers, each around a sum and a layer norm. PyTorch:
/// `nn.TransformerEncoderLayer`. *Source*: arXiv:1706.03762.
///
/// ```
/// use gradus_nn::{Device, Layer, Tensor, TransformerEncoderLayer, TransformerOptions};
/// let options = TransformerOptions { dim_feedforward: 16, ..Default::default() };
/// let layer = TransformerEncoderLayer::new(8, 2, options)?;
/// let y = layer.forward(&Tensor::ones([5, 3, 8], &Device::cpu()))?;
/// assert_eq!(y.shape().dims(), [5, 3, 8]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct TransformerEncoderLayer {
    /// Attention of src to itself.
    pub self_attn: MultiheadAttention,
    /// Into the wide features.
    pub linear1: Linear,
    /// Back to the model's.
    pub linear2: Linear,
    /// Beside the attention.
    pub norm1: LayerNorm,
    /// Beside the linear layers.
    pub norm2: LayerNorm,
    dropout: Dropout,
    norm_first: bool,
    #[module(skip)]
    activation: TransformerActivation,
}

impl TransformerEncoderLayer {
    /// A layer of `d_model` features and `nhead` heads.
    ///
    /// # Errors
    /// `Kind::Argument` when the heads do not divide the features, or for a dropout outside
    /// `0..=1`.
    pub fn new(d_model: usize, nhead: usize, options: TransformerOptions) -> Result<Self> {
        Ok(TransformerEncoderLayer {
            self_attn: options.attention(d_model, nhead)?,
            linear1: options.linear(d_model, options.dim_feedforward)?,
            linear2: options.linear(options.dim_feedforward, d_model)?,
            norm1: options.norm(d_model),
            norm2: options.norm(d_model),
            dropout: Dropout::new(options.dropout)?,
            norm_first: options.norm_first,
            activation: options.activation,
        })
    }

    /// The layer's output for `src` where masks hide positions.
    ///
    /// # Errors
    /// As [`MultiheadAttention::forward`].
    pub fn forward_masked(&self, src: &Tensor, masks: &AttentionMasks<'_>) -> Result<Tensor> {
        let x = residual(src, &self.norm1, self.norm_first, |x| {
            let found = self.self_attn.forward(x, x, x, masks).within_layer("self_attn")?;
            self.dropout.forward(&found)
        })?;
        let wide = (&self.linear1, &self.linear2, self.activation);
        residual(&x, &self.norm2, self.norm_first, |x| feed_forward(x, wide, &self.dropout))
    }
}

impl Layer for TransformerEncoderLayer {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_masked(x, &AttentionMasks::default())
    }
}

/// Self-attention, attention to an encoder's memory, and two linear layers, each around a sum and
/// a layer norm. PyTorch: `nn.TransformerDecoderLayer`. *Source*: arXiv:1706.03762.
///
/// ```
/// use gradus_nn::{AttentionMasks, Device, Tensor, TransformerDecoderLayer, TransformerOptions};
/// let options = TransformerOptions { dim_feedforward: 16, ..Default::default() };
/// let layer = TransformerDecoderLayer::new(8, 2, options)?;
/// let zeros = |length: usize| Tensor::zeros([length, 3, 8], &Device::cpu());
/// let causal = AttentionMasks { is_causal: true, ..Default::default() };
/// let y = layer.forward(&zeros(4), &zeros(5), &causal, &AttentionMasks::default())?;
/// assert_eq!(y.shape().dims(), [4, 3, 8]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct TransformerDecoderLayer {
    /// Attention of tgt to itself.
    pub self_attn: MultiheadAttention,
    /// Attention of tgt to the memory.
    pub multihead_attn: MultiheadAttention,
    /// Into the wide features.
    pub linear1: Linear,
    /// Back to the model's.
    pub linear2: Linear,
    /// Beside the self-attention.
    pub norm1: LayerNorm,
    /// Beside the attention to the memory.
    pub norm2: LayerNorm,
    /// Beside the linear layers.
    pub norm3: LayerNorm,
    dropout: Dropout,
    norm_first: bool,
    #[module(skip)]
    activation: TransformerActivation,
}

impl TransformerDecoderLayer {
    /// A layer of `d_model` features and `nhead` heads.
    ///
    /// # Errors
    /// As [`TransformerEncoderLayer::new`].
    pub fn new(d_model: usize, nhead: usize, options: TransformerOptions) -> Result<Self> {
        Ok(TransformerDecoderLayer {
            self_attn: options.attention(d_model, nhead)?,
            multihead_attn: options.attention(d_model, nhead)?,
            linear1: options.linear(d_model, options.dim_feedforward)?,
            linear2: options.linear(options.dim_feedforward, d_model)?,
            norm1: options.norm(d_model),
            norm2: options.norm(d_model),
            norm3: options.norm(d_model),
            dropout: Dropout::new(options.dropout)?,
            norm_first: options.norm_first,
            activation: options.activation,
        })
    }

    /// The layer's output for `tgt` beside an encoder's `memory`, with masks for either.
    ///
    /// # Errors
    /// As [`MultiheadAttention::forward`].
    pub fn forward(
        &self,
        tgt: &Tensor,
        memory: &Tensor,
        tgt_masks: &AttentionMasks<'_>,
        memory_masks: &AttentionMasks<'_>,
    ) -> Result<Tensor> {
        let x = residual(tgt, &self.norm1, self.norm_first, |x| {
            let found = self.self_attn.forward(x, x, x, tgt_masks).within_layer("self_attn")?;
            self.dropout.forward(&found)
        })?;
        let x = residual(&x, &self.norm2, self.norm_first, |x| {
            let found = self.multihead_attn.forward(x, memory, memory, memory_masks);
            self.dropout.forward(&found.within_layer("multihead_attn")?)
        })?;
        let wide = (&self.linear1, &self.linear2, self.activation);
        residual(&x, &self.norm3, self.norm_first, |x| feed_forward(x, wide, &self.dropout))
    }
}

/// `norm(x + f(x))`, or `x + f(norm(x))`.
fn residual(
    x: &Tensor,
    norm: &LayerNorm,
    norm_first: bool,
    f: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    if norm_first {
        return x.add(&f(&norm.forward(x)?)?);
    }
    norm.forward(&x.add(&f(x)?)?)
}

fn feed_forward(
    x: &Tensor,
    (linear1, linear2, activation): (&Linear, &Linear, TransformerActivation),
    dropout: &Dropout,
) -> Result<Tensor> {
    let wide = linear1.forward(x).within_layer("linear1")?;
    let wide = match activation {
        TransformerActivation::Relu => wide.relu()?,
        TransformerActivation::Gelu => wide.gelu()?,
    };
    let y = linear2.forward(&dropout.forward(&wide)?).within_layer("linear2")?;
    dropout.forward(&y)
}
