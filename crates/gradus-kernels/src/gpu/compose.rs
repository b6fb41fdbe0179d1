//! From a shader's text to the text that is compiled.
//!
//! - `const NAME: u32 = 8u; // @tune` is a constant that a launch may replace.
//! - The lines between `// @hole NAME` and `// @end` may be replaced by generated text.
//! - `@group(1) @binding(0) var<uniform> p: Params;` becomes `var<immediate> p: Params;` where
//!   parameters are passed as immediates.

const UNIFORM: &str = "@group(1) @binding(0) var<uniform>";
const IMMEDIATE: &str = "var<immediate>";
const TUNE: &str = "// @tune";
const HOLE: &str = "// @hole ";
const END: &str = "// @end";

/// The text with constants and holes filled, in the uniform or the immediate form.
///
/// The error names a constant or a hole that does not exist, or a hole without an end.
pub(super) fn compose(
    text: &str,
    tune: &[(&str, u32)],
    holes: &[(&str, &str)],
    immediate: bool,
) -> Result<String, String> {
    let mut out = String::with_capacity(text.len() + 256);
    let mut lines = text.lines();
    let mut filled = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(name) = line.trim().strip_prefix(HOLE) {
            let with = holes.iter().find(|(hole, _)| *hole == name.trim());
            filled.extend(with.map(|(hole, _)| *hole));
            push_line(&mut out, line);
            fill(&mut out, &mut lines, with.map(|(_, text)| *text))
                .ok_or_else(|| format!("hole `{}` has no `{END}`", name.trim()))?;
        } else if let Some((name, value)) = tuned(line, tune) {
            filled.push(name);
            push_line(&mut out, &format!("const {name}: u32 = {value}u; {TUNE}"));
        } else if immediate {
            push_line(&mut out, &line.replace(UNIFORM, IMMEDIATE));
        } else {
            push_line(&mut out, line);
        }
    }
    let mut names = tune.iter().map(|t| t.0).chain(holes.iter().map(|h| h.0));
    match names.find(|name| !filled.contains(name)) {
        Some(name) => Err(format!("`{name}` is neither a constant nor a hole of it")),
        None => Ok(out),
    }
}

/// A composed text whose invocations copy their parameters into variables before all else.
///
/// For software adapters, where a parameter is gathered for each of eight lanes again wherever it
/// is read, in every pass of a loop: some thirty instructions. Members that nobody reads are
/// dropped.
pub(super) fn with_own_params(text: &str) -> String {
    let declared = text.lines().find_map(|line| {
        let of = |space: &'static str| Some((space, line.strip_prefix(space)?.trim()));
        let (space, rest) = of(UNIFORM).or_else(|| of(IMMEDIATE))?;
        let (name, kind) = rest.strip_suffix(';')?.split_once(": ")?;
        Some((line, space, name, kind))
    });
    let body = text.find("fn main(").and_then(|at| Some(at + text[at..].find('{')? + 1));
    let (Some((line, space, name, kind)), Some(body)) = (declared, body) else {
        return text.to_owned();
    };
    let (before, main) = text.split_at(body);
    let own = format!("{space} given_params: {kind};\nvar<private> {name}: {kind};");
    format!("{}\n    {name} = given_params;{main}", before.replacen(line, &own, 1))
}

/// Copies or replaces the lines up to the end mark, which is copied too.
fn fill<'a>(
    out: &mut String,
    lines: &mut impl Iterator<Item = &'a str>,
    with: Option<&str>,
) -> Option<()> {
    if let Some(with) = with {
        push_line(out, with);
    }
    for line in lines {
        let end = line.trim() == END;
        if end || with.is_none() {
            push_line(out, line);
        }
        if end {
            return Some(());
        }
    }
    None
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

fn tuned<'a>(line: &str, tune: &[(&'a str, u32)]) -> Option<(&'a str, u32)> {
    if !line.trim_end().ends_with(TUNE) {
        return None;
    }
    let name = constant(line)?.0;
    tune.iter().copied().find(|(wanted, _)| *wanted == name)
}

/// Name and value text of a line `const NAME: u32 = value;`.
fn constant(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.trim().strip_prefix("const ")?.split_once(": u32 =")?;
    Some((name.trim(), rest.split_once(';')?.0.trim()))
}

/// The workgroup size of a composed text: numbers, or constants that are numbers.
pub(super) fn workgroup(text: &str) -> Result<[u32; 3], String> {
    let inside = text
        .split_once("@workgroup_size(")
        .and_then(|(_, rest)| rest.split_once(')'))
        .ok_or("no @workgroup_size")?
        .0;
    let mut size = [1; 3];
    for (at, part) in inside.split(',').map(str::trim).filter(|p| !p.is_empty()).enumerate() {
        let value = || text.lines().filter_map(constant).find(|(name, _)| *name == part);
        let number = |text: &str| text.trim_end_matches('u').parse().ok();
        *size.get_mut(at).ok_or("@workgroup_size has more than three parts")? = number(part)
            .or_else(|| number(value()?.1))
            .ok_or_else(|| format!("workgroup size `{part}` is neither a number nor a constant"))?;
    }
    Ok(size)
}
