//! Captured steps: equal to the last bit to the same steps without, whatever happens between them.

use gradus_autodiff::{Capture, DType, Device, Result, Tensor};
use gradus_nn::{
    BatchNorm2d, Conv2d, Dropout, Flatten, Layer, Linear, Losses, MaxPool2d, Module, Relu,
    Sequential,
};
use gradus_optim::{Adam, Optimizer};
use gradus_tensor::Kind;

use crate::support::devices;

const STEPS: usize = 8;

fn dense() -> Result<Sequential> {
    gradus_tensor::rng::manual_seed(3);
    Ok(Sequential::new()
        .push(Linear::new(6, 8)?)
        .push(Relu)
        .push(Linear::new(8, 8)?)
        .push(Relu)
        .push(Linear::new(8, 3)?))
}

fn convolutional() -> Result<Sequential> {
    gradus_tensor::rng::manual_seed(3);
    Ok(Sequential::new()
        .push(Conv2d::new(1, 4, 3)?.padding(1))
        .push(BatchNorm2d::new(4))
        .push(Relu)
        .push(MaxPool2d::new(2))
        .push(Flatten::default())
        .push(Linear::new(36, 3)?))
}

/// A model and its optimizer, with or without a capture.
struct Run {
    model: Sequential,
    optimizer: Adam,
    capture: Option<Capture>,
    device: Device,
}

impl Run {
    fn new(model: fn() -> Result<Sequential>, device: &Device, captured: bool) -> Result<Run> {
        let model = model()?.to(device)?;
        let optimizer = Adam::new(model.parameters(), 1e-2);
        let capture = captured.then(Capture::new);
        Ok(Run { model, optimizer, capture, device: device.clone() })
    }

    /// One step on the batch with this number; the loss.
    fn step(&mut self, number: usize, shape: &[usize]) -> Result<Tensor> {
        gradus_tensor::rng::manual_seed(100 + number as u64);
        let x = Tensor::randn(shape, &self.device)?;
        let labels = (0..shape[0]).map(|i| ((i + number) % 3) as i32).collect();
        let t = Tensor::from_vec(labels, [shape[0]])?.to(&self.device)?;
        let (model, optimizer) = (&self.model, &self.optimizer);
        let step = |inputs: &[Tensor]| {
            optimizer.zero_grad();
            let loss = model.forward(&inputs[0])?.cross_entropy(&inputs[1])?;
            loss.backward()?;
            Ok(vec![loss])
        };
        let loss = match &mut self.capture {
            Some(capture) => capture.run(&[&x, &t], step)?.remove(0),
            None => step(&[x, t])?.remove(0).detach(),
        };
        self.optimizer.step()?;
        Ok(loss)
    }

    /// The bits of everything that a step can change.
    fn state(&self) -> Result<Vec<Vec<u32>>> {
        let mut all = Vec::new();
        for (_, tensor) in self.model.state_dict()? {
            let floats = Tensor::from(tensor).to_dtype(DType::F32)?.to_vec::<f32>()?;
            all.push(floats.iter().map(|x| x.to_bits()).collect());
        }
        Ok(all)
    }

    fn replays(&self) -> u64 {
        self.capture.as_ref().map_or(0, Capture::replays)
    }
}

fn pair(model: fn() -> Result<Sequential>, device: &Device) -> [Run; 2] {
    [false, true].map(|captured| Run::new(model, device, captured).expect("a model"))
}

fn assert_equal(plain: &Run, captured: &Run, what: &str) {
    let [a, b] = [plain, captured].map(|run| run.state().expect("read"));
    assert_eq!(a, b, "{what}");
}

type Build = fn() -> Result<Sequential>;
const MODELS: [(Build, &[usize]); 2] = [(dense, &[5, 6]), (convolutional, &[5, 1, 6, 6])];

#[test]
fn captured_steps_equal_steps() {
    for device in devices() {
        for (model, shape) in MODELS {
            let [mut plain, mut captured] = pair(model, &device);
            for number in 0..STEPS {
                let [a, b] = [&mut plain, &mut captured].map(|run| {
                    let loss = run.step(number, shape).expect("a step");
                    loss.item().expect("a number").to_bits()
                });
                assert_eq!(a, b, "loss {number} on {device}");
                assert_equal(&plain, &captured, &format!("step {number} on {device}"));
            }
            let refusal = captured.capture.as_ref().and_then(Capture::refusal);
            assert!(captured.replays() >= STEPS as u64 - 4, "{} {refusal:?}", captured.replays());
        }
    }
}

