//! Interrupted trainings end as uninterrupted ones, bit for bit.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gradus_tensor::rng::Generator;
use gradus_tensor::{Device, Error, Result};
use gradus_train::{
    BackupAndRestore, Callback, CsvLogger, EarlyStopping, EarlyStoppingOptions, FitOptions,
    GradNorm, Lambda, LrSchedule, ModelCheckpoint, ModelCheckpointOptions, ReduceLrOnPlateau,
    ReduceLrOptions, SaveFreq, Trainer, Validation, WeightAveraging,
};

use crate::schedules::composed;
use crate::support::{bits, network, points, quiet};

const EPOCHS: usize = 12;
/// Ends neither with an epoch's 8 batches nor with anything else.
const EVERY: usize = 3;

/// Trains with everything that has a state, writing below `dir`; `fail_at` ends it with an error
/// after a step.
pub fn training(dir: &Path, device: &Device, epochs: usize, fail_at: Option<u64>) -> Result<()> {
    let mut trainer = network(device);
    let mut backup = BackupAndRestore::new(dir.join("backup"))
        .save_freq(SaveFreq::Batches(EVERY))
        .delete_checkpoint(false);
    let mut stop = EarlyStopping::new(EarlyStoppingOptions {
        monitor: "accuracy".into(),
        patience: epochs.max(EPOCHS) / 2,
        restore_best_weights: true,
        ..Default::default()
    });
    let mut reduce = ReduceLrOnPlateau::new(ReduceLrOptions {
        patience: 1,
        factor: 0.5,
        min_delta: 0.1,
        ..Default::default()
    })?;
    let mut schedule = LrSchedule::per_batch(composed());
    let mut average = WeightAveraging::ema(0.9).start_epoch(1).finalize(false);
    let mut csv = CsvLogger::new(dir.join("log.csv"));
    let best = dir.join("best-{epoch:02d}-{val_loss:.3f}.safetensors");
    let mut best = ModelCheckpoint::new(
        best.to_str().unwrap(),
        ModelCheckpointOptions {
            save_best_only: true,
            save_weights_only: true,
            ..Default::default()
        },
    )?;
    let mut norm = GradNorm::default();
    // A rate and a frozen layer that callbacks chose are part of the state too.
    let mut freeze = Lambda::new().on_train_batch_end(|cx| {
        match cx.iteration() {
            20 => drop(cx.set_trainable("3.", false)),
            43 => drop(cx.set_trainable("3.", true)),
            _ => {}
        }
        Ok(())
    });
    let mut fail = paced_until(fail_at);
    let callbacks: Vec<&mut dyn Callback> = vec![
        &mut norm,
        &mut schedule,
        &mut average,
        &mut backup,
        &mut stop,
        &mut reduce,
        &mut csv,
        &mut best,
        &mut freeze,
        &mut fail,
    ];
    let options = FitOptions {
        batch_size: 8,
        seed: 9,
        validation: Validation::Split(0.25),
        ..quiet(epochs, callbacks)
    };
    let history = trainer.fit(&points(80), options)?;
    if let Some(path) = backup.restored() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut log = fs::read_to_string(dir.join("restored")).unwrap_or_default();
        log.push_str(&format!("{name}\n"));
        fs::write(dir.join("restored"), log).map_err(|e| Error::io("restored", e))?;
    }
    let text = format!("{:?}\n{:?}\n", history, bits(trainer.model()));
    fs::write(dir.join("final"), text).map_err(|e| Error::io("final", e))
}

/// Takes its time for every batch as `PACE` asks, and fails after step `fail_at`.
fn paced_until(fail_at: Option<u64>) -> Lambda<'static> {
    let pace = std::env::var(PACE).map_or(0, |pace| pace.parse().unwrap());
    Lambda::new().on_train_batch_end(move |cx| {
        std::thread::sleep(Duration::from_millis(pace));
        match fail_at {
            Some(step) if step == cx.iteration() => {
                Err(Error::io("interrupted", std::io::Error::other("on purpose")))
            }
            _ => Ok(()),
        }
    })
}

