//! Watches for units that are silent for every input.

use gradus_autodiff::{Tensor, no_grad};
use gradus_nn::{Part, Sequential, walk};
use gradus_tensor::Result;

use crate::callback::Callback;
use crate::context::Context;
use crate::evaluate::Evaluating;

type Probe = Box<dyn Fn(&Tensor) -> Result<Vec<(String, Tensor)>>>;

/// Logs which share of a model's rectified units is zero for every sample of a probe: `dead_units`
/// over all layers and `dead_units.NAME` for each. A unit that is dead for all data gets no
/// gradient and learns nothing; a lower learning rate or a leaky activation keeps it alive.
///
/// ```
/// use gradus_nn::{Linear, Relu, Sequential, Tensor};
/// use gradus_train::DeadUnits;
/// let model = Sequential::new().push(Linear::new(1, 2)?).push(Relu);
/// let probe = Tensor::from_vec(vec![-1.0f32, 1.0], [2, 1])?;
/// let shares = DeadUnits::of_sequential(&model, &probe).shares()?;
/// assert_eq!(shares[0].0, "1");
/// assert!([0.0, 0.5, 1.0].contains(&shares[0].1));
/// # Ok::<(), gradus_nn::Error>(())
/// ```
pub struct DeadUnits {
    inputs: Tensor,
    probe: Probe,
}

impl DeadUnits {
    /// With a function that gives the activations `[N, *]` of the layers of interest, by name.
    /// Units are what differs in the dimensions after the first.
    pub fn new(
        inputs: &Tensor,
        probe: impl Fn(&Tensor) -> Result<Vec<(String, Tensor)>> + 'static,
    ) -> Self {
        DeadUnits { inputs: inputs.clone(), probe: Box::new(probe) }
    }

    /// Of every `Relu` and `Relu6` that stands directly in a [`Sequential`], by its number.
    pub fn of_sequential(model: &Sequential, inputs: &Tensor) -> Self {
        let model = model.clone();
        DeadUnits::new(inputs, move |x| {
            let _modes = Evaluating::begin(&model);
            let (mut x, mut seen) = (x.clone(), Vec::new());
            for (i, layer) in model.iter().enumerate() {
                x = layer.forward(&x)?;
                let mut rectifies = false;
                walk(layer, &mut |path, part| {
                    if let (true, Part::Module(kind)) = (path.is_empty(), part) {
                        rectifies |= matches!(kind, "Relu" | "Relu6");
                    }
                });
                if rectifies {
                    seen.push((i.to_string(), x.clone()));
                }
            }
            Ok(seen)
        })
    }

    /// The share of dead units of every layer now. Waits for the device.
    ///
    /// # Errors
    /// What the model reports.
    pub fn shares(&self) -> Result<Vec<(String, f64)>> {
        let counts = self.counts()?;
        Ok(counts.into_iter().map(|(name, dead, all)| (name, dead / all.max(1.0))).collect())
    }

    /// Name, dead units and all units of every layer.
    fn counts(&self) -> Result<Vec<(String, f64, f64)>> {
        let layers = no_grad(|| (self.probe)(&self.inputs))?;
        let count = |(name, y): (String, Tensor)| {
            let alive = y.ne(0.0)?.any(&[0], false)?.float()?.sum_all()?.item()?;
            let units = (y.numel() / y.shape().first().copied().unwrap_or(1).max(1)) as f64;
            Ok((name, units - alive, units))
        };
        layers.into_iter().map(count).collect()
    }
}

impl Callback for DeadUnits {
    fn name(&self) -> &'static str {
        "dead_units"
    }

    fn on_epoch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let (mut dead, mut all) = (0.0, 0.0);
        for (name, of_layer, units) in self.counts()? {
            cx.log(&format!("dead_units.{name}"), of_layer / units.max(1.0));
            (dead, all) = (dead + of_layer, all + units);
        }
        cx.log("dead_units", dead / f64::max(all, 1.0));
        Ok(())
    }
}
