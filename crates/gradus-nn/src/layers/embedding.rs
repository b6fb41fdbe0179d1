//! A table of trained vectors, read by index.

use gradus_autodiff::{Tensor, arange, embedding, where_};
use gradus_tensor::{Device, Error, Result};

use crate::Module;
use crate::init::Init;
use crate::layer::Layer;
use crate::parameter::Parameter;

/// Rows of a table by integer index: `x: [*]` gives `[*, D]`. PyTorch: `nn.Embedding`.
///
/// ```
/// use gradus_nn::{Embedding, Module};
/// let layer = Embedding::new(1000, 16)?;
/// assert_eq!(layer.weight.shape().dims(), [1000, 16]);
/// assert_eq!(layer.num_parameters(), 16_000);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct Embedding {
    /// `[V, D]`, a row for each index.
    pub weight: Parameter,
    /// An index whose row is not trained: it stands for no word.
    pub padding_idx: Option<usize>,
}

/// Options of [`Embedding`].
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddingOptions {
    /// An index whose row starts at zero and is not trained.
    pub padding_idx: Option<usize>,
    /// How the table starts: standard normal by default.
    pub weight_init: Init,
}

impl Default for EmbeddingOptions {
    fn default() -> Self {
        EmbeddingOptions { padding_idx: None, weight_init: Init::Normal(0.0, 1.0) }
    }
}

impl Embedding {
    /// A table of `num_embeddings` standard normal vectors.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn new(num_embeddings: usize, embedding_dim: usize) -> Result<Self> {
        Embedding::with(num_embeddings, embedding_dim, EmbeddingOptions::default())
    }

    /// A table with options.
    ///
    /// # Errors
    /// `Kind::Argument` when the padding index has no row; those of the initialiser.
    #[allow(clippy::needless_pass_by_value, reason = "options are written where they are used")]
    pub fn with(
        num_embeddings: usize,
        embedding_dim: usize,
        options: EmbeddingOptions,
    ) -> Result<Self> {
        let cpu = Device::cpu();
        let weight = Parameter::new(Tensor::zeros([num_embeddings, embedding_dim], &cpu));
        options.weight_init.fill(&weight, None)?;
        if let Some(padding) = options.padding_idx {
            if padding >= num_embeddings {
                let expected = "an index below num_embeddings";
                return Err(Error::argument("embedding", "padding_idx", padding, expected));
            }
            let index = arange(0.0, num_embeddings as f64, 1.0, &cpu)?;
            let row = index.eq(padding as f64)?.unsqueeze(1)?;
            let table = weight.detach().masked_fill(&row, 0.0)?.array()?;
            weight.set_value(&table.into())?;
        }
        Ok(Embedding { weight, padding_idx: options.padding_idx })
    }
}

impl Layer for Embedding {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let rows = embedding(x, &self.weight)?;
        match self.padding_idx {
            None => Ok(rows),
            Some(padding) => {
                let hidden = x.eq(padding as f64)?.unsqueeze(-1)?;
                where_(&hidden, &rows.detach(), &rows)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gradus_tensor::Kind;

    use super::*;

    fn index(values: &[i32]) -> Tensor {
        Tensor::from_slice(values, [values.len()]).unwrap()
    }

    #[test]
    fn rows_are_read_and_trained_by_index() {
        let table = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 2]).unwrap();
        let layer = Embedding { weight: table.into(), padding_idx: Some(0) };
        let y = layer.forward(&index(&[2, 0, 2])).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), [5.0, 6.0, 1.0, 2.0, 5.0, 6.0]);
        y.sum_all().unwrap().backward().unwrap();
        let grad = layer.weight.grad().unwrap().to_vec::<f32>().unwrap();
        assert_eq!(grad, [0.0, 0.0, 0.0, 0.0, 2.0, 2.0]);
        let error = layer.forward(&index(&[0, 3])).unwrap_err();
        assert!(matches!(error.kind(), Kind::Index { index: 3, .. }), "{error}");
    }

    #[test]
    fn the_padding_row_starts_at_zero_and_must_exist() {
        let options = EmbeddingOptions { padding_idx: Some(1), ..Default::default() };
        let layer = Embedding::with(3, 4, options.clone()).unwrap();
        let table = layer.weight.to_vec::<f32>().unwrap();
        assert_eq!(table[4..8], [0.0; 4]);
        assert!(table[..4].iter().chain(&table[8..]).all(|&v| v != 0.0));
        assert!(layer.weight.is_leaf() && layer.weight.requires_grad());
        assert!(Embedding::with(1, 4, options).is_err());
    }
}
