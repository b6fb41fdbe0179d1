//! `conformance`: every case of a directory, on one device.

use std::collections::BTreeMap;
use std::path::Path;

use gradus_tensor::Device;
use gradus_testkit::{Outcome, Report, Totals, run_dir};

use crate::Result;

pub(crate) fn run(dir: &Path, device: &str, filter: &str, verbose: bool) -> Result<()> {
    let device = Device::named(device).map_err(|e| e.to_string())?;
    println!("device: {device}");
    let mut groups: BTreeMap<String, Totals> = BTreeMap::new();
    let mut unknown: BTreeMap<String, usize> = BTreeMap::new();
    let totals = run_dir(dir, &device, filter, |report| {
        groups.entry(report.group.clone()).or_default().add(&report.outcome);
        if matches!(report.outcome, Outcome::Missing) {
            *unknown.entry(report.op.clone()).or_default() += 1;
        }
        print(report, verbose);
    });
    let totals = totals.map_err(|e| e.to_string())?;
    if !unknown.is_empty() {
        let list: Vec<_> = unknown.iter().map(|(op, n)| format!("{op} ({n})")).collect();
        println!("missing: {}", list.join(", "));
    }
    for (group, counts) in &groups {
        println!("{group:>12}: {counts}");
    }
    println!("{totals}");
    if totals.failed > 0 { Err(format!("{} cases failed", totals.failed)) } else { Ok(()) }
}

fn print(report: &Report, verbose: bool) {
    let Report { group, case, op, outcome } = report;
    match outcome {
        Outcome::Failed(failures) => {
            for failure in failures {
                println!("FAILED {op}: {group}/{case}: {failure}");
            }
        }
        Outcome::Missing if verbose => println!("missing {op}: {group}/{case}"),
        Outcome::Passed(agreement) if verbose => println!(
            "passed {op}: {group}/{case}: largest error {:.1e}, {:.1}% of what is allowed",
            agreement.largest_error,
            agreement.used * 100.0
        ),
        _ => {}
    }
}
