//! Tables and passes against dense matrices.

use super::*;
use crate::ops::lines::checks::{Dice, array, assert_close, scrambled, shapes, values};
use crate::ops::sliding::Sliding;

/// Tables of every kind for a dimension.
pub(in crate::ops) fn all_bands(shape: &Shape, d: usize) -> Vec<Bands> {
    let mut all = Vec::new();
    for (kernel_size, stride, padding, ceil_mode) in
        [(1, 1, 0, false), (1, 3, 0, false), (3, 2, 1, true), (2, 1, 1, false), (5, 4, 2, true)]
    {
        let window = Sliding { kernel_size, stride, padding, dilation: 1, ceil_mode };
        for divisor in [Divisor::Inside, Divisor::Padded, Divisor::One] {
            // Too large a window is another test's.
            all.extend(Bands::average("test", shape, d, window, divisor).ok());
        }
    }
    for output in [1, 2, 7, 40] {
        all.extend(Bands::adaptive_average("test", shape, d, output).ok());
        for filter in [Filter::Nearest, Filter::NearestExact, Filter::Linear, Filter::Cubic] {
            for (align_corners, antialias) in [(false, false), (true, false), (false, true)] {
                for scale_factor in [None, Some(0.7)] {
                    let how = Sampling { filter, align_corners, antialias, scale_factor };
                    all.extend(Bands::sampled("test", shape, d, output, how).ok());
                }
            }
        }
    }
    all
}

/// By definition, in f64.
fn naive(x: &[f32], lines: Lines, bands: &Bands) -> Vec<f64> {
    let (n, m, dense) = (bands.input(), bands.output(), bands.to_dense());
    let mut out = Vec::new();
    for o in 0..lines.outer {
        for i in 0..m {
            for c in 0..lines.inner {
                let at = |j: usize| f64::from(x[(o * n + j) * lines.inner + c]);
                out.push((0..n).map(|j| dense[i * n + j] * at(j)).sum());
            }
        }
    }
    out
}

#[test]
fn every_table_sums_what_it_says_and_so_does_its_transpose() {
    let mut dice = Dice(31);
    for (shape, dim) in shapes().into_iter().filter(|(shape, _)| shape.rank() > 0) {
        let (lines, d) = Lines::of("test", &shape, dim).expect("exists");
        for bands in all_bands(&shape, d) {
            let turned = shape.with(d, bands.output());
            for (bands, shape) in [(bands.clone(), &shape), (bands.transposed(), &turned)] {
                let data = dice.floats(shape.numel(), false);
                let expected = naive(&data, lines, &bands);
                for x in [array(&data, shape), scrambled(&data, shape)] {
                    let y = resample(&x, dim, &bands).expect("computes");
                    assert_eq!(y.shape(), &shape.with(d, bands.output()));
                    assert_close(&values(&y), &expected, 2e-6, &format!("{shape} {bands:?}"));
                    let wide = x.cast(DType::F64).expect("casts");
                    let y = resample(&wide, dim, &bands).expect("computes");
                    for (a, b) in values::<f64>(&y).iter().zip(&expected) {
                        assert!((a - b).abs() < 1e-12 * (1.0 + b.abs()), "{shape} {bands:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_transpose_holds_the_same_weights() {
    for input in [1, 2, 3, 5, 12] {
        let shape = Shape::from([input]);
        for bands in all_bands(&shape, 0) {
            let (n, m) = (bands.input(), bands.output());
            let (there, back) = (bands.to_dense(), bands.transposed().to_dense());
            assert_eq!((bands.transposed().input(), bands.transposed().output()), (m, n));
            for i in 0..m {
                for j in 0..n {
                    assert_eq!(there[i * n + j], back[j * m + i], "{bands:?}");
                }
            }
        }
    }
}

#[test]
fn the_same_size_is_the_identity() {
    let shape = Shape::from([6]);
    for filter in [Filter::Nearest, Filter::NearestExact, Filter::Linear, Filter::Cubic] {
        for align_corners in [false, true] {
            let how = Sampling { filter, align_corners, antialias: false, scale_factor: None };
            assert!(Bands::sampled("test", &shape, 0, 6, how).expect("fits").is_identity());
        }
    }
    assert!(Bands::adaptive_average("test", &shape, 0, 6).expect("fits").is_identity());
    assert!(!Bands::adaptive_average("test", &shape, 0, 5).expect("fits").is_identity());
}

#[test]
fn mistakes_are_named() {
    let x = array(&[1.0f32; 6], &[2, 3].into());
    let bands = Bands::adaptive_average("pool", x.shape(), 1, 2).expect("fits");
    let say = |r: Result<Value>| r.expect_err("a mistake").to_string();
    assert_eq!(
        say(resample(&x, 0, &bands)),
        "resample: x has 2 elements, bands expects 3; x [2, 3]"
    );
    assert!(say(resample(&x, 2, &bands)).contains("dimension 2 does not exist"));
    let whole = x.cast(DType::I32).expect("casts");
    assert!(say(resample(&whole, 1, &bands)).contains("expected a float type"));
    let how = Sampling {
        filter: Filter::Linear,
        align_corners: false,
        antialias: false,
        scale_factor: None,
    };
    let error = Bands::sampled("interpolate", x.shape(), 1, 0, how).expect_err("no size");
    assert_eq!(error.to_string(), "interpolate: size is 0, expected at least 1 and below 2³¹");
}
