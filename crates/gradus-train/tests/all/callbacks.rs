//! Callbacks, driven by scripted numbers: Keras' semantics in tables.

use std::fs;

use gradus_nn::{Module, Result};
use gradus_tensor::Device;
use gradus_train::{
    Callback, Context, CsvLogger, DeadUnits, EarlyStopping, EarlyStoppingOptions, FitOptions,
    GradNorm, History, Lambda, LearningRateScheduler, ModelCheckpoint, ModelCheckpointOptions,
    MonitorMode, ReduceLrOnPlateau, ReduceLrOptions, RunDir, SaveFreq, TerminateOnNan, Validation,
};

use crate::support::{Net, Script, bits, network, points, quiet};

fn run(trainer: &mut Net, epochs: usize, callbacks: Vec<&mut dyn Callback>) -> Result<History> {
    let options = FitOptions { batch_size: 10, ..quiet(epochs, callbacks) };
    trainer.fit(&points(20), options)
}

fn scripted(numbers: &[f64], callback: &mut dyn Callback) -> Result<(Net, History)> {
    let mut trainer = network(&Device::cpu());
    let mut script = Script(numbers.to_vec());
    let history = run(&mut trainer, numbers.len(), vec![&mut script, callback])?;
    Ok((trainer, history))
}

#[test]
fn early_stopping_ends_where_keras_does() {
    let base = EarlyStoppingOptions {
        monitor: "score".into(),
        mode: MonitorMode::Min,
        ..Default::default()
    };
    let with = |change: &dyn Fn(&mut EarlyStoppingOptions)| {
        let mut options = base.clone();
        change(&mut options);
        options
    };
    let falling = [5.0, 4.0, 3.0, 2.0, 1.0];
    let table: &[(EarlyStoppingOptions, &[f64], Option<usize>)] = &[
        (with(&|_| {}), &falling, None),
        (with(&|_| {}), &[5.0, 4.0, 4.0, 3.0], Some(2)),
        (with(&|o| o.patience = 2), &[5.0, 4.0, 4.5, 4.0, 3.0], Some(3)),
        (with(&|o| o.patience = 2), &[5.0, 4.0, 4.5, 3.0, 3.5, 3.6], Some(5)),
        (with(&|o| o.min_delta = 1.5), &falling, Some(1)),
        (with(&|o| o.mode = MonitorMode::Max), &falling, Some(1)),
        (with(&|o| o.mode = MonitorMode::Max), &[1.0, 2.0, 2.5, 2.4], Some(3)),
        // Improves, but never beyond the baseline: patience runs out.
        (with(&|o| (o.baseline, o.patience) = (Some(1.0), 2)), &[5.0, 4.0, 3.0, 3.0], Some(3)),
        (with(&|o| (o.baseline, o.patience) = (Some(4.5), 2)), &[5.0, 4.0, 4.1, 4.2], Some(3)),
        (with(&|o| o.start_from_epoch = 3), &[1.0, 2.0, 3.0, 4.0, 3.5], None),
        (with(&|o| o.start_from_epoch = 3), &[1.0, 2.0, 3.0, 4.0, 4.5], Some(4)),
        // The first epoch never stops; NaN never improves.
        (with(&|_| {}), &[f64::NAN, f64::NAN, 1.0], Some(1)),
    ];
    for (options, numbers, expected) in table {
        let mut stop = EarlyStopping::new(options.clone());
        let (_, history) = scripted(numbers, &mut stop).unwrap();
        assert_eq!(stop.stopped_epoch(), *expected, "{options:?} {numbers:?}");
        let epochs = expected.map_or(numbers.len(), |epoch| epoch + 1);
        assert_eq!(history.len(), epochs);
    }
}

#[test]
fn early_stopping_brings_the_best_weights_back() {
    let mut best = Vec::new();
    let mut copy = Lambda::new().on_epoch_end(|cx| {
        if cx.epoch() == 1 {
            best = bits(cx.model());
        }
        Ok(())
    });
    let mut stop = EarlyStopping::new(EarlyStoppingOptions {
        monitor: "score".into(),
        mode: MonitorMode::Max,
        patience: 2,
        restore_best_weights: true,
        ..Default::default()
    });
    let mut script = Script(vec![1.0, 3.0, 2.0, 2.0, 2.0]);
    let mut trainer = network(&Device::cpu());
    run(&mut trainer, 5, vec![&mut script, &mut copy, &mut stop]).unwrap();
    assert_eq!((stop.best_epoch(), stop.best(), stop.stopped_epoch()), (1, Some(3.0), Some(3)));
    drop(copy);
    assert_eq!(bits(trainer.model()), best);
}

