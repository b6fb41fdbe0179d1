//! The shape rule of convolutions: one geometry describes a convolution and both its gradients.

use gradus_tensor::{Error, Problem, Result, Shape};

/// How a convolution walks: one entry a spatial dimension, outermost first.
#[derive(Clone, Copy, Debug)]
pub struct ConvSpec<'a> {
    /// Positions from one window to the next.
    pub stride: &'a [usize],
    /// Zeros before and after the input.
    pub padding: &'a [(usize, usize)],
    /// Positions from one element of the kernel to the next.
    pub dilation: &'a [usize],
    /// Channels are cut into this many groups that do not see each other.
    pub groups: usize,
}

/// A convolution `y = x * w` over up to three spatial dimensions; fewer stand behind dimensions
/// of size 1. Its three arrays are `x: [N, G·C, X]`, `w: [G·O, C, K]` and `y: [N, G·O, Y]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvGeometry {
    /// Spatial dimensions of the caller's arrays, 1 to 3.
    pub(crate) rank: usize,
    pub(crate) batch: usize,
    pub(crate) groups: usize,
    /// Channels of x in a group.
    pub(crate) channels: usize,
    /// Channels of y in a group.
    pub(crate) filters: usize,
    pub(crate) x: [usize; 3],
    pub(crate) kernel: [usize; 3],
    pub(crate) y: [usize; 3],
    pub(crate) stride: [usize; 3],
    pub(crate) dilation: [usize; 3],
    /// Zeros before x.
    pub(crate) before: [usize; 3],
}

impl ConvGeometry {
    /// The geometry of a convolution of `x: [N, C, X..]` with `w: [O, C / groups, K..]`.
    ///
    /// # Errors
    /// `Kind::Shape` when ranks, channels or groups do not fit or the kernel is larger than the
    /// padded input; `Kind::Argument` for a stride or dilation of 0 and for a wrong number of
    /// entries.
    pub fn new(op: &'static str, x: &Shape, w: &Shape, spec: &ConvSpec<'_>) -> Result<Self> {
        let fail = |problem| Err(Error::shape(op, problem, &[("x", x), ("w", w)]));
        let rank = checked(op, x, w, spec)?;
        let (groups, channels) = (spec.groups, w[1]);
        if x[1] != channels * groups {
            let (got, expected) = (x[1], channels * groups);
            let problem = Problem::Size { name: "x", got, unit: "channels", other: "w", expected };
            return fail(problem);
        }
        if !w[0].is_multiple_of(groups) {
            return fail(Problem::Rule { rule: "groups must divide the output channels" });
        }
        let mut geometry = ConvGeometry::shell(rank, x[0], w, spec);
        geometry.filters = w[0] / groups;
        for d in 0..rank {
            let at = 3 - rank + d;
            let padded = x[2 + d] + spec.padding[d].0 + spec.padding[d].1;
            let window = (w[2 + d] - 1) * spec.dilation[d] + 1;
            if padded < window {
                return fail(Problem::Rule { rule: "the kernel is larger than the padded input" });
            }
            geometry.x[at] = x[2 + d];
            geometry.y[at] = (padded - window) / spec.stride[d] + 1;
        }
        Ok(geometry)
    }

    /// The geometry of the convolution whose gradient by x a transposed convolution of
    /// `x: [N, C, X..]` with `w: [C, O / groups, K..]` is: what is x here is y there.
    ///
    /// `output_padding`: positions added at the end of the result, one entry a dimension.
    ///
    /// # Errors
    /// As [`ConvGeometry::new`], and for an output padding that is neither smaller than the
    /// stride nor than the dilation.
    pub fn transposed(
        op: &'static str,
        x: &Shape,
        w: &Shape,
        spec: &ConvSpec<'_>,
        output_padding: &[usize],
    ) -> Result<Self> {
        let fail = |problem| Err(Error::shape(op, problem, &[("x", x), ("w", w)]));
        let rank = checked(op, x, w, spec)?;
        if x[1] != w[0] {
            let (got, expected) = (x[1], w[0]);
            let problem = Problem::Size { name: "x", got, unit: "channels", other: "w", expected };
            return fail(problem);
        }
        if !w[0].is_multiple_of(spec.groups) {
            return fail(Problem::Rule { rule: "groups must divide the input channels" });
        }
        if output_padding.len() != rank {
            let expected = "one entry a spatial dimension";
            return Err(Error::argument(op, "output_padding", output_padding.len(), expected));
        }
        let mut geometry = ConvGeometry::shell(rank, x[0], w, spec);
        geometry.filters = w[0] / spec.groups;
        for d in 0..rank {
            let at = 3 - rank + d;
            let extra = output_padding[d];
            if extra >= spec.stride[d].max(spec.dilation[d]) {
                let expected = "less than the stride or the dilation";
                return Err(Error::argument(op, "output_padding", extra, expected));
            }
            let window = (w[2 + d] - 1) * spec.dilation[d] + 1;
            let whole = match x[2 + d] {
                0 => return fail(Problem::Rule { rule: "x has no positions" }),
                n => (n - 1) * spec.stride[d] + window + extra,
            };
            let cut = spec.padding[d].0 + spec.padding[d].1;
            if whole <= cut {
                return fail(Problem::Rule { rule: "the padding removes the whole result" });
            }
            geometry.y[at] = x[2 + d];
            geometry.x[at] = whole - cut;
        }
        Ok(geometry)
    }

