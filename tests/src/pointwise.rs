//! Pointwise ops: broadcasting against an index walk.

use gradus_autodiff::{DType, Result, Tensor, where_};
use proptest::prelude::*;

use crate::support::{Naive, cases, devices, values};

type Op = (&'static str, fn(&Tensor, &Tensor) -> Result<Tensor>, fn(f64, f64) -> f64);

/// Whole numbers go in, so every result is exact.
const OPS: &[Op] = &[
    ("add", |a, b| a.add(b), |a, b| a + b),
    ("sub", |a, b| a.sub(b), |a, b| a - b),
    ("mul", |a, b| a.mul(b), |a, b| a * b),
    ("maximum", |a, b| a.maximum(b), f64::max),
    ("minimum", |a, b| a.minimum(b), f64::min),
    ("eq", |a, b| a.eq(b), |a, b| f64::from(u8::from(a == b))),
    ("ne", |a, b| a.ne(b), |a, b| f64::from(u8::from(a != b))),
    ("lt", |a, b| a.lt(b), |a, b| f64::from(u8::from(a < b))),
    ("le", |a, b| a.le(b), |a, b| f64::from(u8::from(a <= b))),
    ("gt", |a, b| a.gt(b), |a, b| f64::from(u8::from(a > b))),
    ("ge", |a, b| a.ge(b), |a, b| f64::from(u8::from(a >= b))),
];

/// A shape, and two shapes that broadcast to it; sizes include 0.
fn broadcast_shapes() -> impl Strategy<Value = (Vec<usize>, Vec<usize>, Vec<usize>)> {
    let sizes = prop_oneof![8 => 1..6usize, 1 => Just(0usize), 1 => Just(17usize)];
    let full = prop::collection::vec(sizes, 0..4);
    let masks = (any::<[bool; 4]>(), any::<[bool; 4]>());
    (full, masks, 0..3usize, any::<bool>()).prop_map(|(full, (ones_a, ones_b), cut, swap)| {
        let cut = cut.min(full.len());
        // Every dimension is whole in one of the two; where b has none, a is whole.
        let a: Vec<usize> =
            (0..full.len()).map(|d| if ones_a[d] && d >= cut { 1 } else { full[d] }).collect();
        let b: Vec<usize> =
            (cut..full.len()).map(|d| if ones_b[d] && !ones_a[d] { 1 } else { full[d] }).collect();
        if swap { (full, b, a) } else { (full, a, b) }
    })
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn broadcasting_is_an_index_walk(
        (full, a, b) in broadcast_shapes(),
        (name, op, reference) in prop::sample::select(OPS),
        seed in any::<u32>(),
    ) {
        let (a, b) = (Naive::whole(&a, u64::from(seed)), Naive::whole(&b, u64::from(seed) + 1));
        let expected = Naive::build(&full, |i| reference(a.broadcast_at(i), b.broadcast_at(i)));
        for device in devices() {
            let got = op(&a.tensor(&device), &b.tensor(&device)).expect("shapes broadcast");
            prop_assert_eq!(got.shape().to_vec(), full.clone(), "{} on {}", name, &device);
            prop_assert_eq!(values(&got), expected.data.clone(), "{} on {}", name, &device);
        }
    }

    #[test]
    fn a_choice_takes_one_of_two(
        (full, a, b) in broadcast_shapes(),
        seed in any::<u32>(),
    ) {
        let seed = u64::from(seed);
        let (a, b) = (Naive::whole(&a, seed), Naive::whole(&b, seed + 1));
        let mask = Naive::whole(&full, seed + 2);
        let expected = Naive::build(&full, |i| {
            if mask.at(i) > 0.0 { a.broadcast_at(i) } else { b.broadcast_at(i) }
        });
        for device in devices() {
            let mask = mask.tensor(&device).gt(0.0).expect("pointwise");
            let got = where_(&mask, &a.tensor(&device), b.tensor(&device)).expect("broadcast");
            prop_assert_eq!(values(&got), expected.data.clone(), "{}", &device);
        }
    }

    #[test]
    fn casts_round_as_rust_does(
        data in prop::collection::vec(-300.0f32..300.0, 0..40),
        to in prop::sample::select(&[DType::I32, DType::U32, DType::U8, DType::Bool][..]),
    ) {
        // Negative numbers have no meaning as unsigned ones.
        let data: Vec<f32> = match to {
            DType::I32 | DType::Bool => data,
            DType::U32 => data.iter().map(|v| v.abs()).collect(),
            _ => data.iter().map(|v| v.abs().min(255.0)).collect(),
        };
        let expected: Vec<f64> = data.iter().map(|&v| match to {
            DType::Bool => f64::from(u8::from(v != 0.0)),
            _ => f64::from(v.trunc()),
        }).collect();
        for device in devices() {
            let x = Tensor::from_slice(&data, data.len()).and_then(|x| x.to(&device)).expect("ok");
            let got = x.to_dtype(to).expect("every type has a cast");
            prop_assert_eq!(got.dtype(), to);
            prop_assert_eq!(values(&got), expected.clone(), "{} on {}", to, &device);
        }
    }
}
