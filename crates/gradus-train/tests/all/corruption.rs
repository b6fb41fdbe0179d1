//! Damaged checkpoints are refused with an error that names the file, and the one before is used.

use std::fs;
use std::path::{Path, PathBuf};

use gradus_tensor::rng::Generator;
use gradus_tensor::{Device, Kind};
use gradus_train::{BackupAndRestore, Files, FitOptions, SaveFreq};

use crate::resume::{same, training};
use crate::support::{network, points, quiet};

fn parts(files: &Files) -> [PathBuf; 3] {
    [files.weights(), files.tensors(), files.manifest()]
}

#[test]
fn every_damage_of_every_file_is_found() {
    find_every_damage(&Device::cpu());
}

pub fn find_every_damage(device: &Device) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    let mut trainer = network(device);
    trainer.fit(&points(40), quiet(1, Vec::new())).unwrap();
    trainer.save(&path).unwrap();
    let files = Files::at(&path);
    files.verify().unwrap();
    let refused = |part: &Path, what: &str| {
        let error = files.verify().expect_err(what);
        assert!(error.to_string().contains(&*part.to_string_lossy()), "{what}: {error}");
        assert!(matches!(error.kind(), Kind::Format { .. } | Kind::Io { .. }), "{what}: {error}");
    };
    for part in parts(&files) {
        let good = fs::read(&part).unwrap();
        let places = Generator::new(8).uniform(120);
        for (i, place) in places.iter().enumerate() {
            let mut bad = good.clone();
            let at = (*place * good.len() as f32) as usize;
            bad[at] ^= 1 << (i % 8);
            fs::write(&part, &bad).unwrap();
            refused(&part, &format!("bit {} of byte {at}", i % 8));
        }
        for length in [0, 1, good.len() / 2, good.len() - 2] {
            fs::write(&part, &good[..length]).unwrap();
            refused(&part, &format!("{length} bytes"));
        }
        fs::remove_file(&part).unwrap();
        refused(&part, "missing");
        fs::write(&part, &good).unwrap();
        files.verify().unwrap();
    }
    // Files of two checkpoints do not pass for one.
    trainer.fit(&points(40), quiet(1, Vec::new())).unwrap();
    let other = dir.path().join("d.safetensors");
    trainer.save(&other).unwrap();
    fs::copy(&other, &path).unwrap();
    refused(&path, "weights of another checkpoint");
}

fn backups(dir: &Path) -> Vec<Files> {
    let mut manifests: Vec<PathBuf> = fs::read_dir(dir.join("backup"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    manifests.sort();
    manifests.iter().map(|path| Files::at(path.with_extension("safetensors"))).collect()
}

/// What may befall a file.
type Damage = (&'static str, fn(&Path));

const DAMAGES: [Damage; 3] = [
    ("truncated", |path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    }),
    ("bit-flipped", |path| {
        let mut bytes = fs::read(path).unwrap();
        let at = bytes.len() * 2 / 3;
        bytes[at] ^= 4;
        fs::write(path, bytes).unwrap();
    }),
    ("missing", |path| fs::remove_file(path).unwrap()),
];

#[test]
fn the_backup_before_a_damaged_one_is_used() {
    use_the_backup_before(&Device::cpu());
}

pub fn use_the_backup_before(device: &Device) {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    fs::create_dir_all(&whole).unwrap();
    training(&whole, device, 4, None).unwrap();
    for (name, damage) in DAMAGES {
        let damaged = dir.path().join(name);
        fs::create_dir_all(&damaged).unwrap();
        // Weights, tensors, manifest.
        for (stop, part) in [(10, 0), (16, 1), (22, 2)] {
            training(&damaged, device, 4, Some(stop)).unwrap_err();
            let found = backups(&damaged);
            assert_eq!(found.len(), 2, "the two newest are kept");
            let file = &parts(&found[1])[part];
            damage(file);
            let error = found[1].verify().expect_err(name).to_string();
            assert!(error.contains(&*file.to_string_lossy()), "{name}: {error}");
            found[0].verify().unwrap();
        }
        training(&damaged, device, 4, None).unwrap();
        same(&whole, &damaged);
        let restored = fs::read_to_string(damaged.join("restored")).unwrap();
        assert_eq!(restored, "backup-000000000018.json\n", "{name}");
    }
}

#[test]
fn without_an_undamaged_backup_the_training_does_not_start_over() {
    let dir = tempfile::tempdir().unwrap();
    training(dir.path(), &Device::cpu(), 2, Some(7)).unwrap_err();
    for files in backups(dir.path()) {
        fs::write(files.weights(), b"nothing").unwrap();
    }
    let error = training(dir.path(), &Device::cpu(), 2, None).unwrap_err().to_string();
    assert!(error.contains("damaged") && error.contains("to start over"), "{error}");
}

#[test]
fn backups_go_when_the_training_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let mut backup = BackupAndRestore::new(dir.path()).save_freq(SaveFreq::Epochs(1));
    let mut trainer = network(&Device::cpu());
    trainer.fit(&points(20), FitOptions { ..quiet(3, vec![&mut backup]) }).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
