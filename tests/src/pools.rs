//! Pooling and resampling: random geometry against walks by definition, adjoints, PyTorch's values,
//! and what wrong geometry says.

use gradus_autodiff::{
    AvgPoolOptions, DType, Device, Interpolate, MaxPoolOptions, PerDim, Result, Sizes, Tensor,
    grad, gradcheck,
};
use gradus_kernels::{Bands, Divisor, Filter, Sampling, Sliding, Value, resample};
use gradus_tensor::Shape;
use gradus_tensor::rng::Generator;
use proptest::prelude::*;

use crate::gradients::{TOLERANCE, assert_slopes};
use crate::support::{Naive, assert_close, cases, devices, message, randn, values};

/// Windows over one dimension of some size.
#[derive(Clone, Copy, Debug)]
struct Axis {
    size: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
}

impl Axis {
    /// How many windows there are: PyTorch's rule written with signs. `None` for less than one.
    fn count(self, ceil_mode: bool) -> Option<usize> {
        let room =
            (self.size + 2 * self.padding) as f64 - (self.dilation * (self.kernel - 1) + 1) as f64;
        let steps = room / self.stride as f64;
        let mut count = 1 + if ceil_mode { steps.ceil() } else { steps.floor() } as i64;
        if ceil_mode && (count - 1) * self.stride as i64 >= (self.size + self.padding) as i64 {
            count -= 1;
        }
        usize::try_from(count).ok().filter(|&count| count > 0)
    }

    /// The positions of window `i`, those in the padding too.
    fn positions(self, i: usize) -> impl Iterator<Item = i64> {
        let start = (i * self.stride) as i64 - self.padding as i64;
        (0..self.kernel as i64).map(move |k| start + k * self.dilation as i64)
    }

    /// The elements of window `i`.
    fn elements(self, i: usize) -> Vec<usize> {
        let inside = |&at: &i64| at >= 0 && at < self.size as i64;
        self.positions(i).filter(inside).map(|at| at as usize).collect()
    }
}

fn axis(dilations: usize) -> impl Strategy<Value = Axis> {
    (1..12usize, 1..5usize, 1..5usize, 0..3usize, 1..=dilations).prop_map(
        |(size, kernel, stride, padding, dilation)| {
            let padding = padding.min(kernel / 2);
            Axis { size, kernel, stride, padding, dilation }
        },
    )
}

/// A batch (or none), channels, and the windows of one to three dimensions.
#[derive(Clone, Debug)]
struct Geometry {
    lead: Vec<usize>,
    axes: Vec<Axis>,
    ceil_mode: bool,
}

fn geometry(dilations: usize) -> impl Strategy<Value = Geometry> {
    let lead = prop_oneof![
        (1..4usize).prop_map(|c| vec![c]),
        (0..3usize, 1..4usize).prop_map(|(n, c)| vec![n, c]),
    ];
    (lead, prop::collection::vec(axis(dilations), 1..=3), any::<bool>())
        .prop_map(|(lead, axes, ceil_mode)| Geometry { lead, axes, ceil_mode })
}

impl Geometry {
    fn shape(&self) -> Vec<usize> {
        self.lead.iter().copied().chain(self.axes.iter().map(|axis| axis.size)).collect()
    }

    /// The shape of the results, and the elements of the window at an index of it, by dimension;
    /// `None` when a dimension has no window.
    fn pooled(&self) -> Option<Vec<usize>> {
        let mut shape = self.lead.clone();
        for axis in &self.axes {
            shape.push(axis.count(self.ceil_mode)?);
        }
        Some(shape)
    }

    /// Every element of a window, as an index of x, in order.
    fn window(&self, index: &[usize]) -> Vec<Vec<usize>> {
        let lead = self.lead.len();
        let mut all = vec![index[..lead].to_vec()];
        for (axis, &i) in self.axes.iter().zip(&index[lead..]) {
            let elements = axis.elements(i);
            all = all
                .iter()
                .flat_map(|at| elements.iter().map(|&e| [at.as_slice(), &[e]].concat()))
                .collect();
        }
        all
    }

    /// Where an index of x lies in its plane.
    fn position(&self, index: &[usize]) -> usize {
        let inner = &index[self.lead.len()..];
        inner.iter().zip(&self.axes).fold(0, |flat, (&i, axis)| flat * axis.size + i)
    }

