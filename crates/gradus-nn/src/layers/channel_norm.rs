//! What the layers that normalise channels share: parameters, running estimates, options.

use gradus_autodiff::{RunningStats, Tensor};
use gradus_tensor::{DType, Device, Error, Problem, Result, capture};

use crate::parameter::{Buffer, Mode, Parameter};
use crate::visit::{Visit, Visitor};

/// Parameters and running estimates of batch and instance norm, one a channel; the layers deref
/// to it.
///
/// ```
/// use gradus_nn::{BatchNorm1d, Layer, Module, Tensor};
/// let layer = BatchNorm1d::new(1);
/// layer.forward(&Tensor::from_vec(vec![10.0f32, 30.0], [2, 1])?)?;
/// assert_eq!(layer.running_mean.as_ref().expect("tracked").to_vec::<f32>()?, [2.0]);
/// layer.eval();
/// assert_eq!(layer.forward(&Tensor::from_vec(vec![2.0f32], [1, 1])?)?.item()?, 0.0);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ChannelNorm {
    /// `[C]`, or none without `affine`.
    pub weight: Option<Parameter>,
    /// `[C]`, or none without `affine`.
    pub bias: Option<Parameter>,
    /// The estimated mean `[C]`, or none without `track_running_stats`.
    pub running_mean: Option<Buffer>,
    /// The estimated unbiased variance `[C]`.
    pub running_var: Option<Buffer>,
    /// Batches that the estimates hold: an int32 scalar, int64 in PyTorch's files.
    pub num_batches_tracked: Option<Buffer>,
    /// Added to the variance.
    pub eps: f64,
    /// The weight of a new batch in the estimates; none for their plain average.
    pub momentum: Option<f64>,
    mode: Mode,
}

/// Under the names of the layer itself.
impl Visit for ChannelNorm {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.child("weight", &self.weight);
        visitor.child("bias", &self.bias);
        visitor.child("running_mean", &self.running_mean);
        visitor.child("running_var", &self.running_var);
        visitor.child("num_batches_tracked", &self.num_batches_tracked);
        visitor.child("mode", &self.mode);
    }
}

impl ChannelNorm {
    pub(super) fn new(
        channels: usize,
        (eps, momentum): (f64, Option<f64>),
        affine: bool,
        tracked: bool,
    ) -> Self {
        let filled = |value| Tensor::full([channels], value, DType::F32, &Device::cpu());
        let parameter = |value| affine.then(|| Parameter::new(filled(value)));
        let buffer = |value| tracked.then(|| Buffer::new(filled(value)));
        let count = || Buffer::new(Tensor::full((), 0.0, DType::I32, &Device::cpu()));
        ChannelNorm {
            weight: parameter(1.0),
            bias: parameter(0.0),
            running_mean: buffer(0.0),
            running_var: buffer(1.0),
            num_batches_tracked: tracked.then(count),
            eps,
            momentum,
            mode: Mode::default(),
        }
    }

    fn running(&self, momentum: f64) -> Option<RunningStats<'_>> {
        let (mean, var) = (self.running_mean.as_ref()?, self.running_var.as_ref()?);
        Some(RunningStats { mean, var, momentum })
    }

    /// Batch norm: by the batch in training or where nothing is tracked.
    pub(super) fn batch(&self, x: &Tensor) -> Result<Tensor> {
        let training = self.mode.is_training();
        let count = self.num_batches_tracked.as_ref().filter(|_| training);
        let momentum = match self.momentum.filter(|_| !self.mode.is_averaging()) {
            Some(momentum) => momentum,
            // Known without asking the device: the count is a number until it is saved or loaded.
            None => 1.0 / (count.map_or(Ok(0.0), |count| count.item())? + 1.0),
        };
        let running = self.running(momentum);
        let by_batch = training || running.is_none();
        let y = x.batch_norm(
            running,
            self.weight.as_deref(),
            self.bias.as_deref(),
            by_batch,
            self.eps,
        )?;
        if let Some(count) = count {
            let count = Tensor::clone(count);
            capture::repeat(move || {
                let seen = count.item()? + 1.0;
                count.set_value(&Tensor::full((), seen, DType::I32, &count.device()))
            })?;
        }
        Ok(y)
    }

    /// Instance norm: by each example in training or where nothing is tracked.
    pub(super) fn instance(&self, x: &Tensor) -> Result<Tensor> {
        let running = self.running(self.momentum.unwrap_or(0.0));
        let by_input = self.mode.is_training() || running.is_none();
        x.instance_norm(running, self.weight.as_deref(), self.bias.as_deref(), by_input, self.eps)
    }
}

/// # Errors
/// `Kind::Shape` unless the rank of x is one of `ranks`.
pub(super) fn must_have_rank(
    op: &'static str,
    x: &Tensor,
    ranks: &[usize],
    expected: &'static str,
) -> Result<()> {
    let shape = x.shape();
    if ranks.contains(&shape.rank()) {
        return Ok(());
    }
    let problem = Problem::Rank { name: "x", got: shape.rank(), expected };
    Err(Error::shape(op, problem, &[("x", &shape)]))
}
