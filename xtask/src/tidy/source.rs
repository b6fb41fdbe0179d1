//! Rules of Rust and WGSL files: a header, bounded size, no leftovers, one place for the GPU.

use std::path::{Component, Path};

use super::Violation;

const MAX_LINES: usize = 600;
const MAX_COLUMNS: usize = 100;

/// Lines between these comments are tables of numbers and may be longer.
const TABLE_BEGINS: &str = "// tidy: table";
const TABLE_ENDS: &str = "// tidy: end";

/// What library code does not say. Written apart, so that this list is not found itself.
const LEFTOVERS: &[&str] =
    &[concat!(".unwr", "ap()"), concat!("to", "do!"), concat!("db", "g!"), concat!("print", "ln!")];

/// Folders that may name the GPU library.
const GPU_FOLDERS: &[&str] = &["crates/gradus-tensor/src/gpu", "crates/gradus-kernels/src/gpu"];
const GPU: &str = "wgpu";

pub(super) fn check(path: &Path, text: &str, found: &mut Vec<Violation>) {
    let rust = path.extension().is_some_and(|e| e == "rs");
    if !rust && path.extension().is_none_or(|e| e != "wgsl") {
        return;
    }
    size(path, text, found);
    let header = if rust { ["//!", "// "] } else { ["// ", "// "] };
    let first = text.lines().next().unwrap_or_default();
    if !header.iter().any(|header| first.starts_with(header)) {
        found.push(Violation::new(path, 1, "the first line says what the file is for"));
    }
    if rust {
        reasons(path, text, found);
        if library(path) {
            leftovers(path, text, found);
        }
    }
}

fn size(path: &Path, text: &str, found: &mut Vec<Violation>) {
    let lines = text.lines().count();
    if lines > MAX_LINES {
        found.push(Violation::new(path, 0, format!("{lines} lines, at most {MAX_LINES}")));
    }
    let mut table = false;
    for (i, line) in text.lines().enumerate() {
        table = (table || line.trim() == TABLE_BEGINS) && line.trim() != TABLE_ENDS;
        let columns = line.chars().count();
        if columns > MAX_COLUMNS && !table {
            let message = format!("{columns} columns, at most {MAX_COLUMNS}");
            found.push(Violation::new(path, i + 1, message));
        }
    }
}

/// Whether a file is library code rather than a test of it.
fn library(path: &Path) -> bool {
    let mut parts = path.components().map(Component::as_os_str);
    let in_src = path.starts_with("crates") && parts.any(|part| part == "src");
    in_src && !parts.any(|part| part == "tests" || part == "tests.rs")
}

fn leftovers(path: &Path, text: &str, found: &mut Vec<Violation>) {
    let gpu = GPU_FOLDERS.iter().any(|folder| path.starts_with(folder));
    for (number, line) in outside_tests(text) {
        for word in LEFTOVERS {
            if says(line, word) {
                found.push(Violation::new(path, number, format!("library code says `{word}`")));
            }
        }
        if !gpu && says(line, GPU) {
            let message = format!("only {} may name `{GPU}`", GPU_FOLDERS.join(" and "));
            found.push(Violation::new(path, number, message));
        }
    }
}

/// Code lines outside `#[cfg(test)]` items, with their numbers. Relies on rustfmt's indentation.
fn outside_tests(text: &str) -> impl Iterator<Item = (usize, &str)> {
    // `Some(None)` waits for the item, `Some(Some(end))` for the line that ends it.
    let mut skip: Option<Option<String>> = None;
    text.lines().enumerate().filter_map(move |(i, line)| {
        let code = line.trim_start();
        let indent = &line[..line.len() - code.len()];
        match &skip {
            Some(Some(end)) => {
                if line == end {
                    skip = None;
                }
                return None;
            }
            Some(None) if code.starts_with("#[") => return None,
            Some(None) => {
                let block = !code.ends_with(';') && !code.ends_with('}');
                skip = block.then(|| Some(format!("{indent}}}")));
                return None;
            }
            None => {}
        }
        if code.starts_with("#[cfg(test)]") {
            skip = Some(None);
            return None;
        }
        (!code.starts_with("//")).then_some((i + 1, line))
    })
}

