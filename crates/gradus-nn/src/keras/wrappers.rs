//! Keras's layers around other layers: the same at every step, and both ways along the steps.

use std::fmt;
use std::sync::Arc;

use gradus_autodiff::{Tensor, cat};
use gradus_tensor::{Error, Result};

use super::call::{Call, Combine, one_input};
use super::names::snake_case;
use super::symbol::Spec;
use crate::Module;
use crate::visit::{Visit, Visitor};

/// The layer inside a wrapper.
#[derive(Clone)]
pub struct Wrapped(Arc<dyn Call>);

impl<L: Call + 'static> From<L> for Wrapped {
    fn from(layer: L) -> Self {
        Wrapped(Arc::new(layer))
    }
}

impl fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.slot().fmt(f)
    }
}

impl Wrapped {
    fn name(&self) -> String {
        let slot = self.0.slot();
        slot.name().map_or_else(|| snake_case(slot.kind()), str::to_owned)
    }
}

super::layer! {
    /// A layer applied to every step of sequences: `(None, steps, ..)`. Keras:
    /// `TimeDistributed(layer)`. Its parameters are its own, under the layer's name.
    ///
    /// ```
    /// use gradus_nn::Module;
    /// use gradus_nn::keras::{Call, Conv2D, Model, TimeDistributed, input};
    /// let video = input([10, 3, 32, 32]);
    /// let y = TimeDistributed::new(Conv2D::new(8, 3)).call(&video)?;
    /// assert_eq!(y.to_string(), "(None, 10, 8, 30, 30)");
    /// let model = Model::new(&video, &y)?;
    /// assert_eq!(model.named_parameters()[0].0, "time_distributed.conv2d.weight");
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    TimeDistributed => "TimeDistributed"; { layer: Wrapped [impl Call + 'static] } with {}
}

impl TimeDistributed {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        let x = one_input("time_distributed", inputs, &[], "")?;
        if x.shape.rank() < 2 {
            let expected = "(None, steps, ..), with something at every step";
            return Err(Error::argument("time_distributed", "x", x, expected));
        }
        let step = Spec { shape: x.shape[1..].into(), dtype: x.dtype };
        let layer = self.layer.0.build(&[step])?;
        Ok(Box::new(Steps { name: self.layer.name(), layer }))
    }
}

/// A layer for which steps are samples.
struct Steps {
    name: String,
    layer: Box<dyn Combine>,
}

impl Visit for Steps {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.child(&self.name, &*self.layer);
    }
}

impl Module for Steps {}

impl Combine for Steps {
    fn combine(&self, xs: &[Tensor]) -> Result<Tensor> {
        let [x] = xs else {
            return Err(Error::argument("time_distributed", "inputs", xs.len(), "one tensor"));
        };
        let shape = x.shape();
        let y = self.layer.combine(&[x.flatten(0, 1)?])?;
        let size = |size: &usize| *size as i64;
        let sizes: Vec<i64> = shape[..2].iter().chain(&y.shape()[1..]).map(size).collect();
        y.reshape(&sizes)
    }
}

