//! Types and ranges of pixels.

use gradus_tensor::{DType, Error, Kind, Result};

use crate::SampleKey;
use crate::vision::augment::{Augment, batch_transforms};
use crate::vision::convert::Convert;
use crate::vision::step::{Plan, Step};

/// `(x - mean) / std`, for each channel; of float32.
#[derive(Clone, Debug)]
pub struct Normalize {
    mean: Vec<f64>,
    std: Vec<f64>,
}

impl Normalize {
    /// One number, or one a channel.
    pub fn new(mean: &[f64], std: &[f64]) -> Self {
        Normalize { mean: mean.to_vec(), std: std.to_vec() }
    }
}

impl Augment for Normalize {
    fn plan(&self, _: &SampleKey, plan: &mut Plan) -> Result<()> {
        let convert = Convert::normalize("normalize", &self.mean, &self.std)?;
        plan.push("normalize", Step::Convert(convert))
    }
}

/// `x · scale + offset` in float32, as Keras's layer: `Rescaling::new(1.0 / 255.0)` takes bytes to
/// 0..1.
#[derive(Clone, Debug)]
pub struct Rescaling {
    scale: f64,
    offset: f64,
}

impl Rescaling {
    /// Without an offset.
    pub fn new(scale: f64) -> Self {
        Rescaling { scale, offset: 0.0 }
    }

    /// What is added.
    #[must_use]
    pub fn offset(self, offset: f64) -> Self {
        Rescaling { offset, ..self }
    }
}

impl Augment for Rescaling {
    fn plan(&self, _: &SampleKey, plan: &mut Plan) -> Result<()> {
        let Rescaling { scale, offset } = *self;
        plan.push("rescaling", Step::Convert(Convert::Rescale { scale, offset }))
    }
}

/// Another type; with `scale` between 0..255 of bytes and 0..1 of floats.
#[derive(Clone, Debug)]
pub struct ToDtype {
    dtype: DType,
    scale: bool,
}

impl ToDtype {
    /// To uint8 or float32; torchvision's default is not to scale.
    pub fn new(dtype: DType, scale: bool) -> Self {
        ToDtype { dtype, scale }
    }
}

impl Augment for ToDtype {
    fn plan(&self, _: &SampleKey, plan: &mut Plan) -> Result<()> {
        plan.push("to_dtype", Step::Convert(to_dtype(self.dtype, self.scale)?))
    }
}

/// # Errors
/// `Kind::DType` for other types than uint8 and float32.
pub(crate) fn to_dtype(dtype: DType, scale: bool) -> Result<Convert> {
    match dtype {
        DType::F32 => Ok(Convert::Float { scale }),
        DType::U8 => Ok(Convert::Byte { scale }),
        got => {
            let expected = "uint8 or float32";
            Err(Error::from(Kind::DType { op: "to_dtype", got: vec![got], expected }))
        }
    }
}

batch_transforms!(Normalize, Rescaling, ToDtype);
