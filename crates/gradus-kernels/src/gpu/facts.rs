//! What a shader's text says about itself, for the table that the build script writes. It reads
//! the form in which our files are written and refuses others; the tests of the table hold every
//! answer against naga's, which would take longer to build than the kernels of most programs.

const STORAGE: &str = "@group(0) @binding(";
const PARAMETERS: &str = "@group(1) @binding(0) var<uniform> p: ";

/// Whether each storage binding is written to, by their numbers.
pub fn bindings(text: &str) -> Result<Vec<bool>, String> {
    let mut found = Vec::new();
    for line in code(text) {
        let Some(rest) = line.strip_prefix(STORAGE) else { continue };
        let (number, rest) = rest.split_once(')').ok_or("a binding without a number")?;
        let number: usize = number.parse().map_err(|_| format!("binding `{number}`"))?;
        let rest = rest.trim_start();
        let writes = rest.starts_with("var<storage, read_write>");
        if !writes && !rest.starts_with("var<storage, read>") {
            return Err(format!("`{line}` is neither read nor read_write storage"));
        }
        found.push((number, writes));
    }
    found.sort_unstable();
    if found.iter().enumerate().any(|(at, (number, _))| at != *number) {
        return Err("storage bindings are not numbered from 0 without gaps".into());
    }
    Ok(found.into_iter().map(|(_, writes)| writes).collect())
}

/// Words of the parameter block: its members, which are 32-bit scalars on lines of their own.
pub fn words(text: &str) -> Result<usize, String> {
    let Some(name) = code(text).find_map(|line| line.strip_prefix(PARAMETERS)) else {
        return Ok(0);
    };
    let head = format!("struct {} {{", name.trim_end_matches(';'));
    let mut members = code(text).skip_while(|line| *line != head).skip(1);
    let mut count = 0;
    loop {
        match members.next() {
            Some("}" | "};") => return Ok(count),
            Some(line) if [": u32,", ": i32,", ": f32,"].iter().any(|t| line.ends_with(t)) => {
                count += 1;
            }
            Some(line) => return Err(format!("parameter `{line}` is not a 32-bit scalar")),
            None => return Err(format!("no end of `{head}`")),
        }
    }
}

/// Whether it needs subgroup operations.
pub fn uses_subgroups(text: &str) -> bool {
    code(text).any(|line| line.contains("subgroup"))
}

/// The lines without comments and spaces around them, those that are empty left out.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split("//").next().unwrap_or("").trim()).filter(|l| !l.is_empty())
}
