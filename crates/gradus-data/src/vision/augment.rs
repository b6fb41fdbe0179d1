//! Random transforms of images, and transforms that are made of others.

use gradus_tensor::{Array, Error, Problem, Result};
use rayon::prelude::*;

use super::dice::Dice;
use super::picture::Batch;
use super::run::run;
use super::step::Plan;
use crate::SampleKey;

/// Plans that one thread makes at once.
const PLANNED: usize = 8;

/// A transform that treats every image by itself.
///
/// What becomes of an image depends on the image and its key alone, not on the batch it is in, the
/// thread or the device. As a
/// [`Transform`](crate::Transform) it changes the first column of a batch.
pub trait Augment: Send + Sync {
    #[doc(hidden)]
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()>;

    /// The images of `x` `[N, C, H, W]`, or the one image `[C, H, W]`, each by its key.
    ///
    /// # Errors
    /// `Kind::Shape` unless there is a key for each image, and for images that the transform cannot
    /// be made of or that come out in different sizes; `Kind::DType` for other types than uint8 and
    /// float32; `Kind::Argument` for arguments outside their domains.
    fn transform(&self, x: &Array, keys: &[SampleKey]) -> Result<Array> {
        transform(x, keys, &|key, plan| self.plan(key, plan))
    }
}

/// What plans the steps for one image.
type Planner<'a> = &'a (dyn Fn(&SampleKey, &mut Plan) -> Result<()> + Sync);

/// The one body of [`Augment::transform`]: compiled for each transform, the threads' machinery
/// takes half a minute.
fn transform(x: &Array, keys: &[SampleKey], planner: Planner<'_>) -> Result<Array> {
    const OP: &str = "transform";
    let batch = Batch::of(OP, x)?;
    if keys.len() != batch.count {
        let (got, expected) = (batch.count, keys.len());
        let problem = Problem::Size { name: "x", got, unit: "images", other: "the keys", expected };
        return Err(Error::shape(OP, problem, &[("x", x.shape())]));
    }
    let plan = |key: &SampleKey| {
        let mut plan = Plan::new(batch.size, batch.dtype);
        planner(key, &mut plan).map(|()| plan)
    };
    let plans = keys.par_iter().with_min_len(PLANNED).map(plan).collect::<Result<Vec<_>>>()?;
    run(OP, x, &batch, &plans)
}

impl<T: Augment + ?Sized> Augment for Box<T> {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        (**self).plan(key, plan)
    }
}

/// The images are the first column.
pub(crate) fn first_column(
    augment: &dyn Augment,
    mut columns: Vec<Array>,
    keys: &[SampleKey],
) -> Result<Vec<Array>> {
    let Some(x) = columns.first_mut() else {
        return Err(Error::argument("transform", "columns", 0, "at least 1"));
    };
    *x = augment.transform(x, keys)?;
    Ok(columns)
}

/// Lets transforms of images be transforms of batches.
macro_rules! batch_transforms {
    ($($name:ident),* $(,)?) => {$(
        impl $crate::Transform for $name {
            fn apply(
                &self,
                columns: Vec<gradus_tensor::Array>,
                keys: &[$crate::SampleKey],
            ) -> gradus_tensor::Result<Vec<gradus_tensor::Array>> {
                $crate::vision::augment::first_column(self, columns, keys)
            }
        }
    )*};
}
pub(crate) use batch_transforms;

type Parts = Vec<Box<dyn Augment>>;

/// Transforms one after another.
///
/// On the CPU all of them are done with one image before the next is begun.
///
/// ```
/// use gradus_data::vision::{Augment, Compose, Pad, RandomCrop};
/// use gradus_data::SampleKey;
/// use gradus_tensor::Array;
/// let pipeline = Compose::new().push(Pad::new([1, 1, 1, 1])).push(RandomCrop::new([2, 2]));
/// let x = Array::from_vec(vec![1u8, 2, 3, 4], [1, 2, 2])?;
/// let y = pipeline.transform(&x, &[SampleKey::new(0, 0, 0)])?;
/// assert_eq!(y.shape().dims(), [1, 2, 2]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Default)]
pub struct Compose {
    parts: Parts,
}