    fn sizes<const D: usize>(&self, f: impl Fn(&Axis) -> usize) -> Sizes<D> {
        Sizes(std::array::from_fn(|d| f(&self.axes[d])))
    }

    fn max_options<const D: usize>(&self) -> MaxPoolOptions<D> {
        MaxPoolOptions {
            kernel_size: self.sizes(|axis| axis.kernel),
            stride: Some(self.sizes(|axis| axis.stride)),
            padding: self.sizes(|axis| axis.padding),
            dilation: self.sizes(|axis| axis.dilation),
            ceil_mode: self.ceil_mode,
        }
    }

    fn max_pool(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        match self.axes.len() {
            1 => x.max_pool1d_with_indices(self.max_options()),
            2 => x.max_pool2d_with_indices(self.max_options()),
            _ => x.max_pool3d_with_indices(self.max_options()),
        }
    }

    fn avg_options<const D: usize>(&self, include: bool, by: Option<usize>) -> AvgPoolOptions<D> {
        AvgPoolOptions {
            kernel_size: self.sizes(|axis| axis.kernel),
            stride: Some(self.sizes(|axis| axis.stride)),
            padding: self.sizes(|axis| axis.padding),
            ceil_mode: self.ceil_mode,
            count_include_pad: include,
            divisor_override: by,
        }
    }

    fn avg_pool(&self, x: &Tensor, include: bool, by: Option<usize>) -> Result<Tensor> {
        match self.axes.len() {
            1 => x.avg_pool1d(self.avg_options::<1>(include, by)),
            2 => x.avg_pool2d(self.avg_options::<2>(include, by)),
            _ => x.avg_pool3d(self.avg_options::<3>(include, by)),
        }
    }
}

/// Elements whose sums are exact, so that the order of addition does not show.
fn leaf(x: &Naive, device: &Device) -> Tensor {
    x.tensor(device).requires_grad_(true)
}

