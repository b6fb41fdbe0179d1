//! Accumulated gradients, epochs of chosen lengths, averages of weights, the search for a rate.

use gradus_data::TensorDataset;
use gradus_nn::{BatchNorm1d, CrossEntropyLoss, Linear, Module, MseLoss, Relu, Sequential};
use gradus_optim::{Adam, LrFinder, Sgd};
use gradus_tensor::rng::{manual_seed, with_default};
use gradus_tensor::{Array, Device, Error};
use gradus_train::{
    BackupAndRestore, Callback, EvaluateOptions, FindLrOptions, FitOptions, GradNorm, Lambda,
    ModelCheckpoint, ModelCheckpointOptions, SaveFreq, Trainer, Validation, WeightAveraging,
};

use crate::support::{Net, bits, network, points, quiet};

/// Without dropout: nothing looks at batches.
fn plain() -> Net {
    manual_seed(4);
    let model = Sequential::new()
        .push(Linear::new(2, 8).unwrap())
        .push(Relu)
        .push(Linear::new(8, 3).unwrap());
    let optimizer = Sgd::new(model.parameters(), 0.1);
    Trainer::new(model).optimizer(optimizer).loss(CrossEntropyLoss::default())
}

fn weights(trainer: &Net) -> Vec<f32> {
    let parameters = trainer.model().parameters();
    parameters.iter().flat_map(|p| p.to_vec::<f32>().unwrap()).collect()
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}

#[test]
fn accumulated_batches_move_weights_as_one_large_batch() {
    // 50 samples: batches of 5, in groups of 4: 4, 4 and 2. And of 3: 16 full ones and one of 2.
    for (batch_size, accumulate) in [(5, 4), (3, 4), (50, 3), (7, 100)] {
        for clip in [None, Some(0.05)] {
            let run = |batch_size, accumulate| {
                let mut trainer = plain();
                if let Some(clip) = clip {
                    trainer = trainer.clip_grad_norm(clip);
                }
                let mut norm = GradNorm::default();
                let sample_weight = (0..50).map(|i| 0.5 + (i % 3) as f32).collect();
                let options = FitOptions {
                    batch_size,
                    accumulate,
                    sample_weight,
                    ..quiet(3, vec![&mut norm])
                };
                let history = trainer.fit(&points(50), options).unwrap();
                (weights(&trainer), history)
            };
            let (small, logs) = run(batch_size, accumulate);
            let (large, expected) = run((batch_size * accumulate).min(50), 1);
            assert!(close(&small, &large), "{batch_size} {accumulate} {clip:?}");
            for name in ["loss", "grad_norm", "grad_norm_max"] {
                let (a, b) = (logs.get(name).unwrap(), expected.get(name).unwrap());
                let same = a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5);
                assert!(same, "{name}: {a:?} {b:?}");
            }
        }
    }
    let error = plain().fit(&points(5), FitOptions { accumulate: 0, ..quiet(1, vec![]) });
    assert!(error.unwrap_err().to_string().contains("accumulate is 0"));
}

#[test]
fn a_training_interrupted_within_a_group_keeps_its_gradients() {
    let dir = tempfile::tempdir().unwrap();
    let run = |dir: &std::path::Path, fail_at: Option<u64>| {
        let mut trainer = network(&Device::cpu());
        let mut average = WeightAveraging::ema(0.8);
        let mut norm = GradNorm::default();
        let mut backup =
            BackupAndRestore::new(dir).save_freq(SaveFreq::Batches(1)).delete_checkpoint(false);
        let mut fail = Lambda::new().on_train_batch_end(|cx| match fail_at {
            Some(step) if step == cx.iteration() => Err(Error::argument("test", "x", 0, "1")),
            _ => Ok(()),
        });
        let callbacks: Vec<&mut dyn Callback> =
            vec![&mut average, &mut norm, &mut backup, &mut fail];
        let options = FitOptions {
            batch_size: 8,
            accumulate: 3,
            steps_per_epoch: Some(5),
            validation: Validation::Split(0.25),
            validation_steps: Some(1),
            ..quiet(4, callbacks)
        };
        let history = trainer.fit(&points(70), options)?;
        Ok::<_, Error>((history, bits(trainer.model())))
    };
    let whole = run(&dir.path().join("whole"), None).unwrap();
    let aborted = dir.path().join("aborted");
    for stop in [2, 3, 5, 7, 14, 20] {
        run(&aborted, Some(stop)).unwrap_err();
    }
    assert!(run(&aborted, None).unwrap() == whole);
}