/// What may happen between two steps.
type Change = fn(&mut Run) -> Result<()>;

#[test]
fn what_happens_between_steps_is_seen() {
    let changes: [(&str, Change); 7] = [
        ("another mode", |run| {
            run.model.eval();
            Ok(())
        }),
        ("frozen parameters", |run| {
            let _ = Tensor::clone(&run.model.parameters()[0]).requires_grad_(false);
            Ok(())
        }),
        ("other parameters", |run| {
            run.model.parameters()[0].set_value(&run.model.parameters()[0].mul(0.5)?)
        }),
        ("constant parameters", |run| {
            let first = run.model.parameters().remove(0);
            first.set_value(&Tensor::zeros(first.shape(), &run.device))
        }),
        ("a gradient that is kept", |run| {
            let kept = run.model.parameters()[0].grad().map(|grad| (grad.clone(), grad.to_vec()));
            let Some((grad, before)) = kept else { return Ok(()) };
            let before: Vec<f32> = before?;
            run.step(99, if grad.rank() == 2 { &[5, 6] } else { &[5, 1, 6, 6] })?;
            assert_eq!(grad.to_vec::<f32>()?, before);
            Ok(())
        }),
        ("another learning rate", |run| {
            run.optimizer.param_groups_mut()[0].set("lr", 0.5);
            Ok(())
        }),
        ("a saved and loaded state", |run| {
            let state = run.model.state_dict()?;
            run.step(98, if run.replays_dense()? { &[5, 6] } else { &[5, 1, 6, 6] })?;
            run.model.load_state_dict(&state)
        }),
    ];
    for device in devices() {
        for (model, shape) in MODELS {
            for (what, change) in changes {
                let [mut plain, mut captured] = pair(model, &device);
                for number in 0..STEPS {
                    for run in [&mut plain, &mut captured] {
                        if number == 4 {
                            change(run).expect("a change");
                        }
                        run.step(number, shape).expect("a step");
                    }
                    assert_equal(&plain, &captured, &format!("{what}, {number} on {device}"));
                }
                assert!(captured.replays() > 0, "{what} on {device}");
            }
        }
    }
}

impl Run {
    /// Whether the model is the dense one.
    fn replays_dense(&self) -> Result<bool> {
        Ok(self.model.parameters()[0].rank() == 2)
    }
}

#[test]
fn batches_of_other_sizes_have_recordings_of_their_own() {
    for device in devices() {
        let [mut plain, mut captured] = pair(dense, &device);
        for number in 0..3 * STEPS {
            for run in [&mut plain, &mut captured] {
                let rows = if number % 3 == 2 { 2 } else { 5 };
                run.step(number, &[rows, 6]).expect("a step");
            }
        }
        assert_equal(&plain, &captured, "two sizes");
        assert!(captured.replays() >= 2 * STEPS as u64, "{}", captured.replays());
    }
}

#[test]
fn results_that_are_kept_do_not_change() {
    for device in devices() {
        let [mut plain, mut captured] = pair(dense, &device);
        let losses = [&mut plain, &mut captured].map(|run| {
            let kept: Vec<Tensor> =
                (0..STEPS).map(|i| run.step(i, &[5, 6]).expect("a step")).collect();
            kept.iter().map(|loss| loss.item().expect("a number")).collect::<Vec<_>>()
        });
        assert_eq!(losses[0], losses[1], "{device}");
        assert!(captured.replays() >= STEPS as u64 - 3, "{}", captured.replays());
    }
}

