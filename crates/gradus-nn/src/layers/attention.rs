//! Multi-head attention.

use gradus_autodiff::{Tensor, scaled_dot_product_attention, where_};
use gradus_tensor::{DType, Device, Error, Problem, Result};

use super::dropout::Dropout;
use super::linear::{Linear, LinearOptions};
use crate::Module;
use crate::init;
use crate::layer::Layer;
use crate::parameter::Parameter;

/// What attention may not look at. In both masks true hides a position, as in PyTorch's modules
/// and unlike [`scaled_dot_product_attention`], and a float mask is added to the products.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttentionMasks<'a> {
    /// `[N, S]`, or `[S]` for one example: keys that stand for no word.
    pub key_padding_mask: Option<&'a Tensor>,
    /// `[L, S]`, or `[N·heads, L, S]`: pairs of query and key.
    pub attn_mask: Option<&'a Tensor>,
    /// Hides keys after the query, beside the masks; PyTorch asks for the mask itself too.
    pub is_causal: bool,
}

/// Attention of several heads between projections. PyTorch: `nn.MultiheadAttention`.
/// *Source*: arXiv:1706.03762.
///
/// *Shapes*: query `[L, N, E]`, key and value `[S, N, E]`, with `batch_first` `[N, L, E]` and
/// `[N, S, E]`; without N one example. *Parameters*: `in_proj_weight`, `in_proj_bias`,
/// `out_proj.weight`, `out_proj.bias`. `kdim`, `vdim`, `add_bias_kv` and `add_zero_attn` are not
/// offered.
///
/// A query that may look at nothing gets zeros from [`MultiheadAttention::forward`], and NaN
/// where the weights are asked for: as in PyTorch.
///
/// ```
/// use gradus_nn::{AttentionMasks, Device, Module, MultiheadAttention, Tensor};
/// let layer = MultiheadAttention::new(8, 2)?;
/// let x = Tensor::ones([5, 3, 8], &Device::cpu());
/// let masks = AttentionMasks { is_causal: true, ..Default::default() };
/// let (y, weights) = layer.forward_with_weights(&x, &x, &x, &masks, true)?;
/// assert_eq!((y.shape().dims(), weights.shape().dims()), (&[5, 3, 8][..], &[3, 5, 5][..]));
/// assert_eq!(weights.select(1, 0)?.to_vec::<f32>()?[..5], [1.0, 0.0, 0.0, 0.0, 0.0]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct MultiheadAttention {
    /// `[3·E, E]`: query, key, value.
    pub in_proj_weight: Parameter,
    /// `[3·E]`, or none.
    pub in_proj_bias: Option<Parameter>,
    /// The projection of the joined heads.
    pub out_proj: Linear,
    /// Number of heads.
    pub num_heads: usize,
    /// Whether N is the first dimension.
    pub batch_first: bool,
    dropout: Dropout,
}

/// Options of [`MultiheadAttention`], with PyTorch's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MultiheadAttentionOptions {
    /// The probability that a weight is dropped in training: 0.
    pub dropout: f64,
    /// Whether the projections have biases.
    pub bias: bool,
    /// Whether N is the first dimension.
    pub batch_first: bool,
}

impl Default for MultiheadAttentionOptions {
    fn default() -> Self {
        MultiheadAttentionOptions { dropout: 0.0, bias: true, batch_first: false }
    }
}

impl MultiheadAttention {
    /// A layer with PyTorch's defaults.
    ///
    /// # Errors
    /// `Kind::Argument` when the heads do not divide `embed_dim`.
    pub fn new(embed_dim: usize, num_heads: usize) -> Result<Self> {
        MultiheadAttention::with(embed_dim, num_heads, MultiheadAttentionOptions::default())
    }

