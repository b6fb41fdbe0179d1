//! Writes the table of shaders that the crate includes: their texts with includes expanded, and
//! what the texts say about their bindings. That they compile is for the tests to check.

#[cfg(feature = "gpu")]
#[path = "src/gpu/facts.rs"]
mod facts;

fn main() {
    #[cfg(feature = "gpu")]
    if let Err(problem) = shaders::build() {
        eprintln!("{problem}");
        std::process::exit(1);
    }
}

#[cfg(feature = "gpu")]
mod shaders {
    use std::fmt::Write as _;
    use std::path::{Path, PathBuf};
    use std::{env, fs};

    use crate::facts;

    const INCLUDE: &str = "// @include ";

    pub fn build() -> Result<(), String> {
        let root = variable("CARGO_MANIFEST_DIR")?.join("shaders");
        let out = variable("OUT_DIR")?;
        watch(&root);
        watch(&root.join("common"));
        let mut table = String::from("pub(crate) static COMMON: &[(&str, &str)] = &[\n");
        for name in files(&root.join("common"))? {
            let text = expand(&root, &format!("common/{name}.wgsl"))?;
            save(&out.join(format!("common_{name}.wgsl")), &text)?;
            let _ = writeln!(table, "    ({name:?}, include_str!(\"common_{name}.wgsl\")),");
        }
        table.push_str("];\npub(crate) static SHADERS: &[Shader] = &[\n");
        for name in files(&root)? {
            let text = expand(&root, &format!("{name}.wgsl"))?;
            save(&out.join(format!("{name}.wgsl")), &text)?;
            let line = line(&name, &text).map_err(|e| format!("shaders/{name}.wgsl: {e}"))?;
            table.push_str(&line);
        }
        table.push_str("];\n");
        save(&out.join("shaders.rs"), &table)
    }

    fn line(name: &str, text: &str) -> Result<String, String> {
        let access = |writes| if writes { "Access::ReadWrite, " } else { "Access::Read, " };
        let access: String = facts::bindings(text)?.into_iter().map(access).collect();
        let (words, subgroup) = (facts::words(text)?, facts::uses_subgroups(text));
        Ok(format!(
            "    Shader {{ name: {name:?}, text: include_str!(\"{name}.wgsl\"), \
             access: &[{access}], words: {words}, subgroup: {subgroup} }},\n"
        ))
    }

    fn save(path: &Path, text: &str) -> Result<(), String> {
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn variable(name: &str) -> Result<PathBuf, String> {
        env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("{name} is not set"))
    }

    fn watch(path: &Path) {
        #[allow(clippy::print_stdout, reason = "a build script talks to cargo on stdout")]
        {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }

    /// Stems of the shaders in a folder, sorted as the table is searched.
    fn files(folder: &Path) -> Result<Vec<String>, String> {
        let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| Some(name.strip_suffix(".wgsl")?.to_owned()))
            .collect();
        names.sort();
        Ok(names)
    }

    /// A file's text with the files that it includes, each once, in their places.
    fn expand(root: &Path, file: &str) -> Result<String, String> {
        let (mut text, mut seen) = (String::new(), Vec::new());
        include(root, file, &mut seen, &mut text)?;
        Ok(text)
    }

    fn include(
        root: &Path,
        file: &str,
        seen: &mut Vec<String>,
        out: &mut String,
    ) -> Result<(), String> {
        if seen.iter().any(|earlier| earlier == file) {
            return Ok(());
        }
        seen.push(file.to_owned());
        let path = root.join(file);
        watch(&path);
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        for (number, line) in text.lines().enumerate() {
            match line.trim().strip_prefix(INCLUDE) {
                Some(inner) => include(root, inner.trim(), seen, out)
                    .map_err(|e| format!("shaders/{file}:{}: {e}", number + 1))?,
                None => {
                    out.push_str(line);
                    out.push('\n');
                }
            }
        }
        Ok(())
    }
}
