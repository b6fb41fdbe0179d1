//! Convolutions. Forward, gradient by the input and gradient by the weight are three bilinear
//! maps of one geometry; each one's gradients are the other two.

use gradus_kernels::{ConvGeometry, ConvSpec};
use gradus_tensor::{Error, Problem, Result, Shape};
use smallvec::SmallVec;

use crate::graph::{Grads, Keep, record_fn};
use crate::sizes::Sizes;
use crate::tensor::Tensor;

/// What stands around the input of a convolution: zeros.
///
/// ```
/// use gradus_autodiff::Padding;
/// assert_eq!(Padding::<2>::from(1), Padding::from((1, 1)));
/// assert_eq!(Padding::<2>::from([1, 2]), Padding::Explicit([(1, 1), (2, 2)]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding<const D: usize> {
    /// So many zeros before and after, a pair for each dimension.
    Explicit([(usize, usize); D]),
    /// As many as make the result `ceil(input / stride)` long; an odd one stands at the end.
    /// Keras's rule; PyTorch has the same for stride 1 and no other.
    Same,
    /// None.
    Valid,
}

impl<const D: usize> Default for Padding<D> {
    fn default() -> Self {
        Padding::Valid
    }
}

impl<const D: usize> From<usize> for Padding<D> {
    fn from(both: usize) -> Self {
        Padding::Explicit([(both, both); D])
    }
}

impl<const D: usize> From<[usize; D]> for Padding<D> {
    fn from(sizes: [usize; D]) -> Self {
        Padding::Explicit(sizes.map(|both| (both, both)))
    }
}

impl<const D: usize> From<[(usize, usize); D]> for Padding<D> {
    fn from(pairs: [(usize, usize); D]) -> Self {
        Padding::Explicit(pairs)
    }
}

impl From<(usize, usize)> for Padding<2> {
    /// Rows and columns, as PyTorch's pair.
    fn from((rows, columns): (usize, usize)) -> Self {
        Padding::from([rows, columns])
    }
}

/// Options of a convolution over `D` spatial dimensions, with PyTorch's names and defaults.
///
/// ```
/// use gradus_autodiff::{ConvOptions, Tensor};
/// let x = Tensor::from_vec((1..=9).map(|v| v as f32).collect(), [1, 1, 3, 3])?;
/// let w = Tensor::from_vec(vec![1.0f32; 4], [1, 1, 2, 2])?;
/// let y = x.conv2d(&w, None, &ConvOptions::default().stride(1).padding(0))?;
/// assert_eq!(y.to_vec::<f32>()?, [12.0, 16.0, 24.0, 28.0]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvOptions<const D: usize> {
    /// Positions from one window to the next.
    pub stride: Sizes<D>,
    /// Zeros around the input.
    pub padding: Padding<D>,
    /// Positions from one element of the kernel to the next.
    pub dilation: Sizes<D>,
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl<const D: usize> Default for ConvOptions<D> {
    fn default() -> Self {
        let one = Sizes([1; D]);
        ConvOptions { stride: one, padding: Padding::Valid, dilation: one, groups: 1 }
    }
}

impl<const D: usize> ConvOptions<D> {
    /// Sets the stride.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Sizes<D>>) -> Self {
        self.stride = stride.into();
        self
    }

    /// Sets the padding.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Padding<D>>) -> Self {
        self.padding = padding.into();
        self
    }

    /// Sets the dilation.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Sizes<D>>) -> Self {
        self.dilation = dilation.into();
        self
    }

    /// Sets the number of groups.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// Zeros before and after each dimension of an input of these sizes.
    pub fn zeros(&self, input: &[usize], kernel: &[usize]) -> [(usize, usize); D] {
        match self.padding {
            Padding::Explicit(pairs) => pairs,
            Padding::Valid => [(0, 0); D],
            Padding::Same => std::array::from_fn(|d| {
                let (stride, size) = (self.stride.0[d].max(1), input[d]);
                let window = kernel[d].saturating_sub(1) * self.dilation.0[d] + 1;
                let reach = size.div_ceil(stride).saturating_sub(1) * stride + window;
                let zeros = reach.saturating_sub(size);
                (zeros / 2, zeros - zeros / 2)
            }),
        }
    }
}

