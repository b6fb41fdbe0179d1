//! Windows of images as columns, and columns added up in their windows.

use gradus_kernels::{ConvGeometry, ConvSpec};
use gradus_tensor::{Error, Problem, Result, Shape};

use crate::conv_options::ConvOptions;
use crate::sizes::Sizes;
use crate::tensor::Tensor;

impl Tensor {
    /// The windows of `x: [N, C, H, W]` as columns: `[N, C·KH·KW, L]`, one column a position.
    /// PyTorch: `nn.functional.unfold`. *Gradient*: [`Tensor::fold`].
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
    /// `Kind::Shape` unless x is a batch of images that are at least as large as the kernel;
    /// `Kind::Argument` for a stride or dilation of 0.
    pub fn unfold(
        &self,
        kernel_size: impl Into<Sizes<2>>,
        options: &ConvOptions<2>,
    ) -> Result<Tensor> {
        let shape = self.shape();
        if shape.rank() != 4 {
            let problem = Problem::Rank { name: "x", got: shape.rank(), expected: "4" };
            return Err(Error::shape("unfold", problem, &[("x", &shape)]));
        }
        let windows = Windows::new("unfold", &shape, kernel_size.into().0, options)?;
        let index = windows.index(self)?;
        let planes = self.pad(&windows.zeros, 0.0)?.flatten(2, -1)?;
        let rows = shape[1] * windows.taps;
        planes.index_select(2, &index)?.reshape_to(&[shape[0], rows, windows.count].into())
    }

    /// Adds columns `[N, C·KH·KW, L]` up in their windows: the adjoint of [`Tensor::unfold`], to
    /// `[N, C, H, W]` with `output_size` H and W. PyTorch: `nn.functional.fold`. *Gradient*:
    /// [`Tensor::unfold`].
    ///
    /// ```
    /// use gradus_autodiff::{ConvOptions, Tensor};
    /// let x = Tensor::from_vec(vec![1.0f32, 2.0, 2.0, 3.0], [1, 2, 2])?;
    /// let y = x.fold([1, 3], [1, 2], &ConvOptions::default())?;
    /// assert_eq!(y.to_vec::<f32>()?, [1.0, 4.0, 3.0]);
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Shape` when the columns do not fit the kernel and the output; else as
    /// [`Tensor::unfold`].
    pub fn fold(
        &self,
        output_size: impl Into<Sizes<2>>,
        kernel_size: impl Into<Sizes<2>>,
        options: &ConvOptions<2>,
    ) -> Result<Tensor> {
        let (kernel, [height, width]) = (kernel_size.into().0, output_size.into().0);
        let shape = self.shape();
        let fail = |problem| Err(Error::shape("fold", problem, &[("x", &shape)]));
        if shape.rank() != 3 {
            return fail(Problem::Rank { name: "x", got: shape.rank(), expected: "3" });
        }
        let taps = kernel[0] * kernel[1];
        if taps == 0 || !shape[1].is_multiple_of(taps) {
            return fail(Problem::Rule { rule: "the columns must hold whole kernels" });
        }
        let image = Shape::new(&[shape[0], shape[1] / taps, height, width]);
        let windows = Windows::new("fold", &image, kernel, options)?;
        if shape[2] != windows.count {
            let rule = "the number of columns must be the number of windows";
            return fail(Problem::Rule { rule });
        }
        let index = windows.index(self)?;
        let flat = self.reshape_to(&[image[0], image[1], taps * windows.count].into())?;
        let [rows, columns] = windows.padded;
        let planes = flat.index_sum(2, &index, rows * columns)?;
        let cut: Vec<i64> = windows.zeros.iter().map(|zeros| -zeros).collect();
        planes.reshape_to(&[image[0], image[1], rows, columns].into())?.pad(&cut, 0.0)
    }
}

/// Where the elements of all windows lie in a padded plane.
struct Windows {
    /// Around an image, as [`Tensor::pad`] takes them.
    zeros: [i64; 4],
    padded: [usize; 2],
    /// Elements of a window.
    taps: usize,
    /// Windows of an image.
    count: usize,
    /// Positions in a padded plane: of each tap, those of all windows.
    places: Vec<i32>,
}

impl Windows {
    fn new(
        op: &'static str,
        image: &Shape,
        kernel: [usize; 2],
        options: &ConvOptions<2>,
    ) -> Result<Windows> {
        let zeros = options.zeros(&image[2..], &kernel);
        let (stride, dilation) = (options.stride.0, options.dilation.0);
        let spec = ConvSpec { stride: &stride, padding: &zeros, dilation: &dilation, groups: 1 };
        let filter = Shape::new(&[1, image[1], kernel[0], kernel[1]]);
        let y = ConvGeometry::new(op, image, &filter, &spec)?.y_shape();
        let [top, left] = zeros;
        let padded = [image[2] + top.0 + top.1, image[3] + left.0 + left.1];
        if i32::try_from(padded[0] * padded[1]).is_err() {
            let rule = "a padded plane must have less than 2^31 elements";
            return Err(Error::shape(op, Problem::Rule { rule }, &[("x", image)]));
        }
        let (taps, count) = (kernel[0] * kernel[1], y[2] * y[3]);
        let mut places = Vec::with_capacity(taps * count);
        for tap in 0..taps {
            let first = [tap / kernel[1] * dilation[0], tap % kernel[1] * dilation[1]];
            for row in 0..y[2] {
                let start = (first[0] + row * stride[0]) * padded[1] + first[1];
                places.extend((0..y[3]).map(|column| (start + column * stride[1]) as i32));
            }
        }
        let zeros = [left.0, left.1, top.0, top.1].map(|zeros| zeros as i64);
        Ok(Windows { zeros, padded, taps, count, places })
    }

    /// The places as a tensor beside `x`.
    fn index(&self, x: &Tensor) -> Result<Tensor> {
        Tensor::from_vec(self.places.clone(), [self.places.len()])?.to(&x.device())
    }
}
