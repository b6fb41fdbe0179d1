//! Where in a sequence a vector stands: added, either fixed waves or trained.

use gradus_autodiff::Tensor;
use gradus_tensor::{Device, Error, Problem, Result};

use super::dropout::Dropout;
use crate::Module;
use crate::init::Init;
use crate::layer::Layer;
use crate::parameter::{Buffer, Parameter};

/// Adds sines and cosines of the position to `[*, T, D]`: feature 2i is `sin(t / 10000^(2i/D))`,
/// feature 2i + 1 the cosine. *Source*: arXiv:1706.03762; PyTorch has it in its tutorial only.
///
/// ```
/// use gradus_nn::{Device, Layer, PositionalEncoding, Tensor};
/// let layer = PositionalEncoding::new(2, 100)?;
/// let y = layer.forward(&Tensor::zeros([1, 2, 2], &Device::cpu()))?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 1.0, 1f32.sin(), 1f32.cos()]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct PositionalEncoding {
    /// `[max_len, D]`, float32.
    pub pe: Buffer,
    dropout: Dropout,
}

impl PositionalEncoding {
    /// Waves for up to `max_len` positions, without dropout.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn new(d_model: usize, max_len: usize) -> Result<Self> {
        PositionalEncoding::with(d_model, max_len, 0.0)
    }

    /// The same with dropout of the sum.
    ///
    /// # Errors
    /// `Kind::Argument` for a dropout outside `0..=1`.
    pub fn with(d_model: usize, max_len: usize, dropout: f64) -> Result<Self> {
        let mut waves = Vec::with_capacity(max_len * d_model);
        for t in 0..max_len {
            for feature in 0..d_model {
                let pair = (feature - feature % 2) as f64 / d_model as f64;
                let angle = t as f64 / 10_000f64.powf(pair);
                waves.push(if feature % 2 == 0 { angle.sin() } else { angle.cos() } as f32);
            }
        }
        let pe = Buffer::new(Tensor::from_vec(waves, [max_len, d_model])?);
        Ok(PositionalEncoding { pe, dropout: Dropout::new(dropout)? })
    }
}

impl Layer for PositionalEncoding {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.dropout.forward(&placed("positional_encoding", x, &self.pe)?)
    }
}

/// Adds a trained vector for each position to `[*, T, D]`. PyTorch: an `nn.Embedding` of the
/// positions. It starts normal with standard deviation 0.02, as in GPT-2.
///
/// ```
/// use gradus_nn::{Device, Layer, LearnedPositionalEmbedding, Module, Tensor};
/// let layer = LearnedPositionalEmbedding::new(100, 8)?;
/// assert_eq!(layer.forward(&Tensor::zeros([3, 5, 8], &Device::cpu()))?.shape().dims(), [3, 5, 8]);
/// assert_eq!(layer.num_parameters(), 800);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct LearnedPositionalEmbedding {
    /// `[max_len, D]`.
    pub weight: Parameter,
}

impl LearnedPositionalEmbedding {
    /// Vectors of up to `max_len` positions.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn new(max_len: usize, d_model: usize) -> Result<Self> {
        let weight = Parameter::new(Tensor::zeros([max_len, d_model], &Device::cpu()));
        Init::Normal(0.0, 0.02).fill(&weight, None)?;
        Ok(LearnedPositionalEmbedding { weight })
    }
}

impl Layer for LearnedPositionalEmbedding {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        placed("learned_positional_embedding", x, &self.weight)
    }
}

fn placed(op: &'static str, x: &Tensor, table: &Tensor) -> Result<Tensor> {
    let (shape, own) = (x.shape(), table.shape());
    let rank = shape.rank();
    if rank < 2 || shape[rank - 1] != own[1] || shape[rank - 2] > own[0] {
        let rule = "x is [*, T, D] with no more positions than the table";
        let operands = [("x", &shape), ("table", &own)];
        return Err(Error::shape(op, Problem::Rule { rule }, &operands));
    }
    x.add(&table.narrow(0, 0, shape[rank - 2])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_features_turn_more_slowly() {
        let layer = PositionalEncoding::new(4, 8).unwrap();
        let x = Tensor::zeros([8, 4], &Device::cpu());
        let y = layer.forward(&x).unwrap().to_vec::<f32>().unwrap();
        let expected = [5f32.sin(), 5f32.cos(), 0.05f32.sin(), 0.05f32.cos()];
        assert!(y[20..24].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{y:?}");
        assert!(layer.forward(&Tensor::zeros([9, 4], &Device::cpu())).unwrap_err().is_shape());
    }

    #[test]
    fn unused_positions_have_no_gradient() {
        let layer = LearnedPositionalEmbedding::new(3, 1).unwrap();
        let x = Tensor::zeros([5, 2, 1], &Device::cpu());
        layer.forward(&x).unwrap().sum_all().unwrap().backward().unwrap();
        assert_eq!(layer.weight.grad().unwrap().to_vec::<f32>().unwrap(), [5.0, 5.0, 0.0]);
    }
}