/// The gradient of `Σ weights · y` by x.
fn slope(x: &Tensor, y: &Tensor, weights: &Naive) -> Vec<f64> {
    let loss = y.mul(weights.tensor(&y.device())).and_then(|y| y.sum_all());
    loss.and_then(|loss| loss.backward()).expect("differentiable");
    values(&x.grad().expect("a leaf has a gradient"))
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn maxima_and_their_gradients_are_those_of_the_definition(
        g in geometry(3),
        seed in 0..1000u64,
    ) {
        let x = Naive::whole(&g.shape(), seed);
        let empty_window = |shape: &[usize]| {
            let counts = &shape[g.lead.len()..];
            let mut axes = g.axes.iter().zip(counts);
            axes.any(|(axis, &count)| (0..count).any(|i| axis.elements(i).is_empty()))
        };
        let Some(shape) = g.pooled().filter(|shape| !empty_window(shape)) else {
            for device in devices() {
                let text = message(g.max_pool(&x.tensor(&device)));
                prop_assert!(text.contains("windows") || text.contains("window would"), "{}", text);
            }
            return Ok(());
        };
        let mut positions = Vec::new();
        let mut gradient = Naive { shape: x.shape.clone(), data: vec![0.0; x.data.len()] };
        let weights = Naive::whole(&shape, seed + 1);
        let expected = Naive::build(&shape, |index| {
            let window = g.window(index);
            let best = window.iter().map(|at| x.at(at)).fold(f64::NEG_INFINITY, f64::max);
            let first = window.iter().find(|at| x.at(at) == best).expect("it is one of them");
            positions.push(g.position(first) as f64);
            let flat = first.iter().zip(&x.shape).fold(0, |flat, (&i, &size)| flat * size + i);
            gradient.data[flat] += weights.at(index);
            best
        });
        for device in devices() {
            let leaf = leaf(&x, &device);
            let (y, at) = g.max_pool(&leaf).expect("valid geometry");
            prop_assert_eq!(y.shape(), Shape::from(shape.as_slice()));
            prop_assert_eq!((at.dtype(), at.shape()), (DType::I32, y.shape()));
            prop_assert_eq!(values(&y), expected.data.clone());
            prop_assert_eq!(values(&at), positions.clone());
            prop_assert_eq!(slope(&leaf, &y, &weights), gradient.data.clone());
        }
    }

    #[test]
    fn averages_and_their_gradients_are_those_of_the_definition(
        g in geometry(1),
        include in any::<bool>(),
        by in prop::option::of(1..6usize),
        seed in 0..1000u64,
    ) {
        let x = Naive::whole(&g.shape(), seed);
        let Some(shape) = g.pooled() else {
            for device in devices() {
                let text = message(g.avg_pool(&x.tensor(&device), include, by));
                prop_assert!(text.contains("windows are larger"), "{}", text);
            }
            return Ok(());
        };
        let mut gradient = Naive { shape: x.shape.clone(), data: vec![0.0; x.data.len()] };
        let weights = Naive::whole(&shape, seed + 1);
        let expected = Naive::build(&shape, |index| {
            let window = g.window(index);
            // Positions behind the padding, which `ceil_mode` reaches, never count.
            let padded: usize = g.axes.iter().zip(&index[g.lead.len()..]).map(|(axis, &i)| {
                let end = (axis.size + axis.padding) as i64;
                axis.positions(i).filter(|&at| at < end).count()
            }).product();
            let divisor = by.unwrap_or(if include { padded } else { window.len() }) as f64;
            for at in &window {
                let flat = at.iter().zip(&x.shape).fold(0, |flat, (&i, &size)| flat * size + i);
                gradient.data[flat] += weights.at(index) / divisor;
            }
            window.iter().map(|at| x.at(at)).sum::<f64>() / divisor
        });
        for device in devices() {
            let leaf = leaf(&x, &device);
            let y = g.avg_pool(&leaf, include, by).expect("valid geometry");
            prop_assert_eq!(y.shape(), Shape::from(shape.as_slice()));
            assert_close("average", &values(&y), &expected.data, 1e-5, 1e-5);
            let slope = slope(&leaf, &y, &weights);
            assert_close("gradient", &slope, &gradient.data, 1e-5, 1e-5);
        }
    }

    #[test]
    fn adaptive_windows_divide_a_plane(
        lead in prop::collection::vec(1..3usize, 1..=2),
        sizes in (1..10usize, 1..10usize),
        output in (1..12usize, 1..12usize),
        seed in 0..1000u64,
    ) {
        let x = Naive::whole(&[lead.as_slice(), &[sizes.0, sizes.1]].concat(), seed);
        let shape = [lead.as_slice(), &[output.0, output.1]].concat();
        let span = |i: usize, n: usize, m: usize| {
            let bound = |i: usize| i as f64 * n as f64 / m as f64;
            let (start, end) = (bound(i), bound(i + 1));
            // Exact enough for numbers of two digits.
            (start + 1e-9).floor() as usize..(end - 1e-9).ceil() as usize
        };
        let walk = |index: &[usize]| -> Vec<(usize, f64)> {
            let k = index.len() - 2;
            let mut all = Vec::new();
            for i in span(index[k], sizes.0, output.0) {
                for j in span(index[k + 1], sizes.1, output.1) {
                    let at = [&index[..k], &[i, j]].concat();
                    all.push((i * sizes.1 + j, x.at(&at)));
                }
            }
            all
        };
        let mean = Naive::build(&shape, |index| {
            let all = walk(index);
            all.iter().map(|(_, v)| v).sum::<f64>() / all.len() as f64
        });
        let top = |index: &[usize]| {
            let mut all = walk(index).into_iter();
            let first = all.next().expect("no window is empty");
            all.fold(first, |best, next| if next.1 > best.1 { next } else { best })
        };
        let best = Naive::build(&shape, |i| top(i).1);
        let place = Naive::build(&shape, |i| top(i).0 as f64);
        for device in devices() {
            let x = x.tensor(&device);
            let y = x.adaptive_avg_pool2d(output).expect("valid");
            assert_close("average", &values(&y), &mean.data, 1e-5, 1e-5);
            let (y, at) = x.adaptive_max_pool2d_with_indices(output).expect("valid");
            prop_assert_eq!(values(&y), best.data.clone());
            prop_assert_eq!(values(&at), place.data.clone());
        }
    }

    /// `⟨A x, y⟩ = ⟨x, Aᵀ y⟩`.
    #[test]
    fn the_transposed_table_is_the_adjoint(
        sizes in (1..4usize, 1..14usize, 1..5usize),
        output in 1..20usize,
        kind in 0..7usize,
        window in axis(1),
        (align_corners, antialias) in (any::<bool>(), any::<bool>()),
        scale_factor in prop::option::of(0.3..3.0f64),
        seed in 0..1000u64,
    ) {
        let shape = Shape::from([sizes.0, sizes.1, sizes.2]);
        let filters = [Filter::Nearest, Filter::NearestExact, Filter::Linear, Filter::Cubic];
        let bands = match kind {
            0..4 => {
                let filter = filters[kind];
                let how = Sampling { filter, align_corners, antialias, scale_factor };
                Bands::sampled("test", &shape, 1, output, how)
            }
            4 => Bands::adaptive_average("test", &shape, 1, output),
            _ => {
                let divisor = if kind == 5 { Divisor::Inside } else { Divisor::Padded };
                let window = Sliding {
                    kernel_size: window.kernel.min(sizes.1),
                    stride: window.stride,
                    padding: window.padding.min(window.kernel.min(sizes.1) / 2),
                    ceil_mode: align_corners,
                    ..Sliding::default()
                };
                Bands::average("test", &shape, 1, window, divisor)
            }
        };
        let bands = bands.expect("valid geometry");
        let mut random = Generator::new(seed);
        let mut draw = |shape: &Shape| random.normal(shape.numel());
        let to = shape.with(1, bands.output());
        let (x, y) = (draw(&shape), draw(&to));
        for device in devices() {
            let on = |data: &[f32], shape: &Shape| -> Value {
                let tensor = Tensor::from_slice(data, shape).and_then(|t| t.to(&device));
                tensor.expect("room").value()
            };
            let dot = |a: Value, b: &[f32]| -> f64 {
                values(&Tensor::from(a)).iter().zip(b).map(|(a, &b)| a * f64::from(b)).sum()
            };
            let there = dot(resample(&on(&x, &shape), 1, &bands).expect("fits"), &y);
            let back = resample(&on(&y, &to), 1, &bands.transposed()).expect("fits");
            let back = dot(back, &x);
            let size = 1.0 + (x.len() + y.len()) as f64;
            prop_assert!((there - back).abs() < 1e-5 * size, "{} {}: {:?}", there, back, bands);
        }
    }
}

