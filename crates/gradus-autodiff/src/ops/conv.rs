//! Convolutions. Forward, gradient by the input and gradient by the weight are three bilinear
//! maps of one geometry; each one's gradients are the other two.

use gradus_kernels::{ConvGeometry, ConvSpec};
use gradus_tensor::{Error, Problem, Result, Shape};
use smallvec::SmallVec;

use crate::conv_options::{ConvOptions, ConvTransposeOptions};
use crate::flops;
use crate::graph::{Grads, Keep, record_fn};
use crate::tensor::Tensor;

/// The three maps of a geometry, each with the rule that makes it differentiable to any order.
#[derive(Clone, Copy)]
struct Conv(ConvGeometry);

impl Conv {
    fn forward(self, x: &Tensor, w: &Tensor) -> Result<Tensor> {
        let value = gradus_kernels::conv(&x.value(), &w.value(), &self.0)?;
        self.record(value, [x, w], Conv::data, Conv::filter)
    }

    fn data(self, y: &Tensor, w: &Tensor) -> Result<Tensor> {
        let value = gradus_kernels::conv_data(&y.value(), &w.value(), &self.0)?;
        self.record(value, [y, w], Conv::forward, |conv, y, g| conv.filter(g, y))
    }

    fn filter(self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let value = gradus_kernels::conv_filter(&x.value(), &y.value(), &self.0)?;
        self.record(value, [x, y], |conv, g, y| conv.data(y, g), Conv::forward)
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
        // All three maps multiply the same pairs: an element of y with a window of a group.
        flops::note(&self.0.y_shape(), self.0.w_shape()[1..].iter().product());
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
