//! Convolutions of any geometry and their gradients against a walk by the definition, and the
//! adjoint identity. Operands are whole numbers, so every order of a sum is exact.

use gradus_autodiff::{ConvOptions, Device, Padding, Sizes, Tensor, backward};
use proptest::prelude::*;

use crate::support::{Naive, cases, devices, values};

/// A convolution over three spatial dimensions; fewer have size 1.
#[derive(Clone, Debug)]
struct Geometry {
    batch: usize,
    groups: usize,
    channels: usize,
    filters: usize,
    x: [usize; 3],
    kernel: [usize; 3],
    stride: [usize; 3],
    dilation: [usize; 3],
    padding: [(usize, usize); 3],
}

impl Geometry {
    /// Sizes of the result; none where the kernel does not fit.
    fn y(&self) -> Option<[usize; 3]> {
        let mut y = [0; 3];
        for (d, y) in y.iter_mut().enumerate() {
            let padded = self.x[d] + self.padding[d].0 + self.padding[d].1;
            let window = (self.kernel[d] - 1) * self.dilation[d] + 1;
            *y = padded.checked_sub(window)? / self.stride[d] + 1;
        }
        Some(y)
    }

    /// Calls `f` with the flat positions in x, w and y of every product of the definition.
    fn walk(&self, y: [usize; 3], mut f: impl FnMut(usize, usize, usize)) {
        let sizes = [self.batch, self.groups, self.filters, self.channels]
            .into_iter()
            .chain(y)
            .chain(self.kernel);
        let flat = |at: [usize; 3], n: [usize; 3]| (at[0] * n[1] + at[1]) * n[2] + at[2];
        let count = |n: [usize; 3]| n.iter().product::<usize>();
        let _ = Naive::build(&sizes.collect::<Vec<_>>(), |i| {
            let (p, k) = ([i[4], i[5], i[6]], [i[7], i[8], i[9]]);
            let mut at = [0; 3];
            for d in 0..3 {
                let place = p[d] * self.stride[d] + k[d] * self.dilation[d];
                match place.checked_sub(self.padding[d].0) {
                    Some(inside) if inside < self.x[d] => at[d] = inside,
                    _ => return 0.0,
                }
            }
            let o = i[1] * self.filters + i[2];
            let x = (i[0] * self.groups + i[1]) * self.channels + i[3];
            let y_plane = i[0] * self.groups * self.filters + o;
            f(
                x * count(self.x) + flat(at, self.x),
                (o * self.channels + i[3]) * count(self.kernel) + flat(k, self.kernel),
                y_plane * count(y) + flat(p, y),
            );
            0.0
        });
    }

    fn shapes(&self, y: [usize; 3]) -> [Vec<usize>; 3] {
        let shape = |a: usize, b: usize, rest: [usize; 3]| [&[a, b], &rest[..]].concat();
        [
            shape(self.batch, self.groups * self.channels, self.x),
            shape(self.groups * self.filters, self.channels, self.kernel),
            shape(self.batch, self.groups * self.filters, y),
        ]
    }

    fn options(&self) -> ConvOptions<3> {
        ConvOptions {
            stride: Sizes(self.stride),
            padding: Padding::Explicit(self.padding),
            dilation: Sizes(self.dilation),
            groups: self.groups,
        }
    }
}

/// Result and both gradients for the result's gradient `g`.
fn run(geometry: &Geometry, device: &Device, [x, w, g]: [&Naive; 3]) -> [Tensor; 3] {
    let x = x.tensor(device).requires_grad_(true);
    let w = w.tensor(device).requires_grad_(true);
    let y = x.conv3d(&w, None, &geometry.options()).expect("the kernel fits");
    backward(std::slice::from_ref(&y), Some(&[g.tensor(device)])).expect("differentiable");
    [y, x.grad().expect("a leaf"), w.grad().expect("a leaf")]
}

fn operands(geometry: &Geometry, y: [usize; 3], seed: u64) -> [Naive; 3] {
    let mut seed = seed;
    geometry.shapes(y).map(|shape| {
        seed += 1;
        Naive::whole(&shape, seed)
    })
}

