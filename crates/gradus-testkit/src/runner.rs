//! Runs cases on a device and judges their outputs and gradients.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use gradus_autodiff::{Array, DType, Device, Error, Result, Shape, Tensor, backward};
use gradus_tensor::Layout;

use crate::call::{Call, Outputs, Row};
use crate::cases::{Case, Group, read_dir};
use crate::compare::{Agreement, compare};
use crate::ops::find;

/// How a case ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Everything agreed.
    Passed(Agreement),
    /// Something did not.
    Failed(Vec<Failure>),
    /// The op is not known: counted, never as passed.
    Missing,
}

/// What failed in a case.
#[derive(Clone, Debug)]
pub struct Failure {
    /// `output y`, `grad x`, or `run` when there was nothing to compare.
    pub what: String,
    /// Why: an error, a panic, or the mismatch with its largest error.
    pub why: String,
    /// The largest error, where values were compared.
    pub largest_error: Option<f64>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// A case and how it ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// The group's name.
    pub group: String,
    /// The case's name.
    pub case: String,
    /// The op.
    pub op: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// Counts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Cases that agreed.
    pub passed: usize,
    /// Cases that did not.
    pub failed: usize,
    /// Cases of unknown ops.
    pub missing: usize,
}

impl Totals {
    /// Counts one more outcome.
    pub fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Passed(_) => self.passed += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Missing => self.missing += 1,
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} missing", self.passed, self.failed, self.missing)
    }
}

/// Runs every case of a directory whose `group/case` name contains `filter`; `each` sees the
/// reports as they come.
///
/// # Errors
/// `Kind::Io` and `Kind::Format` when the directory cannot be read. A case that fails is no error.
pub fn run_dir(
    dir: impl AsRef<Path>,
    device: &Device,
    filter: &str,
    mut each: impl FnMut(&Report),
) -> Result<Totals> {
    let mut totals = Totals::default();
    for group in read_dir(dir)? {
        for case in &group.cases {
            if !format!("{}/{}", group.name, case.name).contains(filter) {
                continue;
            }
            let outcome = run_case(&group, case, device);
            totals.add(&outcome);
            let (group, op) = (group.name.clone(), case.op.clone());
            each(&Report { group, case: case.name.clone(), op, outcome });
        }
    }
    Ok(totals)
}

/// Runs one case. A panic inside it is a failure of the case.
pub fn run_case(group: &Group, case: &Case, device: &Device) -> Outcome {
    let Some(row) = find(&case.op) else { return Outcome::Missing };
    let judged = catch_unwind(AssertUnwindSafe(|| judge(group, case, row, device)));
    match judged {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Outcome::Failed(vec![broken("run", error.to_string())]),
        Err(panic) => Outcome::Failed(vec![broken("run", panic_text(panic.as_ref()))]),
    }
}

fn broken(what: &str, why: String) -> Failure {
    Failure { what: what.to_owned(), why, largest_error: None }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("(no message)"))
}

fn judge(group: &Group, case: &Case, row: &Row, device: &Device) -> Result<Outcome> {
    let mut inputs = BTreeMap::new();
    for name in &case.inputs {
        let array = group.tensor(case, "in", name)?.to(device)?;
        let wanted = case.grads.contains(name);
        inputs.insert(name.clone(), Tensor::from(array).requires_grad_(wanted));
    }
    let call = Call { op: &case.op, attrs: &case.attrs, inputs: &inputs };
    let outputs = (row.run)(&call)?;
    let mut sum = Agreement::default();
    let mut failures = Vec::new();
    for name in &case.outputs {
        let expected = group.tensor(case, "out", name)?;
        let what = format!("output {name}");
        match outputs.get(name) {
            None => failures.push(broken(&what, "was not computed".into())),
            Some(got) => judge_one(&what, &got.array()?, expected, case, &mut sum, &mut failures)?,
        }
    }
    if !case.grads.is_empty() {
        differentiate(group, case, &outputs, device)?;
    }
    for name in &case.grads {
        let expected = group.tensor(case, "grad", name)?;
        let input = call.input(name)?;
        let got = match input.grad() {
            Some(grad) => grad.array()?,
            None => Tensor::full(input.shape(), 0.0, DType::F32, device).array()?,
        };
        judge_one(&format!("grad {name}"), &got, expected, case, &mut sum, &mut failures)?;
    }
    Ok(if failures.is_empty() { Outcome::Passed(sum) } else { Outcome::Failed(failures) })
}

/// Accumulates the gradient of `Σ output · cotangent` in the inputs.
fn differentiate(group: &Group, case: &Case, outputs: &Outputs, device: &Device) -> Result<()> {
    let (mut roots, mut weights) = (Vec::new(), Vec::new());
    for name in &case.cotangents {
        let output = outputs
            .get(name)
            .ok_or_else(|| Error::argument("case", "cotangent", name, "one of the op's outputs"))?;
        let stored = group.tensor(case, "cotangent", name)?;
        let cotangent = Tensor::from(scalar_like(stored, &output.shape()).to(device)?);
        // An output that depends on nothing contributes zero.
        if output.requires_grad() {
            roots.push(output.clone());
            weights.push(cotangent);
        }
    }
    if roots.is_empty() { Ok(()) } else { backward(&roots, Some(&weights)) }
}

/// The files store a tensor without dimensions as one of shape `[1]`: NumPy has no contiguous
/// array of rank 0. Beside a scalar it is read as what it was.
pub(crate) fn scalar_like(stored: &Array, beside: &Shape) -> Array {
    if beside.rank() == 0 && stored.shape().dims() == [1] {
        return stored.with_layout(Layout::dense(()));
    }
    stored.clone()
}

fn judge_one(
    what: &str,
    got: &Array,
    expected: &Array,
    case: &Case,
    sum: &mut Agreement,
    failures: &mut Vec<Failure>,
) -> Result<()> {
    match compare(got, &scalar_like(expected, got.shape()), case.tolerance())? {
        Ok(agreement) => {
            sum.largest_error = sum.largest_error.max(agreement.largest_error);
            sum.used = sum.used.max(agreement.used);
        }
        Err(mismatch) => failures.push(Failure {
            what: what.to_owned(),
            why: mismatch.to_string(),
            largest_error: Some(mismatch.largest_error()),
        }),
    }
    Ok(())
}
