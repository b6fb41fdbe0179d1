//! What the tests share: devices, random values, naive arrays, comparisons.

use gradus_autodiff::{DType, Device, Result, Tensor};
use gradus_tensor::rng::Generator;
use proptest::test_runner::{Config, RngSeed};

/// The CPU, and the GPU if there is one.
pub(crate) fn devices() -> Vec<Device> {
    std::iter::once(Device::cpu()).chain(gradus_testkit::gpu()).collect()
}

/// Property tests take the same cases in every run.
pub(crate) fn cases(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(0x6772_6164_7573),
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    }
}

/// `n` values in `lo..hi`, none nearer than a thousandth to a multiple of 0.5: there the
/// piecewise functions have their kinks and steps.
pub(crate) fn smooth_values(n: usize, (lo, hi): (f64, f64), seed: u64) -> Vec<f64> {
    let mut random = Generator::new(seed);
    let mut values = Vec::with_capacity(n);
    while values.len() < n {
        for u in random.uniform(n) {
            let x = lo + (hi - lo) * f64::from(u);
            let half = (2.0 * x).round() / 2.0;
            if (x - half).abs() > 1e-3 && values.len() < n {
                values.push(x);
            }
        }
    }
    values
}

/// Standard normal values in double precision.
pub(crate) fn normal(n: usize, seed: u64) -> Vec<f64> {
    Generator::new(seed).normal(n).into_iter().map(f64::from).collect()
}

/// A float64 tensor of standard normal values.
pub(crate) fn randn(shape: &[usize], seed: u64) -> Tensor {
    let n = shape.iter().product();
    Tensor::from_vec(normal(n, seed), shape).expect("the values fill the shape")
}

/// The elements in double precision.
pub(crate) fn values(tensor: &Tensor) -> Vec<f64> {
    let cpu = tensor.to(&Device::cpu()).expect("the CPU has room");
    let wide = cpu.to_dtype(DType::F64).expect("every type becomes float64");
    wide.to_vec().expect("float64")
}

/// Panics unless both are the same within `atol + rtol · |expected|`, NaN and infinity included.
#[track_caller]
pub(crate) fn assert_close(what: &str, got: &[f64], expected: &[f64], rtol: f64, atol: f64) {
    assert_eq!(got.len(), expected.len(), "{what}: lengths");
    for (i, (&g, &e)) in got.iter().zip(expected).enumerate() {
        let same = g == e || (g.is_nan() && e.is_nan());
        let near = (g - e).abs() <= atol + rtol * e.abs();
        assert!(same || near, "{what}: element {i} is {g:e}, expected {e:e}");
    }
}

/// What an operation that must fail reports.
#[track_caller]
pub(crate) fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.expect_err("this must fail").to_string()
}

/// An array that is indexed element by element, to check the real one against.
#[derive(Clone, Debug)]
pub(crate) struct Naive {
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Vec<f64>,
}

impl Naive {
    /// An array whose element at an index is what `f` says.
    pub(crate) fn build(shape: &[usize], mut f: impl FnMut(&[usize]) -> f64) -> Naive {
        let count = shape.iter().product();
        let mut data = Vec::with_capacity(count);
        let mut index = vec![0; shape.len()];
        for _ in 0..count {
            data.push(f(&index));
            for d in (0..shape.len()).rev() {
                index[d] += 1;
                if index[d] < shape[d] {
                    break;
                }
                index[d] = 0;
            }
        }
        Naive { shape: shape.to_vec(), data }
    }

    /// Small whole numbers, exact in every type.
    pub(crate) fn whole(shape: &[usize], seed: u64) -> Naive {
        let mut random = Generator::new(seed);
        let count = shape.iter().product();
        let data = random.uniform(count).into_iter().map(|u| f64::from((u * 19.0).floor()) - 9.0);
        Naive { shape: shape.to_vec(), data: data.collect() }
    }

    /// The element at an index.
    pub(crate) fn at(&self, index: &[usize]) -> f64 {
        let flat = index.iter().zip(&self.shape).fold(0, |flat, (&i, &size)| flat * size + i);
        self.data[flat]
    }

    /// The element that broadcasting puts at `index` of a larger shape.
    pub(crate) fn broadcast_at(&self, index: &[usize]) -> f64 {
        let own = &index[index.len() - self.shape.len()..];
        let own: Vec<usize> =
            own.iter().zip(&self.shape).map(|(&i, &size)| if size == 1 { 0 } else { i }).collect();
        self.at(&own)
    }

    /// The same as a float32 tensor on a device.
    pub(crate) fn tensor(&self, device: &Device) -> Tensor {
        let data: Vec<f32> = self.data.iter().map(|&v| v as f32).collect();
        let tensor = Tensor::from_vec(data, self.shape.as_slice()).expect("it fills the shape");
        tensor.to(device).expect("the device has room")
    }
}