#[test]
fn an_epoch_has_as_many_steps_as_asked_for() {
    // Two passes of 3 batches are three epochs of 2.
    let mut seen = Vec::new();
    let mut epochs = plain();
    let mut count = Lambda::new().on_train_batch_end(|cx| {
        seen.push((cx.epoch(), cx.batch(), cx.batches()));
        Ok(())
    });
    let options =
        FitOptions { batch_size: 4, steps_per_epoch: Some(2), ..quiet(3, vec![&mut count]) };
    epochs.fit(&points(12), options).unwrap();
    drop(count);
    assert_eq!(seen, [(0, 0, 2), (0, 1, 2), (1, 0, 2), (1, 1, 2), (2, 0, 2), (2, 1, 2)]);
    let mut passes = plain();
    passes.fit(&points(12), FitOptions { batch_size: 4, ..quiet(2, vec![]) }).unwrap();
    assert_eq!(bits(epochs.model()), bits(passes.model()));

    let mut trainer = plain();
    let options = EvaluateOptions { batch_size: 4, steps: Some(2), ..Default::default() };
    let part = trainer.evaluate(&points(12), options).unwrap();
    let first = points(12).subset(&[0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
    assert_eq!(part, trainer.evaluate(&first, EvaluateOptions::default()).unwrap());
    let options = FitOptions {
        validation: Validation::data(&points(12)),
        validation_batch_size: Some(4),
        validation_steps: Some(2),
        ..quiet(1, vec![])
    };
    let history = trainer.fit(&points(5), options).unwrap();
    let val = trainer.evaluate(&first, EvaluateOptions::default()).unwrap().get("loss").unwrap();
    assert!((history.get("val_loss").unwrap()[0] - val).abs() < 1e-6);
    for (name, options) in [
        ("steps_per_epoch", FitOptions { steps_per_epoch: Some(0), ..quiet(1, vec![]) }),
        ("validation_steps", FitOptions { validation_steps: Some(0), ..quiet(1, vec![]) }),
    ] {
        let error = trainer.fit(&points(5), options).unwrap_err().to_string();
        assert!(error.contains(&format!("{name} is 0")), "{error}");
    }
}

/// y = w x, from w = 1 towards 0: one weight that tells everything.
fn weight(lr: f64) -> (Trainer<gradus_train::Supervised<Linear>>, TensorDataset) {
    let options = gradus_nn::LinearOptions { bias: false, ..Default::default() };
    let model = Linear::with(1, 1, options).unwrap();
    model.weight.set_value(&Array::from_vec(vec![1.0f32], [1, 1]).unwrap().into()).unwrap();
    let optimizer = Sgd::new(model.parameters(), lr);
    let x = Array::from_vec(vec![1.0f32; 4], [4, 1]).unwrap();
    let y = Array::from_vec(vec![0.0f32; 4], [4, 1]).unwrap();
    let data = TensorDataset::pair(x, y).unwrap();
    (Trainer::new(model).optimizer(optimizer).loss(MseLoss::default()), data)
}

#[test]
fn averages_are_measured_and_training_goes_on_with_its_own_weights() {
    // Each step halves w: 1/2, 1/4, 1/8, 1/16 after the epochs of one batch.
    let run = |average: &mut WeightAveraging| {
        let (mut trainer, data) = weight(0.25);
        let mut own = Vec::new();
        let mut watch = Lambda::new().on_epoch_end(|cx| {
            own.push(cx.model().parameters()[0].item()?);
            Ok(())
        });
        let options = FitOptions {
            validation: Validation::data(&data),
            ..quiet(4, vec![average, &mut watch])
        };
        let history = trainer.fit(&data, options).unwrap();
        drop(watch);
        assert_eq!(own, [0.5, 0.25, 0.125, 0.0625]);
        let measured: Vec<f64> = history.get("val_loss").unwrap();
        (measured, trainer.model().weight.item().unwrap())
    };
    let squares = |w: [f64; 4]| w.map(|w| w * w).to_vec();
    let ema = [0.5, 0.375, 0.25, 0.15625];
    assert_eq!(run(&mut WeightAveraging::ema(0.5)), (squares(ema), ema[3]));
    // Before the first update training's own weights are measured.
    let swa = [0.5, 0.25, 0.1875, (0.25 + 0.125 + 0.0625) / 3.0];
    let (measured, last) = run(&mut WeightAveraging::swa().start_epoch(1));
    let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
    assert!(measured.iter().zip(squares(swa)).all(|(a, b)| near(*a, b)), "{measured:?}");
    assert!(near(last, swa[3]), "{last}");
    let (_, last) = run(&mut WeightAveraging::swa().finalize(false));
    assert_eq!(last, 0.0625);
}

#[test]
fn saved_averages_are_those_that_validation_has_measured() {
    let dir = tempfile::tempdir().unwrap();
    let save = |save_averages: bool, weights: bool| {
        let path = dir.path().join(format!("{save_averages}-{{epoch}}.safetensors"));
        let options = ModelCheckpointOptions {
            save_weights_only: weights,
            save_averages,
            ..Default::default()
        };
        ModelCheckpoint::new(path.to_str().unwrap(), options)
    };
    let (mut trainer, data) = weight(0.25);
    let mut average = WeightAveraging::swa().start_epoch(1);
    let (mut averages, mut weights) = (save(true, true).unwrap(), save(false, true).unwrap());
    let options = FitOptions {
        validation: Validation::data(&data),
        ..quiet(3, vec![&mut averages, &mut average, &mut weights])
    };
    let history = trainer.fit(&data, options).unwrap();
    let read = |averages: bool, epoch: usize| {
        let path = dir.path().join(format!("{averages}-{epoch}.safetensors"));
        let saved = gradus_io::read_safetensors(path).unwrap();
        f64::from(saved.tensors["weight"].to_vec::<f32>().unwrap()[0])
    };
    // Training's own weights halve; those of epoch 1 are no part of the average yet.
    assert_eq!([1, 2, 3].map(|epoch| read(false, epoch)), [0.5, 0.25, 0.125]);
    assert_eq!([1, 2, 3].map(|epoch| read(true, epoch)), [0.5, 0.25, 0.1875]);
    for (epoch, loss) in history.get("val_loss").unwrap().into_iter().enumerate() {
        assert!((loss - read(true, epoch + 1).powi(2)).abs() < 1e-6, "epoch {epoch}: {loss}");
    }
    let error = save(true, false).unwrap_err().to_string();
    assert!(error.contains("save_averages is true, expected `save_weights_only`"), "{error}");
    let (mut trainer, data) = weight(0.25);
    let error = trainer.fit(&data, quiet(1, vec![&mut save(true, true).unwrap()])).unwrap_err();
    assert!(error.to_string().contains("a `WeightAveraging` among the callbacks"), "{error}");
}

#[test]
fn tied_weights_are_averaged_once_and_found_under_every_name() {
    manual_seed(3);
    let first = Linear::new(2, 2).unwrap();
    let mut second = Linear::new(2, 2).unwrap();
    second.weight = first.weight.clone();
    let model = Sequential::new().push(first).push(second);
    let optimizer = Sgd::new(model.parameters(), 0.1);
    let mut trainer = Trainer::new(model).optimizer(optimizer).loss(CrossEntropyLoss::default());
    let mut average = WeightAveraging::ema(0.5);
    let labels = Array::from_vec(vec![0i32, 1, 1, 0], [4]).unwrap();
    let x = Array::from_vec(vec![0.0f32, 1.0, 2.0, 0.5, -1.0, 1.0, 1.0, 1.0], [4, 2]).unwrap();
    let data = TensorDataset::pair(x, labels).unwrap();
    trainer.fit(&data, quiet(3, vec![&mut average])).unwrap();
    let averages = average.averaged().unwrap().module_state_dict().unwrap();
    let dict = trainer.model().state_dict().unwrap();
    let values = |array: &Array| array.to_vec::<f32>().unwrap();
    for name in ["0.weight", "1.weight"] {
        assert_eq!(values(&dict[name]), values(&averages["0.weight"]));
    }
}

#[test]
fn running_estimates_fit_the_averages_once_they_are_taken_anew() {
    let model = Sequential::new()
        .push(Linear::new(2, 4).unwrap())
        .push(BatchNorm1d::new(4))
        .push(Linear::new(4, 3).unwrap());
    let optimizer = Adam::new(model.parameters(), 0.05);
    let mut trainer = Trainer::new(model).optimizer(optimizer).loss(CrossEntropyLoss::default());
    let data = points(64);
    let mut average = WeightAveraging::swa();
    trainer.fit(&data, quiet(3, vec![&mut average])).unwrap();
    trainer.update_bn(&data, 64).unwrap();
    let fc = trainer.model().state_dict().unwrap();
    let read = |name: &str| fc[name].to_vec::<f32>().unwrap();
    let (w, b, mean) = (read("0.weight"), read("0.bias"), read("1.running_mean"));
    let x = gradus_data::Dataset::fetch(&data, &(0..64).collect::<Vec<_>>()).unwrap();
    let x = x[0].to_vec::<f32>().unwrap();
    for i in 0..4 {
        let outputs = x.chunks(2).map(|p| w[2 * i] * p[0] + w[2 * i + 1] * p[1] + b[i]);
        let expected = outputs.sum::<f32>() / 64.0;
        assert!((mean[i] - expected).abs() < 1e-5, "{} {expected}", mean[i]);
    }
    let averages = average.averaged().unwrap().module_state_dict().unwrap();
    assert_eq!(read("0.weight"), averages["0.weight"].to_vec::<f32>().unwrap());
}

#[test]
fn a_search_for_a_rate_leaves_no_trace() {
    let options = |seed| FitOptions { batch_size: 8, seed, ..quiet(2, vec![]) };
    let run = |search: bool| {
        let mut trainer = network(&Device::cpu());
        trainer.fit(&points(60), options(1)).unwrap();
        if search {
            let find = |finder| FindLrOptions { finder, batch_size: 8, ..Default::default() };
            let finder = LrFinder::default().range(1e-5, 1.0).num_iter(30);
            let curve = trainer.find_lr(&points(60), find(finder)).unwrap();
            assert!(curve.lrs.len() > 8, "more rates than a pass has batches");
            let wrong = LrFinder::default().num_iter(1);
            trainer.find_lr(&points(60), find(wrong)).unwrap_err();
        }
        let history = trainer.fit(&points(60), options(2)).unwrap();
        (history, bits(trainer.model()), with_default(|g| g.state()))
    };
    assert!(run(true) == run(false));
    let error = Trainer::new(Relu).find_lr(&points(3), FindLrOptions::default()).unwrap_err();
    assert!(error.to_string().contains("optimizer"), "{error}");
}