enum To {
    Size(usize),
    Factor(f64),
}
use To::{Factor, Size};

/// A mode, its options, and what PyTorch 2 makes of 1, 4, 9, 16, 25 in float64.
type Case = (&'static str, To, Option<bool>, bool, &'static [f64]);
const INTERPOLATED: &[Case] = &[
    ("nearest", Size(3), None, false, &[1.0, 4.0, 16.0]),
    ("nearest", Size(7), None, false, &[1.0, 1.0, 4.0, 9.0, 9.0, 16.0, 25.0]),
    ("nearest", Factor(1.3), None, false, &[1.0, 1.0, 4.0, 9.0, 16.0, 16.0]),
    ("nearest-exact", Size(3), None, false, &[1.0, 9.0, 25.0]),
    ("nearest-exact", Size(7), None, false, &[1.0, 4.0, 4.0, 9.0, 16.0, 16.0, 25.0]),
    ("nearest-exact", Factor(1.3), None, false, &[1.0, 4.0, 4.0, 9.0, 16.0, 25.0]),
    ("area", Size(3), None, false, &[2.5, 9.666667, 20.5]),
    ("area", Size(7), None, false, &[1.0, 2.5, 6.5, 9.0, 12.5, 20.5, 25.0]),
    ("linear", Size(3), Some(false), false, &[2.0, 9.0, 22.0]),
    ("linear", Size(7), Some(false), false, &[1.0, 2.714286, 5.428571, 9.0, 14.0, 19.85714, 25.0]),
    ("linear", Size(3), Some(true), false, &[1.0, 9.0, 25.0]),
    ("linear", Size(7), Some(true), false, &[1.0, 3.0, 5.666667, 9.0, 13.66667, 19.0, 25.0]),
    ("linear", Factor(0.7), None, false, &[1.642857, 7.214286, 16.64286]),
    ("bilinear", Size(3), Some(false), false, &[2.0, 9.0, 22.0]),
    (
        "bilinear",
        Size(7),
        Some(false),
        false,
        &[1.0, 2.714286, 5.428571, 9.0, 14.0, 19.85714, 25.0],
    ),
    ("bilinear", Size(3), Some(true), false, &[1.0, 9.0, 25.0]),
    ("bilinear", Size(7), Some(true), false, &[1.0, 3.0, 5.666667, 9.0, 13.66667, 19.0, 25.0]),
    ("bilinear", Factor(0.7), None, false, &[1.642857, 7.214286, 16.64286]),
    ("bicubic", Size(3), Some(false), false, &[1.666667, 9.0, 22.55556]),
    (
        "bicubic",
        Size(7),
        Some(false),
        false,
        &[0.7638484, 2.215743, 5.341108, 9.0, 13.38776, 20.51312, 25.70845],
    ),
    ("bicubic", Size(3), Some(true), false, &[1.0, 9.0, 25.0]),
    ("bicubic", Size(7), Some(true), false, &[1.0, 2.5, 5.518519, 9.0, 13.07407, 19.61111, 25.0]),
    ("bicubic", Factor(0.7), None, false, &[1.435405, 6.705904, 16.83828]),
    ("bilinear", Size(2), Some(false), true, &[4.727273, 16.72727]),
    ("bilinear", Size(2), Some(true), true, &[9.296296, 20.22222]),
    ("bilinear", Factor(0.7), None, true, &[2.038462, 7.222222, 16.90323]),
    ("bilinear", Size(7), None, true, &[1.0, 2.714286, 5.428571, 9.0, 14.0, 19.85714, 25.0]),
    ("bicubic", Size(2), Some(false), true, &[3.848691, 17.56735]),
    ("bicubic", Size(2), Some(true), true, &[9.182242, 22.97844]),
    ("bicubic", Factor(0.7), None, true, &[1.656361, 6.804578, 17.6126]),
    (
        "bicubic",
        Size(7),
        None,
        true,
        &[0.8252427, 2.34626, 5.22449, 9.0, 13.79592, 20.42936, 25.52427],
    ),
];

