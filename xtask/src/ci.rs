//! `ci`: everything that must hold before a change is merged, with the time of each.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::{Result, places, run_to_end, tidy};

/// A step and how it is run.
type Step = (&'static str, fn() -> Result<()>);

const STEPS: &[Step] = &[
    ("fmt", || run_to_end(&mut places::cargo(&["fmt", "--all", "--", "--check"]))),
    ("clippy", || {
        let args = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        run_to_end(&mut places::cargo(&args))
    }),
    ("the core alone", || {
        let args = ["clippy", "--package", "gradus", "--no-default-features", "--all-targets"];
        run_to_end(places::cargo(&args).args(["--", "-D", "warnings"]))
    }),
    ("without the gpu", || {
        let args = ["clippy", "--package", "gradus", "--no-default-features", "--features"];
        let features = ["npz,sets,train", "--all-targets", "--", "-D", "warnings"];
        run_to_end(places::cargo(&args).args(features))
    }),
    ("with pictures", || {
        let args = ["clippy", "--package", "gradus", "--features", "plot", "--all-targets"];
        run_to_end(places::cargo(&args).args(["--", "-D", "warnings"]))
    }),
    ("doc", || {
        let mut doc = places::cargo(&["doc", "--workspace", "--no-deps"]);
        run_to_end(doc.env("RUSTDOCFLAGS", "-D warnings"))
    }),
    ("tidy", tidy::run),
    ("test", || run_to_end(&mut test_command()?)),
];

pub(crate) fn run() -> Result<()> {
    let mut times: Vec<(&str, Duration)> = Vec::new();
    for (name, step) in STEPS {
        println!("== {name}");
        let start = Instant::now();
        let done = step();
        times.push((name, start.elapsed()));
        if let Err(message) = done {
            report(&times);
            return Err(format!("{name} failed: {message}"));
        }
    }
    report(&times);
    Ok(())
}

fn report(times: &[(&str, Duration)]) {
    println!("== times");
    for (name, time) in times {
        println!("{name:>16}: {:7.1} s", time.as_secs_f64());
    }
}

/// The test command that the README tells users, so that it stays true.
fn test_command() -> Result<Command> {
    let readme = places::read(Path::new("README.md"))?;
    let words = test_words(&readme).ok_or("README.md names no `cargo test` command")?;
    Ok(places::cargo(&words))
}

/// The arguments of the first line that is a `cargo test` command.
fn test_words(readme: &str) -> Option<Vec<&str>> {
    let line = readme.lines().map(str::trim).find(|line| line.starts_with("cargo test"))?;
    let command = line.split('#').next().unwrap_or(line);
    Some(command.split_whitespace().skip(1).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readmes_command_is_found() {
        let readme = "Text with cargo test in it.\n```sh\ncargo test --workspace  # all\n```\n";
        assert_eq!(test_words(readme), Some(vec!["test", "--workspace"]));
        assert_eq!(test_words("no command"), None);
    }
}
