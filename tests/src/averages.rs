//! Averages of weights, accumulated gradients, and the search for a learning rate.

use gradus_autodiff::{DType, Device, Result, Tensor};
use gradus_optim::{Adam, AveragedModel, LrFinder, Optimizer, ParamGroup, Sgd};
use gradus_testkit::OPTIMIZERS;

use crate::support::{assert_close, devices, message, normal, randn, values};

fn leaf(shape: &[usize], seed: u64, device: &Device) -> Tensor {
    let tensor = randn(shape, seed).to_dtype(DType::F32).and_then(|t| t.to(device));
    tensor.expect("the device has room").detach().requires_grad_(true)
}

type Named = Vec<(String, Tensor)>;

/// Two parameters; a float buffer and a count.
fn model(device: &Device) -> (Named, Named) {
    let named = |name: &str, tensor| (name.to_owned(), tensor);
    let count = Tensor::from_vec(vec![0i32], [1]).and_then(|t| t.to(device)).expect("room");
    (
        vec![named("a", leaf(&[3, 4], 1, device)), named("b", leaf(&[5], 2, device))],
        vec![named("mean", leaf(&[2], 3, device).detach()), named("count", count)],
    )
}

/// New values of everything, as training would leave them.
fn change(all: &[(String, Tensor)], step: u64) {
    for (i, (_, tensor)) in all.iter().enumerate() {
        let shape = tensor.shape();
        let value = randn(shape.dims(), 100 * step + i as u64).mul(10.0).expect("scaled");
        let value = value.to_dtype(tensor.dtype()).and_then(|v| v.to(&tensor.device()));
        tensor.set_value(&value.expect("cast")).expect("the same shape");
    }
}

/// Averages by PyTorch's formulas, in float64.
fn expected(history: &[Vec<f64>], decay: Option<f64>) -> Vec<f64> {
    let mut average = history[0].clone();
    for (n, values) in history.iter().enumerate().skip(1) {
        for (a, v) in average.iter_mut().zip(values) {
            *a = match decay {
                Some(decay) => *a * decay + (1.0 - decay) * v,
                None => *a + (v - *a) / (n as f64 + 1.0),
            };
        }
    }
    average
}

#[test]
fn averages_follow_their_formulas_and_go_on_from_a_state_dict() {
    for device in devices() {
        for (decay, use_buffers) in [(None, false), (None, true), (Some(0.9), false)] {
            let (parameters, buffers) = model(&device);
            let all: Vec<_> = parameters.iter().chain(&buffers).cloned().collect();
            let make = || {
                let averaged = AveragedModel::new(parameters.clone(), buffers.clone());
                let averaged = averaged.use_buffers(use_buffers);
                match decay {
                    Some(decay) => averaged.ema(decay),
                    None => averaged,
                }
            };
            let mut averaged = make();
            let mut history: Vec<Vec<Vec<f64>>> = vec![Vec::new(); all.len()];
            for step in 0..6 {
                change(&all, step);
                averaged.update_parameters().expect("an update");
                all.iter().zip(&mut history).for_each(|((_, t), past)| past.push(values(t)));
                let state = averaged.state_dict().expect("a state dict");
                averaged = make();
                averaged.load_state_dict(&state).expect("it fits");
            }
            assert_eq!(averaged.n_averaged(), 6);
            let live: Vec<Vec<f64>> = all.iter().map(|(_, t)| values(t)).collect();
            let found = averaged.with_averages(|| Ok(all.iter().map(|(_, t)| values(t)).collect()));
            let found: Vec<Vec<f64>> = found.expect("the averages");
            for (i, (name, tensor)) in all.iter().enumerate() {
                let is_copied = name == "count" || (name == "mean" && !use_buffers);
                let expected = match is_copied {
                    true => live[i].clone(),
                    false => expected(&history[i], decay),
                };
                assert_close(&format!("{name} on {device}"), &found[i], &expected, 1e-5, 1e-5);
                assert_eq!(values(tensor), live[i], "the model has its own values again");
            }
        }
    }
}

#[test]
fn wrong_averages_are_named() {
    let (parameters, buffers) = model(&Device::cpu());
    let mut averaged = AveragedModel::new(parameters.clone(), buffers).ema(1.5);
    assert!(message(averaged.update_parameters()).contains("decay"));
    let state = AveragedModel::new(parameters.clone(), []).state_dict().expect("a state dict");
    let error = message(averaged.load_state_dict(&state));
    assert!(error.contains("module.mean") && error.contains("module.count"), "{error}");
    let before = values(&parameters[0].1);
    let failure = || -> Result<()> { Err(gradus_autodiff::Error::argument("eval", "x", 1, "2")) };
    assert!(message(averaged.with_averages(failure)).contains("eval"));
    assert_eq!(values(&parameters[0].1), before);
}