#[test]
fn every_mode_of_interpolation_has_pytorchs_values() {
    let line = [1.0, 4.0, 9.0, 16.0, 25.0];
    for (mode, to, align_corners, antialias, expected) in INTERPOLATED {
        let what = format!("{mode}, align_corners {align_corners:?}, antialias {antialias}");
        // Modes of two dimensions leave the second as it is.
        let plane = matches!(*mode, "bilinear" | "bicubic");
        let (copies, shape) = if plane { (2, vec![1, 1, 5, 2]) } else { (1, vec![1, 1, 5]) };
        let data: Vec<f64> = line.iter().flat_map(|&v| vec![v; copies]).collect();
        let mut options = match to {
            Size(n) if plane => Interpolate::size((*n, 2)),
            Size(n) => Interpolate::size(*n),
            Factor(f) if plane => Interpolate::scale_factor((*f, 1.0)),
            Factor(f) => Interpolate::scale_factor(*f),
        };
        options = options.mode(mode.parse().expect("a mode")).antialias(*antialias);
        if let Some(align_corners) = align_corners {
            options = options.align_corners(*align_corners);
        }
        let expected: Vec<f64> = expected.iter().flat_map(|&v| vec![v; copies]).collect();
        let x = Tensor::from_vec(data, shape).expect("it fills");
        let y = x.interpolate(&options).expect(&what);
        assert_close(&what, &values(&y), &expected, 1e-6, 0.0);
        let narrow = x.to_dtype(DType::F32).expect("casts");
        for device in devices() {
            let y = narrow.to(&device).and_then(|x| x.interpolate(&options)).expect(&what);
            assert_close(&what, &values(&y), &expected, 2e-6, 0.0);
        }
        assert_slopes(&what, gradcheck(|x| x[0].interpolate(&options), &[x], 7), TOLERANCE);
    }
}

