//! Shaders: every file of `shaders/` is used by name.

use std::path::Path;

use super::{Texts, Violation};

/// Where shaders are launched from.
const USERS: &str = "crates/gradus-kernels";

pub(super) fn check(texts: &Texts, found: &mut Vec<Violation>) {
    for (path, _) in texts {
        if !path.starts_with("shaders") || path.extension().is_none_or(|e| e != "wgsl") {
            continue;
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let shared = path.parent().is_some_and(|parent| parent.ends_with("common"));
        let literal = format!("\"{stem}\"");
        let include = format!("@include common/{stem}.wgsl");
        let used = texts.iter().any(|(user, text)| {
            let in_rust = user.starts_with(USERS) && is(user, "rs") && text.contains(&literal);
            let in_shader = shared && is(user, "wgsl") && text.contains(&include);
            in_rust || in_shader
        });
        if !used {
            let message = format!("nothing in {USERS} uses `{stem}`");
            found.push(Violation::new(path, 0, message));
        }
    }
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e == extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unused_shader_is_found() {
        let texts: Texts = [
            ("shaders/used.wgsl", "// @include common/shared.wgsl"),
            ("shaders/unused.wgsl", ""),
            ("shaders/common/shared.wgsl", ""),
            ("shaders/common/lonely.wgsl", ""),
            ("crates/gradus-kernels/src/a.rs", "launch(\"used\")"),
        ]
        .map(|(path, text)| (path.into(), text.into()))
        .into();
        let mut found = Vec::new();
        check(&texts, &mut found);
        let paths: Vec<_> = found.iter().map(|v| v.path.to_string_lossy()).collect();
        assert_eq!(paths, ["shaders/unused.wgsl", "shaders/common/lonely.wgsl"]);
    }
}
