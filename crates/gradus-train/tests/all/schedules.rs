//! Schedules of learning rates in `fit`: rates, logs, and trainings that are interrupted.

use gradus_nn::{Linear, Module, MseLoss};
use gradus_optim::{
    Adam, ChainedScheduler, CosineAnnealingLr, CosineAnnealingWarmRestarts, CyclicLr,
    ExponentialLr, OneCycleLr, ReduceLrOnPlateau, Schedule, SequentialLr, Sgd, StepLr, preview,
    warm_up,
};
use gradus_tensor::{Array, Device, Error};
use gradus_train::{
    BackupAndRestore, Callback, FitOptions, Lambda, LrSchedule, SaveFreq, Trainer, Validation,
    Verbose,
};

use crate::support::{Script, bits, network, points, quiet};

const STEPS: u64 = 24;

/// Chains and sequences of schedules, by batches.
pub fn composed() -> SequentialLr {
    let chain: Vec<Box<dyn Schedule>> =
        vec![Box::new(ExponentialLr::new(0.995)), Box::new(StepLr::new(9).gamma(0.9))];
    warm_up(0.1, 7, ChainedScheduler::new(chain))
}

type Make = fn() -> LrSchedule;

const SCHEDULES: [(&str, Make); 8] = [
    ("one cycle", || LrSchedule::per_batch(OneCycleLr::new(0.05, STEPS))),
    ("composed", || LrSchedule::per_batch(composed())),
    ("restarts", || LrSchedule::per_batch(CosineAnnealingWarmRestarts::new(5))),
    ("time", || LrSchedule::by_time(CosineAnnealingWarmRestarts::new(1).t_mult(2))),
    ("cyclic", || LrSchedule::per_batch(CyclicLr::new(1e-3, 1e-2).step_size_up(3))),
    ("step", || LrSchedule::per_epoch(StepLr::new(2).gamma(0.3))),
    ("cosine", || LrSchedule::per_epoch(CosineAnnealingLr::new(4))),
    ("plateau", || {
        let rates = Adam::new(Linear::new(1, 1).unwrap().parameters(), 1e-2);
        let reduce = ReduceLrOnPlateau::new(&rates).factor(0.4).patience(0);
        LrSchedule::on_plateau("score", reduce)
    }),
];

#[test]
fn interrupted_trainings_with_schedules_end_as_others() {
    for (name, make) in SCHEDULES {
        let dir = tempfile::tempdir().unwrap();
        // 6 batches an epoch, a backup after every second.
        let run = |dir: &std::path::Path, fail_at: Option<u64>| {
            let mut trainer = network(&Device::cpu());
            let mut schedule = make();
            let mut backup =
                BackupAndRestore::new(dir).save_freq(SaveFreq::Batches(2)).delete_checkpoint(false);
            let mut script = Script(vec![3.0, 3.0, 2.0, 2.0]);
            let mut fail = Lambda::new().on_train_batch_end(|cx| match fail_at {
                Some(step) if step == cx.iteration() => Err(Error::argument("test", "x", 0, "1")),
                _ => Ok(()),
            });
            let callbacks: Vec<&mut dyn Callback> =
                vec![&mut script, &mut schedule, &mut backup, &mut fail];
            let options = FitOptions {
                batch_size: 8,
                validation: Validation::Split(0.25),
                ..quiet(4, callbacks)
            };
            let history = trainer.fit(&points(64), options);
            history.map(|history| (history, bits(trainer.model()), trainer.lr().unwrap()))
        };
        let whole = run(&dir.path().join("whole"), None).unwrap();
        let rates = whole.0.get("learning_rate").unwrap();
        assert!(rates.windows(2).any(|pair| pair[0] != pair[1]), "{name}: {rates:?}");
        let aborted = dir.path().join("aborted");
        for stop in [1, 3, 6, 7, 12, 13, 21] {
            run(&aborted, Some(stop)).unwrap_err();
        }
        assert!(run(&aborted, None).unwrap() == whole, "{name}");
    }
}

fn line() -> (Trainer<gradus_train::Supervised<Linear>>, gradus_data::TensorDataset) {
    let model = Linear::new(1, 1).unwrap();
    let optimizer = Sgd::new(model.parameters(), 0.5);
    let x = Array::from_vec(vec![0.0f32, 0.1, 0.2, 0.3, 0.4, 0.5], [6, 1]).unwrap();
    let data = gradus_data::TensorDataset::pair(x.clone(), x).unwrap();
    (Trainer::new(model).optimizer(optimizer).loss(MseLoss::default()), data)
}