/// What a training leaves, by file.
pub fn results(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && !path.ends_with("restored"))
        // A process that is killed cannot tidy up.
        .filter(|path| path.extension() != Some("partial".as_ref()))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[track_caller]
pub fn same(a: &Path, b: &Path) {
    let (a, b) = (results(a), results(b));
    let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&a), names(&b));
    assert!(a.len() >= 3, "{:?}", names(&a));
    for ((name, a), (_, b)) in a.iter().zip(&b) {
        assert!(a == b, "{name} differs:\n{}\n{}", text(a), text(b));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned()
}

/// Where the training of a child process writes, for how many epochs, and on which device.
const DIR: &str = "GRADUS_TEST_RESUME_DIR";
const LENGTH: &str = "GRADUS_TEST_RESUME_EPOCHS";
const DEVICE: &str = "GRADUS_TEST_RESUME_DEVICE";
/// Milliseconds that it takes for a batch at least: however fast the machine is, it is killed long
/// before it ends.
const PACE: &str = "GRADUS_TEST_RESUME_PACE";
const MILLISECONDS: u64 = 5;

/// Not a test by itself: what the child processes of the next ones run.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let epochs = std::env::var(LENGTH).unwrap().parse().unwrap();
    let device = match std::env::var(DEVICE).unwrap().as_str() {
        "cpu" => Device::cpu(),
        _ => Device::gpu().unwrap(),
    };
    training(Path::new(&dir), &device, epochs, None).unwrap();
}

fn start(dir: &Path, device: &Device, epochs: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "resume::child", "--test-threads=1"])
        .env(DIR, dir)
        .env(LENGTH, epochs.to_string())
        .env(DEVICE, if device.is_cpu() { "cpu" } else { "gpu" })
        .env(PACE, MILLISECONDS.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The name of the newest backup; names sort by age.
fn newest(dir: &Path) -> Option<std::ffi::OsString> {
    let files = fs::read_dir(dir.join("backup")).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let manifests = files.filter(|path| path.extension().is_some_and(|e| e == "json"));
    manifests.filter_map(|path| Some(path.file_name()?.to_owned())).max()
}

/// Kills a training `kills` times with SIGKILL at random points, every second time not before it
/// has come further than the one before; then lets it end, and compares what it leaves with what
/// an uninterrupted one does. A kill comes at most `SPREAD` after progress, so that all of them
/// together cannot reach the end.
pub fn kill_at_random(device: &Device, epochs: usize, kills: usize) {
    const SPREAD: Duration = Duration::from_millis(40);
    let dir = tempfile::tempdir().unwrap();
    let (whole, killed) = (dir.path().join("whole"), dir.path().join("killed"));
    fs::create_dir_all(&whole).unwrap();
    fs::create_dir_all(&killed).unwrap();
    training(&whole, device, epochs, None).unwrap();

    let mut interrupted = 0;
    for (i, part) in Generator::new(2).uniform(kills).into_iter().enumerate() {
        let before = newest(&killed);
        let mut child = start(&killed, device, epochs);
        if i % 2 == 1 {
            while child.try_wait().unwrap().is_none() && newest(&killed) <= before {
                std::thread::sleep(Duration::from_micros(500));
            }
        }
        // Backups come every few milliseconds: any moment of them may be hit.
        std::thread::sleep(SPREAD.mul_f32(part));
        child.kill().unwrap();
        interrupted += usize::from(!child.wait().unwrap().success());
        if killed.join("final").exists() {
            break;
        }
    }
    eprintln!("{device}: {interrupted} of {kills} processes were killed before their end");
    assert!(interrupted > kills / 2, "{interrupted} of {kills} were killed before their end");
    // Once more, from what the last one left, to the end.
    let done = start(&killed, device, epochs).wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    same(&whole, &killed);
    let restored = fs::read_to_string(killed.join("restored")).unwrap_or_default();
    assert!(restored.contains("backup-"), "nothing was gone on from");
    // Two backups of three files, and nothing that a kill has left.
    assert_eq!(fs::read_dir(killed.join("backup")).unwrap().count(), 6);
}

#[test]
fn a_training_killed_at_random_ends_as_one_left_alone() {
    kill_at_random(&Device::cpu(), 60, 24);
}

#[test]
fn an_aborted_training_goes_on_from_every_kind_of_place() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    fs::create_dir_all(&whole).unwrap();
    training(&whole, &Device::cpu(), EPOCHS, None).unwrap();
    // Before the first backup, within an epoch, at its end (8 batches), several times.
    for stops in [&[2u64][..], &[13], &[8, 16, 17], &[21, 45], &[70]] {
        let aborted = dir.path().join(format!("aborted-{stops:?}"));
        fs::create_dir_all(&aborted).unwrap();
        for stop in stops {
            let error = training(&aborted, &Device::cpu(), EPOCHS, Some(*stop)).unwrap_err();
            assert!(error.to_string().contains("on purpose"), "{error}");
        }
        training(&aborted, &Device::cpu(), EPOCHS, None).unwrap();
        same(&whole, &aborted);
    }
    // A finished training is not trained again, and more epochs go on from it.
    let longer = dir.path().join("longer");
    fs::create_dir_all(&longer).unwrap();
    training(&longer, &Device::cpu(), 5, None).unwrap();
    training(&longer, &Device::cpu(), 5, None).unwrap();
    let rows = fs::read_to_string(longer.join("log.csv")).unwrap();
    assert_eq!(rows.lines().count(), 6, "{rows}");
}

