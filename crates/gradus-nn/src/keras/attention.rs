//! Keras's attention.

use gradus_autodiff::{Tensor, scaled_dot_product_attention};
use gradus_tensor::{Error, Result};

use super::call::Combine;
use super::symbol::Spec;
use crate::init::Init;
use crate::{Dropout, Layer, Linear, LinearOptions, Module};

super::layer! {
    /// Attention of several heads between projections, called on query and value, or on query,
    /// value and key: `(None, steps, features)` each. Keras: `MultiHeadAttention(num_heads,
    /// key_dim)`, where heads have a size of their own and the output has the query's features;
    /// the layer of PyTorch is [`MultiheadAttention`](crate::MultiheadAttention).
    ///
    /// *Source*: arXiv:1706.03762. Weights start as Keras's; scores are not returned, and of the
    /// masks only the causal one is offered.
    ///
    /// ```
    /// use gradus_nn::Module;
    /// use gradus_nn::keras::{Call, Model, MultiHeadAttention, input};
    /// let (query, value) = (input([8, 16]), input([4, 12]));
    /// let y = MultiHeadAttention::new(2, 5).call([&query, &value])?;
    /// assert_eq!(y.to_string(), "(None, 8, 16)");
    /// let model = Model::new([&query, &value], &y)?;
    /// // Projections of query, key, value to 2 · 5, and back to 16.
    /// assert_eq!(model.num_parameters(), 17 * 10 + 2 * 13 * 10 + 11 * 16);
    /// let itself = MultiHeadAttention::new(2, 5).use_causal_mask(true);
    /// assert_eq!(itself.call([&query, &query])?.to_string(), "(None, 8, 16)");
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    MultiHeadAttention => "MultiHeadAttention"; {
        num_heads: usize [usize],
        key_dim: usize [usize]
    } with {
        /// Sets the size of a head's values; `key_dim` by default.
        value_dim: Option<usize> [usize] = None,
        /// Sets the probability that a weight is dropped in training.
        dropout: f64 [f64] = 0.0,
        /// Sets whether the projections have biases.
        use_bias: bool [bool] = true,
        /// Sets the features of the output; those of the query by default.
        output_shape: Option<usize> [usize] = None,
        /// Sets whether a step sees no later ones. Keras: an argument of the call.
        use_causal_mask: bool [bool] = false,
    }
}

impl MultiHeadAttention {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        const OP: &str = "multi_head_attention";
        let (query, value, key) = match inputs {
            [query, value] => (query, value, value),
            [query, value, key] => (query, value, key),
            _ => {
                let expected = "query and value, or query, value and key";
                return Err(Error::argument(OP, "inputs", inputs.len(), expected));
            }
        };
        if let Some(x) = inputs.iter().find(|x| x.shape.rank() != 2) {
            return Err(Error::argument(OP, "x", x, "(None, steps, features)"));
        }
        let (heads, size) = (self.num_heads, self.value_dim.unwrap_or(self.key_dim));
        for (name, size) in [("num_heads", heads), ("key_dim", self.key_dim), ("value_dim", size)] {
            if size == 0 {
                return Err(Error::argument(OP, name, size, "1 or more"));
            }
        }
        // Keras's kernels have three axes, of which it takes the first for a window.
        let linear = |from: usize, to: usize, fans: usize| {
            let bound = (6.0 / fans.max(1) as f64).sqrt();
            let options = LinearOptions {
                bias: self.use_bias,
                weight_init: Init::Uniform(-bound, bound),
                bias_init: Some(Init::Zeros),
            };
            Linear::with(from, to, options)
        };
        let inward = |x: &Spec, size| linear(x.shape[1], heads * size, x.shape[1] * (heads + size));
        let features = self.output_shape.unwrap_or(query.shape[1]);
        Ok(Box::new(Heads {
            query: inward(query, self.key_dim)?,
            key: inward(key, self.key_dim)?,
            value: inward(value, size)?,
            attention_output: linear(heads * size, features, heads * (size + features))?,
            dropout: Dropout::new(self.dropout)?,
            heads,
            causal: self.use_causal_mask,
        }))
    }
}

#[derive(Module)]
struct Heads {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    dropout: Dropout,
    heads: usize,
    causal: bool,
}

impl Heads {
    /// `[N, T, heads · size]` as `[N, heads, T, size]`.
    fn apart(&self, x: &Tensor, projection: &Linear) -> Result<Tensor> {
        let y = projection.forward(x)?;
        let shape = y.shape();
        let sizes = [shape[0], shape[1], self.heads, shape[2] / self.heads];
        y.reshape(&sizes.map(|size| size as i64))?.transpose(1, 2)
    }
}