#[test]
fn gradients_accumulate_where_nobody_zeroes_them() {
    for device in devices() {
        let grads = [false, true].map(|captured| {
            let w = Tensor::from_vec(vec![1.0f32, -2.0], [2]).expect("two");
            let w = w.to(&device).expect("moves").requires_grad_(true);
            let mut capture = Capture::new();
            let mut seen = Vec::new();
            for i in 0..9 {
                let x = Tensor::from_vec(vec![i as f32, 1.0], [2]).expect("two");
                let x = x.to(&device).expect("moves");
                let step = |inputs: &[Tensor]| {
                    (&inputs[0] * &w.square()?)?.sum_all()?.backward()?;
                    Ok(Vec::new())
                };
                match captured {
                    true => capture.run(&[&x], step).expect("a step"),
                    false => step(&[x]).expect("a step"),
                };
                seen.push(w.grad().expect("a gradient").to_vec::<f32>().expect("floats"));
                if i % 4 == 3 {
                    w.zero_grad();
                }
            }
            assert!(!captured || capture.replays() > 0, "{:?}", capture.refusal());
            seen
        });
        assert_eq!(grads[0], grads[1], "{device}");
    }
}

#[test]
fn what_cannot_be_repeated_runs_as_always() {
    for device in devices() {
        let results = [false, true].map(|captured| {
            gradus_tensor::rng::manual_seed(1);
            let model = dense().expect("a model").push(Dropout::new(0.5).expect("p")).to(&device);
            let model = model.expect("moves");
            let mut optimizer = Adam::new(model.parameters(), 1e-2);
            let mut capture = Capture::new();
            let x = Tensor::randn([4, 6], &device).expect("memory");
            gradus_tensor::rng::manual_seed(2);
            for what in 0..12 {
                let mut step = |inputs: &[Tensor]| {
                    optimizer.zero_grad();
                    let loss = model.forward(&inputs[0])?.square()?.mean_all()?;
                    loss.backward()?;
                    if what % 3 == 1 {
                        loss.item()?;
                    }
                    optimizer.step()?;
                    Ok(vec![loss])
                };
                match captured {
                    true => capture.run(&[&x], step).expect("a step"),
                    false => step(std::slice::from_ref(&x)).expect("a step"),
                };
            }
            assert_eq!(capture.replays(), 0);
            assert_eq!(capture.refusal().is_some(), captured);
            model.parameters()[0].to_vec::<f32>().expect("floats")
        });
        assert_eq!(results[0], results[1], "{device}");
    }
}

#[test]
fn a_repeated_step_still_checks_its_labels() {
    let model = dense().expect("a model");
    let mut capture = Capture::new();
    let x = Tensor::zeros([2, 6], &Device::cpu());
    for number in 0..6 {
        let label = if number == 5 { 7 } else { 1 };
        let t = Tensor::from_vec(vec![0, label], [2]).expect("labels");
        let result = capture.run(&[&x, &t], |inputs| {
            Ok(vec![model.forward(&inputs[0])?.cross_entropy(&inputs[1])?])
        });
        match result {
            Ok(_) => assert!(number < 5),
            Err(error) => {
                assert!(matches!(error.kind(), Kind::Index { index: 7, .. }), "{error}");
                assert_eq!((number, capture.replays()), (5, 4));
            }
        }
    }
}

#[test]
fn a_captured_step_inside_another_is_part_of_it() {
    for device in devices() {
        let (mut outer, mut inner) = (Capture::new(), Capture::new());
        let make = |i: f32| Tensor::from_vec(vec![i, -i], [2]).and_then(|x| x.to(&device));
        let square = |x: &[Tensor]| Ok(vec![x[0].square()?]);
        // By itself, the inner step is repeated from here on.
        for i in 0..4 {
            inner.run(&[&make(i as f32).expect("memory")], square).expect("a step");
        }
        assert_eq!(inner.replays(), 2);
        let w = make(1.0).expect("memory").requires_grad_(true);
        for i in 0..8 {
            // Read by the outer step before the inner one: it is watched all the same.
            if i == 5 {
                w.set_value(&make(3.0).expect("memory")).expect("of its shape");
            }
            let x = make(i as f32).expect("memory");
            let y = outer.run(&[&x], |x| {
                let scaled = x[0].mul(&w)?;
                let y = inner.run(&[&x[0]], square)?.remove(0);
                Ok(vec![(&y + &scaled)?])
            });
            let scale = if i < 5 { 1 } else { 3 };
            let expected = (i * i + scale * i) as f32;
            let y: Vec<f32> = y.expect("a step")[0].to_vec().expect("floats");
            assert_eq!(y, [expected, expected], "step {i} on {device}");
        }
        // The first ran as usual, two were recorded: the second, and the one that saw the change.
        assert_eq!(outer.replays(), 5, "{:?}", outer.refusal());
    }
}