/// The rates that batches of two samples are trained with.
fn rates(schedule: &mut LrSchedule, epochs: usize, accumulate: usize) -> Vec<f64> {
    let (mut trainer, data) = line();
    let mut rates = Vec::new();
    let mut watch = Lambda::new().on_train_batch_end(|cx| {
        let lr = cx.lr()?;
        rates.push(lr);
        Ok(())
    });
    let callbacks: Vec<&mut dyn Callback> = vec![schedule, &mut watch];
    let options = FitOptions { batch_size: 2, accumulate, ..quiet(epochs, callbacks) };
    let history = trainer.fit(&data, options).unwrap();
    drop(watch);
    let logged = history.get("learning_rate").unwrap();
    assert_eq!(logged, rates.chunks(3).map(|epoch| epoch[2]).collect::<Vec<_>>());
    rates
}

#[test]
fn every_batch_has_the_rate_of_the_schedule() {
    // A cycle has exactly as many steps as the training.
    let cycle = || OneCycleLr::new(1.0, 9).cycle_momentum(false);
    let mut schedule = LrSchedule::per_batch(cycle());
    assert_eq!(rates(&mut schedule, 3, 1), preview(&cycle(), 0.5, 9).unwrap());
    assert_eq!(schedule.last_epoch(), 8);
    let mut schedule = LrSchedule::per_batch(composed());
    assert_eq!(rates(&mut schedule, 5, 1), preview(&composed(), 0.5, 15).unwrap());
    let mut schedule = LrSchedule::per_epoch(ExponentialLr::new(0.5));
    assert_eq!(rates(&mut schedule, 2, 1), [0.5, 0.5, 0.5, 0.25, 0.25, 0.25]);
    // A third of an epoch each, from one restart to the next.
    let mut schedule = LrSchedule::by_time(CosineAnnealingWarmRestarts::new(1));
    let third = [0.0, 1.0, 2.0].map(|t| 0.25 * (1.0 + (std::f64::consts::PI * t / 3.0).cos()));
    let seen = rates(&mut schedule, 2, 1);
    let expected = third.iter().cycle();
    assert!(seen.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{seen:?}");
    // Groups of two batches, and one that is left over, take a step each.
    let mut schedule = LrSchedule::per_batch(ExponentialLr::new(0.5));
    assert_eq!(rates(&mut schedule, 2, 2), [0.5, 0.5, 0.25, 0.125, 0.125, 0.0625]);
}

#[test]
fn a_second_training_goes_on_with_the_schedule() {
    let (mut trainer, data) = line();
    let mut schedule = LrSchedule::per_epoch(ExponentialLr::new(0.5));
    let mut seen = Vec::new();
    for _ in 0..2 {
        let history = trainer.fit(&data, quiet(2, vec![&mut schedule])).unwrap();
        seen.extend(history.get("learning_rate").unwrap());
    }
    assert_eq!(seen, [0.5, 0.25, 0.125, 0.0625]);
    let mut steps = LrSchedule::by_time(StepLr::new(2));
    let error = trainer.fit(&data, quiet(1, vec![&mut steps])).unwrap_err().to_string();
    assert!(error.contains("StepLR") && error.contains("rates follow"), "{error}");
    // A schedule that cannot begin says so, and says so again.
    let mut wrong = LrSchedule::per_epoch(StepLr::new(0));
    for text in ["StepLR", "used up"] {
        let error = trainer.fit(&data, quiet(1, vec![&mut wrong])).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn a_plateau_is_seen_in_the_number_that_it_watches() {
    let (mut trainer, data) = line();
    let optimizer = Sgd::new(trainer.model().parameters(), 0.5);
    let mut reduce =
        LrSchedule::on_plateau("score", ReduceLrOnPlateau::new(&optimizer).factor(0.5).patience(0));
    let mut script = Script(vec![3.0, 3.0, 2.0, 2.0]);
    let options = FitOptions {
        epochs: 4,
        verbose: Verbose::Silent,
        callbacks: vec![&mut script, &mut reduce],
        ..Default::default()
    };
    let history = trainer.fit(&data, options).unwrap();
    assert_eq!(history.get("learning_rate").unwrap(), [0.5, 0.5, 0.25, 0.25]);
    assert_eq!(trainer.lr().unwrap(), 0.125);
    let mut unknown = LrSchedule::on_plateau("scor", ReduceLrOnPlateau::new(&optimizer));
    let error = trainer.fit(&data, quiet(1, vec![&mut unknown])).unwrap_err().to_string();
    assert!(error.contains("scor (logged: loss"), "{error}");
}