super::layer! {
    /// A recurrent layer forward and another one backward along the steps. Keras:
    /// `Bidirectional(layer)`. Around [`LSTM`](super::LSTM), [`GRU`](super::GRU) and
    /// [`SimpleRNN`](super::SimpleRNN).
    ///
    /// ```
    /// use gradus_nn::Module;
    /// use gradus_nn::keras::{Bidirectional, Call, LSTM, Model, input};
    /// let x = input([12, 8]);
    /// let sequence = Bidirectional::new(LSTM::new(16).return_sequences(true)).call(&x)?;
    /// assert_eq!(sequence.to_string(), "(None, 12, 32)");
    /// let y = Bidirectional::new(LSTM::new(16)).merge_mode("sum").call(&x)?;
    /// assert_eq!(y.to_string(), "(None, 16)");
    /// let model = Model::new(&x, &y)?;
    /// assert_eq!(model.num_parameters(), 2 * 4 * (8 * 16 + 16 * 16 + 16));
    /// assert_eq!(model.named_parameters()[0].0, "bidirectional.forward_lstm.weight_ih_l0");
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    Bidirectional => "Bidirectional"; { layer: Wrapped [impl Call + 'static] } with {
        /// Sets how the two outputs become one: `concat`, the default, `sum`, `mul` or `ave`.
        merge_mode: String [&str] = "concat".into(),
    }
}

/// The layers that there are two directions of.
const RECURRENT: [&str; 3] = ["LSTM", "GRU", "SimpleRNN"];

impl Bidirectional {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        const OP: &str = "bidirectional";
        let kind = self.layer.0.slot().kind();
        if !RECURRENT.contains(&kind) {
            return Err(Error::argument(OP, "layer", kind, "LSTM, GRU or SimpleRNN"));
        }
        let merge: Merge = match &*self.merge_mode {
            "concat" => |a, b| cat(&[a, b], -1),
            "sum" => |a, b| a.add(b),
            "mul" => |a, b| a.mul(b),
            "ave" => |a, b| a.add(b)?.div(2.0),
            other => {
                let value = format!("{other:?}");
                return Err(Error::argument(OP, "merge_mode", value, "concat, sum, mul or ave"));
            }
        };
        let (forward, backward) = (self.layer.0.build(inputs)?, self.layer.0.build(inputs)?);
        Ok(Box::new(Both { name: self.layer.name(), forward, backward, merge }))
    }
}

type Merge = fn(&Tensor, &Tensor) -> Result<Tensor>;

struct Both {
    name: String,
    forward: Box<dyn Combine>,
    backward: Box<dyn Combine>,
    merge: Merge,
}

impl Visit for Both {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.child(&format!("forward_{}", self.name), &*self.forward);
        visitor.child(&format!("backward_{}", self.name), &*self.backward);
    }
}

impl Module for Both {}