#[test]
fn the_plateau_lowers_the_rate_where_keras_does() {
    let base = ReduceLrOptions {
        monitor: "score".into(),
        mode: MonitorMode::Min,
        factor: 0.5,
        patience: 1,
        ..Default::default()
    };
    let with = |change: &dyn Fn(&mut ReduceLrOptions)| {
        let mut options = base.clone();
        change(&mut options);
        options
    };
    let flat = [1.0; 6];
    // Rates in hundredths while each epoch ran.
    let table: &[(ReduceLrOptions, &[f64], &[f64])] = &[
        (with(&|_| {}), &flat, &[1.0, 1.0, 0.5, 0.25, 0.125, 0.0625]),
        (with(&|o| o.patience = 2), &flat, &[1.0, 1.0, 1.0, 0.5, 0.5, 0.25]),
        (with(&|o| o.cooldown = 2), &flat, &[1.0, 1.0, 0.5, 0.5, 0.25, 0.25]),
        (with(&|o| o.min_lr = 0.004), &flat, &[1.0, 1.0, 0.5, 0.4, 0.4, 0.4]),
        (with(&|_| {}), &[6.0, 5.0, 4.0, 3.0], &[1.0; 4]),
        (with(&|o| o.min_delta = 1.5), &[6.0, 5.0, 4.0], &[1.0, 1.0, 0.5]),
        (with(&|o| o.mode = MonitorMode::Max), &[1.0, 2.0, 2.0, 2.0], &[1.0, 1.0, 1.0, 0.5]),
    ];
    for (options, numbers, expected) in table {
        let mut reduce = ReduceLrOnPlateau::new(options.clone()).unwrap();
        let (_, history) = scripted(numbers, &mut reduce).unwrap();
        let rates = history.get("learning_rate").unwrap();
        for (rate, expected) in rates.iter().zip(*expected) {
            assert!((rate * 100.0 - expected).abs() < 1e-12, "{options:?}: {rates:?}");
        }
        assert_eq!(rates.len(), expected.len());
    }
}

#[test]
fn unknown_names_and_modes_are_errors_that_list_what_there_is() {
    let watch = |monitor: &str| {
        let monitor = monitor.to_owned();
        EarlyStopping::new(EarlyStoppingOptions { monitor, ..Default::default() })
    };
    let error = scripted(&[1.0], &mut watch("val_acc")).err().unwrap().to_string();
    assert_eq!(
        error,
        "early_stopping: monitor is val_acc (logged: loss, accuracy, score), expected a name that \
         is logged"
    );
    // Nobody knows whether a score should fall.
    let error = scripted(&[1.0], &mut watch("score")).err().unwrap().to_string();
    assert!(error.contains("mode is auto for score"), "{error}");
    assert!(scripted(&[1.0], &mut watch("loss")).is_ok());
    assert!(scripted(&[1.0], &mut watch("accuracy")).is_ok());
}

#[test]
fn mode_auto_knows_that_accuracy_rises_and_skips_epochs_without_validation() {
    let mut stop = EarlyStopping::new(EarlyStoppingOptions {
        monitor: "val_accuracy".into(),
        patience: 100,
        ..Default::default()
    });
    let mut trainer = network(&Device::cpu());
    let options = FitOptions {
        validation: Validation::Split(0.5),
        validation_freq: 2,
        ..quiet(7, vec![&mut stop])
    };
    let history = trainer.fit(&points(40), options).unwrap();
    let largest = history.get("val_accuracy").unwrap().into_iter().fold(0.0, f64::max);
    assert_eq!(stop.best(), Some(largest));
}

