//! The options of interpolation.

use gradus_kernels::Filter;
use gradus_tensor::{Error, Problem, Result};

/// The op in messages.
pub(crate) const OP: &str = "interpolate";

/// How elements between the given ones are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum InterpolateMode {
    /// The element at the floored position. PyTorch: `nearest`.
    #[default]
    Nearest,
    /// The element nearest to the position. PyTorch: `nearest-exact`.
    NearestExact,
    /// Straight lines between neighbours in one dimension. PyTorch: `linear`.
    Linear,
    /// The same in two dimensions. PyTorch: `bilinear`.
    Bilinear,
    /// The same in three dimensions. PyTorch: `trilinear`.
    Trilinear,
    /// Cubics through four neighbours, in two dimensions. PyTorch: `bicubic`.
    Bicubic,
    /// Averages of the elements that fall together. PyTorch: `area`.
    Area,
}

impl InterpolateMode {
    fn name(self) -> &'static str {
        match self {
            InterpolateMode::Nearest => "nearest",
            InterpolateMode::NearestExact => "nearest-exact",
            InterpolateMode::Linear => "linear",
            InterpolateMode::Bilinear => "bilinear",
            InterpolateMode::Trilinear => "trilinear",
            InterpolateMode::Bicubic => "bicubic",
            InterpolateMode::Area => "area",
        }
    }

    /// The weights, and the number of dimensions if it is fixed.
    pub(crate) fn filter(self) -> Option<(Filter, Option<usize>)> {
        Some(match self {
            InterpolateMode::Nearest => (Filter::Nearest, None),
            InterpolateMode::NearestExact => (Filter::NearestExact, None),
            InterpolateMode::Linear => (Filter::Linear, Some(1)),
            InterpolateMode::Bilinear => (Filter::Linear, Some(2)),
            InterpolateMode::Trilinear => (Filter::Linear, Some(3)),
            InterpolateMode::Bicubic => (Filter::Cubic, Some(2)),
            InterpolateMode::Area => return None,
        })
    }
}

impl std::str::FromStr for InterpolateMode {
    type Err = Error;

    /// PyTorch's word for a mode.
    fn from_str(word: &str) -> Result<Self> {
        use InterpolateMode::{Area, Bicubic, Bilinear, Linear, Nearest, NearestExact, Trilinear};
        [Nearest, NearestExact, Linear, Bilinear, Trilinear, Bicubic, Area]
            .into_iter()
            .find(|mode| mode.name() == word)
            .ok_or_else(|| {
                let expected =
                    "nearest, nearest-exact, linear, bilinear, trilinear, bicubic or area";
                Error::argument(OP, "mode", word, expected)
            })
    }
}

/// One value for every spatial dimension, or one a dimension.
#[derive(Clone, Debug, PartialEq)]
pub enum PerDim<T> {
    /// The same for all.
    Every(T),
    /// One a dimension.
    Each(Vec<T>),
}

impl<T: Copy> PerDim<T> {
    /// The values of `count` dimensions; `None` when there are fewer or more.
    fn of(&self, count: usize) -> Option<Vec<T>> {
        match self {
            PerDim::Every(value) => Some(vec![*value; count]),
            PerDim::Each(values) => (values.len() == count).then(|| values.clone()),
        }
    }
}

macro_rules! per_dim {
    ($($t:ty),*) => {$(
        impl From<$t> for PerDim<$t> {
            fn from(value: $t) -> Self {
                PerDim::Every(value)
            }
        }

        impl From<($t, $t)> for PerDim<$t> {
            fn from((height, width): ($t, $t)) -> Self {
                PerDim::Each(vec![height, width])
            }
        }

        impl From<($t, $t, $t)> for PerDim<$t> {
            fn from((depth, height, width): ($t, $t, $t)) -> Self {
                PerDim::Each(vec![depth, height, width])
            }
        }

        impl<const D: usize> From<[$t; D]> for PerDim<$t> {
            fn from(values: [$t; D]) -> Self {
                PerDim::Each(values.to_vec())
            }
        }

        impl From<&[$t]> for PerDim<$t> {
            fn from(values: &[$t]) -> Self {
                PerDim::Each(values.to_vec())
            }
        }
    )*};
}
per_dim!(usize, f64);

