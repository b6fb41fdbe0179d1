//! Stacks of transformer layers.

use gradus_autodiff::Tensor;
use gradus_tensor::Result;

use super::attention::AttentionMasks;
use super::layer_norm::LayerNorm;
use super::transformer_layers::{
    TransformerDecoderLayer, TransformerEncoderLayer, TransformerOptions,
};
use crate::Module;
use crate::layer::{Layer, WithinLayer};

/// Encoder layers one after another. PyTorch: `nn.TransformerEncoder`.
///
/// PyTorch copies one layer, so that all begin with the same elements; these are drawn one by
/// one.
///
/// ```
/// use gradus_nn::{Device, Layer, Module, Tensor, TransformerEncoder, TransformerOptions};
/// let options = TransformerOptions { dim_feedforward: 16, ..Default::default() };
/// let encoder = TransformerEncoder::new(8, 2, 3, options)?;
/// assert_eq!(encoder.named_parameters()[0].0, "layers.0.self_attn.in_proj_weight");
/// let y = encoder.forward(&Tensor::ones([5, 3, 8], &Device::cpu()))?;
/// assert_eq!(y.shape().dims(), [5, 3, 8]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct TransformerEncoder {
    /// The layers, in order.
    pub layers: Vec<TransformerEncoderLayer>,
    /// A norm after the last layer, or none: `norm_first` wants one.
    pub norm: Option<LayerNorm>,
}

impl TransformerEncoder {
    /// `num_layers` layers, without a norm behind.
    ///
    /// # Errors
    /// As [`TransformerEncoderLayer::new`].
    pub fn new(
        d_model: usize,
        nhead: usize,
        num_layers: usize,
        options: TransformerOptions,
    ) -> Result<Self> {
        let layers = (0..num_layers).map(|_| TransformerEncoderLayer::new(d_model, nhead, options));
        Ok(TransformerEncoder { layers: layers.collect::<Result<_>>()?, norm: None })
    }

    /// The same with a norm behind.
    #[must_use]
    pub fn norm(self, norm: LayerNorm) -> Self {
        TransformerEncoder { norm: Some(norm), ..self }
    }

    /// The output for `src` where masks hide positions.
    ///
    /// # Errors
    /// Those of the layers, with the layer's number.
    pub fn forward_masked(&self, src: &Tensor, masks: &AttentionMasks<'_>) -> Result<Tensor> {
        let mut x = src.clone();
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward_masked(&x, masks).within_layer(&format!("layers.{i}"))?;
        }
        self.norm.as_ref().map_or(Ok(x.clone()), |norm| norm.forward(&x))
    }
}

impl Layer for TransformerEncoder {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_masked(x, &AttentionMasks::default())
    }
}

/// Decoder layers one after another. PyTorch: `nn.TransformerDecoder`.
///
/// ```
/// use gradus_nn::{AttentionMasks, Device, Tensor, TransformerDecoder, TransformerOptions};
/// let options = TransformerOptions { dim_feedforward: 16, ..Default::default() };
/// let decoder = TransformerDecoder::new(8, 2, 1, options)?;
/// let cpu = Device::cpu();
/// let (tgt, memory) = (Tensor::ones([4, 3, 8], &cpu), Tensor::ones([5, 3, 8], &cpu));
/// let causal = AttentionMasks { is_causal: true, ..Default::default() };
/// let y = decoder.forward(&tgt, &memory, &causal, &AttentionMasks::default())?;
/// assert_eq!(y.shape().dims(), [4, 3, 8]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct TransformerDecoder {
    /// The layers, in order.
    pub layers: Vec<TransformerDecoderLayer>,
    /// A norm after the last layer, or none.
    pub norm: Option<LayerNorm>,
}

impl TransformerDecoder {
    /// `num_layers` layers, without a norm behind.
    ///
    /// # Errors
    /// As [`TransformerEncoderLayer::new`].
    pub fn new(
        d_model: usize,
        nhead: usize,
        num_layers: usize,
        options: TransformerOptions,
    ) -> Result<Self> {
        let layers = (0..num_layers).map(|_| TransformerDecoderLayer::new(d_model, nhead, options));
        Ok(TransformerDecoder { layers: layers.collect::<Result<_>>()?, norm: None })
    }

    /// The same with a norm behind.
    #[must_use]
    pub fn norm(self, norm: LayerNorm) -> Self {
        TransformerDecoder { norm: Some(norm), ..self }
    }

    /// The output for `tgt` beside an encoder's `memory`, with masks for either.
    ///
    /// # Errors
    /// Those of the layers, with the layer's number.
    pub fn forward(
        &self,
        tgt: &Tensor,
        memory: &Tensor,
        tgt_masks: &AttentionMasks<'_>,
        memory_masks: &AttentionMasks<'_>,
    ) -> Result<Tensor> {
        let mut x = tgt.clone();
        for (i, layer) in self.layers.iter().enumerate() {
            let y = layer.forward(&x, memory, tgt_masks, memory_masks);
            x = y.within_layer(&format!("layers.{i}"))?;
        }
        self.norm.as_ref().map_or(Ok(x.clone()), |norm| norm.forward(&x))
    }
}

#[cfg(test)]
mod tests {
    use gradus_tensor::Device;

    use super::*;

    #[test]
    fn names_are_pytorchs() {
        let options = TransformerOptions { dim_feedforward: 4, ..Default::default() };
        let decoder = TransformerDecoder::new(2, 1, 1, options).unwrap().norm(LayerNorm::new([2]));
        let mut parts = vec!["self_attn", "multihead_attn"]
            .into_iter()
            .flat_map(|attention| {
                ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
                    .map(|name| format!("layers.0.{attention}.{name}"))
            })
            .collect::<Vec<_>>();
        for layer in ["linear1", "linear2", "norm1", "norm2", "norm3"] {
            parts.extend(["weight", "bias"].map(|name| format!("layers.0.{layer}.{name}")));
        }
        parts.extend(["norm.weight".to_owned(), "norm.bias".to_owned()]);
        let names: Vec<String> = decoder.named_parameters().into_iter().map(|(n, _)| n).collect();
        assert_eq!(names, parts);
        let bare = TransformerOptions { bias: false, ..options };
        let encoder = TransformerEncoder::new(2, 1, 1, bare).unwrap();
        assert!(encoder.state_dict().unwrap().keys().all(|name| name.ends_with("weight")));
    }

    #[test]
    fn dropout_acts_in_training_only_and_errors_have_a_path() {
        let options = TransformerOptions { dim_feedforward: 4, dropout: 0.5, ..Default::default() };
        let encoder = TransformerEncoder::new(4, 2, 2, options).unwrap();
        let x = Tensor::randn([3, 2, 4], &Device::cpu()).unwrap();
        let run = || encoder.forward(&x).unwrap().to_vec::<f32>().unwrap();
        assert_ne!(run(), run());
        encoder.eval();
        assert_eq!(run(), run());
        let text = encoder.forward(&Tensor::ones([3, 2, 5], &Device::cpu())).unwrap_err();
        assert!(text.to_string().ends_with("in layers.0.self_attn"), "{text}");
    }
}
