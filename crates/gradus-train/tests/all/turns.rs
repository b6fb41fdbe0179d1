//! Several optimizers: on one loss together, and on losses of their own in turns.

use gradus_data::TensorDataset;
use gradus_nn::{
    CrossEntropyLoss, Layer, Linear, Losses, Module, Relu, Result, Sequential, Tensor,
};
use gradus_optim::{Adam, LrFinder, Muon, Optimizer, Optimizers, Sgd, StepLr};
use gradus_tensor::rng::manual_seed;
use gradus_tensor::{Array, Error};
use gradus_train::{
    BackupAndRestore, FindLrOptions, FitOptions, Lambda, Learner, LrSchedule, RunDir, SaveFreq,
    Step, Trainer,
};

use crate::support::{bits, points, quiet};

/// A network whose matrices are Muon's, and the rest Adam's.
fn split(together: bool) -> Trainer<gradus_train::Supervised<Sequential>> {
    manual_seed(6);
    let model = Sequential::new()
        .push(Linear::new(2, 8).unwrap())
        .push(Relu)
        .push(Linear::new(8, 3).unwrap());
    let (matrices, rest): (Vec<_>, Vec<_>) =
        model.parameters().into_iter().partition(|p| p.rank() == 2);
    let muon: Box<dyn Optimizer> = Box::new(Muon::new(matrices, 0.02));
    let adam: Box<dyn Optimizer> = Box::new(Adam::new(rest, 0.01));
    let trainer = Trainer::new(model).loss(CrossEntropyLoss::default());
    if together {
        trainer.optimizer(Optimizers::new(vec![muon, adam]).unwrap())
    } else {
        trainer.optimizer(muon)
    }
}