    /// A layer with options. The projections in are Xavier-uniform, biases zero.
    ///
    /// # Errors
    /// As [`MultiheadAttention::new`]; `Kind::Argument` for a dropout outside `0..=1`.
    pub fn with(
        embed_dim: usize,
        num_heads: usize,
        options: MultiheadAttentionOptions,
    ) -> Result<Self> {
        if num_heads == 0 || !embed_dim.is_multiple_of(num_heads) {
            let expected = "a divisor of embed_dim";
            return Err(Error::argument("multihead_attention", "num_heads", num_heads, expected));
        }
        let MultiheadAttentionOptions { dropout, bias, batch_first } = options;
        let zeros = |rows: usize| Tensor::zeros([rows, embed_dim], &Device::cpu());
        let in_proj_weight = Parameter::new(zeros(3 * embed_dim));
        init::xavier_uniform(&in_proj_weight, 1.0, None)?;
        let out = LinearOptions { bias, bias_init: Some(init::Init::Zeros), ..Default::default() };
        Ok(MultiheadAttention {
            in_proj_weight,
            in_proj_bias: bias
                .then(|| Parameter::new(Tensor::zeros([3 * embed_dim], &Device::cpu()))),
            out_proj: Linear::with(embed_dim, embed_dim, out)?,
            num_heads,
            batch_first,
            dropout: Dropout::new(dropout)?,
        })
    }

    /// What each query finds. PyTorch: `need_weights=False`.
    ///
    /// # Errors
    /// `Kind::Shape` when the operands or masks do not fit.
    pub fn forward(
        &self,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
        masks: &AttentionMasks<'_>,
    ) -> Result<Tensor> {
        let heads = self.heads(query, key, value)?;
        let mask = self.mask(&heads, masks)?;
        let p = if self.dropout.drops() { self.dropout.p() } else { 0.0 };
        let (q, k, v) = (&heads.q, &heads.k, &heads.v);
        let found = scaled_dot_product_attention(q, k, v, mask.as_ref(), p, false, None)?;
        self.joined(&found, &heads)
    }

    /// As [`MultiheadAttention::forward`], with the weights `[N, L, S]`, the mean over the heads,
    /// or of each head `[N, heads, L, S]`. PyTorch: `need_weights=True`, `average_attn_weights`.
    ///
    /// # Errors
    /// As [`MultiheadAttention::forward`].
    pub fn forward_with_weights(
        &self,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
        masks: &AttentionMasks<'_>,
        average: bool,
    ) -> Result<(Tensor, Tensor)> {
        let heads = self.heads(query, key, value)?;
        let mask = self.mask(&heads, masks)?;
        let weights = self.weigh(&heads, mask.as_ref())?;
        let found = weights.matmul(&heads.v)?;
        let mut weights = if average { weights.mean(&[1], false)? } else { weights };
        if !heads.batched {
            weights = weights.squeeze(0)?;
        }
        Ok((self.joined(&found, &heads)?, weights))
    }

    fn weigh(&self, heads: &Heads, mask: Option<&Tensor>) -> Result<Tensor> {
        let scale = 1.0 / (heads.q.shape()[3] as f64).sqrt();
        let mut scores = heads.q.mul(scale)?.matmul(&heads.k.t()?)?;
        if let Some(mask) = mask {
            scores = scores.add(mask)?;
        }
        self.dropout.forward(&scores.softmax(-1)?)
    }

    /// The projections in, `[N, heads, L or S, E/heads]`.
    fn heads(&self, query: &Tensor, key: &Tensor, value: &Tensor) -> Result<Heads> {
        let operands = [query, key, value];
        let width = self.in_proj_weight.shape()[1];
        let batched = query.rank() == 3;
        let fits = (2..=3).contains(&query.rank())
            && operands
                .iter()
                .all(|t| t.rank() == query.rank() && t.shape()[t.rank() - 1] == width)
            && key.shape() == value.shape();
        if !fits {
            let rule = "query, key and value have rank 2 or 3 and embed_dim features, \
                        key and value one shape";
            let weight = self.in_proj_weight.shape();
            let [q, k, v] = operands.map(Tensor::shape);
            let operands = [("query", &q), ("key", &k), ("value", &v), ("in_proj_weight", &weight)];
            return Err(Error::shape("multihead_attention", Problem::Rule { rule }, &operands));
        }
        // One product where all three are one tensor, two where key and value are.
        let projected = if query.is_same(key) && key.is_same(value) {
            self.project(query, 0, 3)?
        } else if key.is_same(value) {
            [self.project(query, 0, 1)?, self.project(key, 1, 2)?].concat()
        } else {
            let parts = [(query, 0), (key, 1), (value, 2)];
            let parts = parts.map(|(operand, at)| self.project(operand, at, 1));
            parts.into_iter().collect::<Result<Vec<_>>>()?.concat()
        };
        let [q, k, v] = [0, 1, 2].map(|at: usize| projected[at].clone());
        Ok(Heads { q, k, v, batched })
    }