fn geometries() -> impl Strategy<Value = Geometry> {
    let channels = (0..3usize, 1..4usize, 1..5usize, 1..5usize);
    let dims = || (1..9usize, 1..4usize, 1..4usize, 1..3usize, (0..3usize, 0..3usize));
    (channels, 1..4usize, [dims(), dims(), dims()]).prop_map(|(c, rank, dims)| {
        let (batch, groups, channels, filters) = c;
        let mut geometry = Geometry {
            batch,
            groups,
            channels,
            filters,
            x: [1; 3],
            kernel: [1; 3],
            stride: [1; 3],
            dilation: [1; 3],
            padding: [(0, 0); 3],
        };
        for (d, dim) in dims.iter().enumerate().skip(3 - rank) {
            let &(x, kernel, stride, dilation, padding) = dim;
            geometry.x[d] = x;
            geometry.kernel[d] = kernel;
            geometry.stride[d] = stride;
            geometry.dilation[d] = dilation;
            geometry.padding[d] = padding;
        }
        geometry
    })
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn any_geometry_is_a_walk(
        geometry in geometries(),
        seed in any::<u32>(),
    ) {
        let Some(size) = geometry.y() else {
            // The kernel does not fit: an error on every device, and no panic.
            let [x, w, _] = geometry.shapes([1; 3]);
            let cpu = Device::cpu();
            let (x, w) = (Tensor::zeros(x.as_slice(), &cpu), Tensor::zeros(w.as_slice(), &cpu));
            prop_assert!(x.conv3d(&w, None, &geometry.options()).is_err());
            return Ok(());
        };
        let [x, w, g] = operands(&geometry, size, u64::from(seed));
        let mut expected = [g.data.clone(), x.data.clone(), w.data.clone()];
        expected.iter_mut().for_each(|data| data.fill(0.0));
        geometry.walk(size, |i, j, k| {
            expected[0][k] += x.data[i] * w.data[j];
            expected[1][i] += g.data[k] * w.data[j];
            expected[2][j] += g.data[k] * x.data[i];
        });
        for device in devices() {
            let got = run(&geometry, &device, [&x, &w, &g]);
            for (got, (expected, what)) in got.iter().zip(expected.iter().zip(["y", "dx", "dw"])) {
                prop_assert_eq!(&values(got), expected, "{} on {}", what, &device);
            }
        }
    }
}

/// Batch, groups, channels and filters of a group, height and width, kernel.
type Layout = (usize, usize, [usize; 2], [usize; 2], usize);

/// Geometries with several tiles, threads, splits and kinds of kernels.
const LARGE: &[Layout] = &[
    (2, 1, [16, 24], [40, 37], 3),
    (9, 1, [1, 32], [28, 28], 3),
    (1, 1, [64, 48], [31, 16], 3),
    (3, 2, [5, 9], [23, 50], 5),
    (2, 48, [1, 1], [19, 33], 3),
    (2, 16, [1, 2], [21, 20], 2),
    (4, 1, [32, 64], [13, 13], 1),
    (1, 1, [3, 8], [97, 101], 7),
];

#[test]
fn the_gradients_are_adjoint() {
    let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for &(batch, groups, [channels, filters], [height, width], size) in LARGE {
        for stride in [1, 2] {
            let geometry = Geometry {
                batch,
                groups,
                channels,
                filters,
                x: [1, height, width],
                kernel: [1, size, size],
                stride: [1, stride, stride],
                dilation: [1; 3],
                padding: [(0, 0), (size / 2, size / 2), (size / 2, 0)],
            };
            let y = geometry.y().expect("the kernel fits");
            let [x, w, g] = operands(&geometry, y, 7);
            for device in devices() {
                let [y, dx, dw] = run(&geometry, &device, [&x, &w, &g]).map(|t| values(&t));
                let all = inner(&y, &g.data);
                assert_eq!(inner(&x.data, &dx), all, "by x of {geometry:?} on {device}");
                assert_eq!(inner(&w.data, &dw), all, "by w of {geometry:?} on {device}");
            }
        }
    }
}