/// What to resize to, and how. PyTorch: the arguments of `nn.functional.interpolate`.
#[derive(Clone, Debug, PartialEq)]
pub struct Interpolate {
    /// Whether sizes or factors are given.
    target: Target,
    /// How elements are made; nearest by default.
    pub mode: InterpolateMode,
    /// Whether the first and last elements stay where they are; for the linear modes and bicubic,
    /// false by default.
    pub align_corners: Option<bool>,
    /// Whether positions follow from the sizes instead of the given factor.
    pub recompute_scale_factor: bool,
    /// Whether shrinking averages what falls together; for bilinear and bicubic.
    pub antialias: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Target {
    Size(PerDim<usize>),
    Factor(PerDim<f64>),
}

impl Interpolate {
    /// To these sizes, by the nearest element.
    pub fn size(size: impl Into<PerDim<usize>>) -> Self {
        Interpolate::to(Target::Size(size.into()))
    }

    /// To `⌊factor · size⌋`, by the nearest element.
    pub fn scale_factor(factor: impl Into<PerDim<f64>>) -> Self {
        Interpolate::to(Target::Factor(factor.into()))
    }

    fn to(target: Target) -> Self {
        Interpolate {
            target,
            mode: InterpolateMode::Nearest,
            align_corners: None,
            recompute_scale_factor: false,
            antialias: false,
        }
    }

    /// Sets how elements are made.
    #[must_use]
    pub fn mode(mut self, mode: InterpolateMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets whether the first and last elements stay where they are.
    #[must_use]
    pub fn align_corners(mut self, align_corners: bool) -> Self {
        self.align_corners = Some(align_corners);
        self
    }

    /// Sets whether positions follow from the sizes instead of the factor.
    #[must_use]
    pub fn recompute_scale_factor(mut self, recompute: bool) -> Self {
        self.recompute_scale_factor = recompute;
        self
    }

    /// Sets whether shrinking averages what falls together.
    #[must_use]
    pub fn antialias(mut self, antialias: bool) -> Self {
        self.antialias = antialias;
        self
    }

    /// The new sizes, and the factors that positions follow from if not the sizes.
    pub(crate) fn sizes(&self, input: &[usize]) -> Result<(Vec<usize>, Option<Vec<f64>>)> {
        let expected = "one number, or one for every spatial dimension";
        match &self.target {
            Target::Size(size) => match size.of(input.len()) {
                Some(sizes) => Ok((sizes, None)),
                None => Err(Error::argument(OP, "size", format!("{size:?}"), expected)),
            },
            Target::Factor(factor) => {
                let Some(factors) = factor.of(input.len()) else {
                    return Err(Error::argument(
                        OP,
                        "scale_factor",
                        format!("{factor:?}"),
                        expected,
                    ));
                };
                if let Some(bad) = factors.iter().find(|f| !(f.is_finite() && **f > 0.0)) {
                    return Err(Error::argument(OP, "scale_factor", bad, "a positive number"));
                }
                let sizes = input.iter().zip(&factors).map(|(&n, f)| (n as f64 * f) as usize);
                let sizes = sizes.collect();
                Ok((sizes, (!self.recompute_scale_factor).then_some(factors)))
            }
        }
    }

    /// # Errors
    /// `Kind::Argument` for options that the mode does not have.
    pub(crate) fn check(&self, spatial: usize, shape: &gradus_tensor::Shape) -> Result<()> {
        let mode = self.mode.name();
        let linear = self.mode.filter().filter(|(_, dims)| dims.is_some());
        let fits = match linear {
            Some((_, dims)) => dims == Some(spatial),
            None => (1..=3).contains(&spatial),
        };
        if !fits {
            let rule = match self.mode {
                InterpolateMode::Linear => "linear takes x [N, C, W]",
                InterpolateMode::Bilinear => "bilinear takes x [N, C, H, W]",
                InterpolateMode::Bicubic => "bicubic takes x [N, C, H, W]",
                InterpolateMode::Trilinear => "trilinear takes x [N, C, D, H, W]",
                _ => "x must be [N, C] and one to three spatial dimensions",
            };
            return Err(Error::shape(OP, Problem::Rule { rule }, &[("x", shape)]));
        }
        if linear.is_none() && self.align_corners.is_some() {
            let expected = "left out, or the mode linear, bilinear, trilinear or bicubic";
            let got = format!("given with mode {mode}");
            return Err(Error::argument(OP, "align_corners", got, expected));
        }
        let smooth = matches!(self.mode, InterpolateMode::Bilinear | InterpolateMode::Bicubic);
        if self.antialias && !smooth {
            let got = format!("true with mode {mode}");
            return Err(Error::argument(OP, "antialias", got, "false, or bilinear or bicubic"));
        }
        Ok(())
    }
}
