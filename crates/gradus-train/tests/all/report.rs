//! The pictures and the page of a run.
#![cfg(feature = "plot")]

use std::fs;

use gradus_tensor::Device;
use gradus_train::{ConfusionMatrix, FitOptions, RunDir, Validation};

use crate::support::{Script, network, points, quiet};

#[test]
fn a_run_directory_has_pictures_and_one_page() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("first <run>");
    let mut trainer = network(&Device::cpu()).metric(ConfusionMatrix::new(3));
    let mut script = Script(vec![1.0, f64::NAN, 3.0]);
    let mut run = RunDir::new(&path, serde_json::json!({ "note": "a < b" }))
        .class_names(&["left", "up", "down"])
        .histograms(12);
    assert!(run.report().is_none());
    let options =
        FitOptions { validation: Validation::Split(0.25), ..quiet(3, vec![&mut script, &mut run]) };
    trainer.fit(&points(80), options).unwrap();

    let mut plots: Vec<String> = fs::read_dir(path.join("plots"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    plots.sort();
    let expected = ["accuracy", "confusion_matrix", "loss", "parameters", "score"];
    assert_eq!(plots, expected.map(|name| format!("{name}.svg")));
    let matrix = fs::read_to_string(path.join("plots/confusion_matrix.svg")).unwrap();
    assert!(matrix.contains(">left<") && matrix.contains(">validation, last epoch<"), "{matrix}");

    let html = fs::read_to_string(path.join("report.html")).unwrap();
    for words in [
        "<h1>first &lt;run&gt;</h1>",
        "<td>val_accuracy</td>",
        ">val_loss</text>",
        ">down</text>",
        ">0.weight.grad</text>",
        "&quot;note&quot;: &quot;a &lt; b&quot;",
        "&quot;seed&quot;: 11",
    ] {
        assert!(html.contains(words), "{words} in {html}");
    }
    for fetched in ["<script", "<link", "@import", "url(", "<img"] {
        assert!(!html.contains(fetched), "{fetched}");
    }
    assert_eq!(run.report().unwrap().html(), html);
}

#[test]
fn without_classes_and_histograms_there_are_curves_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = RunDir::new(dir.path(), serde_json::Value::Null);
    network(&Device::cpu()).fit(&points(20), quiet(2, vec![&mut run])).unwrap();
    let html = run.report().unwrap().html();
    assert!(html.contains(">loss</text>") && !html.contains("0.weight"));
    assert_eq!(fs::read_dir(dir.path().join("plots")).unwrap().count(), 2);
    // A second training writes a page of its own.
    let mut wrong = RunDir::new(dir.path(), serde_json::Value::Null).class_names(&["one"]);
    let mut trainer = network(&Device::cpu()).metric(ConfusionMatrix::new(3));
    let error = trainer.fit(&points(20), quiet(1, vec![&mut wrong])).unwrap_err().to_string();
    assert!(error.contains("confusion_matrix"), "{error}");
}
