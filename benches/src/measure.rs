//! Timing: warm-up, then runs until the time is used, the median quoted.

use std::time::{Duration, Instant};

use gradus::tensor::CpuPool;
use gradus::{Device, Result};
use serde_json::json;

use crate::workloads::{Amount, Workload};

/// Runs that are not counted: pools fill, kernels compile, caches warm.
const WARM_UP: usize = 3;
const LEAST_RUNS: usize = 5;
const MOST_RUNS: usize = 2000;

/// Limits the threads of the CPU kernels.
pub fn set_threads(threads: usize) {
    if let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global() {
        eprintln!("the number of threads stays as it is: {error}");
    }
}

fn dispatches(device: &Device) -> (u64, u64) {
    #[cfg(feature = "gpu")]
    if let Some(gpu) = device.as_gpu() {
        let stats = gpu.stats();
        return (stats.dispatches, stats.submits);
    }
    let _ = device;
    (0, 0)
}

/// Peak resident memory of this process in MB, where the system tells.
fn rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
    let kb: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some((kb / 102.4).round() / 10.0)
}

/// Seconds that this thread has spent computing, where the system tells: without what it waited
/// for, a GPU that computes on the processor included.
pub fn cpu_seconds() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = status.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds * 1e-9)
}

/// Times a workload and prints its line.
pub fn report(workload: &Workload, device: &Device, seconds: f64) -> Result<()> {
    let mut run = match (workload.prepare)(device) {
        Ok(run) => run,
        Err(error) => {
            eprintln!("{}: skipped: {error}", workload.name);
            return Ok(());
        }
    };
    // What may run once only is not run before.
    for _ in 0..WARM_UP.min(workload.most_runs - 1) {
        run()?;
    }
    device.synchronize()?;
    CpuPool::reset_peak();
    let (before, submits_before) = dispatches(device);
    let budget = Duration::from_secs_f64(seconds);
    let (start, mut times) = (Instant::now(), Vec::new());
    let most = MOST_RUNS.min(workload.most_runs);
    while times.len() < LEAST_RUNS.min(most) || (start.elapsed() < budget && times.len() < most) {
        let begin = Instant::now();
        run()?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let runs = times.len() as f64;
    let (after, submits_after) = dispatches(device);
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let mut line = json!({
        "workload": workload.name,
        "device": if device.is_cpu() { "cpu" } else { "gpu" },
        "ms_median": round(median),
        "ms_min": round(times[0]),
        "ms_max": round(times[times.len() - 1]),
        "runs": times.len(),
        "dispatches": round((after - before) as f64 / runs),
        "submits": round((submits_after - submits_before) as f64 / runs),
        "rss_mb": rss_mb(),
    });
    match workload.amount {
        Amount::Flops(flops) => line["gflops"] = json!(round(flops / median / 1e6)),
        Amount::Bytes(bytes) => line["gbps"] = json!(round(bytes / median / 1e6)),
        Amount::Samples(n) => line["samples_per_s"] = json!((n / median * 1e3).round()),
        Amount::Unknown => {}
    }
    println!("{line}");
    Ok(())
}

fn round(value: f64) -> f64 {
    let scale = 10f64.powi(3 - value.abs().max(1e-9).log10().ceil() as i32).max(1.0);
    (value * scale).round() / scale
}
