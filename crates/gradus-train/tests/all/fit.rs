//! The training loop: what an epoch measures, weights, validation, hooks.

use std::cell::RefCell;
use std::rc::Rc;

use gradus_data::{Dataset, TensorDataset};
use gradus_nn::{CrossEntropyLoss, Layer, Linear, Module, MseLoss, Result, Tensor};
use gradus_optim::Sgd;
use gradus_tensor::{Array, Device};
use gradus_train::{
    Accuracy, Callback, Context, EvaluateOptions, FitOptions, Lambda, MeanAbsoluteError,
    PredictOptions, ProgressBar, Supervised, Trainer, Validation, Verbose,
};

use crate::support::{bits, network, points, quiet};

/// y = w x with w = 1, and its data x = 1..=n, y = 0.
fn line(n: usize, lr: f64) -> (Trainer<Supervised<Linear>>, TensorDataset) {
    let model = Linear::new(1, 1).unwrap();
    for (parameter, value) in model.parameters().iter().zip([1.0, 0.0]) {
        parameter
            .set_value(&Tensor::full(parameter.shape(), value, parameter.dtype(), &Device::cpu()))
            .unwrap();
    }
    let x: Vec<f32> = (1..=n).map(|v| v as f32).collect();
    let data = TensorDataset::pair(
        Array::from_vec(x, [n, 1]).unwrap(),
        Array::from_vec(vec![0.0f32; n], [n, 1]).unwrap(),
    );
    let optimizer = Sgd::new(model.parameters(), lr);
    let trainer = Trainer::new(model).optimizer(optimizer).loss(MseLoss::default());
    (trainer.metric(MeanAbsoluteError::default()), data.unwrap())
}

#[test]
fn the_loss_of_an_epoch_is_the_mean_over_samples() {
    // Learning rate 0: predictions stay x, so the loss is the mean of 1, 4, 9, 16, 25.
    for (batch_size, drop_last, loss, mae) in
        [(2, false, 11.0, 3.0), (5, false, 11.0, 3.0), (1, false, 11.0, 3.0), (2, true, 7.5, 2.5)]
    {
        let (mut trainer, data) = line(5, 0.0);
        let options = FitOptions { batch_size, drop_last, shuffle: false, ..quiet(1, Vec::new()) };
        let history = trainer.fit(&data, options).unwrap();
        assert_eq!(history.get("loss").unwrap(), [loss], "batches of {batch_size}");
        assert_eq!(history.get("mean_absolute_error").unwrap(), [mae]);
    }
}

#[test]
fn weights_of_samples_and_classes_scale_the_loss_by_keras_rule() {
    // Keras: the sum of weighted losses, divided by the number of samples.
    let (mut trainer, data) = line(3, 0.0);
    let options = FitOptions { sample_weight: vec![2.0, 0.0, 1.0], ..quiet(1, Vec::new()) };
    let history = trainer.fit(&data, options).unwrap();
    assert_eq!(history.get("loss").unwrap(), [(2.0 * 1.0 + 9.0) / 3.0]);
    // Plain metrics do not see the weights.
    assert_eq!(history.get("mean_absolute_error").unwrap(), [2.0]);

    let logits = [[0.0f32, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]].concat();
    let x = Array::from_vec(logits, [4, 2]).unwrap();
    let data = TensorDataset::pair(x, Array::from_vec(vec![0i32, 0, 0, 1], [4]).unwrap()).unwrap();
    let model = Linear::new(2, 2).unwrap();
    model.parameters()[1].set_value(&Tensor::zeros([2], &Device::cpu())).unwrap();
    let optimizer = Sgd::new(model.parameters(), 0.0);
    let mut trainer = Trainer::new(model)
        .optimizer(optimizer)
        .loss(CrossEntropyLoss::default())
        .metric(Accuracy::default())
        .weighted_metric(gradus_train::LossMetric::new("weighted", CrossEntropyLoss::default()));
    let class_weight = vec![1.0, 5.0];
    let options =
        FitOptions { class_weight, validation: Validation::data(&data), ..quiet(1, Vec::new()) };
    let history = trainer.fit(&data, options).unwrap();
    let ln2 = 2f64.ln();
    let near = |name: &str, expected: f64| {
        let value = history.get(name).unwrap()[0];
        assert!((value - expected).abs() < 1e-6, "{name}: {value}, expected {expected}");
    };
    near("loss", ln2 * (3.0 + 5.0) / 4.0);
    near("weighted", ln2);
    // Validation counts every class once.
    near("val_loss", ln2);
    near("accuracy", 0.75);
}