    fn shell(rank: usize, batch: usize, w: &Shape, spec: &ConvSpec<'_>) -> Self {
        let mut geometry = ConvGeometry {
            rank,
            batch,
            groups: spec.groups,
            channels: w[1],
            filters: 0,
            x: [1; 3],
            kernel: [1; 3],
            y: [1; 3],
            stride: [1; 3],
            dilation: [1; 3],
            before: [0; 3],
        };
        for d in 0..rank {
            let at = 3 - rank + d;
            geometry.kernel[at] = w[2 + d];
            geometry.stride[at] = spec.stride[d];
            geometry.dilation[at] = spec.dilation[d];
            geometry.before[at] = spec.padding[d].0;
        }
        geometry
    }

    /// The shape of x.
    pub fn x_shape(&self) -> Shape {
        self.shape(self.batch, self.groups * self.channels, &self.x)
    }

    /// The shape of w.
    pub fn w_shape(&self) -> Shape {
        self.shape(self.groups * self.filters, self.channels, &self.kernel)
    }

    /// The shape of y.
    pub fn y_shape(&self) -> Shape {
        self.shape(self.batch, self.groups * self.filters, &self.y)
    }

    fn shape(&self, first: usize, second: usize, spatial: &[usize; 3]) -> Shape {
        [first, second].iter().chain(&spatial[3 - self.rank..]).copied().collect()
    }

    /// Elements of a kernel for one channel.
    pub(crate) fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Positions of x and of y.
    pub(crate) fn positions(&self) -> [usize; 2] {
        [self.x.iter().product(), self.y.iter().product()]
    }

    /// Whether every window is one element in its place: a matrix product over the channels.
    /// Whether no window reaches over the ends of x.
    pub(crate) fn is_inside(&self) -> bool {
        let last = |d: usize| self.y[d].saturating_sub(1) * self.stride[d];
        let window = |d: usize| (self.kernel[d] - 1) * self.dilation[d];
        (0..3).all(|d| self.before[d] == 0 && last(d) + window(d) < self.x[d])
    }

    pub(crate) fn is_pointwise(&self) -> bool {
        self.taps() == 1 && self.stride == [1; 3] && self.before == [0; 3] && self.x == self.y
    }

    /// Positions `from..to` of y along dimension `d` whose window has element `k` inside x.
    pub(crate) fn reached(&self, d: usize, k: usize) -> (usize, usize) {
        let (step, at, before) = (self.stride[d], k * self.dilation[d], self.before[d]);
        let from = before.saturating_sub(at).div_ceil(step);
        let to = (self.x[d] + before).saturating_sub(at).div_ceil(step).min(self.y[d]);
        (from.min(to), to)
    }
}

/// The number of spatial dimensions.
fn checked(op: &'static str, x: &Shape, w: &Shape, spec: &ConvSpec<'_>) -> Result<usize> {
    let fail = |problem| Err(Error::shape(op, problem, &[("x", x), ("w", w)]));
    let rank = spec.stride.len();
    if w.rank() != rank + 2 {
        let expected = ["3", "4", "5"][rank.clamp(1, 3) - 1];
        return fail(Problem::Rank { name: "w", got: w.rank(), expected });
    }
    if x.rank() != rank + 2 {
        let expected = ["3", "4", "5"][rank.clamp(1, 3) - 1];
        return fail(Problem::Rank { name: "x", got: x.rank(), expected });
    }
    if !(1..=3).contains(&rank) || spec.padding.len() != rank || spec.dilation.len() != rank {
        let expected = "one entry for each of 1 to 3 spatial dimensions";
        return Err(Error::argument(op, "stride, padding, dilation", rank, expected));
    }
    for (name, list) in [("stride", spec.stride), ("dilation", spec.dilation)] {
        if list.contains(&0) {
            return Err(Error::argument(op, name, 0, "at least 1"));
        }
    }
    if spec.groups == 0 {
        return Err(Error::argument(op, "groups", 0, "at least 1"));
    }
    if w[2..].contains(&0) {
        return fail(Problem::Rule { rule: "the kernel has no elements" });
    }
    Ok(rank)
}