    /// `count` projections of x from number `first` on, each `[N, heads, T, E/heads]`.
    fn project(&self, x: &Tensor, first: usize, count: usize) -> Result<Vec<Tensor>> {
        let width = self.in_proj_weight.shape()[1];
        let rows = |t: &Tensor| t.narrow(0, first * width, count * width);
        let weight = rows(&self.in_proj_weight)?;
        let bias = self.in_proj_bias.as_ref().map(|bias| rows(bias)).transpose()?;
        let y = x.linear(&weight, bias.as_ref())?;
        let y = if x.rank() == 2 { y.unsqueeze(1)? } else { y };
        let (shape, per_head) = (y.shape(), (width / self.num_heads) as i64);
        let (a, b) = (shape[0] as i64, shape[1] as i64);
        let y = y.reshape(&[a, b, count as i64, self.num_heads as i64, per_head])?;
        let (n, t) = if self.batch_first && x.rank() == 3 { (0, 1) } else { (1, 0) };
        y.permute(&[2, n, 3, t, 4])?.unbind(0)
    }

    /// `[N, heads, L, E/heads]` through the projection out, in the layout of the query.
    fn joined(&self, found: &Tensor, heads: &Heads) -> Result<Tensor> {
        let time_first = !self.batch_first || !heads.batched;
        let order = if time_first { [2, 0, 1, 3] } else { [0, 2, 1, 3] };
        let y = self.out_proj.forward(&found.permute(&order)?.flatten(2, 3)?)?;
        if heads.batched { Ok(y) } else { y.squeeze(1) }
    }

    /// Everything hidden as one mask that is added, broadcasting to `[N, heads, L, S]`.
    fn mask(&self, heads: &Heads, masks: &AttentionMasks<'_>) -> Result<Option<Tensor>> {
        let (n, l, s) = (heads.q.shape()[0], heads.q.shape()[2], heads.k.shape()[2]);
        let dtype = heads.q.dtype();
        let mut sum: Option<Tensor> = None;
        let mut take = |mask: Tensor| -> Result<()> {
            sum = Some(match sum.take() {
                None => mask,
                Some(sum) => sum.add(&mask)?,
            });
            Ok(())
        };
        let fail = |name: &'static str, mask: &Tensor| {
            let rule = "key_padding_mask is [N, S], attn_mask [L, S] or [N · heads, L, S]";
            let (own, q, k) = (mask.shape(), heads.q.shape(), heads.k.shape());
            let operands = [(name, &own), ("q", &q), ("k", &k)];
            Err(Error::shape("multihead_attention", Problem::Rule { rule }, &operands))
        };
        if masks.is_causal {
            let after = Tensor::ones([l, s], &heads.q.device()).triu(1)?.to_dtype(DType::Bool)?;
            take(additive(&after, dtype)?)?;
        }
        if let Some(mask) = masks.attn_mask {
            let mut wide = additive(mask, dtype)?;
            if mask.shape() == [n * self.num_heads, l, s] {
                let sizes = [n, self.num_heads, l, s].map(|size| size as i64);
                wide = wide.reshape(&sizes)?;
            } else if mask.shape() != [l, s] {
                return fail("attn_mask", mask);
            }
            take(wide)?;
        }
        if let Some(mask) = masks.key_padding_mask {
            let fits = mask.shape() == [n, s] || (!heads.batched && mask.shape() == [s]);
            if !fits {
                return fail("key_padding_mask", mask);
            }
            take(additive(mask, dtype)?.reshape(&[n as i64, 1, 1, s as i64])?)?;
        }
        Ok(sum)
    }
}

/// The operands of all heads.
struct Heads {
    q: Tensor,
    k: Tensor,
    v: Tensor,
    batched: bool,
}

