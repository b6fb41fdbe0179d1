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

/// The parameter block of a joined kernel: the workgroups of each part, then their own blocks.
pub(super) fn params<'a>(
    counts: &[u32],
    blocks: impl Iterator<Item = &'a [u32]>,
) -> SmallVec<[u32; 128]> {
    let mut all = SmallVec::from_slice(counts);
    for block in blocks {
        all.resize(words(all.len()), 0);
        all.extend_from_slice(block);
    }
    all.resize(words(all.len()), 0);
    all
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
            "\n{declarations}\nstruct Joined {{\n    {counts}\n{members}}}\n\
             @group(1) @binding(0) var<uniform> joined: Joined;\n\
             @compute @workgroup_size({size})\nfn main(\n    \
             @builtin(workgroup_id) joined_group: vec3<u32>,\n    \
             @builtin(local_invocation_index) joined_local: u32,\n) {{\n    \
             let at_0 = joined_group.x;\n{main}}}\n"
        );
        (text, words(parts) + blocks)
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