#[test]
fn checkpoints_have_their_names_and_only_the_best_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let names = || {
        let mut names: Vec<String> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names.iter().for_each(|name| fs::remove_file(dir.path().join(name)).unwrap());
        names
    };
    let save = |template: &str, options: ModelCheckpointOptions| {
        let path = dir.path().join(template);
        let options = ModelCheckpointOptions {
            monitor: "score".into(),
            save_weights_only: true,
            mode: MonitorMode::Min,
            ..options
        };
        ModelCheckpoint::new(path.to_str().unwrap(), options).unwrap()
    };
    let template = "weights.{epoch:02d}-{score:.2f}.safetensors";
    let default = ModelCheckpointOptions::default;
    let numbers = [0.5, 0.25, 0.375, 0.125];

    scripted(&numbers, &mut save(template, default())).unwrap();
    let all = ["01-0.50", "02-0.25", "03-0.38", "04-0.12"];
    assert_eq!(names(), all.map(|name| format!("weights.{name}.safetensors")));

    let best = ModelCheckpointOptions { save_best_only: true, ..default() };
    scripted(&numbers, &mut save(template, best.clone())).unwrap();
    assert_eq!(names().len(), 3);

    let threshold = ModelCheckpointOptions { initial_value_threshold: Some(0.3), ..best };
    scripted(&numbers, &mut save(template, threshold)).unwrap();
    assert_eq!(names(), ["02-0.25", "04-0.12"].map(|n| format!("weights.{n}.safetensors")));

    let second = ModelCheckpointOptions { save_freq: SaveFreq::Epochs(2), ..default() };
    scripted(&numbers, &mut save("{epoch}.safetensors", second)).unwrap();
    assert_eq!(names(), ["2.safetensors", "4.safetensors"]);

    // 2 batches an epoch, counted on over epochs.
    let batches = ModelCheckpointOptions { save_freq: SaveFreq::Batches(3), ..default() };
    let template = "{epoch}.{batch}-{loss:.0f}.safetensors";
    scripted(&numbers, &mut save(template, batches)).unwrap();
    assert_eq!(names(), ["2.1-1.safetensors", "3.2-1.safetensors"]);

    let whole = ModelCheckpointOptions { save_weights_only: false, ..default() };
    let path = dir.path().join("m.safetensors");
    let mut callback = ModelCheckpoint::new(path.to_str().unwrap(), whole).unwrap();
    let (trainer, _) = scripted(&[1.0], &mut callback).unwrap();
    let other = network(&Device::cpu());
    other.model().load(&path).unwrap();
    assert_eq!(bits(other.model()), bits(trainer.model()));
    assert_eq!(names(), ["m.json", "m.safetensors", "m.state.safetensors"]);
}

#[test]
fn a_schedule_sets_the_rate_of_every_epoch() {
    let mut schedule =
        LearningRateScheduler::new(|epoch, lr| if epoch == 0 { 0.5 } else { lr * 0.5 });
    let (_, history) = scripted(&[0.0; 3], &mut schedule).unwrap();
    assert_eq!(history.get("learning_rate").unwrap(), [0.5, 0.25, 0.125]);
    let mut bad = LearningRateScheduler::new(|_, _| -1.0);
    assert!(scripted(&[0.0], &mut bad).is_err());
}

#[test]
fn a_loss_that_is_no_number_ends_the_training_with_advice() {
    for every in [1, 2] {
        let mut guard = TerminateOnNan::new().every(every);
        let mut break_it = Lambda::new().on_train_batch_begin(|cx| {
            if (cx.epoch(), cx.batch()) == (1, 0) {
                let weight = &cx.model().parameters()[0];
                weight.set_value(&weight.mul(f64::NAN)?)?;
            }
            Ok(())
        });
        let mut reason = None;
        let mut note = Lambda::new().on_train_end(|cx| {
            reason = cx.stopped().map(str::to_owned);
            Ok(())
        });
        let mut trainer = network(&Device::cpu());
        let callbacks: Vec<&mut dyn Callback> = vec![&mut guard, &mut break_it, &mut note];
        let history = run(&mut trainer, 5, callbacks).unwrap();
        assert_eq!(guard.stopped_at(), Some((1, every - 1)));
        assert_eq!(history.len(), 2);
        drop(note);
        let reason = reason.unwrap();
        assert!(reason.contains("lower learning rate (it is 0.01), clip"), "{reason}");
    }
}