#[test]
fn weights_of_samples_change_gradients_as_repeating_samples_does() {
    let (mut weighted, data) = line(2, 0.1);
    let options = FitOptions { sample_weight: vec![3.0, 1.0], ..quiet(1, Vec::new()) };
    weighted.fit(&data, options).unwrap();
    let (mut repeated, _) = line(2, 0.2);
    let data = data.subset(&[0, 0, 0, 1]).unwrap();
    repeated.fit(&data, quiet(1, Vec::new())).unwrap();
    // 3 + 1 samples divided by 4 at twice the rate, or weights 3 + 1 divided by 2.
    let values = |t: &Trainer<Supervised<Linear>>| t.model().parameters()[0].item().unwrap();
    assert!((values(&weighted) - values(&repeated)).abs() < 1e-6);
    assert!((values(&weighted) - (1.0 - 0.1 * (3.0 * 1.0 + 4.0))).abs() < 1e-6);
}

#[test]
fn a_validation_split_is_the_end_of_the_data_and_is_not_trained_on() {
    let (mut trainer, data) = line(10, 0.0);
    let options = FitOptions { validation: Validation::Split(0.2), ..quiet(4, Vec::new()) };
    let history = trainer.fit(&data, FitOptions { validation_freq: 2, ..options }).unwrap();
    let mean = |range: std::ops::RangeInclusive<u32>| {
        let squares: Vec<f64> = range.map(|v| f64::from(v * v)).collect();
        squares.iter().sum::<f64>() / squares.len() as f64
    };
    assert_eq!(history.get("loss").unwrap(), [mean(1..=8); 4]);
    assert_eq!(history.get("val_loss").unwrap(), [mean(9..=10); 2]);
    assert_eq!(history.rows()[0].1.get("val_loss"), None);
    for fraction in [0.0, 1.0, -0.5, 0.95, f64::NAN] {
        let options =
            FitOptions { validation: Validation::Split(fraction), ..quiet(1, Vec::new()) };
        assert!(trainer.fit(&data, options).is_err(), "{fraction}");
    }
}

#[test]
fn a_training_is_a_function_of_its_seeds() {
    let data = points(60);
    let train = |seed, initial_epoch, trainer: &mut crate::support::Net, epochs| {
        let options = FitOptions { seed, initial_epoch, ..quiet(epochs, Vec::new()) };
        trainer.fit(&data, options).unwrap()
    };
    let run = |seed| {
        let mut trainer = network(&Device::cpu());
        let history = train(seed, 0, &mut trainer, 4);
        (bits(trainer.model()), history)
    };
    let whole = run(1);
    assert_eq!(whole, run(1));
    assert_ne!(whole.0, run(2).0);
    // Two parts, the second of which knows where the first ended.
    let mut trainer = network(&Device::cpu());
    train(1, 0, &mut trainer, 2);
    let second = train(1, 2, &mut trainer, 4);
    assert_eq!(second.epochs(), [2, 3]);
    assert_eq!(bits(trainer.model()), whole.0);
}

#[test]
fn a_training_is_the_loop_that_it_replaces() {
    let data = points(50);
    let mut trainer = network(&Device::cpu());
    let options = FitOptions { batch_size: 8, seed: 4, ..quiet(2, Vec::new()) };
    trainer.fit(&data, options).unwrap();

    let twin = network(&Device::cpu());
    let mut optimizer = gradus_optim::Adam::new(twin.model().parameters(), 1e-2);
    let loader = gradus_data::Loader::<Tensor>::new(&data).batch_size(8).shuffle(4);
    for _ in 0..2 {
        for batch in &loader {
            let (x, y) = batch.unwrap();
            gradus_optim::Optimizer::zero_grad(&optimizer);
            let logits = twin.model().forward(&x).unwrap();
            let loss = gradus_nn::Loss::forward(&CrossEntropyLoss::default(), &logits, &y);
            loss.unwrap().backward().unwrap();
            gradus_optim::Optimizer::step(&mut optimizer).unwrap();
        }
    }
    assert_eq!(bits(trainer.model()), bits(twin.model()));
}

