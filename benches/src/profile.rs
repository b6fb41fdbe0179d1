//! Where a step's time goes: kernels by the GPU's clock, the host's own time, memory.

use std::collections::BTreeMap;
use std::time::Instant;

use gradus::tensor::CpuPool;
use gradus::{Device, Result};

use crate::measure::cpu_seconds;
use crate::workloads::Workload;

/// Steps that are averaged.
const STEPS: u32 = 20;
const WARM_UP: usize = 5;

/// Prints the profile of a workload.
pub fn report(workload: &Workload, device: &Device) -> Result<()> {
    let mut run = (workload.prepare)(device)?;
    for _ in 0..WARM_UP.min(workload.most_runs) {
        run()?;
    }
    device.synchronize()?;
    CpuPool::reset_peak();
    let host = CpuPool::stats();
    let steps = STEPS.min(workload.most_runs as u32);
    #[cfg(feature = "gpu")]
    let before = device.as_gpu().map(|gpu| gpu.stats());
    let (start, cpu) = (Instant::now(), cpu_seconds());
    for _ in 0..steps {
        run()?;
    }
    device.synchronize()?;
    let each = |total: f64| total * 1e3 / f64::from(steps);
    println!("{} on {device}, mean of {steps} steps", workload.name);
    println!("  wall time            {:10.3} ms", each(start.elapsed().as_secs_f64()));
    if let (Some(before), Some(after)) = (cpu, cpu_seconds()) {
        println!("  this thread computed {:10.3} ms", each(after - before));
    }
    let now = CpuPool::stats();
    let fresh = now.fresh_allocations - host.fresh_allocations;
    println!("  host memory          {:10} bytes at most, {fresh} new blocks", now.peak_bytes);
    #[cfg(feature = "gpu")]
    if let (Some(gpu), Some(before)) = (device.as_gpu(), before) {
        let after = gpu.stats();
        let mean = |now: u64, then: u64| (now - then) as f64 / f64::from(steps);
        println!("  dispatches           {:10.1}", mean(after.dispatches, before.dispatches));
        println!("  submits              {:10.1}", mean(after.submits, before.submits));
        println!("  bytes uploaded       {:10.0}", mean(after.upload_bytes, before.upload_bytes));
        println!("  bytes read back      {:10.0}", mean(after.read_bytes, before.read_bytes));
        println!("  GPU memory           {:10} bytes at most", after.pool.peak_bytes);
        return kernels(gpu, &mut run);
    }
    Ok(())
}

/// One more step, each kernel timed alone.
#[cfg(feature = "gpu")]
fn kernels(
    gpu: &std::sync::Arc<gradus::tensor::gpu::Gpu>,
    run: &mut crate::workloads::Run,
) -> Result<()> {
    gpu.start_timing()?;
    run()?;
    let times = gpu.take_times()?;
    let mut by_name: BTreeMap<&str, (usize, f64, u64)> = BTreeMap::new();
    for time in &times {
        let sum = by_name.entry(time.name.as_str()).or_default();
        *sum = (sum.0 + 1, sum.1 + time.ms, sum.2 + time.bound_bytes);
    }
    let total: f64 = times.iter().map(|time| time.ms).sum();
    let mut rows: Vec<_> = by_name.into_iter().collect();
    rows.sort_by(|a, b| b.1.1.total_cmp(&a.1.1));
    println!("  kernel                launches         ms   share   bound MB");
    for (name, (count, ms, bytes)) in rows {
        let (share, mb) = (100.0 * ms / total.max(1e-12), bytes as f64 / 1e6);
        println!("  {name:<20} {count:>9} {ms:>10.3} {share:>6.1}% {mb:>10.2}");
    }
    println!("  {:<20} {:>9} {total:>10.3}", "all", times.len());
    Ok(())
}
