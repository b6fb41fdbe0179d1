//! Words that do not belong in the tree: places of one machine.

use std::path::Path;

use super::Violation;

/// Beginnings of paths that exist on one machine only. Written apart, so that this list is not
/// found itself.
const PLACES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Use", "rs/"),
    concat!("..", "/shared"),
];

pub(super) fn check(path: &Path, text: &str, found: &mut Vec<Violation>) {
    for (i, line) in text.lines().enumerate() {
        for place in PLACES {
            if line.contains(place) {
                let message = format!("`{place}` is a place of one machine");
                found.push(Violation::new(path, i + 1, message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_place_is_found() {
        let mut found = Vec::new();
        let text = format!("ok\nsee {}somebody/notes\n", PLACES[2]);
        check(Path::new("README.md"), &text, &mut found);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 2);
    }
}