/// Whether `word` stands in `line`, not as the end of a longer word.
fn says(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        word.starts_with('.') || (!letter(before) && (word.ends_with('!') || !letter(after)))
    })
}

/// A lint is only silenced with a reason.
fn reasons(path: &Path, text: &str, found: &mut Vec<Violation>) {
    for (i, line) in text.lines().enumerate() {
        let code = line.trim_start();
        let starts = ["#[allow(", "#![allow(", "#[expect(", "#![expect("];
        if !starts.iter().any(|start| code.starts_with(start)) {
            continue;
        }
        let mut attribute = text.lines().skip(i);
        let mut whole = String::new();
        while !whole.trim_end().ends_with(']') {
            match attribute.next() {
                Some(next) => whole.push_str(next),
                None => break,
            }
        }
        if !whole.contains("reason") {
            found.push(Violation::new(path, i + 1, "a silenced lint needs a `reason`"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        check(Path::new(path), text, &mut found);
        found.into_iter().map(|v| (v.line, v.message)).collect()
    }

    fn lines(path: &str, text: &str) -> Vec<usize> {
        found(path, text).into_iter().map(|(line, _)| line).collect()
    }

    const LIBRARY: &str = "crates/a/src/lib.rs";

    #[test]
    fn a_header_is_wanted() {
        assert_eq!(lines(LIBRARY, "use a;\n"), [1]);
        assert!(lines(LIBRARY, "//! A.\nuse a;\n").is_empty());
        assert_eq!(lines("shaders/a.wgsl", "const A = 1;\n"), [1]);
        assert!(lines("README.md", "text").is_empty());
    }

    #[test]
    fn size_is_bounded_but_for_tables() {
        let long = "x".repeat(MAX_COLUMNS + 1);
        assert_eq!(lines(LIBRARY, &format!("//! A.\n{long}\n")), [2]);
        let table = format!("//! A.\n{TABLE_BEGINS}\n{long}\n{TABLE_ENDS}\n{long}\n");
        assert_eq!(lines(LIBRARY, &table), [5]);
        let tall = format!("//! A.\n{}", "x;\n".repeat(MAX_LINES));
        assert_eq!(found(LIBRARY, &tall), [(0, "601 lines, at most 600".to_owned())]);
    }

    #[test]
    fn leftovers_are_found_outside_tests_and_comments() {
        let [take, later, show, print] = LEFTOVERS else { panic!("four words") };
        let text = format!(
            "//! A.\nfn a() {{\n    x{take};\n    {later}();\n    {show}(x);\n    {print}();\n    \
             e{print}();\n}}\n/// {later}\n#[cfg(test)]\nuse b;\n{show}(y);\n#[cfg(test)]\n\
             mod tests {{\n    x{take};\n}}\nx{take};\n"
        );
        assert_eq!(lines(LIBRARY, &text), [3, 4, 5, 6, 12, 17]);
        for path in ["xtask/src/main.rs", "crates/a/tests/a.rs", "crates/a/src/b/tests.rs"] {
            assert!(lines(path, &text).is_empty(), "{path}");
        }
    }

    #[test]
    fn the_gpu_is_named_in_its_folders() {
        let text = format!("//! About {GPU}.\nuse {GPU}::Device;\n");
        assert_eq!(lines("crates/gradus-nn/src/a.rs", &text), [2]);
        assert!(lines("crates/gradus-kernels/src/gpu/a.rs", &text).is_empty());
    }

    #[test]
    fn a_silenced_lint_says_why() {
        let text =
            "//! A.\n#[allow(dead_code)]\n#[allow(\n    dead_code,\n    reason = \"b\"\n)]\n";
        assert_eq!(lines(LIBRARY, text), [2]);
    }
}
