//! The first step of a new process, without anything that an earlier one may have left on the
//! disk: what a user waits for before a training begins.

use std::path::{Path, PathBuf};
use std::process::Command;

use gradus::prelude::*;

use crate::workloads::Run;

/// A process of its own from its start to the end of one training step of `cnn`.
pub fn cold_start(device: &Device) -> Result<Run> {
    let device = if device.is_cpu() { "cpu" } else { "gpu" };
    let program = std::env::current_exe().map_err(|error| Error::io("this program", error))?;
    let home = std::env::temp_dir().join(format!("gradus-cold-{}", std::process::id()));
    Ok(Box::new(move || first_step(&program, &home, device)))
}

fn first_step(program: &Path, home: &PathBuf, device: &str) -> Result<()> {
    let failed = |error| Error::io(home, error);
    std::fs::create_dir_all(home).map_err(failed)?;
    let status = Command::new(program)
        .args(["--device", device, "--once", "cnn"])
        .current_dir(home)
        .env("HOME", home)
        .env("XDG_CACHE_HOME", home)
        // Mesa keeps compiled shaders in a folder that these do not name everywhere.
        .env("MESA_SHADER_CACHE_DISABLE", "true")
        .status()
        .map_err(|error| Error::io(program, error))?;
    if !status.success() {
        return Err(Error::io(program, std::io::Error::other(status.to_string())));
    }
    std::fs::remove_dir_all(home).map_err(failed)
}
