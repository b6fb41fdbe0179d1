//! Workloads by name; each prints one JSON line. `cargo xtask bench` runs this in release mode.

#![allow(clippy::print_stdout, reason = "the lines are the result")]

mod against;
mod augment;
mod cold;
mod data;
mod measure;
mod profile;
mod workloads;

use std::process::ExitCode;

use clap::Parser;
use gradus::Device;

/// Times workloads and prints one JSON line each.
#[derive(Parser)]
struct Options {
    /// Workloads to run; all of them when none is named.
    workloads: Vec<String>,
    /// `cpu`, `gpu` or `auto`.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Seconds to spend on each workload's timed runs.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Threads of the CPU kernels; all processors by default.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// A peer to run in turn with this program; the ratio is its time divided by ours.
    #[arg(long)]
    against: Option<against::Peer>,
    /// Say where a step's time goes instead of timing many.
    #[arg(long, conflicts_with = "against")]
    profile: bool,
    /// Run each workload once and print nothing, as `cold_start` does in a process of its own.
    #[arg(long, conflicts_with_all = ["against", "profile"])]
    once: bool,
    /// How often both are run, with `--against`.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.threads > 0 {
        // Both the CPU kernels and the matrix products use rayon's global pool.
        measure::set_threads(options.threads);
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::named(&options.device)?;
    for name in &options.workloads {
        if !workloads::all().any(|w| w.name == name) {
            let known: Vec<&str> = workloads::all().map(|w| w.name).collect();
            eprintln!("no workload is called `{name}`; there are {}", known.join(", "));
        }
    }
    let peer = options.against.map(|peer| peer.ready(&options.device)).transpose()?;
    for workload in workloads::all() {
        let wanted =
            options.workloads.is_empty() || options.workloads.iter().any(|n| n == workload.name);
        match &peer {
            _ if !wanted => {}
            Some(peer) => against::report(peer, workload.name, options)?,
            None if options.once => (workload.prepare)(&device)?()?,
            None if options.profile => profile::report(workload, &device)?,
            None => measure::report(workload, &device, options.seconds)?,
        }
    }
    Ok(())
}