impl Combine for Heads {
    fn combine(&self, xs: &[Tensor]) -> Result<Tensor> {
        let (query, value, key) = match xs {
            [query, value] => (query, value, value),
            [query, value, key] => (query, value, key),
            _ => {
                let expected = "query and value, or query, value and key";
                let op = "multi_head_attention";
                return Err(Error::argument(op, "inputs", xs.len(), expected));
            }
        };
        let q = self.apart(query, &self.query)?;
        let (k, v) = (self.apart(key, &self.key)?, self.apart(value, &self.value)?);
        let p = if self.dropout.drops() { self.dropout.p() } else { 0.0 };
        let found = scaled_dot_product_attention(&q, &k, &v, None, p, self.causal, None)?;
        self.attention_output.forward(&found.transpose(1, 2)?.flatten(2, 3)?)
    }
}

#[cfg(test)]
mod tests {
    use gradus_autodiff::cat;

    use super::*;
    use crate::keras::{Call, Model, input};
    use crate::{AttentionMasks, MultiheadAttention, MultiheadAttentionOptions};

    fn ramp(shape: &[usize], shift: usize) -> Tensor {
        let n: usize = shape.iter().product();
        let values = (0..n).map(|i| (((i + shift) * 7 % 11) as f32 - 5.0) / 4.0).collect();
        Tensor::from_vec(values, shape).unwrap()
    }

    #[test]
    fn heads_that_divide_the_features_are_those_of_pytorch() {
        let (query, value) = (input([5, 6]), input([4, 6]));
        for causal in [false, true] {
            let layer = MultiHeadAttention::new(2, 3).use_causal_mask(causal);
            let y = layer.call([&query, &value, &value]).unwrap();
            let model = Model::new([&query, &value], &y).unwrap();
            for (i, (_, parameter)) in model.named_parameters().iter().enumerate() {
                let values = ramp(parameter.shape().dims(), i).mul(0.3).unwrap();
                parameter.set_value(&values).unwrap();
            }
            let dict = model.state_dict().unwrap();
            let tensor =
                |name: &str| Tensor::from(dict[&format!("multi_head_attention.{name}")].clone());
            let joined = |part: &str| {
                let all = ["query", "key", "value"].map(|name| tensor(&format!("{name}.{part}")));
                cat(&all.iter().collect::<Vec<_>>(), 0).unwrap()
            };
            let options = MultiheadAttentionOptions { batch_first: true, ..Default::default() };
            let twin = MultiheadAttention::with(6, 2, options).unwrap();
            twin.in_proj_weight.set_value(&joined("weight")).unwrap();
            twin.in_proj_bias.as_ref().unwrap().set_value(&joined("bias")).unwrap();
            twin.out_proj.weight.set_value(&tensor("attention_output.weight")).unwrap();
            let bias = twin.out_proj.bias.as_ref().unwrap();
            bias.set_value(&tensor("attention_output.bias")).unwrap();

            let (q, v) = (ramp(&[2, 5, 6], 0), ramp(&[2, 4, 6], 3));
            let masks = AttentionMasks { is_causal: causal, ..Default::default() };
            let expected = twin.forward(&q, &v, &v, &masks).unwrap().to_vec::<f32>().unwrap();
            let found = model.forward_many(&[&q, &v]).unwrap()[0].to_vec::<f32>().unwrap();
            for (a, b) in found.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-5, "{found:?} {expected:?}");
            }
        }
    }

    #[test]
    fn sizes_of_heads_are_their_own() {
        let (query, value, key) = (input([5, 6]), input([4, 7]), input([4, 8]));
        let layer = MultiHeadAttention::new(3, 2).value_dim(5).output_shape(9).use_bias(false);
        let y = layer.call([&query, &value, &key]).unwrap();
        assert_eq!(y.to_string(), "(None, 5, 9)");
        let model = Model::new([&query, &value, &key], &y).unwrap();
        assert_eq!(model.num_parameters(), 6 * 6 + 7 * 15 + 8 * 6 + 15 * 9);
        let refused = |result: Result<crate::keras::Symbol>, text: &str| {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        };
        refused(
            MultiHeadAttention::new(2, 3).call(&query),
            "inputs is 1, expected query and value",
        );
        refused(MultiHeadAttention::new(0, 3).call([&query, &value]), "num_heads is 0");
        let flat = input([6]);
        refused(MultiHeadAttention::new(2, 3).call([&query, &flat]), "(None, steps, features)");
    }
}
