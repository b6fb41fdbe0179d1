//! From the texts of kernels that do not depend on each other to the text of one that does the
//! work of all: each part has a range of the workgroups, and what it declares gets the part's
//! number, so that names do not meet.

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;

use gradus_tensor::gpu::Access;
use smallvec::SmallVec;

use super::compose::compose;
use super::pipeline::{Source, Text};

/// How a text declares its parameters.
const PARAMS: &str = "@group(1) @binding(0) var<uniform> p: Params;";
/// Members of a parameter block that are blocks start at multiples of this many words.
const ALIGN: usize = 4;

/// Whether the invocations of a kernel work alone and their number in a workgroup is a constant
/// that can be set: it shares no memory, waits for nobody, and passes nothing around. A constant
/// `GROUP` says so where the text has both forms.
pub(super) fn works_alone(text: &str) -> bool {
    let shares = ["var<workgroup>", "Barrier()", "subgroup"].iter().any(|word| text.contains(word));
    let tunable = text.lines().any(|line| line.starts_with("const WG: u32 =") && is_tuned(line));
    tunable && (!shares || text.contains("const GROUP: u32 = 0u;"))
}

fn is_tuned(line: &str) -> bool {
    line.trim_end().ends_with("// @tune")
}

/// The workgroup size of the joined kernel; `None` when the parts ask for different ones.
pub(super) fn size<'a>(parts: &(impl Iterator<Item = &'a Arc<Source>> + Clone)) -> Option<u32> {
    let sizes = |alone: bool| {
        let wanted = parts.clone().filter(move |part| part.alone == alone);
        wanted.map(|part| part.workgroup.iter().product::<u32>())
    };
    match sizes(false).next() {
        Some(size) => sizes(false).all(|other| other == size).then_some(size),
        None => sizes(true).max(),
    }
}

/// Words that a block of `words` words takes among others.
pub(super) fn words(words: usize) -> usize {
    words.next_multiple_of(ALIGN)
}

/// Words before the blocks of `parts` parts: their workgroups, the workgroups of all, and the step.
pub(super) fn header(parts: usize) -> usize {
    words(parts + 2)
}

/// The parameter block of a joined kernel: its header, then the parts' own blocks.
///
/// A workgroup does the work with the number of its own times the step, modulo all of them. The
/// step is 1, or where `spread` the whole number next to the golden section that has no factor in
/// common: a software adapter gives each of its threads a run of workgroups, and every run then
/// has its share of every part.
pub(super) fn params<'a>(
    counts: &[u32],
    spread: bool,
    blocks: impl Iterator<Item = &'a [u32]>,
) -> SmallVec<[u32; 128]> {
    let all_groups: u32 = counts.iter().sum();
    let mut all = SmallVec::from_slice(counts);
    all.extend([all_groups, if spread { spreading(all_groups) } else { 1 }]);
    for block in blocks {
        all.resize(words(all.len()), 0);
        all.extend_from_slice(block);
    }
    all.resize(words(all.len()), 0);
    all
}

/// The first number from `0.618 * groups` on that has no factor in common with `groups`.
fn spreading(groups: u32) -> u32 {
    let coprime = |&step: &u32| {
        let (mut a, mut b) = (groups, step);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a == 1
    };
    let section = (f64::from(groups) * 0.618_033_988_749_895) as u32;
    (section.max(1)..groups).find(coprime).unwrap_or(1)
}

/// The joined kernel. The error says what a part has that is not understood here.
pub(super) fn join(parts: &[&Arc<Source>]) -> Result<Text<'static>, String> {
    let size = size(&parts.iter().copied()).ok_or("the workgroups differ in size")?;
    let mut joined = Joined::default();
    for (at, part) in parts.iter().enumerate() {
        joined.add(at, part, size)?;
    }
    let names: Vec<&str> = parts.iter().map(|part| part.name).collect();
    let access = joined.access.clone();
    let (text, words) = joined.finish(parts.len(), size);
    Ok(Text { name: names.join("+"), text: text.into(), access: access.into(), words })
}

/// What the parts so far amount to.
#[derive(Default)]
struct Joined {
    /// Directives, which come first and once.
    directives: Vec<String>,
    declarations: String,
    /// Members of the parameter block.
    members: String,
    main: String,
    access: Vec<Access>,
    words: usize,
}