impl Compose {
    /// Nothing yet.
    pub fn new() -> Self {
        Compose::default()
    }

    /// Adds a transform behind the others.
    #[must_use]
    pub fn push(mut self, transform: impl Augment + 'static) -> Self {
        self.parts.push(Box::new(transform));
        self
    }
}

impl Augment for Compose {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        in_turn(&self.parts, 0..self.parts.len(), key, plan)
    }
}

fn in_turn(
    parts: &[Box<dyn Augment>],
    order: impl Iterator<Item = usize>,
    key: &SampleKey,
    plan: &mut Plan,
) -> Result<()> {
    for number in order {
        parts[number].plan(&key.part(number as u64), plan)?;
    }
    Ok(())
}

/// Transforms one after another, with a probability; else none of them.
pub struct RandomApply {
    parts: Parts,
    p: f64,
}

impl RandomApply {
    /// With probability `p`; torchvision's default is 0.5.
    pub fn new(p: f64) -> Self {
        RandomApply { parts: Vec::new(), p }
    }

    /// Adds a transform behind the others.
    #[must_use]
    pub fn push(mut self, transform: impl Augment + 'static) -> Self {
        self.parts.push(Box::new(transform));
        self
    }
}

impl Augment for RandomApply {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        if Dice::new(key).chance(probability("random_apply", self.p)?) {
            in_turn(&self.parts, 0..self.parts.len(), key, plan)?;
        }
        Ok(())
    }
}

/// One of several transforms, drawn for each image.
#[derive(Default)]
pub struct RandomChoice {
    parts: Parts,
    weights: Vec<f64>,
}

impl RandomChoice {
    /// Nothing to choose yet.
    pub fn new() -> Self {
        RandomChoice::default()
    }

    /// Adds a transform that is as likely as every other that is added in this way.
    #[must_use]
    pub fn push(self, transform: impl Augment + 'static) -> Self {
        self.push_weighted(transform, 1.0)
    }

    /// Adds a transform that is drawn in proportion to `weight`.
    #[must_use]
    pub fn push_weighted(mut self, transform: impl Augment + 'static, weight: f64) -> Self {
        self.parts.push(Box::new(transform));
        self.weights.push(weight);
        self
    }
}

impl Augment for RandomChoice {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        const OP: &str = "random_choice";
        if let Some(&weight) = self.weights.iter().find(|w| !(0.0..f64::INFINITY).contains(*w)) {
            return Err(Error::argument(OP, "weight", weight, "at least 0"));
        }
        let total: f64 = self.weights.iter().sum();
        if total <= 0.0 {
            let expected = "above 0: something must be there to choose";
            return Err(Error::argument(OP, "sum of weights", total, expected));
        }
        let mut left = Dice::new(key).unit() * total;
        let mut chosen = self.parts.len() - 1;
        for (number, &weight) in self.weights.iter().enumerate() {
            if left < weight {
                chosen = number;
                break;
            }
            left -= weight;
        }
        in_turn(&self.parts, chosen..=chosen, key, plan)
    }
}

/// Transforms in an order that is drawn for each image.
#[derive(Default)]
pub struct RandomOrder {
    parts: Parts,
}

impl RandomOrder {
    /// Nothing yet.
    pub fn new() -> Self {
        RandomOrder::default()
    }

    /// Adds a transform.
    #[must_use]
    pub fn push(mut self, transform: impl Augment + 'static) -> Self {
        self.parts.push(Box::new(transform));
        self
    }
}

impl Augment for RandomOrder {
    fn plan(&self, key: &SampleKey, plan: &mut Plan) -> Result<()> {
        let order = Dice::new(key).permutation(self.parts.len());
        in_turn(&self.parts, order.into_iter(), key, plan)
    }
}

batch_transforms!(Compose, RandomApply, RandomChoice, RandomOrder);

/// # Errors
/// `Kind::Argument` outside 0 to 1.
pub(crate) fn probability(op: &'static str, p: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&p) {
        return Ok(p);
    }
    Err(Error::argument(op, "p", p, "0 to 1"))
}