/// A mask that is added: -∞ where a bool one is true.
fn additive(mask: &Tensor, dtype: DType) -> Result<Tensor> {
    if mask.dtype() != DType::Bool {
        return mask.to_dtype(dtype);
    }
    let number = |value| Tensor::full((), value, dtype, &mask.device());
    where_(mask, &number(f64::NEG_INFINITY), 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two positions of one head, every projection the identity, biases zero.
    fn identity() -> MultiheadAttention {
        let layer = MultiheadAttention::new(2, 1).unwrap();
        let eye = Tensor::eye(2, &Device::cpu()).unwrap();
        let thrice = gradus_autodiff::cat(&[&eye, &eye, &eye], 0).unwrap();
        layer.in_proj_weight.set_value(&thrice).unwrap();
        layer.out_proj.weight.set_value(&eye).unwrap();
        layer
    }

    #[test]
    fn a_hidden_key_is_not_seen() {
        let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0], [2, 1, 2]).unwrap();
        let padding = Tensor::from_vec(vec![false, true], [1, 2]).unwrap();
        let masks = AttentionMasks { key_padding_mask: Some(&padding), ..Default::default() };
        let (y, weights) = identity().forward_with_weights(&x, &x, &x, &masks, true).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), [1.0, 2.0, 1.0, 2.0]);
        assert_eq!(weights.to_vec::<f32>().unwrap(), [1.0, 0.0, 1.0, 0.0]);
        let fitting = identity().forward(&x, &x, &x, &masks).unwrap();
        assert_eq!(fitting.to_vec::<f32>().unwrap(), y.to_vec::<f32>().unwrap());
    }

    /// As PyTorch 2.15 with `need_weights` false and true.
    #[test]
    fn a_query_that_sees_nothing_gets_zeros_or_nan() {
        let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0], [2, 1, 2]).unwrap();
        let hidden = Tensor::from_vec(vec![true, true, false, false], [2, 2]).unwrap();
        let masks = AttentionMasks { attn_mask: Some(&hidden), ..Default::default() };
        let layer = identity();
        let y = layer.forward(&x, &x, &x, &masks).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap()[..2], [0.0, 0.0]);
        y.sum_all().unwrap().backward().unwrap();
        let slopes = layer.in_proj_weight.grad().unwrap().to_vec::<f32>().unwrap();
        assert!(slopes.iter().all(|v| v.is_finite()), "{slopes:?}");
        let (y, _) = layer.forward_with_weights(&x, &x, &x, &masks, true).unwrap();
        let y = y.to_vec::<f32>().unwrap();
        assert!(y[0].is_nan() && y[1].is_nan() && y[2].is_finite(), "{y:?}");
    }

    #[test]
    fn names_are_pytorchs_and_misfits_are_named() {
        let layer = MultiheadAttention::new(4, 2).unwrap();
        let names = ["in_proj_bias", "in_proj_weight", "out_proj.bias", "out_proj.weight"];
        assert!(layer.state_dict().unwrap().keys().eq(names));
        assert!(MultiheadAttention::new(4, 3).is_err());
        let zeros = |shape: &[usize]| Tensor::zeros(shape, &Device::cpu());
        let (x, none) = (zeros(&[3, 2, 4]), AttentionMasks::default());
        let text = layer.forward(&x, &zeros(&[3, 2, 5]), &x, &none).unwrap_err().to_string();
        assert!(text.contains("key [3, 2, 5]"), "{text}");
        let padding = zeros(&[3, 2]);
        let masks = AttentionMasks { key_padding_mask: Some(&padding), ..none };
        let text = layer.forward(&x, &x, &x, &masks).unwrap_err().to_string();
        assert!(text.contains("key_padding_mask [3, 2]"), "{text}");
    }

    #[test]
    fn weights_drop_in_training() {
        let options = MultiheadAttentionOptions { dropout: 1.0, ..Default::default() };
        let layer = MultiheadAttention::with(4, 2, options).unwrap();
        let x = Tensor::ones([3, 2, 4], &Device::cpu());
        let zeros = layer.forward(&x, &x, &x, &AttentionMasks::default()).unwrap();
        assert_eq!(zeros.to_vec::<f32>().unwrap(), [0.0; 24]);
        layer.eval();
        let y = layer.forward(&x, &x, &x, &AttentionMasks::default()).unwrap();
        assert!(y.to_vec::<f32>().unwrap().iter().any(|&v| v != 0.0));
    }
}
