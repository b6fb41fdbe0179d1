//! `update_bn`: running estimates anew, for weights that no batch has seen.

use gradus_autodiff::{Tensor, no_grad};
use gradus_tensor::Result;

use crate::module::Module;
use crate::parameter::Mode;
use crate::visit::{Part, walk};

/// Estimates mean and variance of every batch norm anew: forgets the old ones, shows the model
/// all batches in training mode and keeps their plain averages, as for `momentum: None`. For
/// weights that were averaged or changed in other ways. PyTorch: `optim.swa_utils.update_bn`.
///
/// The modes are as before in the end, and nothing happens without batch norms.
///
/// ```
/// use gradus_nn::{BatchNorm1d, Layer, Tensor, update_bn};
/// let model = BatchNorm1d::new(1);
/// let batches = [vec![1.0f32, 3.0], vec![5.0, 7.0]];
/// update_bn(&model, batches, |batch| {
///     model.forward(&Tensor::from_vec(batch, [2, 1])?)
/// })?;
/// assert_eq!(model.running_mean.as_ref().expect("tracked").to_vec::<f32>()?, [4.0]);
/// assert_eq!(model.running_var.as_ref().expect("tracked").to_vec::<f32>()?, [2.0]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
///
/// # Errors
/// What `forward` reports; the modes are as before then, too.
pub fn update_bn<M: Module + ?Sized, B>(
    model: &M,
    batches: impl IntoIterator<Item = B>,
    mut forward: impl FnMut(B) -> Result<Tensor>,
) -> Result<()> {
    let norms = BatchNorms::of(model);
    if norms.modes.is_empty() {
        return Ok(());
    }
    let mut modes = Vec::new();
    walk(model, &mut |_, part| {
        if let Part::Mode(mode) = part {
            modes.push((mode.clone(), mode.is_training()));
        }
    });
    norms.forget()?;
    model.train();
    norms.modes.iter().for_each(|mode| mode.set_averaging(true));
    let result = no_grad(|| batches.into_iter().try_for_each(|batch| forward(batch).map(drop)));
    norms.modes.iter().for_each(|mode| mode.set_averaging(false));
    for (mode, training) in modes {
        mode.set_training(training);
    }
    result
}

/// The batch norms of a model that keep estimates.
#[derive(Default)]
struct BatchNorms {
    modes: Vec<Mode>,
    means: Vec<Tensor>,
    variances: Vec<Tensor>,
    counts: Vec<Tensor>,
}

impl BatchNorms {
    fn of<M: Module + ?Sized>(model: &M) -> Self {
        let mut norms = BatchNorms::default();
        // The layer whose parts come next; layers of its kind hold no others.
        let mut layer: Option<String> = None;
        walk(model, &mut |path, part| {
            if let Part::Module(kind) = part {
                layer = kind.starts_with("BatchNorm").then(|| path.to_owned());
            }
            let Some(layer) = &layer else { return };
            let name = path.strip_prefix(layer.as_str()).map(|name| name.trim_start_matches('.'));
            match (part, name) {
                (Part::Mode(mode), Some("mode")) => norms.modes.push(mode.clone()),
                (Part::Buffer(mean), Some("running_mean")) => norms.means.push((**mean).clone()),
                (Part::Buffer(var), Some("running_var")) => norms.variances.push((**var).clone()),
                (Part::Buffer(count), Some("num_batches_tracked")) => {
                    norms.counts.push((**count).clone());
                }
                _ => {}
            }
        });
        norms
    }

    fn forget(&self) -> Result<()> {
        let zeros = self.means.iter().chain(&self.counts).map(|tensor| (tensor, 0.0));
        for (tensor, value) in zeros.chain(self.variances.iter().map(|var| (var, 1.0))) {
            let fresh = Tensor::full(tensor.shape(), value, tensor.dtype(), &tensor.device());
            tensor.set_value(&fresh)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use gradus_tensor::Error;

    use super::*;
    use crate::{BatchNorm1d, Dropout, Layer, Linear, Sequential};

    #[test]
    fn the_estimates_are_those_of_the_new_weights_and_modes_stay() -> Result<()> {
        let fc = Linear::new(1, 2)?;
        let model = Sequential::new()
            .push(fc.clone())
            .push(BatchNorm1d::new(2))
            .push(Dropout::new(0.5)?)
            .push(BatchNorm1d::new(2));
        let batch = |from: usize| {
            let x: Vec<f32> = (from..from + 4).map(|v| v as f32).collect();
            Tensor::from_vec(x, [4, 1])
        };
        model.forward(&batch(0)?)?;
        model.eval();
        update_bn(&model, [0, 4, 8], |from| model.forward(&batch(from)?))?;
        let state = model.state_dict()?;
        let read = |name: &str| state[name].to_vec::<f32>();
        let seen = fc.forward(&Tensor::from_vec(vec![5.5f32], [1, 1])?)?.to_vec::<f32>()?;
        for (mean, seen) in read("1.running_mean")?.iter().zip(&seen) {
            assert!((mean - seen).abs() < 1e-5, "{mean} {seen}");
        }
        // The variance of 0, 1, 2, 3 is that of each batch.
        for (var, w) in read("1.running_var")?.iter().zip(fc.weight.to_vec::<f32>()?) {
            assert!((var - w * w * 5.0 / 3.0).abs() < 1e-5, "{var} {w}");
        }
        assert_eq!(state["1.num_batches_tracked"].to_vec::<i32>()?, [3]);
        let mut training = false;
        walk(&model, &mut |_, part| {
            training |= matches!(part, Part::Mode(mode) if mode.is_training());
        });
        assert!(!training);
        // Afterwards the layers' momentum counts again, after an error as well.
        let failed = update_bn(&model, [0], |_| Err(Error::argument("t", "x", 0, "1")));
        failed.expect_err("of the closure");
        model.train();
        model.forward(&batch(0)?)?;
        let mean = model.state_dict()?["1.running_mean"].to_vec::<f32>()?[0];
        let first = fc.forward(&Tensor::from_vec(vec![1.5f32], [1, 1])?)?.to_vec::<f32>()?[0];
        assert!((mean - 0.1 * first).abs() < 1e-5, "{mean} {first}");
        Ok(())
    }

    #[test]
    fn a_model_without_batch_norm_is_not_run() {
        let model = Sequential::new().push(Dropout::new(0.5).expect("layer"));
        let run = |_| Err(Error::argument("t", "x", 0, "not to be called"));
        update_bn(&model, [0], run).expect("nothing to do");
    }
}
