//! Which name the deriving crate knows `gradus_nn` by, from its manifest.

use std::env;
use std::fs;
use std::path::Path;

const DIRECT: &str = "::gradus_nn";
const THROUGH_FACADE: &str = "::gradus::nn";

/// The path of the crate with the traits, as seen from the crate that is being compiled.
pub(crate) fn path() -> &'static str {
    let manifest = env::var_os("CARGO_MANIFEST_DIR")
        .and_then(|folder| fs::read_to_string(Path::new(&folder).join("Cargo.toml")).ok());
    path_in(manifest.as_deref().unwrap_or_default())
}

fn path_in(manifest: &str) -> &'static str {
    for section in ["dependencies", "dev-dependencies"] {
        let packages = [("gradus-nn", DIRECT), ("gradus", THROUGH_FACADE)];
        for (package, path) in packages {
            if depends(manifest, section, package) {
                return path;
            }
        }
    }
    DIRECT
}

/// Whether a section of the manifest names a package, as a key or as a table of its own.
fn depends(manifest: &str, section: &str, package: &str) -> bool {
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.split(']').next().unwrap_or_default().trim();
            // `target.'cfg(…)'.dependencies` counts, `workspace.dependencies` does not.
            let counts = |name: &str| {
                let place = name.strip_suffix(section);
                place
                    .is_some_and(|p| p.is_empty() || (p.starts_with("target.") && p.ends_with('.')))
            };
            inside = counts(header);
            let (table, key) = header.rsplit_once('.').unwrap_or_default();
            if counts(table) && unquoted(key) == package {
                return true;
            }
        } else if inside && unquoted(line.split(['=', '.']).next().unwrap_or_default()) == package {
            return true;
        }
    }
    false
}

fn unquoted(key: &str) -> &str {
    key.trim().trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_direct_dependency_comes_first() {
        assert_eq!(path_in("[dependencies]\ngradus = \"1\"\ngradus-nn.workspace = true"), DIRECT);
        assert_eq!(path_in("[package]\nname = \"gradus-nn\""), DIRECT);
        assert_eq!(path_in(""), DIRECT);
    }

    #[test]
    fn the_facade_is_found_in_every_form() {
        for manifest in [
            "[dependencies]\nother = \"1\"\ngradus = { version = \"1\" }",
            "[dependencies]\ngradus.workspace = true\n[dev-dependencies]\ngradus-nn = \"1\"",
            "[dependencies.gradus]\nversion = \"1\"",
            "[dev-dependencies]\n\"gradus\" = \"1\"",
            "[target.'cfg(unix)'.dependencies]\ngradus = \"1\"",
        ] {
            assert_eq!(path_in(manifest), THROUGH_FACADE, "{manifest}");
        }
    }

    #[test]
    fn other_sections_do_not_count() {
        assert_eq!(path_in("[workspace.dependencies]\ngradus = \"1\""), DIRECT);
        assert_eq!(path_in("[features]\ngradus = []\n[dependencies]\ngradus-x = \"1\""), DIRECT);
    }
}