/// Options of a transposed convolution, with PyTorch's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvTransposeOptions<const D: usize> {
    /// Positions of the result from one window to the next.
    pub stride: Sizes<D>,
    /// Positions cut from both ends of the result.
    pub padding: Sizes<D>,
    /// Positions added at the end of the result.
    pub output_padding: Sizes<D>,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Positions from one element of the kernel to the next.
    pub dilation: Sizes<D>,
}

impl<const D: usize> Default for ConvTransposeOptions<D> {
    fn default() -> Self {
        let (one, none) = (Sizes([1; D]), Sizes([0; D]));
        ConvTransposeOptions {
            stride: one,
            padding: none,
            output_padding: none,
            groups: 1,
            dilation: one,
        }
    }
}

impl<const D: usize> ConvTransposeOptions<D> {
    /// Sets the stride.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Sizes<D>>) -> Self {
        self.stride = stride.into();
        self
    }

    /// Sets what is cut from both ends.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Sizes<D>>) -> Self {
        self.padding = padding.into();
        self
    }

    /// Sets what is added at the end.
    #[must_use]
    pub fn output_padding(mut self, padding: impl Into<Sizes<D>>) -> Self {
        self.output_padding = padding.into();
        self
    }

    /// Sets the number of groups.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// Sets the dilation.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Sizes<D>>) -> Self {
        self.dilation = dilation.into();
        self
    }
}

/// The three maps of a geometry, each with the rule that makes it differentiable to any order.
#[derive(Clone, Copy)]
struct Conv(ConvGeometry);

impl Conv {
    fn forward(self, x: &Tensor, w: &Tensor) -> Result<Tensor> {
        let value = gradus_kernels::conv(&x.value(), &w.value(), &self.0)?;
        self.record(value, [x, w], |conv, g, w| conv.data(g, w), |conv, x, g| conv.filter(x, g))
    }

    fn data(self, y: &Tensor, w: &Tensor) -> Result<Tensor> {
        let value = gradus_kernels::conv_data(&y.value(), &w.value(), &self.0)?;
        self.record(value, [y, w], |conv, g, w| conv.forward(g, w), |conv, y, g| conv.filter(g, y))
    }

    fn filter(self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let value = gradus_kernels::conv_filter(&x.value(), &y.value(), &self.0)?;
        self.record(value, [x, y], |conv, g, y| conv.data(y, g), |conv, x, g| conv.forward(x, g))
    }

