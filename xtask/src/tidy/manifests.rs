//! Manifests: versions only in the root's, and the workspace's lints everywhere.

use std::path::Path;

use super::Violation;

pub(super) fn check(path: &Path, text: &str, found: &mut Vec<Violation>) {
    let member = path.file_name().is_some_and(|name| name == "Cargo.toml")
        && path.parent().is_some_and(|parent| !parent.as_os_str().is_empty());
    // A package with a workspace of its own is no member.
    if !member || text.lines().any(|line| line.trim() == "[workspace]") {
        return;
    }
    let mut in_dependencies = false;
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            in_dependencies = line.trim_end_matches(']').ends_with("dependencies");
        } else if in_dependencies
            && !line.is_empty()
            && !line.starts_with('#')
            && !line.contains("workspace = true")
        {
            let message = "a dependency is taken from the root manifest: `.workspace = true`";
            found.push(Violation::new(path, i + 1, message));
        }
        if line.starts_with("version =") {
            let message = "the version is the workspace's: `version.workspace = true`";
            found.push(Violation::new(path, i + 1, message));
        }
    }
    if !text.contains("[lints]\nworkspace = true") {
        found.push(Violation::new(path, 0, "lacks `[lints]` with `workspace = true`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let mut found = Vec::new();
        check(Path::new(path), text, &mut found);
        found.iter().map(|v| v.line).collect()
    }

    #[test]
    fn versions_stand_in_the_root_alone() {
        let good = "[package]\nversion.workspace = true\n[dependencies]\na.workspace = true\n\
                    b = { workspace = true, optional = true }\n[lints]\nworkspace = true\n";
        assert!(lines("crates/a/Cargo.toml", good).is_empty());
        let bad = "[package]\nversion = \"1\"\n[dev-dependencies]\na = \"1.0\"\n\
                   b = { path = \"../b\" }\n";
        assert_eq!(lines("crates/a/Cargo.toml", bad), [2, 4, 5, 0]);
        assert!(lines("Cargo.toml", bad).is_empty());
        assert!(lines("benches/peers/Cargo.toml", &format!("{bad}[workspace]\n")).is_empty());
    }
}
