//! Random chains of pointwise ops: fused or one by one, on the CPU or the GPU, it is the same.

use gradus_autodiff::{Device, Result, Tensor};
use proptest::prelude::*;

use crate::support::{assert_close, cases, devices, normal, values};

/// A link of a chain: from the newest value and an older one.
type Link = fn(&Tensor, &Tensor) -> Result<Tensor>;

/// Links that keep values near 1, so that chains of them neither overflow nor amplify rounding.
const LINKS: &[(&str, Link)] = &[
    ("add", |x, old| x.add(old)),
    ("sub", |x, old| x.sub(old)),
    ("mul tanh", |x, old| x.mul(&old.tanh()?)),
    ("div", |x, old| x.div(&old.square()?.add(1.0)?)),
    ("max", |x, old| x.maximum(old)),
    ("atan", |x, _| x.atan()),
    ("sigmoid", |x, _| x.sigmoid()),
    ("sin", |x, _| x.sin()),
    ("relu", |x, old| x.add(&old.relu()?)),
    ("clamp", |x, _| x.clamp(-2.0, 1.5)),
    ("half", |x, _| x.mul(0.5)),
    ("sqrt", |x, _| x.square()?.add(0.25)?.sqrt()),
    ("row mean", |x, _| x.sub(&x.mean(&[-1], true)?)),
    ("transpose", |x, old| x.t()?.mul(0.5)?.t()?.add(old)),
    ("mask", |x, old| x.masked_fill(&old.gt(0.5)?, 0.75)),
    ("erf", |x, _| x.erf()),
];

fn run(inputs: &[Tensor], links: &[(usize, usize)], each: impl Fn(&Tensor)) -> Result<Tensor> {
    let mut made: Vec<Tensor> = inputs.to_vec();
    for &(link, older) in links {
        let newest = made[made.len() - 1].clone();
        let old = made[older % made.len()].clone();
        let next = LINKS[link].1(&newest, &old)?;
        each(&next);
        made.push(next);
    }
    Ok(made.remove(made.len() - 1))
}

fn inputs(shape: [usize; 2], seed: u64, device: &Device) -> Vec<Tensor> {
    let shapes = [shape.to_vec(), vec![shape[1]], vec![shape[0], 1], shape.to_vec()];
    let make = |(i, shape): (usize, Vec<usize>)| {
        let data: Vec<f32> =
            normal(shape.iter().product(), seed + i as u64).iter().map(|&v| v as f32).collect();
        let tensor = Tensor::from_vec(data, shape).expect("it fills");
        tensor.to(device).expect("room").requires_grad_(true)
    };
    shapes.into_iter().enumerate().map(make).collect()
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn a_fused_chain_is_the_chain_step_by_step(
        (rows, columns) in (1..6usize, prop_oneof![1..9usize, Just(33usize)]),
        links in prop::collection::vec((0..LINKS.len(), 0..20usize), 1..12),
        seed in any::<u32>(),
    ) {
        let (shape, seed) = ([rows, columns], u64::from(seed));
        let mut results = Vec::new();
        for device in devices() {
            let fused_in = inputs(shape, seed, &device);
            let fused = run(&fused_in, &links, |_| {}).expect("pointwise");
            let steps_in = inputs(shape, seed, &device);
            let steps = run(&steps_in, &links, |x| drop(x.array().expect("computed")))
                .expect("pointwise");
            let (got, expected) = (values(&fused), values(&steps));
            if device.is_cpu() {
                // One function computes both, so not a bit may differ.
                prop_assert_eq!(&got, &expected);
            } else {
                assert_close("fused on the GPU", &got, &expected, 1e-4, 1e-5);
            }
            results.push((got, gradients(&fused, &fused_in), gradients(&steps, &steps_in)));
        }
        for (got, fused, steps) in &results {
            assert_close("value", got, &results[0].0, 2e-4, 2e-5);
            assert_close("gradient, fused", fused, &results[0].1, 2e-3, 2e-4);
            assert_close("gradient, step by step", steps, &results[0].1, 2e-3, 2e-4);
        }
    }
}

fn gradients(y: &Tensor, inputs: &[Tensor]) -> Vec<f64> {
    y.sum_all().and_then(|sum| sum.backward()).expect("differentiable");
    inputs.iter().filter_map(Tensor::grad).flat_map(|grad| values(&grad)).collect()
}
