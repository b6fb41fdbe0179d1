//! Layers: which crate may depend on which, by `cargo metadata`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Violation;
use crate::{Result, places};

/// Crates and the crates below them. An arrow only points down.
const LAYERS: &[(&str, &[&str])] = &[
    ("gradus-cpu", &[]),
    ("gradus-tensor", &[]),
    ("gradus-kernels", &["gradus-cpu", "gradus-tensor"]),
    ("gradus-io", &["gradus-tensor"]),
    ("gradus-autodiff", &["gradus-kernels", "gradus-tensor"]),
    ("gradus-derive", &[]),
    (
        "gradus-nn",
        &["gradus-autodiff", "gradus-derive", "gradus-io", "gradus-kernels", "gradus-tensor"],
    ),
    ("gradus-optim", &["gradus-autodiff", "gradus-io", "gradus-kernels", "gradus-tensor"]),
    ("gradus-data", &["gradus-cpu", "gradus-io", "gradus-kernels", "gradus-tensor"]),
    ("gradus-plot", &["gradus-autodiff", "gradus-io", "gradus-optim", "gradus-tensor"]),
    (
        "gradus-train",
        &[
            "gradus-autodiff",
            "gradus-data",
            "gradus-io",
            "gradus-nn",
            "gradus-optim",
            "gradus-plot",
            "gradus-tensor",
        ],
    ),
    (
        "gradus-agent",
        &[
            "gradus-autodiff",
            "gradus-data",
            "gradus-io",
            "gradus-kernels",
            "gradus-nn",
            "gradus-optim",
            "gradus-tensor",
            "gradus-train",
        ],
    ),
    (
        "gradus",
        &[
            "gradus-agent",
            "gradus-autodiff",
            "gradus-data",
            "gradus-io",
            "gradus-kernels",
            "gradus-nn",
            "gradus-optim",
            "gradus-plot",
            "gradus-tensor",
            "gradus-train",
        ],
    ),
];

/// Packages that nobody builds upon; they may use everything.
const TOP: &[&str] = &["gradus-testkit", "gradus-tests", "gradus-benches", "xtask"];

/// The only packages that may name the GPU library.
const GPU: &[&str] = &["gradus-tensor", "gradus-kernels"];

pub(super) fn check() -> Result<Vec<Violation>> {
    let args = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let text = places::output(&mut places::cargo(&args))?;
    let metadata: Value =
        serde_json::from_str(&text).map_err(|e| format!("cargo metadata: {e}"))?;
    Ok(judge(&metadata))
}

fn judge(metadata: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    let packages = list(metadata, "packages");
    let members: Vec<&str> = packages.iter().map(|package| text(package, "name")).collect();
    for package in packages {
        let (name, path) = (text(package, "name"), manifest(package));
        let below = LAYERS.iter().find(|(layer, _)| *layer == name).map(|(_, below)| *below);
        let top = TOP.contains(&name);
        if below.is_none() && !top {
            found.push(Violation::new(&path, 0, format!("`{name}` is in no layer; see xtask")));
        }
        for dependency in list(package, "dependencies") {
            let on = text(dependency, "name");
            // Tests of a crate may use what they like.
            if text(dependency, "kind") == "dev" {
                continue;
            }
            if on == "wgpu" && !GPU.contains(&name) {
                found.push(Violation::new(&path, 0, format!("`{name}` may not depend on `{on}`")));
            }
            let allowed = top || below.is_some_and(|below| below.contains(&on));
            if members.contains(&on) && !allowed {
                let message = format!("`{name}` may not depend on `{on}`: arrows only point down");
                found.push(Violation::new(&path, 0, message));
            }
        }
    }
    found
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn manifest(package: &Value) -> PathBuf {
    let path = Path::new(text(package, "manifest_path"));
    path.strip_prefix(places::root()).unwrap_or(path).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Value {
        let dependencies: Vec<Value> = dependencies
            .iter()
            .map(|(name, kind)| serde_json::json!({ "name": name, "kind": kind }))
            .collect();
        let path = format!("crates/{name}/Cargo.toml");
        serde_json::json!({ "name": name, "manifest_path": path, "dependencies": dependencies })
    }

    fn messages(packages: &[Value]) -> Vec<String> {
        let found = judge(&serde_json::json!({ "packages": packages }));
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_arrow_up_is_found() {
        let tensor = package("gradus-tensor", &[("gradus-kernels", None)]);
        let kernels = package("gradus-kernels", &[("gradus-tensor", None), ("wgpu", None)]);
        assert_eq!(
            messages(&[tensor, kernels]),
            ["crates/gradus-tensor/Cargo.toml: `gradus-tensor` may not depend on \
              `gradus-kernels`: arrows only point down"]
        );
    }

    #[test]
    fn tests_of_a_crate_may_point_anywhere() {
        let tensor = package("gradus-tensor", &[("gradus-testkit", Some("dev"))]);
        let testkit = package("gradus-testkit", &[("gradus-tensor", None)]);
        assert!(messages(&[tensor, testkit]).is_empty());
    }

    #[test]
    fn unknown_crates_and_other_names_of_the_gpu_are_found() {
        let found = messages(&[package("gradus-nn", &[("wgpu", None)]), package("misc", &[])]);
        assert_eq!(
            found,
            [
                "crates/gradus-nn/Cargo.toml: `gradus-nn` may not depend on `wgpu`",
                "crates/misc/Cargo.toml: `misc` is in no layer; see xtask",
            ]
        );
    }
}