impl Joined {
    fn add(&mut self, at: usize, part: &Source, size: u32) -> Result<(), String> {
        let tune = [("WG", size)];
        let retuned = part.alone && part.workgroup.iter().product::<u32>() != size;
        let text = compose(&part.text, if retuned { &tune } else { &[] }, &[], false)?;
        let mut kept = String::with_capacity(text.len());
        for line in text.lines() {
            if line.starts_with("enable ") || line.starts_with("requires ") {
                if !self.directives.iter().any(|seen| seen == line) {
                    self.directives.push(line.to_owned());
                }
            } else {
                let _ = writeln!(kept, "{}", line.replace(PARAMS, ""));
            }
        }
        let tokens = tokens(&kept);
        let names = declared(&tokens);
        let entry = Entry::find(&tokens)?;
        let rename = Rename { at, names: &names, bindings: self.access.len() };
        rename.write(&tokens[..entry.start], &mut self.declarations)?;
        rename.write(&tokens[entry.end..], &mut self.declarations)?;
        let mut body = String::new();
        rename.write(&tokens[entry.body.0..entry.body.1], &mut body)?;
        let _ = write!(
            self.main,
            "    if (at_{at} < joined.n{at}) {{\n\
             let {} = vec3<u32>(at_{at}, 0u, 0u);\n\
             let {} = vec3<u32>(joined.n{at}, 1u, 1u);\n\
             let {} = joined_local;\n{body}\nreturn;\n    }}\n    \
             let at_{} = at_{at} - joined.n{at};\n",
            entry.names[0],
            entry.names[1],
            entry.names[2],
            at + 1
        );
        if names.contains("Params") {
            let _ = writeln!(self.members, "    @align(16) p{at}: Params_{at},");
        }
        self.access.extend_from_slice(&part.access);
        self.words += words(part.words);
        Ok(())
    }

    fn finish(self, parts: usize, size: u32) -> (String, usize) {
        let Joined { directives, declarations, members, main, words: blocks, .. } = self;
        let mut text = directives.join("\n");
        let counts: String = (0..parts).map(|at| format!("n{at}: u32, ")).collect();
        // The last member ends where the host's block ends.
        let _ = write!(
            text,
            "\n{declarations}\nstruct Joined {{\n    {counts}all: u32, step: u32,\n{members}}}\n\
             @group(1) @binding(0) var<uniform> joined: Joined;\n\
             @compute @workgroup_size({size})\nfn main(\n    \
             @builtin(workgroup_id) joined_group: vec3<u32>,\n    \
             @builtin(local_invocation_index) joined_local: u32,\n) {{\n    \
             let at_0 = joined_group.x * joined.step % joined.all;\n{main}}}\n"
        );
        (text, header(parts) + blocks)
    }
}

/// A name, a number or a sign.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Token<'a> {
    text: &'a str,
    is_name: bool,
    /// Whether space stands before it.
    gap: bool,
}

/// The text without comments.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for line in text.lines() {
        let mut rest = line.split("//").next().unwrap_or_default();
        let mut gap = true;
        while let Some(first) = rest.chars().next() {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            // A number may hold a point: `1.5e3` is one word, `v.x` is three.
            let number = first.is_ascii_digit();
            let end = match word(first) {
                true => rest.find(|c| !(word(c) || number && c == '.')).unwrap_or(rest.len()),
                false => first.len_utf8(),
            };
            let (text, after) = rest.split_at(end);
            if !first.is_whitespace() {
                tokens.push(Token { text, is_name: word(first) && !number, gap });
            }
            gap = first.is_whitespace();
            rest = after;
        }
    }
    tokens
}

/// What a text declares at its outermost level.
fn declared<'a>(tokens: &[Token<'a>]) -> HashSet<&'a str> {
    let mut names = HashSet::new();
    let (mut depth, mut angle, mut waits) = (0usize, 0usize, false);
    for token in tokens {
        match token.text {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            "<" if waits => angle += 1,
            ">" if waits => angle = angle.saturating_sub(1),
            "fn" | "struct" | "alias" | "const" | "var" if depth == 0 => waits = true,
            name if waits && angle == 0 && token.is_name => {
                names.insert(name);
                waits = false;
            }
            _ => {}
        }
    }
    names.remove("main");
    names
}