#[test]
fn nothing_pools_to_nothing() {
    for device in devices() {
        let x = Tensor::zeros([0, 3, 8, 8], &device).requires_grad_(true);
        for y in [
            x.max_pool2d(2),
            x.avg_pool2d(2),
            x.adaptive_avg_pool2d(4),
            x.adaptive_max_pool2d(4),
            x.interpolate(&Interpolate::size(4)),
        ] {
            let y = y.expect("a batch of none");
            assert_eq!(y.shape().dims(), [0, 3, 4, 4]);
            y.sum_all().and_then(|y| y.backward()).expect("differentiable");
        }
        assert_eq!(x.grad().expect("a gradient").shape().dims(), [0, 3, 8, 8]);
        let (y, at) = x.adaptive_max_pool2d_with_indices(1).expect("a batch of none");
        assert_eq!((y.shape().dims(), at.shape().dims()), (&[0, 3, 1, 1][..], &[0, 3, 1, 1][..]));
    }
}

#[test]
fn gradients_of_any_order() {
    // y = Σ (max x²)³ of disjoint windows: the third derivative at each maximum is 120 x³.
    for device in devices() {
        let x = Tensor::from_vec(vec![1.0f32, 2.0, -0.5, 0.25], [1, 4]).expect("it fills");
        let x = x.to(&device).expect("room").requires_grad_(true);
        let y = x.square().and_then(|x| x.max_pool1d(2)).and_then(|y| y.pow_scalar(3.0));
        let mut total = y.and_then(|y| y.sum_all()).expect("computes");
        for _ in 0..3 {
            let slopes = grad(&[total], std::slice::from_ref(&x), true).expect("differentiable");
            total = slopes[0].sum_all().expect("computes");
        }
        assert_close("third", &values(&total), &[120.0 * (8.0 - 0.125)], 1e-5, 0.0);
    }
}

#[test]
fn wrong_geometry_is_named() {
    let x = randn(&[2, 3, 8, 6], 1);
    for (got, expected) in [
        (
            message(x.max_pool2d(MaxPoolOptions::new(3).padding(2))),
            "max_pool2d: padding is 2 beside kernel_size 3, expected at most half of kernel_size",
        ),
        (
            message(x.max_pool2d((8, 7))),
            "max_pool2d: the windows are larger than x with its padding; x [2, 3, 8, 6]",
        ),
        (
            message(x.avg_pool2d(AvgPoolOptions::new(2).stride((1, 0)))),
            "avg_pool2d: stride is 0, expected at least 1 and below 2³¹",
        ),
        (
            message(x.avg_pool2d(AvgPoolOptions::new(2).divisor_override(0))),
            "avg_pool2d: divisor_override is 0, expected at least 1",
        ),
        (
            message(x.max_pool1d(2)),
            "max_pool1d: x has 4 dimensions, expected 2 or 3; x [2, 3, 8, 6]",
        ),
        (
            message(x.adaptive_avg_pool3d(2).and_then(|y| y.adaptive_avg_pool1d(1))),
            "adaptive_avg_pool1d: x has 4 dimensions, expected 2 or 3; x [2, 2, 2, 2]",
        ),
        (
            message(x.narrow(2, 0, 0).and_then(|x| x.adaptive_max_pool2d(2))),
            "adaptive_max_pool2d: has no value over zero elements; x [2, 3, 0, 6]",
        ),
        (
            message(x.to_dtype(DType::I32).and_then(|x| x.avg_pool2d(2))),
            "avg_pool2d: got int32, expected a float type; cast with `float()`",
        ),
        (
            message(x.interpolate(&Interpolate::size(PerDim::Each(vec![1, 2, 3])))),
            "interpolate: size is Each([1, 2, 3]), expected one number, or one for every spatial \
             dimension",
        ),
        (
            message(x.interpolate(&Interpolate::scale_factor(0.01))),
            "interpolate: size is 0, expected at least 1 and below 2³¹",
        ),
        (
            message(x.interpolate(&Interpolate::size(2).align_corners(true))),
            "interpolate: align_corners is given with mode nearest, expected left out, or the mode \
             linear, bilinear, trilinear or bicubic",
        ),
        (
            message(x.interpolate(&Interpolate::size(2).mode("linear".parse().expect("a mode")))),
            "interpolate: linear takes x [N, C, W]; x [2, 3, 8, 6]",
        ),
    ] {
        assert_eq!(got, expected);
    }
    let error = message("cubic".parse::<gradus_autodiff::InterpolateMode>());
    assert!(error.starts_with("interpolate: mode is cubic, expected nearest"), "{error}");
}
