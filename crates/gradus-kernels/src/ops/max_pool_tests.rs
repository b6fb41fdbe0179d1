//! Max pooling against its definition.

use super::*;
use crate::ops::lines::checks::{Dice, array, bits, scrambled, values};

/// Geometries of every kind: one to three dimensions, with and without a batch.
pub(in crate::ops) fn pools() -> Vec<MaxPool> {
    let mut all = Vec::new();
    let shapes: &[(&[usize], usize)] = &[
        (&[3, 17], 1),
        (&[2, 3, 8], 1),
        (&[3, 7, 9], 2),
        (&[2, 3, 28, 28], 2),
        (&[0, 3, 6, 6], 2),
        (&[1, 1, 5, 40], 2),
        (&[2, 4, 5, 6], 3),
        (&[1, 2, 5, 6, 7], 3),
    ];
    for &(shape, spatial) in shapes {
        let shape = Shape::from(shape);
        for (kernel_size, stride, padding, dilation, ceil_mode) in [
            (2, 2, 0, 1, false),
            (3, 2, 1, 1, false),
            (3, 1, 1, 1, false),
            (2, 3, 1, 2, true),
            (3, 2, 0, 2, true),
            (1, 1, 0, 1, false),
            (5, 5, 2, 1, true),
        ] {
            let window = Sliding { kernel_size, stride, padding, dilation, ceil_mode };
            let mut windows = vec![window; spatial];
            windows[0].stride = 1;
            all.extend(MaxPool::sliding("test", &shape, &windows).ok());
        }
        for output in [1, 3, 5] {
            let mut sizes = vec![output; spatial];
            sizes[0] = 2;
            all.extend(MaxPool::adaptive("test", &shape, &sizes).ok());
        }
    }
    assert!(all.len() > 60, "most of them are valid: {}", all.len());
    all
}

/// Whether window `i` of dimension `d` takes position `at`, by definition.
fn takes(pool: &MaxPool, d: usize, i: usize, at: usize) -> bool {
    match &pool.windows {
        Windows::Sliding(all) => {
            let w = all[d];
            (0..w.kernel_size).any(|k| i * w.stride + k * w.dilation == at + w.padding)
        }
        Windows::Adaptive => {
            let (n, m) = (pool.input[d], pool.output[d]);
            (i * n / m..((i + 1) * n).div_ceil(m)).contains(&at)
        }
    }
}

/// By definition: every window looks at every element.
fn naive(pool: &MaxPool, x: &[f32]) -> (Vec<f32>, Vec<i32>) {
    let ([_, h, w], [_, oh, ow]) = (pool.input, pool.output);
    let (mut values, mut indices) = (Vec::new(), Vec::new());
    for plane in x.chunks_exact(pool.plane()) {
        for window in 0..pool.count() {
            let (mut best, mut index) = (f32::NEG_INFINITY, None);
            for (at, &value) in plane.iter().enumerate() {
                let inside = takes(pool, 0, window / (oh * ow), at / (h * w))
                    && takes(pool, 1, window / ow % oh, at / w % h)
                    && takes(pool, 2, window % ow, at % w);
                if inside && (index.is_none() || value > best || value.is_nan()) {
                    (best, index) = (value, Some(at as i32));
                }
            }
            values.push(best);
            indices.push(index.expect("no window is empty"));
        }
    }
    (values, indices)
}

#[test]
fn maxima_and_positions_are_those_of_the_definition() {
    let mut dice = Dice(41);
    for pool in pools() {
        for odd in [false, true] {
            let shape = pool.input_shape();
            let data = dice.floats(shape.numel(), odd);
            let (expected, positions) = naive(&pool, &data);
            let expected = array(&expected, pool.output_shape());
            for x in [array(&data, shape), scrambled(&data, shape)] {
                let (y, at) = max_pool(&x, &pool).expect("computes");
                assert_eq!(bits(&y), bits(&expected), "{pool:?}");
                assert_eq!(values::<i32>(&at), positions, "{pool:?}");
                let (wide, at) = max_pool(&x.cast(DType::F64).expect("casts"), &pool).expect("64");
                let narrow = wide.cast(DType::F32).expect("casts");
                assert_eq!(bits(&narrow), bits(&expected), "{pool:?}");
                assert_eq!(values::<i32>(&at), positions, "{pool:?}");
            }
        }
    }
}

#[test]
fn the_gradient_goes_where_the_maximum_lay() {
    let mut dice = Dice(43);
    for pool in pools() {
        let data = dice.floats(pool.input_shape().numel(), false);
        let (y, at) = max_pool(&array(&data, pool.input_shape()), &pool).expect("computes");
        let g = dice.floats(y.shape().numel(), false);
        let mut expected = vec![0.0f64; data.len()];
        for (i, (&g, &at)) in g.iter().zip(&values::<i32>(&at)).enumerate() {
            expected[i / pool.count() * pool.plane() + at as usize] += f64::from(g);
        }
        for dtype in [DType::F32, DType::F64] {
            let g = scrambled(&g, y.shape()).cast(dtype).expect("casts");
            let dx = max_pool_grad(&g, &at, &pool).expect("computes");
            assert_eq!((dx.shape(), dx.dtype()), (pool.input_shape(), dtype));
            // Quarters are exact.
            assert_eq!(values::<f64>(&dx.cast(DType::F64).expect("casts")), expected, "{pool:?}");
        }
    }
}

#[test]
fn mistakes_are_named() {
    let say = |r: Result<MaxPool>| r.expect_err("a mistake").to_string();
    let window = Sliding { kernel_size: 2, stride: 2, ..Sliding::default() };
    assert_eq!(
        say(MaxPool::sliding("max_pool2d", &[4, 4].into(), &[window; 2])),
        "max_pool2d: x has 2 dimensions, expected 3 or 4; x [4, 4]"
    );
    let far = Sliding { padding: 1, dilation: 3, ..window };
    assert_eq!(
        say(MaxPool::sliding("max_pool1d", &[2, 2].into(), &[far])),
        "max_pool1d: a dilated window would hold nothing but padding; x [2, 2]"
    );
    assert_eq!(
        say(MaxPool::adaptive("adaptive_max_pool1d", &[2, 0].into(), &[1])),
        "adaptive_max_pool1d: has no value over zero elements; x [2, 0]"
    );
    let pool = MaxPool::sliding("max_pool1d", &[2, 4].into(), &[window]).expect("fits");
    let x = array(&[0.0f32; 6], &[2, 3].into());
    let error = max_pool(&x, &pool).expect_err("another shape").to_string();
    assert!(error.ends_with("x [2, 3], windows [2, 4]"), "{error}");
    let at = array(&[0i32; 6], &[2, 3].into());
    let error = max_pool_grad(&x, &at, &pool).expect_err("another shape").to_string();
    assert!(error.ends_with("g [2, 3], indices [2, 3], maxima [2, 2]"), "{error}");
    // Positions that no pooling gave lead nowhere.
    let (g, at) = (array(&[1.0f32; 4], &[2, 2].into()), array(&[-1i32, 4, 0, 9], &[2, 2].into()));
    let dx = max_pool_grad(&g, &at, &pool).expect("computes");
    assert_eq!(values::<f32>(&dx), [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
}
