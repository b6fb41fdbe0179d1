//! Images and keys for the tests.

use gradus_data::SampleKey;
use gradus_tensor::rng::Generator;
use gradus_tensor::{Array, DType};

/// A batch of noise; floats from 0 to 1.
pub fn noise(shape: &[usize], dtype: DType, seed: u64) -> Array {
    let n = shape.iter().product();
    let floats = Generator::new(seed).uniform(n);
    match dtype {
        DType::U8 => {
            let bytes: Vec<u8> = floats.iter().map(|v| (v * 256.0) as u8).collect();
            Array::from_vec(bytes, shape).expect("fills")
        }
        _ => Array::from_vec(floats, shape).expect("fills"),
    }
}

/// The keys of `n` samples of one epoch.
pub fn keys(n: usize) -> Vec<SampleKey> {
    (0..n as u64).map(|i| SampleKey::new(11, 2, i)).collect()
}

/// The values as float64, bytes as 0 to 255.
pub fn values(x: &Array) -> Vec<f64> {
    match x.dtype() {
        DType::U8 => x.to_vec::<u8>().expect("bytes").into_iter().map(f64::from).collect(),
        _ => x.to_vec::<f32>().expect("floats").into_iter().map(f64::from).collect(),
    }
}

/// Largest difference, and how many values differ at all.
#[track_caller]
pub fn difference(a: &Array, b: &Array, what: &str) -> (f64, usize) {
    assert_eq!((a.shape(), a.dtype()), (b.shape(), b.dtype()), "{what}");
    let pairs = values(a).into_iter().zip(values(b));
    pairs.fold((0.0f64, 0), |(most, count), (a, b)| {
        assert_eq!(a.is_nan(), b.is_nan(), "{what}");
        (most.max((a - b).abs()), count + usize::from(a != b))
    })
}