#[test]
fn a_saved_trainer_loads_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("epoch-2.safetensors");
    let data = points(60);
    let fit = |trainer: &mut crate::support::Net, options: FitOptions<'_>| {
        trainer.fit(&data, options).unwrap()
    };
    let mut whole = network(&Device::cpu());
    let history = fit(&mut whole, quiet(4, Vec::new()));

    let mut first = network(&Device::cpu());
    fit(&mut first, quiet(2, Vec::new()));
    first.save(&path).unwrap();
    let mut second = network(&Device::cpu());
    let initial_epoch = second.load(&path).unwrap();
    assert_eq!(initial_epoch, 2);
    let rest = fit(&mut second, FitOptions { initial_epoch, ..quiet(4, Vec::new()) });
    assert_eq!(bits(second.model()), bits(whole.model()));
    assert_eq!(rest.rows(), &history.rows()[2..]);

    let mut third = network(&Device::cpu());
    let resumed = fit(&mut third, FitOptions { resume: Some(path), ..quiet(4, Vec::new()) });
    assert_eq!(bits(third.model()), bits(whole.model()));
    assert_eq!(resumed, history);
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.safetensors");
    let mut trainer = network(&Device::cpu());
    trainer.fit(&points(60), quiet(1, Vec::new())).unwrap();
    trainer.save(&path).unwrap();
    let refused = |trainer: &mut crate::support::Net, options: FitOptions<'_>, text: &str| {
        let options = FitOptions { resume: Some(path.clone()), ..options };
        let error = trainer.fit(&points(60), options).unwrap_err().to_string();
        assert!(error.contains(text) && error.contains("a.json"), "{error}");
    };
    let mut other = network(&Device::cpu());
    refused(&mut other, FitOptions { seed: 1, ..quiet(2, vec![]) }, "seed is 1, but 0 in");
    refused(&mut other, FitOptions { batch_size: 4, ..quiet(2, vec![]) }, "batch_size is 4");
    let mut norm = GradNorm::default();
    refused(&mut other, quiet(2, vec![&mut norm]), "callbacks is [\"grad_norm\"]");
    let mut more = network(&Device::cpu()).metric(gradus_train::F1Score::default());
    let options = FitOptions { resume: Some(path.clone()), ..quiet(2, vec![]) };
    more.fit(&points(60), options).unwrap();
    let model = gradus_nn::Sequential::new().push(gradus_nn::Linear::new(2, 3).unwrap());
    let mut smaller = Trainer::new(model);
    let error = smaller.load(&path).unwrap_err().to_string();
    assert!(error.contains("missing") && error.contains("a.json"), "{error}");
}
