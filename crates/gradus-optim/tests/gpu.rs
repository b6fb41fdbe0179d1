//! The same steps on a GPU as on the CPU.
#![cfg(feature = "gpu")]

use gradus_autodiff::{Device, Tensor};
use gradus_optim::{Adam, Optimizer, Sgd, clip_grad_norm_};

/// A GPU; `None`, said aloud, where there is no adapter and none is required.
#[allow(clippy::print_stdout, reason = "a skip must be seen")]
fn gpu() -> Option<Device> {
    match Device::gpu() {
        Ok(device) => Some(device),
        Err(error) => {
            let required = std::env::var("GRADUS_REQUIRE_GPU").is_ok_and(|v| v == "1");
            assert!(!required, "GRADUS_REQUIRE_GPU=1, but {error}");
            println!("SKIPPED: no GPU adapter ({error})");
            None
        }
    }
}

fn wave(n: usize, shift: usize) -> Tensor {
    let values: Vec<f32> = (0..n).map(|i| ((i * 7 + shift) as f32).sin()).collect();
    Tensor::from_vec(values, [n]).expect("tensor")
}

/// More parameters than one kernel binds on most adapters, of odd sizes.
fn model(device: &Device) -> Vec<Tensor> {
    let sizes = [33, 1, 7, 0, 64, 5, 3, 2, 9, 11, 4, 6, 8, 10];
    let tensor = |&n: &usize| wave(n, n).to(device).expect("move").detach().requires_grad_(true);
    sizes.iter().map(tensor).collect()
}

/// Trains for some steps with gaps in the gradients, moving to `then` in between.
fn train(
    start: &Device,
    then: &Device,
    make: impl Fn(&[Tensor]) -> Box<dyn Optimizer>,
) -> Vec<f32> {
    let params = model(start);
    let mut optimizer = make(&params);
    let mut early = Vec::new();
    for t in 0..6 {
        optimizer.zero_grad();
        if t == 3 {
            params.iter().for_each(|p| p.move_to(then).expect("move"));
        }
        for (i, p) in params.iter().enumerate() {
            if i % 3 == 1 && t % 2 == 1 {
                continue;
            }
            let grad = wave(p.numel(), i + t).to(&p.device()).expect("move");
            p.set_grad(Some(grad));
        }
        clip_grad_norm_(&params, 2.0).expect("clip");
        if t == 4 {
            early = params.iter().map(|p| p.mul(2.0).expect("lazy")).collect();
        }
        optimizer.step().expect("step");
    }
    let all = params.iter().chain(&early);
    all.flat_map(|p| p.to_vec::<f32>().expect("float32")).collect()
}

#[track_caller]
fn check(make: impl Fn(&[Tensor]) -> Box<dyn Optimizer>) {
    let Some(gpu) = gpu() else { return };
    let expected = train(&Device::cpu(), &Device::cpu(), &make);
    for (start, then) in [(&gpu, &gpu), (&Device::cpu(), &gpu), (&gpu, &Device::cpu())] {
        let got = train(start, then, &make);
        assert_eq!(got.len(), expected.len());
        for (i, (g, e)) in got.iter().zip(&expected).enumerate() {
            // Six steps of a few roundings each; Adam divides by a root, which GPUs round freely.
            assert!((g - e).abs() <= 1e-5, "{start} to {then}, element {i}: {g}, expected {e}");
        }
    }
}

#[test]
fn sgd_steps_on_the_gpu() {
    check(|p| Box::new(Sgd::new(p, 0.1).momentum(0.9).nesterov(true).weight_decay(0.01)));
}

#[test]
fn adam_steps_on_the_gpu() {
    check(|p| Box::new(Adam::new(p, 0.01).amsgrad(true).weight_decay(0.1)));
}