fn loss(w: &Tensor, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    (x.matmul(w)? - y)?.square()?.mean_all()
}

/// Gradients of micro-batches add up until they are cleared: four losses, each a quarter, are the
/// loss of one large batch.
#[test]
fn micro_batches_make_one_large_batch() {
    for device in devices() {
        let data = |shape: &[usize], seed| leaf(shape, seed, &device).detach();
        let (x, y) = (data(&[12, 3], 5), data(&[12, 2], 6));
        let ends = [1usize, 4].map(|parts| {
            let w = leaf(&[3, 2], 7, &device);
            let mut optimizer = Adam::new([&w], 0.05);
            for _ in 0..5 {
                optimizer.zero_grad();
                for i in 0..parts {
                    let rows = 12 / parts;
                    let part = |t: &Tensor| t.narrow(0, i * rows, rows).expect("within");
                    let loss = loss(&w, &part(&x), &part(&y)).expect("a loss");
                    let share = loss.div(parts as f64).expect("a share");
                    share.backward().expect("a gradient");
                }
                optimizer.step().expect("a step");
            }
            values(&w)
        });
        assert_close(&format!("{device}"), &ends[1], &ends[0], 1e-4, 1e-5);
    }
}

#[test]
fn the_search_for_a_rate_puts_everything_back() {
    let (x, y) = (randn(&[16, 3], 1), randn(&[16, 2], 2));
    let cast = |t: &Tensor| t.to_dtype(DType::F32).expect("cast");
    let (x, y) = (cast(&x), cast(&y));
    for &(name, make) in OPTIMIZERS {
        let w = leaf(&[3, 2], 3, &Device::cpu());
        let mut optimizer = make(vec![ParamGroup::new([&w]).lr(0.01)]);
        let step = |optimizer: &mut dyn Optimizer| {
            optimizer.zero_grad();
            loss(&w, &x, &y).and_then(|loss| loss.backward()).expect("a gradient");
            optimizer.step().expect("a step");
        };
        step(&mut *optimizer);
        let before = (values(&w), w.grad().map(|g| values(&g)));
        let state = optimizer.state_dict().expect("a state dict");
        let finder = LrFinder::default().range(1e-5, 1e3).num_iter(40);
        let curve = finder.run(&mut *optimizer, || loss(&w, &x, &y)).expect("a curve");
        assert!(curve.lrs.len() > 3 && curve.lrs.len() == curve.losses.len(), "{name}");
        assert!(curve.lrs.windows(2).all(|pair| pair[0] < pair[1]), "{name}");
        assert_eq!((values(&w), w.grad().map(|g| values(&g))), before, "{name}");
        let after = optimizer.state_dict().expect("a state dict");
        assert_eq!(after.metadata, state.metadata, "{name}");
        for (key, array) in &state.tensors {
            let now = &after.tensors[key];
            assert_eq!(now.to_string(), array.to_string(), "{name}: {key}");
        }
    }
}

#[test]
fn the_search_finds_the_steepest_descent() {
    let w = leaf(&[4], 9, &Device::cpu());
    let mut optimizer = Sgd::new([&w], 0.5);
    let finder = LrFinder::default().range(1e-4, 100.0).num_iter(60).smoothing(0.5);
    let curve = finder.run(&mut optimizer, || w.square()?.sum_all()).expect("a curve");
    let lr = curve.suggestion().expect("a descent");
    // Steps of w -= 2 lr w descend below 1, and fastest at 0.5.
    assert!((0.01..1.0).contains(&lr), "{lr}");
    assert!(curve.lrs.len() < 60, "it stops when the loss explodes");
    assert_eq!(curve.points().count(), curve.lrs.len());
    assert_eq!(values(&w), normal(4, 9));

    let error = message(LrFinder::default().range(1.0, 0.5).run(&mut optimizer, || w.sum_all()));
    assert!(error.contains("lr_finder") && error.contains("start_lr"), "{error}");
    let narrow = randn(&[2, 3], 1);
    let failed = finder.run(&mut optimizer, || loss(&w, &narrow, &narrow));
    assert!(failed.is_err());
    assert_eq!(optimizer.param_groups()[0].get("lr"), Some(0.5));
}
