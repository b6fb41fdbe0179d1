//! What holds for every optimizer: PyTorch's trajectories, the same steps in any grouping, and the
//! same steps after a state dict. A new optimizer is a line in the testkit's table.

use std::path::Path;

use gradus_autodiff::{Device, Tensor};
use gradus_optim::{Optimizer, ParamGroup};
use gradus_testkit::{MakeOptimizer, OPTIMIZERS, Outcome, run_dir};

use crate::support::devices;

#[test]
fn trajectories_with_other_options_are_pytorchs() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/optim");
    for device in devices() {
        let mut failures = Vec::new();
        let totals = run_dir(&dir, &device, "", |report| match &report.outcome {
            Outcome::Failed(why) => failures.push(format!("{}: {why:?}", report.case)),
            Outcome::Missing => failures.push(format!("{} is missing", report.case)),
            _ => {}
        });
        let totals = totals.expect("the cases can be read");
        assert!(failures.is_empty(), "{device}: {totals}\n{}", failures.join("\n"));
        assert_eq!(totals.passed, 24, "{totals}");
    }
}

/// Options away from the defaults, so that every state and number is in use.
const CHOICES: &[(&str, &[(&str, f64)])] = &[
    ("sgd", &[("momentum", 0.9), ("dampening", 0.1), ("weight_decay", 0.01)]),
    ("adam", &[("amsgrad", 1.0), ("weight_decay", 0.01)]),
    ("rmsprop", &[("momentum", 0.9), ("centered", 1.0)]),
    ("nadam", &[("momentum_decay", 0.1)]),
    ("asgd", &[("t0", 1.0), ("lambd", 0.1)]),
    ("adagrad", &[("lr_decay", 0.1)]),
];

fn group(name: &str, params: &[Tensor]) -> ParamGroup {
    let chosen = CHOICES.iter().find(|(n, _)| *n == name).map_or(&[][..], |(_, options)| options);
    let group = ParamGroup::new(params).lr(0.05);
    chosen.iter().fold(group, |group, &(option, value)| group.with(option, value))
}

/// Matrices, as all optimizers take them; odd sizes, and more than one kernel joins.
fn params(device: &Device) -> Vec<Tensor> {
    let shapes = (0..19).map(|i| [1 + i % 5, 1 + (i * 3) % 7]);
    let leaf = |(i, shape): (usize, [usize; 2])| {
        let tensor = wave(shape, i).to(device).expect("the device has room");
        tensor.detach().requires_grad_(true)
    };
    shapes.enumerate().map(leaf).collect()
}

fn wave(shape: [usize; 2], shift: usize) -> Tensor {
    let values: Vec<f32> =
        (0..shape[0] * shape[1]).map(|i| ((i * 7 + shift * 3) as f32).sin()).collect();
    Tensor::from_vec(values, shape).expect("the values fill the shape")
}

/// Steps `from..to` along given gradients; in some steps some parameters have none.
fn train(optimizer: &mut dyn Optimizer, params: &[Tensor], from: usize, to: usize) {
    for step in from..to {
        for (i, p) in params.iter().enumerate() {
            let dims = p.shape();
            let grad = wave([dims.dims()[0], dims.dims()[1]], 5 * step + i);
            let rests = i % 6 == 2 && step % 3 == 1;
            let grad = grad.to(&p.device()).expect("the device has room");
            p.set_grad((!rests).then_some(grad));
        }
        optimizer.step().expect("a step");
    }
}

fn bits(params: &[Tensor]) -> Vec<u32> {
    let all = params.iter().flat_map(|p| p.to_vec::<f32>().expect("float32"));
    all.map(f32::to_bits).collect()
}

/// The parameters after 7 steps of an optimizer of these groups.
fn end(name: &str, make: MakeOptimizer, device: &Device, sizes: &[usize]) -> Vec<u32> {
    let params = params(device);
    let mut rest = &params[..];
    let mut groups = Vec::new();
    for &size in sizes {
        let (members, others) = rest.split_at(size.min(rest.len()));
        groups.push(group(name, members));
        rest = others;
    }
    groups.push(group(name, rest));
    train(&mut *make(groups), &params, 0, 7);
    bits(&params)
}

#[test]
fn trajectories_do_not_depend_on_groups() {
    for device in devices() {
        for &(name, make) in OPTIMIZERS {
            let whole = end(name, make, &device, &[]);
            assert_ne!(whole, bits(&params(&device)), "{name} on {device} moves");
            assert_eq!(end(name, make, &device, &[1, 2, 3]), whole, "{name} on {device}");
            assert_eq!(end(name, make, &device, &[1; 18]), whole, "{name} on {device}");
        }
    }
}

#[test]
fn training_goes_on_from_a_state_dict() {
    for device in devices() {
        for &(name, make) in OPTIMIZERS {
            let straight = end(name, make, &device, &[4]);
            let params = params(&device);
            let groups = || vec![group(name, &params[..4]), group(name, &params[4..])];
            let mut first = make(groups());
            train(&mut *first, &params, 0, 3);
            let state = first.state_dict().expect("a state dict");
            drop(first);
            // Other options than those saved: the state dict's replace them.
            let fresh = vec![ParamGroup::new(&params[..4]).lr(9.0), ParamGroup::new(&params[4..])];
            let mut second = make(fresh);
            second.load_state_dict(&state).expect("it fits");
            train(&mut *second, &params, 3, 7);
            assert_eq!(bits(&params), straight, "{name} on {device}");

            let own = second.state_dict().expect("a state dict");
            let mut third = make(groups());
            third.load_state_dict(&own).expect("it fits");
            let again = third.state_dict().expect("a state dict");
            assert_eq!(own.metadata, again.metadata, "{name} on {device}");
            assert!(own.tensors.keys().eq(again.tensors.keys()), "{name} on {device}");
        }
    }
}

#[test]
fn bad_options_are_named() {
    let p = Tensor::from_vec(vec![1f32, 2.0], [2, 1]).expect("a tensor").requires_grad_(true);
    for &(name, make) in OPTIMIZERS {
        for (option, value) in [("lr", -1.0), ("weight_decay", f64::NAN), ("no_such_option", 1.0)] {
            let mut optimizer = make(vec![ParamGroup::new([&p]).with(option, value)]);
            let error = optimizer.step().expect_err("the option is wrong").to_string();
            assert!(error.contains(name) && error.contains(option), "{error}");
        }
    }
    for (name, option, value) in [
        ("rprop", "etaminus", 1.0),
        ("rprop", "etaplus", 0.9),
        ("adadelta", "rho", 1.5),
        ("nadam", "beta1", 1.0),
        ("radam", "decoupled_weight_decay", 2.0),
        ("muon", "ns_steps", 1.5),
        ("muon", "adjust_lr_fn", 3.0),
    ] {
        let (_, make) = OPTIMIZERS.iter().find(|(n, _)| *n == name).expect("an optimizer");
        let mut optimizer = make(vec![ParamGroup::new([&p]).with(option, value)]);
        let error = optimizer.step().expect_err("the option is wrong").to_string();
        assert!(error.contains(name) && error.contains(option), "{error}");
    }
    let vector = Tensor::from_vec(vec![1f32, 2.0], [2]).expect("a tensor").requires_grad_(true);
    let error = gradus_optim::Muon::new([&vector], 0.1).step().expect_err("no matrix").to_string();
    assert!(error.contains("muon") && error.contains("parameter 0"), "{error}");
}
