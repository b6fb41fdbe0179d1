//! What PyTorch computed: no case fails, and no op is missing.

use std::collections::BTreeSet;
use std::path::Path;

use gradus_autodiff::Device;
use gradus_testkit::{Outcome, run_dir};

#[track_caller]
fn everything_agrees(device: &Device) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let (mut failures, mut missing) = (Vec::new(), BTreeSet::new());
    let totals = run_dir(dir, device, "", |report| match &report.outcome {
        Outcome::Failed(why) => {
            failures
                .extend(why.iter().map(|why| format!("{}/{}: {why}", report.group, report.case)));
        }
        Outcome::Missing => {
            missing.insert(report.op.clone());
        }
        _ => {}
    });
    let totals = totals.expect("the cases can be read");
    assert!(failures.is_empty(), "{device}: {totals}\n{}", failures.join("\n"));
    assert!(missing.is_empty(), "{device}: {totals}, missing {missing:?}");
    // As many as `cases/` holds for a device with float64: none is lost without notice.
    assert!(totals.passed >= 526, "{device}: {totals}");
}

#[test]
fn the_cpu_computes_what_pytorch_computes() {
    everything_agrees(&Device::cpu());
}

#[test]
fn the_gpu_computes_what_pytorch_computes() {
    if let Some(gpu) = gradus_testkit::gpu() {
        everything_agrees(&gpu);
    }
}