/// Writes down every call.
#[derive(Clone, Default)]
struct Recorder(Rc<RefCell<Vec<String>>>);

impl Recorder {
    fn note(&self, what: &str, cx: &Context<'_>) -> Result<()> {
        self.0.borrow_mut().push(format!("{what} {}.{}", cx.epoch(), cx.batch()));
        Ok(())
    }
}

macro_rules! record {
    ($($hook:ident)*) => {
        impl Callback for Recorder {
            $(fn $hook(&mut self, cx: &mut Context<'_>) -> Result<()> {
                self.note(stringify!($hook), cx)
            })*
        }
    };
}
record! {
    on_train_begin on_train_end on_epoch_begin on_epoch_end on_train_batch_begin
    on_train_batch_end on_test_begin on_test_end on_test_batch_begin on_test_batch_end
    on_predict_begin on_predict_end on_predict_batch_begin on_predict_batch_end
}

#[test]
fn hooks_are_called_in_keras_order() {
    let (mut trainer, data) = line(3, 0.0);
    let mut recorder = Recorder::default();
    let validation = Validation::data(&data.subset(&[0]).unwrap());
    let options = FitOptions { batch_size: 2, validation, ..quiet(1, vec![&mut recorder]) };
    trainer.fit(&data, options).unwrap();
    let calls = std::mem::take(&mut *recorder.0.borrow_mut());
    let expected = [
        "on_train_begin 0.0",
        "on_epoch_begin 0.0",
        "on_train_batch_begin 0.0",
        "on_train_batch_end 0.0",
        "on_train_batch_begin 0.1",
        "on_train_batch_end 0.1",
        "on_test_begin 0.1",
        "on_test_batch_begin 0.0",
        "on_test_batch_end 0.0",
        "on_test_end 0.0",
        "on_epoch_end 0.1",
        "on_train_end 0.1",
    ];
    assert_eq!(calls, expected);
    let options = EvaluateOptions { callbacks: vec![&mut recorder], ..Default::default() };
    trainer.evaluate(&data, options).unwrap();
    let options = PredictOptions { callbacks: vec![&mut recorder], ..Default::default() };
    trainer.predict(&Tensor::zeros([2, 1], &Device::cpu()), options).unwrap();
    let calls = std::mem::take(&mut *recorder.0.borrow_mut());
    let hooks: Vec<&str> = calls.iter().filter_map(|call| call.split(' ').next()).collect();
    let test = ["on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end"];
    assert_eq!(hooks[..4], test);
    assert_eq!(hooks[4..], test.map(|hook| hook.replace("test", "predict")));
}

#[test]
fn mistakes_are_named_with_their_cure() {
    let (mut trainer, data) = line(4, 0.1);
    let fails = |result: Result<gradus_train::History>, text: &str| {
        let error = result.expect_err(text).to_string();
        assert!(error.contains(text), "{error}");
    };
    let options = |options: FitOptions<'static>| FitOptions { verbose: Verbose::Silent, ..options };
    let wrong = |o: FitOptions<'static>| options(o);
    fails(
        trainer.fit(&data, wrong(FitOptions { batch_size: 0, ..Default::default() })),
        "fit: batch_size is 0",
    );
    let sample_weight = vec![1.0];
    fails(
        trainer.fit(&data, wrong(FitOptions { sample_weight, ..Default::default() })),
        "1 weights for 4 samples",
    );
    fails(trainer.fit(&data.subset(&[]).unwrap(), quiet(1, vec![])), "number of samples is 0");
    let model = Linear::new(1, 1).unwrap();
    let stranger = Sgd::new(Linear::new(1, 1).unwrap().parameters(), 0.1);
    let mut trainer = Trainer::new(model).optimizer(stranger).loss(MseLoss::default());
    fails(trainer.fit(&data, quiet(1, vec![])), "model.parameters()");
    let model = Linear::new(1, 1).unwrap();
    fails(Trainer::new(model).fit(&data, quiet(1, vec![])), "optimizer is not set");
    let model = Linear::new(1, 1).unwrap();
    let optimizer = Sgd::new(model.parameters(), 0.1);
    fails(
        Trainer::new(model).optimizer(optimizer).fit(&data, quiet(1, vec![])),
        "fit: loss is not set, expected a loss: `Trainer::new(model).loss(..)`; in batch 0 of",
    );
    let model = Linear::new(1, 1).unwrap();
    let optimizer = Sgd::new(model.parameters(), 0.1);
    let plain = |y: &Tensor, t: &Tensor| y.sub(t)?.square()?.mean_all();
    let mut trainer = Trainer::new(model).optimizer(optimizer).loss(plain);
    let options = FitOptions { sample_weight: vec![1.0; 4], ..quiet(1, vec![]) };
    fails(trainer.fit(&data, options), "let it return one for each sample");
}

