//! A peer beside us: the same workload in both, in turn, in processes of their own, so that what
//! disturbs the machine disturbs both.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::Options;

/// Programs that print a line like ours for a workload that they know.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Peer {
    /// PyTorch on the CPU; `GRADUS_PYTHON` names a Python that has it.
    Torch,
    /// Burn: Flex on the CPU, wgpu with fusion and autotuning on a GPU. Built first.
    Burn,
    /// candle on the CPU. Built first.
    Candle,
}

/// A peer that can be started.
pub struct Program {
    name: &'static str,
    path: PathBuf,
    arguments: Vec<String>,
}

impl Peer {
    /// Makes the peer ready for a device; those in Rust are built.
    ///
    /// # Errors
    /// What went wrong, in words, when the peer has no such device or cannot be built.
    pub fn ready(self, device: &str) -> Result<Program, String> {
        let (name, devices): (_, &[&str]) = match self {
            Peer::Torch => ("torch", &["cpu"]),
            Peer::Burn => ("burn", &["cpu", "gpu"]),
            Peer::Candle => ("candle", &["cpu"]),
        };
        if !devices.contains(&device) {
            return Err(format!("{name} runs on {}, not on `{device}`", devices.join(" and ")));
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let (path, arguments) = match self {
            Peer::Torch => {
                let python = std::env::var_os("GRADUS_PYTHON").unwrap_or_else(|| "python3".into());
                (python.into(), vec![folder.join("torch_bench.py").display().to_string()])
            }
            Peer::Burn => {
                let features: &[&str] = if device == "gpu" { &["wgpu"] } else { &[] };
                let path = built(name, &folder.join(name), features)?;
                (path, vec!["--device".to_owned(), device.to_owned()])
            }
            Peer::Candle => (built(name, &folder.join(name), &[])?, Vec::new()),
        };
        Ok(Program { name, path, arguments })
    }
}

impl Program {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments);
        command
    }
}

/// Builds the package of a peer beside our own products and returns its program.
fn built(name: &str, package: &Path, features: &[&str]) -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = this.ancestors().nth(2).ok_or("this program is in no target folder")?;
    let target = target.join("peers");
    eprintln!("{name}: building it; the first time takes minutes, half an hour for a GPU");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--locked", "--features", &features.join(",")])
        .arg("--manifest-path")
        .arg(package.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err(format!("{name}: cargo build: {status}"));
    }
    Ok(target.join("release").join(format!("{name}-bench{EXE_SUFFIX}")))
}

/// Runs one workload `rounds` times on either side and prints the ratio of the medians.
///
/// # Errors
/// What went wrong, in words, when either side cannot be run.
pub fn report(peer: &Program, workload: &str, options: &Options) -> Result<(), String> {
    let this = std::env::current_exe().map_err(|e| e.to_string())?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds.max(1) {
        let mut own = Command::new::<&PathBuf>(&this);
        own.args(["--device", &options.device]);
        let Some(own) = median(own, workload, options)? else {
            return Err(format!("{workload}: no line from this program"));
        };
        let Some(other) = median(peer.command(), workload, options)? else {
            eprintln!("{workload}: {} does not run it", peer.name);
            return Ok(());
        };
        ours.push(own);
        theirs.push(other);
    }
    let mut ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(own, other)| other / own).collect();
    let line = json!({
        "workload": workload,
        "device": options.device,
        "peer": peer.name,
        "ms": middle(&mut ours),
        "peer_ms": middle(&mut theirs),
        "ratio": middle(&mut ratios),
        "ratio_min": ratios[0],
        "ratio_max": ratios[ratios.len() - 1],
        "rounds": ratios.len(),
    });
    println!("{line}");
    Ok(())
}

/// Sorts the values and returns the one in the middle.
fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The median of a program's line for the workload.
fn median(mut command: Command, workload: &str, options: &Options) -> Result<Option<f64>, String> {
    command.arg(workload).args(["--seconds", &options.seconds.to_string()]);
    if options.threads > 0 {
        command.args(["--threads", &options.threads.to_string()]);
    }
    let name = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stderr(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}; is the peer installed?", output.status));
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    let mut lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let line = lines.find(|line| line["workload"] == workload);
    Ok(line.and_then(|line| line["ms_median"].as_f64()))
}
