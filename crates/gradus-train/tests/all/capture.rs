//! Training steps that are recorded and repeated.

use gradus_nn::{
    BatchNorm1d, CrossEntropyLoss, Layer, Linear, Losses, Module, Relu, Result, Sequential, Tensor,
};
use gradus_optim::Adam;
use gradus_tensor::Device;
use gradus_tensor::rng::manual_seed;
use gradus_train::{Accuracy, FitOptions, Learner, LossMetric, Step, Supervised, Trainer};

use crate::support::{bits, network, points, quiet};

/// A classifier with batch norm, weights of samples and both kinds of metrics.
fn normed() -> Trainer<Supervised<Sequential>> {
    manual_seed(4);
    let model = Sequential::new()
        .push(Linear::new(2, 8).unwrap())
        .push(BatchNorm1d::new(8))
        .push(Relu)
        .push(Linear::new(8, 3).unwrap());
    let optimizer = Adam::new(model.parameters(), 1e-2);
    Trainer::new(model)
        .optimizer(optimizer)
        .loss(CrossEntropyLoss::default())
        .metric(Accuracy::default())
        .weighted_metric(LossMetric::new("weighted", CrossEntropyLoss::default()))
        .clip_grad_norm(1.0)
}

#[test]
fn recorded_steps_train_with_the_same_bits() {
    // Nine batches of four and one of two: two kinds of steps.
    let data = points(38);
    let run = |capture| {
        let mut trainer = normed();
        let options = FitOptions {
            capture,
            batch_size: 4,
            class_weight: vec![1.0, 2.0],
            sample_weight: (0..38).map(|i| 1.0 + (i % 3) as f32).collect(),
            ..quiet(4, vec![])
        };
        let history = trainer.fit(&data, options).unwrap();
        let state: Vec<Vec<f32>> = trainer
            .model()
            .state_dict()
            .unwrap()
            .values()
            .filter_map(|a| a.to_vec().ok())
            .collect();
        let replays = trainer.recording().map(gradus_autodiff::Capture::replays);
        let names = ["loss", "accuracy", "weighted"];
        (names.map(|name| history.get(name).unwrap().to_vec()), state, replays)
    };
    let (plain, captured) = (run(false), run(true));
    assert_eq!(plain.0, captured.0);
    assert_eq!(plain.1, captured.1);
    assert_eq!(plain.2, None);
    // Of both kinds the first runs as usual and the second is recorded; the first small batch moves
    // buffers that the recorded one writes.
    assert!(captured.2.is_some_and(|replays| replays >= 40 - 6), "{:?}", captured.2);
}

#[test]
fn what_cannot_be_repeated_trains_as_always() {
    let data = points(20);
    let run = |capture, accumulate| {
        let mut trainer = network(&Device::cpu());
        let options = FitOptions { capture, accumulate, batch_size: 5, ..quiet(2, vec![]) };
        trainer.fit(&data, options).unwrap();
        let recording = trainer.recording();
        let replays = recording.map_or(0, gradus_autodiff::Capture::replays);
        let refused = recording.is_some_and(|capture| capture.refusal().is_some());
        (bits(trainer.model()), replays, refused)
    };
    // Dropout draws, and batches that share a step are not recorded at all.
    for (accumulate, refused) in [(1, true), (2, false)] {
        let captured = run(true, accumulate);
        assert_eq!(captured.0, run(false, accumulate).0);
        assert_eq!((captured.1, captured.2), (0, refused));
    }
}

/// Logs the size of its weights, and how often it was called.
#[derive(Module)]
struct Own {
    fc: Linear,
    #[module(skip)]
    calls: usize,
}

impl Learner for Own {
    fn module(&self) -> &dyn Module {
        self
    }

    fn training_step(&mut self, batch: &[Tensor], step: &mut Step) -> Result<Tensor> {
        self.calls += 1;
        let y = self.fc.forward(&batch[0])?;
        step.log("size", &self.fc.parameters()[0].abs()?.sum_all()?);
        y.cross_entropy(&batch[1])
    }
}

#[test]
fn a_learner_of_ones_own_is_called_while_steps_are_recorded() {
    let data = points(20);
    let run = |capture| {
        manual_seed(6);
        let learner = Own { fc: Linear::new(2, 3).unwrap(), calls: 0 };
        let optimizer = Adam::new(learner.parameters(), 1e-2);
        let mut trainer = Trainer::with(learner).optimizer(optimizer);
        let options = FitOptions { capture, batch_size: 5, ..quiet(3, vec![]) };
        let history = trainer.fit(&data, options).unwrap();
        (history.get("size").unwrap().to_vec(), trainer.learner().calls)
    };
    let (plain, captured) = (run(false), run(true));
    assert_eq!(plain.0, captured.0);
    assert_eq!((plain.1, captured.1), (12, 2));
}
