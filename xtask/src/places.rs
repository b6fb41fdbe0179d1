//! Where things are: the workspace's root, cargo, git's list of files.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// `cargo` with arguments, at the root.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    command
}

/// What a command prints.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = crate::shown(command);
    let output = command.output().map_err(|e| format!("{line}: {e}"))?;
    if !output.status.success() {
        return Err(format!(
            "{line}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    String::from_utf8(output.stdout).map_err(|e| format!("{line}: {e}"))
}

/// Folders that hold no sources.
const PRODUCTS: &[&str] = &[".git", "target", ".venv", "__pycache__"];

/// Every file of the tree that is not a build product, relative to the root, sorted.
pub(crate) fn files() -> Result<Vec<PathBuf>> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for entry in entries {
            let entry = entry.map_err(|e| format!("{}: {e}", folder.display()))?;
            let (path, name) = (entry.path(), entry.file_name());
            // Links lead to files that are listed where they are.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !PRODUCTS.iter().any(|product| name == *product) => {
                    folders.push(path);
                }
                Ok(kind) if kind.is_file() => {
                    found.extend(path.strip_prefix(&root).map(Path::to_path_buf));
                }
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The text of a file of the tree.
pub(crate) fn read(path: &Path) -> Result<String> {
    let whole = root().join(path);
    std::fs::read_to_string(&whole).map_err(|e| format!("{}: {e}", path.display()))
}