impl Combine for Both {
    fn combine(&self, xs: &[Tensor]) -> Result<Tensor> {
        let [x] = xs else {
            return Err(Error::argument("bidirectional", "inputs", xs.len(), "one tensor"));
        };
        let there = self.forward.combine(xs)?;
        let back = self.backward.combine(&[x.flip(&[1])?])?;
        // Outputs of all steps are put back into the order of the steps.
        let back = if back.rank() == x.rank() { back.flip(&[1])? } else { back };
        (self.merge)(&there, &back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;
    use crate::keras::{
        BatchNormalization, Conv2D, Dense, GRU, LSTM, Model, SimpleRNN, Symbol, input,
    };

    fn ramp(shape: &[usize]) -> Tensor {
        let n: usize = shape.iter().product();
        let values = (0..n).map(|i| ((i * 7 % 11) as f32 - 5.0) / 4.0).collect();
        Tensor::from_vec(values, shape).unwrap()
    }

    fn model(x: &Symbol, layer: &impl Call) -> Model {
        Model::new(x, &layer.call(x).unwrap()).unwrap()
    }

    fn values(x: &Tensor) -> Vec<f32> {
        x.to_vec().unwrap()
    }

    #[test]
    fn every_step_goes_through_the_same_layer() {
        let x = input([4, 2, 5, 5]);
        let steps = model(&x, &TimeDistributed::new(Conv2D::new(3, 2).name("eye")));
        let step = input([2, 5, 5]);
        let alone = model(&step, &Conv2D::new(3, 2).name("eye"));
        let dict = steps.state_dict().unwrap().into_iter();
        let dict = dict.map(|(key, array)| (key.replace("time_distributed.", ""), array));
        alone.load_state_dict(&dict.collect()).unwrap();
        let batch = ramp(&[3, 4, 2, 5, 5]);
        let y = steps.forward(&batch).unwrap();
        assert_eq!(y.shape().dims(), [3, 4, 3, 4, 4]);
        for step in 0..4 {
            let expected = alone.forward(&batch.select(1, step).unwrap()).unwrap();
            assert_eq!(values(&y.select(1, step).unwrap()), values(&expected));
        }
        let text = TimeDistributed::new(Dense::new(1)).call(&input([4])).unwrap_err().to_string();
        assert!(text.starts_with("time_distributed: x is (None, 4), expected"), "{text}");
        // A model is a layer, and modes reach it.
        let inner = model(&input([6]), &BatchNormalization::new());
        let outer = model(&input([4, 6]), &TimeDistributed::new(inner));
        outer.forward(&ramp(&[2, 4, 6])).unwrap();
        let mean = &outer.named_buffers()[0];
        assert_eq!(mean.0, "time_distributed.functional.batch_normalization.running_mean");
        assert!(values(&mean.1).iter().any(|v| *v != 0.0));
    }

    #[test]
    fn the_second_direction_reads_from_the_end() {
        let x = input([5, 3]);
        let batch = ramp(&[2, 5, 3]);
        let turned = batch.flip(&[1]).unwrap();
        let both = model(&x, &Bidirectional::new(GRU::new(4).return_sequences(true)));
        let dict = both.state_dict().unwrap();
        let one = |direction: &str| {
            let alone = model(&x, &GRU::new(4).return_sequences(true));
            let prefix = format!("bidirectional.{direction}_gru.");
            let own = dict.iter().filter_map(|(key, array)| {
                Some((format!("gru.{}", key.strip_prefix(&prefix)?), array.clone()))
            });
            alone.load_state_dict(&own.collect()).unwrap();
            alone
        };
        let forward = one("forward").forward(&batch).unwrap();
        let backward = one("backward").forward(&turned).unwrap().flip(&[1]).unwrap();
        let expected = cat(&[&forward, &backward], -1).unwrap();
        assert_eq!(values(&both.forward(&batch).unwrap()), values(&expected));
        assert_ne!(values(&forward), values(&backward));
        // The last output of the second direction has read everything: it is that of step 0.
        let last = model(&x, &Bidirectional::new(GRU::new(4)));
        last.load_state_dict(&dict).unwrap();
        let y = last.forward(&batch).unwrap();
        let ends = [forward.select(1, -1).unwrap(), backward.select(1, 0).unwrap()];
        assert_eq!(values(&y), values(&cat(&[&ends[0], &ends[1]], -1).unwrap()));
    }

    #[test]
    fn directions_are_merged_as_asked() {
        let x = input([5, 3]);
        let run = |mode: &str| {
            let layer = Bidirectional::new(SimpleRNN::new(2)).merge_mode(mode);
            let made = Model::new(&x, &layer.call(&x)?)?;
            for (i, parameter) in made.parameters().iter().enumerate() {
                parameter.set_value(&ramp(parameter.shape().dims()).mul(0.1 * i as f64)?)?;
            }
            made.forward(&ramp(&[1, 5, 3]))
        };
        let concat = values(&run("concat").unwrap());
        let pairs = [(concat[0], concat[2]), (concat[1], concat[3])];
        assert_eq!(values(&run("sum").unwrap()), pairs.map(|(a, b)| a + b));
        assert_eq!(values(&run("mul").unwrap()), pairs.map(|(a, b)| a * b));
        assert_eq!(values(&run("ave").unwrap()), pairs.map(|(a, b)| (a + b) / 2.0));
        let text = run("max").unwrap_err().to_string();
        assert!(text.contains("\"max\", expected concat, sum, mul or ave"), "{text}");
        let text = Bidirectional::new(Dense::new(1)).call(&x).unwrap_err().to_string();
        assert!(text.contains("layer is Dense, expected LSTM, GRU or SimpleRNN"), "{text}");
        assert!(Bidirectional::new(LSTM::new(2)).call(&input([3])).is_err());
    }
}