#[test]
fn a_model_that_ends_with_what_its_loss_applies_is_told_so() {
    use gradus_nn::{BceWithLogitsLoss, LogSoftmax, NllLoss, Sequential, Sigmoid, Softmax};
    let run = |mut trainer: Trainer<Supervised<Sequential>>, data: &TensorDataset| {
        let out = Shared::default();
        let mut lines = ProgressBar::to_writer(out.clone());
        trainer.fit(data, FitOptions { batch_size: 5, ..quiet(2, vec![&mut lines]) }).unwrap();
        let text = String::from_utf8(out.0.borrow().clone()).unwrap();
        text.lines().filter(|line| line.contains("applies it again")).count()
    };
    let classes = || Sequential::new().push(Linear::new(2, 3).unwrap());
    let train = |model: Sequential| {
        let optimizer = Sgd::new(model.parameters(), 0.1);
        Trainer::new(model).optimizer(optimizer)
    };
    let twice = train(classes().push(Softmax { dim: -1 })).loss(CrossEntropyLoss::default());
    assert_eq!(run(twice, &points(20)), 1);
    assert_eq!(run(train(classes()).loss(CrossEntropyLoss::default()), &points(20)), 0);
    let logs = train(classes().push(LogSoftmax { dim: -1 })).loss(NllLoss::default());
    assert_eq!(run(logs, &points(20)), 0);
    let (_, data) = line(5, 0.0);
    let one = || Sequential::new().push(Linear::new(1, 1).unwrap());
    let twice = train(one().push(Sigmoid)).loss(BceWithLogitsLoss::default());
    assert_eq!(run(twice, &data), 1);
}

#[test]
fn evaluation_leaves_training_modes_as_they_were() {
    let data = points(20);
    let mut trainer = network(&Device::cpu());
    trainer.model().get(2).unwrap().eval();
    let modes = |trainer: &crate::support::Net| {
        let mut modes = Vec::new();
        gradus_nn::walk(trainer.model(), &mut |_, part| {
            if let gradus_nn::Part::Mode(mode) = part {
                modes.push(mode.is_training());
            }
        });
        modes
    };
    assert_eq!(modes(&trainer), [false, true]);
    let a = trainer.evaluate(&data, EvaluateOptions::default()).unwrap();
    let b = trainer.evaluate(&data, EvaluateOptions { batch_size: 7, ..Default::default() });
    assert_eq!(modes(&trainer), [false, true]);
    // Without dropout the batches make no difference but rounding.
    assert!((a.get("loss").unwrap() - b.unwrap().get("loss").unwrap()).abs() < 1e-6);
    let labels = data.fetch(&[0]).unwrap()[1].to_vec::<i32>().unwrap();
    assert!((0..3).contains(&labels[0]));
}

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_count_epochs_batches_and_iterations_and_show_messages() {
    let (mut trainer, data) = line(5, 0.0);
    let out = Shared::default();
    let mut lines = ProgressBar::to_writer(out.clone());
    let mut lambda = Lambda::new().on_epoch_end(|cx| {
        cx.say("a message");
        Ok(())
    });
    let options = FitOptions {
        batch_size: 2,
        validation: Validation::Split(0.2),
        ..quiet(2, vec![&mut lambda, &mut lines])
    };
    trainer.fit(&data, options).unwrap();
    let text = String::from_utf8(out.0.borrow().clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].starts_with("epoch 1/2 batch 2/2 iteration 2 "), "{text}");
    assert!(lines[0].ends_with(
        " s: loss 7.5000, mean_absolute_error 2.5000, val_loss 25.0000, \
         val_mean_absolute_error 5.0000, gap +17.5000"
    ));
    assert_eq!(lines[1], "a message");
    assert!(lines[2].starts_with("epoch 2/2 batch 2/2 iteration 4 "), "{text}");
}
