//! Event files: read back here, and by TensorBoard itself where it may be fetched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gradus_tensor::Device;
use gradus_train::{EventValue, FitOptions, TensorBoard, UpdateFreq, Validation, read_events};

use crate::support::{network, points, quiet};

fn write(dir: &Path) -> gradus_train::History {
    let mut board = TensorBoard::new(dir)
        .histogram_freq(1)
        .update_freq(UpdateFreq::Batches(2))
        .write_steps_per_second(true);
    let options = FitOptions {
        batch_size: 10,
        validation: Validation::Split(0.5),
        ..quiet(3, vec![&mut board])
    };
    network(&Device::cpu()).fit(&points(80), options).unwrap()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Steps and numbers of a tag.
fn series(dir: &Path, tag: &str) -> Vec<(i64, f32)> {
    let found = files(dir);
    assert_eq!(found.len(), 1, "one file a directory");
    let events = read_events(&found[0]).unwrap();
    let values = events.iter().flat_map(|event| event.values.iter().map(|v| (event.step, v)));
    values
        .filter_map(|(step, (known, value))| match value {
            EventValue::Scalar(value) if known == tag => Some((step, *value)),
            _ => None,
        })
        .collect()
}

#[test]
fn scalars_and_histograms_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let history = write(dir.path());
    let (train, validation) = (dir.path().join("train"), dir.path().join("validation"));
    for (dir, tag, name) in [
        (&train, "epoch_loss", "loss"),
        (&train, "epoch_accuracy", "accuracy"),
        (&validation, "epoch_loss", "val_loss"),
    ] {
        let expected: Vec<(i64, f32)> =
            (0..).zip(history.get(name).unwrap().into_iter().map(|v| v as f32)).collect();
        assert_eq!(series(dir, tag), expected, "{tag}");
    }
    let steps: Vec<i64> = series(&train, "batch_loss").iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [2, 4, 6, 8, 10, 12]);
    assert!(series(&train, "epoch_steps_per_second").iter().all(|(_, v)| *v > 0.0));
    let events = read_events(&files(&train)[0]).unwrap();
    let weights: Vec<f64> = events
        .iter()
        .flat_map(|event| &event.values)
        .filter_map(|(tag, value)| match value {
            EventValue::Histogram(h) if tag == "0.weight/histogram" => Some(h.num),
            _ => None,
        })
        .collect();
    assert_eq!(weights, [32.0; 3]);
}

/// `GRADUS_FETCH=1` allows the test to install TensorBoard from PyPI; `GRADUS_TENSORBOARD` names
/// a Python that has it.
#[test]
fn tensorboard_itself_reads_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let Some(python) = python(dir.path()) else {
        eprintln!("SKIPPED: TensorBoard is not asked for; set GRADUS_FETCH=1 to install it");
        return;
    };
    let logs = dir.path().join("logs");
    let history = write(&logs);
    let script = "
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
for run in ('train', 'validation'):
    events = EventAccumulator(sys.argv[1] + '/' + run)
    events.Reload()
    for event in events.Scalars('epoch_loss'):
        print(run, event.step, repr(event.value))
    for tag in events.Tags()['histograms']:
        for event in events.Histograms(tag):
            print('histogram', tag, event.step, int(event.histogram_value.num))
";
    let out = Command::new(python).arg("-c").arg(script).arg(&logs).output().unwrap();
    let (text, errors) = (String::from_utf8(out.stdout), String::from_utf8_lossy(&out.stderr));
    let text = text.unwrap();
    assert!(out.status.success(), "{errors}");
    for (run, name) in [("train", "loss"), ("validation", "val_loss")] {
        for (epoch, value) in history.get(name).unwrap().iter().enumerate() {
            let value = f64::from(*value as f32);
            assert!(text.contains(&format!("{run} {epoch} {value}\n")), "{name} {value}: {text}");
        }
    }
    assert!(text.contains("histogram 6.bias/histogram 2 3\n"), "{text}");
}

fn python(dir: &Path) -> Option<PathBuf> {
    if let Some(python) = std::env::var_os("GRADUS_TENSORBOARD") {
        return Some(python.into());
    }
    if std::env::var_os("GRADUS_FETCH").is_none_or(|value| value != "1") {
        return None;
    }
    let venv = dir.join("venv");
    let run = |command: &mut Command| assert!(command.status().unwrap().success(), "{command:?}");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    let python = venv.join("bin/python");
    run(Command::new(&python).args(["-m", "pip", "install", "-q", "tensorboard"]));
    Some(python)
}