#[test]
fn optimizers_share_a_loss_a_schedule_and_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let run = |name: &str, fail_at: Option<u64>| {
        let mut trainer = split(true);
        let mut schedule = LrSchedule::per_epoch(StepLr::new(2).gamma(0.5));
        let mut record = RunDir::new(dir.path().join(name), serde_json::Value::Null);
        let mut backup = BackupAndRestore::new(dir.path().join(name).join("backup"))
            .save_freq(SaveFreq::Batches(2))
            .delete_checkpoint(false);
        let mut fail = Lambda::new().on_train_batch_end(|cx| match fail_at {
            Some(step) if step == cx.iteration() => Err(Error::argument("test", "x", 0, "1")),
            _ => Ok(()),
        });
        let callbacks: Vec<&mut dyn gradus_train::Callback> =
            vec![&mut schedule, &mut record, &mut backup, &mut fail];
        let options = FitOptions { batch_size: 10, ..quiet(6, callbacks) };
        let history = trainer.fit(&points(60), options)?;
        Ok::<_, Error>((history, bits(trainer.model())))
    };
    let whole = run("whole", None).unwrap();
    let first = bits(split(true).model());
    assert!(whole.1.iter().zip(&first).filter(|(a, b)| a != b).count() > 40, "all are moved");
    assert_eq!(whole.0.get("learning_rate").unwrap()[5], 0.005);
    for stop in [3, 9, 20] {
        run("cut", Some(stop)).unwrap_err();
    }
    assert!(run("cut", None).unwrap() == whole);
    let config = std::fs::read_to_string(dir.path().join("whole/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["optimizer"][1]["options"]["lr"], 0.01);
    assert_eq!(config["optimizer"].as_array().unwrap().len(), 2);

    let mut trainer = split(true);
    let finder = LrFinder::default().range(1e-4, 1.0).num_iter(10);
    let search = FindLrOptions { finder, batch_size: 10, ..Default::default() };
    trainer.find_lr(&points(60), search).unwrap();
    assert_eq!(bits(trainer.model()), first);
    assert_eq!(trainer.lr().unwrap(), 0.02);
}

/// A generator that learns to make 3 out of anything, and a judge that learns what is 3.
#[derive(Module)]
struct Game {
    generator: Linear,
    judge: Linear,
}

impl Game {
    fn new() -> Self {
        manual_seed(2);
        Game { generator: Linear::new(1, 1).unwrap(), judge: Linear::new(1, 1).unwrap() }
    }

    fn loss(&self, noise: &Tensor, turn: usize) -> Result<Tensor> {
        let made = self.generator.forward(noise)?;
        let label = |x: &Tensor, value: f64| x.mul(0.0)?.add(value);
        if turn == 0 {
            let score = self.judge.forward(&made)?;
            return score.binary_cross_entropy_with_logits(&label(&score, 1.0)?);
        }
        let made = self.judge.forward(&made.detach())?;
        let real = self.judge.forward(&label(noise, 3.0)?)?;
        let made = made.binary_cross_entropy_with_logits(&label(&made, 0.0)?)?;
        made.add(&real.binary_cross_entropy_with_logits(&label(&real, 1.0)?)?)
    }
}

impl Learner for Game {
    fn module(&self) -> &dyn Module {
        self
    }

    fn turns(&self) -> usize {
        2
    }

    fn training_step(&mut self, batch: &[Tensor], step: &mut Step) -> Result<Tensor> {
        let loss = self.loss(&batch[0], step.turn())?;
        step.log(["generator", "judge"][step.turn()], &loss);
        Ok(loss)
    }
}

fn noise() -> TensorDataset {
    let x: Vec<f32> = (0..24).map(|i| (i * 7 % 24) as f32 / 12.0 - 1.0).collect();
    TensorDataset::new(vec![Array::from_vec(x, [24, 1]).unwrap()]).unwrap()
}

fn game() -> Trainer<Game> {
    let game = Game::new();
    let generator = Sgd::new(game.generator.parameters(), 0.1).momentum(0.5);
    let judge = Adam::new(game.judge.parameters(), 0.05);
    let both = Optimizers::new(vec![Box::new(generator), Box::new(judge)]).unwrap();
    Trainer::with(game).optimizer(both)
}

#[test]
fn losses_in_turns_are_the_loop_that_they_replace() {
    let mut trainer = game().clip_grad_norm(0.2);
    let options = FitOptions { batch_size: 8, shuffle: false, ..quiet(5, vec![]) };
    let history = trainer.fit(&noise(), options).unwrap();

    let twin = Game::new();
    let (own, other) = (twin.generator.parameters(), twin.judge.parameters());
    let mut generator = Sgd::new(&own, 0.1).momentum(0.5);
    let mut judge = Adam::new(&other, 0.05);
    let loader = gradus_data::Loader::<Tensor>::new(&noise()).batch_size(8);
    let mut sums = Vec::new();
    for _ in 0..5 {
        let mut sum = [0.0; 2];
        for columns in loader.batches() {
            let columns = columns.unwrap();
            for (turn, sum) in sum.iter_mut().enumerate() {
                twin.zero_grad();
                let loss = twin.loss(&columns[0], turn).unwrap();
                loss.backward().unwrap();
                *sum += loss.item().unwrap() / 3.0;
                let moved = if turn == 0 { &own } else { &other };
                gradus_optim::clip_grad_norm_(moved, 0.2).unwrap();
                if turn == 0 { generator.step().unwrap() } else { judge.step().unwrap() }
            }
        }
        sums.push(sum);
    }
    assert_eq!(bits(trainer.learner()), bits(&twin));
    for (epoch, [generator, judge]) in sums.into_iter().enumerate() {
        let near = |name: &str, expected: f64| {
            let value = history.get(name).unwrap()[epoch];
            assert!((value - expected).abs() < 1e-5, "{name}: {value}, expected {expected}");
        };
        near("generator", generator);
        near("judge", judge);
        near("loss", generator + judge);
    }
}

#[test]
fn turns_that_do_not_fit_their_optimizers_are_named() {
    let alone = Game::new();
    let optimizer = Sgd::new(alone.parameters(), 0.1);
    let mut trainer = Trainer::with(alone).optimizer(optimizer);
    let error = trainer.fit(&noise(), quiet(1, vec![])).unwrap_err().to_string();
    assert!(error.contains("turns is 2 for 1 optimizers"), "{error}");
    let options = FitOptions { accumulate: 2, ..quiet(1, vec![]) };
    let error = game().fit(&noise(), options).unwrap_err().to_string();
    assert!(error.contains("accumulate 2") && error.contains("several turns"), "{error}");
    let error = game().find_lr(&noise(), FindLrOptions::default()).unwrap_err().to_string();
    assert!(error.contains("several losses"), "{error}");
    // Without the other optimizer the biases would stay as they are.
    let mut half = split(false);
    half.fit(&points(20), quiet(1, vec![])).unwrap();
}