    /// `first` makes the first operand's gradient of the result's gradient and the second
    /// operand; `second` the second's of the first operand and the result's gradient.
    fn record(
        self,
        value: gradus_kernels::Value,
        operands: [&Tensor; 2],
        first: impl Fn(Conv, &Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static,
        second: impl Fn(Conv, &Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static,
    ) -> Result<Tensor> {
        let wants = operands.map(Tensor::requires_grad);
        let keep = Keep { inputs: [wants[1], wants[0], false], output: false };
        Ok(record_fn("conv", value, &operands, keep, move |saved, g| {
            let mut grads: Grads = SmallVec::from_elem(None, 2);
            if saved.needs(0) {
                grads[0] = Some(first(self, g, &saved.input(1))?);
            }
            if saved.needs(1) {
                grads[1] = Some(second(self, &saved.input(0), g)?);
            }
            Ok(grads)
        }))
    }
}

const CONV: [&str; 3] = ["conv1d", "conv2d", "conv3d"];
const CONV_TRANSPOSE: [&str; 3] = ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"];

impl Tensor {
    /// [`Tensor::conv1d`], [`Tensor::conv2d`] or [`Tensor::conv3d`], by the type of the options.
    ///
    /// # Errors
    /// As [`Tensor::conv2d`].
    pub fn conv<const D: usize>(
        &self,
        w: &Tensor,
        bias: Option<&Tensor>,
        options: &ConvOptions<D>,
    ) -> Result<Tensor> {
        convolved(self, w, bias, options)
    }

    /// [`Tensor::conv_transpose1d`], [`Tensor::conv_transpose2d`] or
    /// [`Tensor::conv_transpose3d`], by the type of the options.
    ///
    /// # Errors
    /// As [`Tensor::conv_transpose2d`].
    pub fn conv_transpose<const D: usize>(
        &self,
        w: &Tensor,
        bias: Option<&Tensor>,
        options: &ConvTransposeOptions<D>,
    ) -> Result<Tensor> {
        transposed(self, w, bias, options)
    }

    /// 1-D convolution (cross-correlation): `x: [N, C, L]` or `[C, L]`, `w: [O, C / groups, K]`,
    /// `bias: [O]`. PyTorch: `nn.functional.conv1d`. See [`Tensor::conv2d`].
    ///
    /// # Errors
    /// As [`Tensor::conv2d`].
    pub fn conv1d(
        &self,
        w: &Tensor,
        bias: Option<&Tensor>,
        options: &ConvOptions<1>,
    ) -> Result<Tensor> {
        convolved(self, w, bias, options)
    }

    /// 2-D convolution (cross-correlation): `x: [N, C, H, W]` or `[C, H, W]`,
    /// `w: [O, C / groups, KH, KW]`, `bias: [O]`; the result is `[N, O, OH, OW]` with
    /// `OH = (H + zeros - dilation·(KH - 1) - 1) / stride + 1`, rounded down. PyTorch:
    /// `nn.functional.conv2d`.
    ///
    /// *Gradient*: by x a transposed convolution of g with w, by w a correlation of x with g, by
    /// the bias the sum of g over batch and positions; all differentiable to any order.
    /// *Cost*: 2·N·O·OH·OW·(C / groups)·KH·KW flop.
    ///
    /// ```
    /// use gradus_autodiff::{ConvOptions, Tensor};
    /// let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0], [1, 1, 2, 2])?;
    /// let w = Tensor::from_vec(vec![1.0f32, -1.0], [1, 1, 1, 2])?;
    /// let b = Tensor::from_vec(vec![0.5f32], [1])?;
    /// let y = x.conv2d(&w, Some(&b), &ConvOptions::default())?;
    /// assert_eq!(y.to_vec::<f32>()?, [-0.5, -0.5]);
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Shape` naming x and w when ranks, channels or groups do not fit or the kernel is
    /// larger than the padded input; `Kind::Argument` for a stride, dilation or number of groups
    /// of 0; `Kind::DType` unless all are of one float type.
    pub fn conv2d(
        &self,
        w: &Tensor,
        bias: Option<&Tensor>,
        options: &ConvOptions<2>,
    ) -> Result<Tensor> {
        convolved(self, w, bias, options)
    }

    /// 3-D convolution (cross-correlation): `x: [N, C, D, H, W]` or `[C, D, H, W]`,
    /// `w: [O, C / groups, KD, KH, KW]`, `bias: [O]`. PyTorch: `nn.functional.conv3d`. See
    /// [`Tensor::conv2d`].
    ///
    /// # Errors
    /// As [`Tensor::conv2d`].
    pub fn conv3d(
        &self,
        w: &Tensor,
        bias: Option<&Tensor>,
        options: &ConvOptions<3>,
    ) -> Result<Tensor> {
        convolved(self, w, bias, options)
    }

    /// 1-D transposed convolution: `x: [N, C, L]` or `[C, L]`, `w: [C, O / groups, K]`,
    /// `bias: [O]`. PyTorch: `nn.functional.conv_transpose1d`. See [`Tensor::conv_transpose2d`].
    ///
    /// # Errors
    /// As [`Tensor::conv_transpose2d`].
    pub fn conv_transpose1d(
        &self,
        w: &Tensor,
        bias: Option<&Tensor>,
        options: &ConvTransposeOptions<1>,
    ) -> Result<Tensor> {
        transposed(self, w, bias, options)
    }

    /// 2-D transposed convolution, the gradient of a convolution by its input as an op of its own:
    /// `x: [N, C, H, W]` or `[C, H, W]`, `w: [C, O / groups, KH, KW]`, `bias: [O]`; the result is
    /// `[N, O, OH, OW]` with
    /// `OH = (H - 1)·stride - 2·padding + dilation·(KH - 1) + output_padding + 1`.
    /// PyTorch: `nn.functional.conv_transpose2d`.
    ///
    /// *Gradient*: by x the convolution of g with w.
    ///
    /// ```
    /// use gradus_autodiff::{ConvTransposeOptions, Tensor};
    /// let x = Tensor::from_vec(vec![1.0f32, 2.0], [1, 1, 1, 2])?;
    /// let w = Tensor::from_vec(vec![1.0f32, 10.0], [1, 1, 1, 2])?;
    /// let y = x.conv_transpose2d(&w, None, &ConvTransposeOptions::default().stride(2))?;
    /// assert_eq!(y.to_vec::<f32>()?, [1.0, 10.0, 2.0, 20.0]);
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tensor::conv2d`], and `Kind::Argument` for an output padding that is not smaller than
    /// the stride or the dilation.
    pub fn conv_transpose2d(
        &self,
        w: &Tensor,
        bias: Option<&Tensor>,
        options: &ConvTransposeOptions<2>,
    ) -> Result<Tensor> {
        transposed(self, w, bias, options)
    }

    /// 3-D transposed convolution: `x: [N, C, D, H, W]` or `[C, D, H, W]`,
    /// `w: [C, O / groups, KD, KH, KW]`, `bias: [O]`. PyTorch: `nn.functional.conv_transpose3d`.
    /// See [`Tensor::conv_transpose2d`].
    ///
    /// # Errors
    /// As [`Tensor::conv_transpose2d`].
    pub fn conv_transpose3d(
        &self,
        w: &Tensor,
        bias: Option<&Tensor>,
        options: &ConvTransposeOptions<3>,
    ) -> Result<Tensor> {
        transposed(self, w, bias, options)
    }

    /// The windows of `x: [N, C, H, W]` as columns: `[N, C·KH·KW, L]`, one column a position.
    /// PyTorch: `nn.functional.unfold`. *Gradient*: [`Tensor::fold`].
    ///
    /// Computed as a convolution with one filter for each element of the kernel.
    ///
    /// ```
    /// use gradus_autodiff::{ConvOptions, Tensor};
    /// let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0], [1, 1, 1, 3])?;
    /// let y = x.unfold([1, 2], &ConvOptions::default())?;
    /// assert_eq!(y.to_vec::<f32>()?, [1.0, 2.0, 2.0, 3.0]);
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tensor::conv2d`].
    pub fn unfold(
        &self,
        kernel_size: impl Into<Sizes<2>>,
        options: &ConvOptions<2>,
    ) -> Result<Tensor> {
        let kernel = kernel_size.into();
        let shape = self.shape();
        if shape.rank() != 4 {
            let problem = Problem::Rank { name: "x", got: shape.rank(), expected: "4" };
            return Err(Error::shape("unfold", problem, &[("x", &shape)]));
        }
        let w = self.one_hot_kernels(shape[1], kernel)?;
        self.conv2d(&w, None, &options.groups(shape[1]))?.flatten(2, -1)
    }

    /// Adds columns `[N, C·KH·KW, L]` up in their windows: the adjoint of [`Tensor::unfold`], to
    /// `[N, C, H, W]` with `output_size` H and W. PyTorch: `nn.functional.fold`.
    ///
    /// # Errors
    /// `Kind::Shape` when the columns do not fit the kernel and the output; else as
    /// [`Tensor::conv2d`].
    pub fn fold(
        &self,
        output_size: impl Into<Sizes<2>>,
        kernel_size: impl Into<Sizes<2>>,
        options: &ConvOptions<2>,
    ) -> Result<Tensor> {
        let (kernel, [height, width]) = (kernel_size.into(), output_size.into().0);
        let shape = self.shape();
        let fail = |problem| Err(Error::shape("fold", problem, &[("x", &shape)]));
        if shape.rank() != 3 {
            return fail(Problem::Rank { name: "x", got: shape.rank(), expected: "3" });
        }
        let taps = kernel.0[0] * kernel.0[1];
        if taps == 0 || !shape[1].is_multiple_of(taps) {
            let rule = "the columns must hold whole kernels";
            return fail(Problem::Rule { rule });
        }
        let channels = shape[1] / taps;
        let w = self.one_hot_kernels(channels, kernel)?;
        let image = Shape::new(&[shape[0], channels, height, width]);
        let padding = options.zeros(&[height, width], &kernel.0);
        let spec = ConvSpec {
            stride: &options.stride.0,
            padding: &padding,
            dilation: &options.dilation.0,
            groups: channels,
        };
        let geometry = ConvGeometry::new("fold", &image, &w.shape(), &spec)?;
        let y = geometry.y_shape();
        if shape[2] != y[2] * y[3] {
            let rule = "the number of columns must be the number of windows";
            return fail(Problem::Rule { rule });
        }
        Conv(geometry).data(&self.reshape_to(&y)?, &w)
    }

    /// For every channel one filter for each element of the kernel, that picks it.
    fn one_hot_kernels(&self, channels: usize, kernel: Sizes<2>) -> Result<Tensor> {
        let [height, width] = kernel.0;
        let taps = height * width;
        let hot: Vec<f32> =
            (0..channels * taps * taps).map(|i| f32::from(i / taps % taps == i % taps)).collect();
        Tensor::from_vec(hot, [channels * taps, 1, height, width])?
            .to_dtype(self.dtype())?
            .to(&self.device())
    }
}

fn convolved<const D: usize>(
    x: &Tensor,
    w: &Tensor,
    bias: Option<&Tensor>,
    options: &ConvOptions<D>,
) -> Result<Tensor> {
    let op = CONV.get(D.wrapping_sub(1)).copied().unwrap_or("conv");
    batched(x, D, |x| {
        let (sx, sw) = (x.shape(), w.shape());
        let ranked = sx.rank() == D + 2 && sw.rank() == D + 2;
        let padding = match ranked {
            true => options.zeros(&sx[2..], &sw[2..]),
            false => [(0, 0); D],
        };
        let spec = ConvSpec {
            stride: &options.stride.0,
            padding: &padding,
            dilation: &options.dilation.0,
            groups: options.groups,
        };
        let geometry = ConvGeometry::new(op, &sx, &sw, &spec)?;
        biased(op, Conv(geometry).forward(x, w)?, bias, &sx, &sw)
    })
}

fn transposed<const D: usize>(
    x: &Tensor,
    w: &Tensor,
    bias: Option<&Tensor>,
    options: &ConvTransposeOptions<D>,
) -> Result<Tensor> {
    let op = CONV_TRANSPOSE.get(D.wrapping_sub(1)).copied().unwrap_or("conv_transpose");
    batched(x, D, |x| {
        let (sx, sw) = (x.shape(), w.shape());
        let spec = ConvSpec {
            stride: &options.stride.0,
            padding: &options.padding.0.map(|both| (both, both)),
            dilation: &options.dilation.0,
            groups: options.groups,
        };
        let extra = &options.output_padding.0;
        let geometry = ConvGeometry::transposed(op, &sx, &sw, &spec, extra)?;
        biased(op, Conv(geometry).data(x, w)?, bias, &sx, &sw)
    })
}

/// Runs `f` on a batch; an input without one becomes a batch of one and back.
fn batched(x: &Tensor, dims: usize, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    if x.rank() == dims + 1 { f(&x.unsqueeze(0)?)?.squeeze(0) } else { f(x) }
}

/// Adds a bias to the channels.
fn biased(
    op: &'static str,
    y: Tensor,
    bias: Option<&Tensor>,
    x: &Shape,
    w: &Shape,
) -> Result<Tensor> {
    let Some(bias) = bias else { return Ok(y) };
    let shape = y.shape();
    if bias.shape() != [shape[1]] {
        let rule = "bias must have one element an output channel";
        let operands = [("x", x), ("w", w), ("bias", &bias.shape())];
        return Err(Error::shape(op, Problem::Rule { rule }, &operands));
    }
    let mut wide = vec![1i64; shape.rank()];
    wide[1] = -1;
    y.add(&bias.reshape(&wide)?)
}
