//! The chores of the workspace: `cargo xtask <command>`.
#![allow(clippy::print_stdout, reason = "a command-line tool prints")]

mod ci;
mod conformance;
mod ops;
mod places;
mod setup;
mod tidy;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};

/// What a chore reports when it cannot do its work.
type Result<T, E = String> = std::result::Result<T, E>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of the gradus workspace")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run every conformance case of a directory and count what passed, failed and is missing.
    Conformance {
        /// Directory of `<group>.json` and `<group>.safetensors`.
        dir: PathBuf,
        /// Where to compute: cpu, gpu or auto.
        #[arg(long, default_value = "auto")]
        device: String,
        /// Run only cases whose `group/case` name contains this.
        #[arg(long, default_value = "")]
        filter: String,
        /// Print cases that passed or are missing, too.
        #[arg(long)]
        verbose: bool,
    },
    /// Check the rules of the source tree: layers, headers, lengths, words.
    Tidy,
    /// Write docs/OPS.md from the op tables.
    Ops {
        /// Only say whether the file is up to date.
        #[arg(long)]
        check: bool,
    },
    /// Say what is missing on this machine; on Debian, as root, install the software GPU.
    Setup {
        /// Only report.
        #[arg(long)]
        check: bool,
    },
    /// Everything that must hold before a change is merged.
    Ci,
    /// Run the benchmark program with these arguments.
    Bench {
        /// Passed on.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Say where a step's time goes: kernels, dispatches, submits, memory, the host's own time.
    Profile {
        /// Workloads and options of the benchmark program.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().chore {
        Chore::Conformance { dir, device, filter, verbose } => {
            conformance::run(&dir, &device, &filter, verbose)
        }
        Chore::Tidy => tidy::run(),
        Chore::Ops { check } => ops::run(check),
        Chore::Setup { check } => setup::run(check),
        Chore::Ci => ci::run(),
        Chore::Bench { args } => bench(&args),
        Chore::Profile { mut args } => {
            args.push("--profile".to_owned());
            bench(&args)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn bench(args: &[String]) -> Result<()> {
    let mut command = places::cargo(&["run", "--quiet", "--release", "-p", "gradus-benches", "--"]);
    run_to_end(command.args(args))
}

/// Runs a command whose output goes to the terminal; it must succeed.
fn run_to_end(command: &mut Command) -> Result<()> {
    let line = shown(command);
    let status = command.status().map_err(|e| format!("{line}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{line}: {status}")) }
}

/// A command as one would type it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
