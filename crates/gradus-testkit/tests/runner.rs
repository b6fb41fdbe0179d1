//! The runner can fail: wrong values, gradients, shapes, unknown ops and broken files.

use std::collections::BTreeMap;
use std::fs;

use gradus_io::write_safetensors;
use gradus_tensor::{Array, Device};
use gradus_testkit::{Outcome, Report, Totals, run_dir};
use tempfile::TempDir;

/// A directory with one group of these cases and tensors.
fn directory(cases: &str, tensors: &[(&str, Array)]) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("toy.json"), cases).expect("writable");
    let tensors: BTreeMap<String, Array> =
        tensors.iter().map(|(name, array)| ((*name).to_owned(), array.clone())).collect();
    write_safetensors(dir.path().join("toy.safetensors"), &tensors, &BTreeMap::new())
        .expect("writable");
    dir
}

fn run(dir: &TempDir, filter: &str) -> (Totals, Vec<Report>) {
    let mut reports = Vec::new();
    let each = |report: &Report| reports.push(report.clone());
    let totals = run_dir(dir.path(), &Device::cpu(), filter, each).expect("a readable directory");
    (totals, reports)
}

fn why(report: &Report) -> Vec<String> {
    match &report.outcome {
        Outcome::Failed(failures) => failures.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

fn f32s(values: &[f32]) -> Array {
    Array::from_slice(values, values.len()).expect("it fills")
}

fn f64s(values: &[f64]) -> Array {
    Array::from_slice(values, values.len()).expect("it fills")
}

/// `square` of [1, 2] with its gradient for the weights [1, 10].
fn square(y: &[f64], slope: &[f64]) -> TempDir {
    let cases = r#"[{"name": "a", "op": "square", "attrs": {}, "inputs": ["x"], "outputs": ["y"],
        "cotangents": ["y"], "grads": ["x"], "rtol": 1e-4, "atol": 1e-5}]"#;
    directory(
        cases,
        &[
            ("a/in/x", f32s(&[1.0, 2.0])),
            ("a/out/y", f64s(y)),
            ("a/cotangent/y", f32s(&[1.0, 10.0])),
            ("a/grad/x", f64s(slope)),
        ],
    )
}

#[test]
fn right_values_and_gradients_pass() {
    let (totals, _) = run(&square(&[1.0, 4.0], &[2.0, 40.0]), "");
    assert_eq!(totals, Totals { passed: 1, failed: 0, missing: 0 });
}

#[test]
fn wrong_values_gradients_and_shapes_fail() {
    let (totals, reports) = run(&square(&[1.0, 4.5], &[2.0, 41.0]), "");
    assert_eq!(totals.to_string(), "0 passed, 1 failed, 0 missing");
    assert_eq!(
        why(&reports[0]),
        [
            "output y: largest error 5e-1 at [1]: 4 instead of 4.5; 1 of 2 elements are off",
            "grad x: largest error 1e0 at [1]: 40 instead of 41; 1 of 2 elements are off",
        ]
    );
    let (_, reports) = run(&square(&[1.0, 4.0, 9.0], &[2.0, 40.0]), "");
    assert_eq!(why(&reports[0]), ["output y: shape [2], expected [3]"]);
}

#[test]
fn unknown_ops_are_missing_and_errors_are_failures() {
    let cases = r#"[
        {"name": "a", "op": "no_such_op", "inputs": [], "outputs": [], "rtol": 0, "atol": 0},
        {"name": "b", "op": "add", "attrs": null, "inputs": ["a", "b"], "outputs": ["y"],
            "grads": null, "rtol": 0, "atol": 0},
        {"name": "c", "op": "relu", "inputs": ["x"], "outputs": ["y"], "rtol": 0, "atol": 0}]"#;
    let dir = directory(cases, &[("b/in/a", f32s(&[1.0, 2.0])), ("b/in/b", f32s(&[1.0; 3]))]);
    let (totals, reports) = run(&dir, "");
    assert_eq!(totals, Totals { passed: 0, failed: 2, missing: 1 });
    assert_eq!(why(&reports[1]), ["run: add: shapes do not broadcast; a [2], b [3]"]);
    let text = why(&reports[2]).join("");
    assert!(text.ends_with("no tensor `c/in/x`"), "{text}");
    let (totals, _) = run(&dir, "toy/b");
    assert_eq!(totals, Totals { passed: 0, failed: 1, missing: 0 });
}

#[test]
fn scalars_are_stored_with_one_dimension() {
    let cases = r#"[{"name": "a", "op": "sum", "attrs": {"dims": [0], "keepdim": false},
        "inputs": ["x"], "outputs": ["y"], "cotangents": ["y"], "grads": ["x"], "rtol": 0,
        "atol": 0}]"#;
    let dir = directory(
        cases,
        &[
            ("a/in/x", f32s(&[1.0, 2.0])),
            ("a/out/y", f64s(&[3.0])),
            ("a/cotangent/y", f32s(&[0.5])),
            ("a/grad/x", f64s(&[0.5, 0.5])),
        ],
    );
    assert_eq!(run(&dir, "").0.passed, 1);
}

#[test]
fn a_directory_without_cases_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let error = run_dir(dir.path(), &Device::cpu(), "", |_| {}).expect_err("empty").to_string();
    assert!(error.starts_with("conformance: directory is "), "{error}");
    fs::write(dir.path().join("toy.json"), "[{}]").expect("writable");
    fs::write(dir.path().join("toy.safetensors"), "").expect("writable");
    let error = run_dir(dir.path(), &Device::cpu(), "", |_| {}).expect_err("bad").to_string();
    assert!(error.contains("toy.json: conformance cases: missing field `name`"), "{error}");
}