/// The entry point: its tokens from `@compute` on, its body without braces, and what it calls the
/// workgroup's number, the workgroups and the invocation's number.
struct Entry<'a> {
    start: usize,
    end: usize,
    body: (usize, usize),
    names: [&'a str; 3],
}

impl<'a> Entry<'a> {
    fn find(tokens: &[Token<'a>]) -> Result<Self, String> {
        let find = |from: usize, text: &str| {
            let at = tokens[from..].iter().position(|token| token.text == text);
            at.map(|at| from + at).ok_or_else(|| format!("no `{text}`"))
        };
        let start = find(0, "compute")?.checked_sub(1).ok_or("no `@`")?;
        let open = find(start, "{")?;
        let mut depth = 0usize;
        let close = tokens[open..].iter().position(|token| {
            match token.text {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let close = open + close.ok_or("the entry point has no end")?;
        let mut names = ["joined_group_", "joined_groups_", "joined_local_"];
        for at in start..open {
            if tokens[at].text != "builtin" {
                continue;
            }
            let known = ["workgroup_id", "num_workgroups", "local_invocation_index"];
            let builtin = tokens.get(at + 2).map_or("", |token| token.text);
            let slot = known.iter().position(|name| *name == builtin);
            let slot = slot.ok_or_else(|| format!("the builtin `{builtin}`"))?;
            names[slot] = tokens.get(at + 4).map_or("", |token| token.text);
        }
        Ok(Entry { start, end: close + 1, body: (open + 1, close), names })
    }
}

/// Writes a part's tokens with its number behind the names that it declares.
struct Rename<'a> {
    at: usize,
    names: &'a HashSet<&'a str>,
    /// Bindings of the parts before.
    bindings: usize,
}

impl Rename<'_> {
    fn write(&self, tokens: &[Token<'_>], out: &mut String) -> Result<(), String> {
        let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
        // Members of structs keep their names: they stand before `:` there, and behind `.`.
        let (mut depth, mut is_struct) = (0usize, false);
        for (at, token) in tokens.iter().enumerate() {
            let before = if at == 0 { "" } else { text(at - 1) };
            if token.gap {
                out.push(' ');
            }
            let declared = self.names.contains(token.text) && before != ".";
            let is_member = is_struct && depth == 1 && text(at + 1) == ":";
            if token.text == "p" && before != "." && text(at + 1) == "." {
                let _ = write!(out, "joined.p{}", self.at);
            } else if declared && !is_member {
                let _ = write!(out, "{}_{}", token.text, self.at);
            } else if before == "(" && at > 1 && text(at - 2) == "binding" {
                let number: usize = token.text.parse().map_err(|_| "a binding's number")?;
                let _ = write!(out, "{}", self.bindings + number);
            } else {
                out.push_str(token.text);
            }
            match token.text {
                "struct" if depth == 0 => is_struct = true,
                "{" => depth += 1,
                "}" => {
                    depth = depth.saturating_sub(1);
                    is_struct &= depth > 0;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreading_step_does_all_the_work_and_shares_every_part_out() {
        for groups in (1..300).chain([65_535, 65_534, 46_368]) {
            let step = spreading(groups);
            let work: Vec<u32> = (0..groups).map(|group| group * step % groups).collect();
            let mut sorted = work.clone();
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..groups), "{groups} by {step}");
            // The first half of the workgroups has half of the first third of the work.
            let third = groups / 3;
            let early = work[..groups as usize / 2].iter().filter(|&&at| at < third).count();
            let half = third as usize / 2;
            assert!(early.abs_diff(half) <= 2 + half / 4, "{groups}: {early} of {third}");
        }
    }

    #[test]
    fn the_parameter_block_begins_with_counts_and_the_step() {
        let blocks = [&[1u32, 2, 3][..], &[4]];
        let all = params(&[5, 3], false, blocks.into_iter());
        assert_eq!(all[..], [5, 3, 8, 1, 1, 2, 3, 0, 4, 0, 0, 0]);
        assert_eq!(header(2), 4);
        let spread = params(&[5, 3], true, blocks.into_iter());
        assert_eq!(spread[..4], [5, 3, 8, 5]);
    }
}