#[test]
fn csv_files_have_a_line_an_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.csv");
    let log = |logger: CsvLogger, numbers: &[f64]| {
        let mut trainer = network(&Device::cpu());
        let (mut script, mut logger) = (Script(numbers.to_vec()), logger);
        run(&mut trainer, numbers.len(), vec![&mut script, &mut logger]).unwrap();
        fs::read_to_string(&path).unwrap()
    };
    let text = log(CsvLogger::new(&path), &[0.5, f64::NAN]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "epoch,loss,accuracy,score");
    assert!(lines[1].starts_with("0,") && lines[1].ends_with(",0.5"), "{text}");
    assert!(lines[2].starts_with("1,") && lines[2].ends_with(",NaN"), "{text}");
    let more = log(CsvLogger::new(&path).append(true), &[0.25]);
    assert!(more.starts_with(&text) && more.lines().count() == 4, "{more}");
    let fresh = log(CsvLogger::new(&path).separator(';'), &[0.25]);
    assert!(fresh.starts_with("epoch;loss;accuracy;score\n0;"), "{fresh}");
    assert_eq!(fresh.lines().count(), 2);
}

#[test]
fn callbacks_freeze_layers_and_change_the_rate() {
    let mut counts = Vec::new();
    let mut weights = Vec::new();
    let mut freeze = Lambda::new().on_epoch_begin(|cx: &mut Context<'_>| {
        if cx.epoch() == 1 {
            counts.push(cx.set_trainable("0.", false));
            cx.set_lr(0.5)?;
        }
        weights.push(cx.model().parameters()[0].to_vec::<f32>()?);
        Ok(())
    });
    let mut trainer = network(&Device::cpu());
    run(&mut trainer, 3, vec![&mut freeze]).unwrap();
    drop(freeze);
    assert_eq!(counts, [2]);
    assert_ne!(weights[0], weights[1]);
    assert_eq!(weights[1], weights[2]);
    assert_eq!(trainer.lr().unwrap(), 0.5);
}

#[test]
fn gradients_and_dead_units_are_watched() {
    let mut norm = GradNorm::default();
    let mut trainer = network(&Device::cpu()).clip_grad_norm(1e-3);
    let probe = gradus_autodiff::Tensor::ones([3, 2], &Device::cpu());
    let mut dead = DeadUnits::of_sequential(trainer.model(), &probe);
    let mut kill = Lambda::new().on_epoch_begin(|cx: &mut Context<'_>| {
        if cx.epoch() == 1 {
            let (_, bias) = cx.model().named_parameters().swap_remove(1);
            bias.set_value(&bias.mul(0.0)?.sub(100.0)?)?;
        }
        Ok(())
    });
    let history = run(&mut trainer, 2, vec![&mut kill, &mut norm, &mut dead]).unwrap();
    for name in ["grad_norm", "grad_norm_max"] {
        let value = history.get(name).unwrap()[0];
        assert!((value - 1e-3).abs() < 1e-6, "{name} is {value}, clipped at 0.001");
    }
    let first = history.get("dead_units.1").unwrap();
    assert!(first[0] < 1.0 && first[1] == 1.0, "{first:?}");
    let (both, second) = (history.get("dead_units").unwrap(), history.get("dead_units.4").unwrap());
    assert!((both[1] - (1.0 + second[1]) / 2.0).abs() < 1e-12);
}

#[test]
fn a_run_directory_says_what_the_run_was() {
    let dir = tempfile::tempdir().unwrap();
    let config = serde_json::json!({ "hidden": 16 });
    let mut record = RunDir::new(dir.path().join("run"), config);
    scripted(&[1.0, 2.0], &mut record).unwrap();
    let read = |name: &str| fs::read_to_string(record.path().join(name)).unwrap();
    let config: serde_json::Value = serde_json::from_str(&read("config.json")).unwrap();
    assert_eq!(config["config"]["hidden"], 16);
    assert_eq!(config["fit"]["batch_size"], 10);
    assert_eq!(config["optimizer"][0]["options"]["lr"], 0.01);
    assert_eq!(read("metrics.csv").lines().count(), 3);
    let history: serde_json::Value = serde_json::from_str(&read("history.json")).unwrap();
    assert_eq!(history[1]["score"], 2.0);
}
