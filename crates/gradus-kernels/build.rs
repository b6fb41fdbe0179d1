//! Checks every shader with naga and writes the table of shaders that the crate includes.
//!
//! A shader that does not compile, in either form of passing parameters, fails the build with its
//! file and line.

#[cfg(feature = "gpu")]
#[path = "src/gpu/compose.rs"]
mod compose;

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

    use naga::valid::{Capabilities, ValidationFlags, Validator};
    use naga::{AddressSpace, Module, StorageAccess, TypeInner};

    use crate::compose::{compose, workgroup};

    const INCLUDE: &str = "// @include ";

    /// A shader's text with its includes expanded, and where each line came from.
    #[derive(Default)]
    struct Expanded {
        text: String,
        lines: Vec<(String, usize)>,
        files: Vec<String>,
    }

    /// What the table says about a shader.
    struct Facts {
        access: Vec<&'static str>,
        words: usize,
        subgroup: bool,
    }

    pub fn build() -> Result<(), String> {
        let root = variable("CARGO_MANIFEST_DIR")?.join("shaders");
        let out = variable("OUT_DIR")?;
        watch(&root);
        watch(&root.join("common"));
        let mut table = String::from("pub(crate) static COMMON: &[(&str, &str)] = &[\n");
        for name in files(&root.join("common"))? {
            let expanded = expand(&root, &format!("common/{name}.wgsl"))?;
            check(&expanded, &expanded.text)?;
            save(&out.join(format!("common_{name}.wgsl")), &expanded.text)?;
            let _ = writeln!(table, "    ({name:?}, include_str!(\"common_{name}.wgsl\")),");
        }
        table.push_str("];\npub(crate) static SHADERS: &[Shader] = &[\n");
        for name in files(&root)? {
            let expanded = expand(&root, &format!("{name}.wgsl"))?;
            let Facts { access, words, subgroup } = examine(&expanded)?;
            save(&out.join(format!("{name}.wgsl")), &expanded.text)?;
            let access: String = access.iter().map(|a| format!("Access::{a}, ")).collect();
            let _ = writeln!(
                table,
                "    Shader {{ name: {name:?}, text: include_str!(\"{name}.wgsl\"), \
                 access: &[{access}], words: {words}, subgroup: {subgroup} }},"
            );
        }
        table.push_str("];\n");
        save(&out.join("shaders.rs"), &table)
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

    fn expand(root: &Path, file: &str) -> Result<Expanded, String> {
        let mut expanded = Expanded::default();
        include(root, file, &mut expanded)?;
        Ok(expanded)
    }

    /// Appends a file, each at most once.
    fn include(root: &Path, file: &str, out: &mut Expanded) -> Result<(), String> {
        if out.files.iter().any(|seen| seen == file) {
            return Ok(());
        }
        out.files.push(file.to_owned());
        let path = root.join(file);
        watch(&path);
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        for (number, line) in text.lines().enumerate() {
            if let Some(inner) = line.trim().strip_prefix(INCLUDE) {
                include(root, inner.trim(), out)
                    .map_err(|e| format!("shaders/{file}:{}: {e}", number + 1))?;
                continue;
            }
            out.text.push_str(line);
            out.text.push('\n');
            out.lines.push((format!("shaders/{file}"), number + 1));
        }
        Ok(())
    }

    /// Checks both forms of a shader and reads off what the table says.
    fn examine(shader: &Expanded) -> Result<Facts, String> {
        let file = || format!("shaders/{}", shader.files[0]);
        let form = |immediate| {
            compose(&shader.text, &[], &[], immediate).map_err(|e| format!("{}: {e}", file()))
        };
        check(shader, &form(true)?)?;
        let text = form(false)?;
        let (module, subgroup) = check(shader, &text)?;
        let problem = |message: String| format!("{}: {message}", file());
        let [entry] = &module.entry_points[..] else {
            return Err(problem(format!("{} entry points", module.entry_points.len())));
        };
        let size = workgroup(&text).map_err(problem)?;
        if size != entry.workgroup_size {
            return Err(problem(format!("workgroup {:?} reads as {size:?}", entry.workgroup_size)));
        }
        let (access, words) = bindings(&module).map_err(problem)?;
        Ok(Facts { access, words, subgroup })
    }

    /// Storage bindings in order, and words of the parameter block.
    fn bindings(module: &Module) -> Result<(Vec<&'static str>, usize), String> {
        let mut storage = Vec::new();
        let mut words = 0;
        for (_, variable) in module.global_variables.iter() {
            let place = variable.binding.as_ref().map(|b| (b.group, b.binding));
            match (variable.space, place) {
                (AddressSpace::Storage { access }, Some((0, binding))) => {
                    let writes = access.contains(StorageAccess::STORE);
                    storage.push((binding, if writes { "ReadWrite" } else { "Read" }));
                }
                (AddressSpace::Uniform, Some((1, 0))) => {
                    words = parameter_words(module, &module.types[variable.ty].inner)?;
                }
                (AddressSpace::WorkGroup | AddressSpace::Private, None) => {}
                _ => {
                    let name = variable.name.as_deref().unwrap_or("?");
                    return Err(format!("`{name}` is neither storage in group 0 nor parameters"));
                }
            }
        }
        storage.sort();
        if storage.iter().enumerate().any(|(at, (binding, _))| at as u32 != *binding) {
            return Err("storage bindings are not numbered from 0 without gaps".into());
        }
        Ok((storage.into_iter().map(|(_, access)| access).collect(), words))
    }

    fn parameter_words(module: &Module, block: &TypeInner) -> Result<usize, String> {
        let TypeInner::Struct { members, .. } = block else {
            return Err("parameters are not a struct".into());
        };
        let scalar = |member: &naga::StructMember| match module.types[member.ty].inner {
            TypeInner::Scalar(scalar) => scalar.width == 4,
            _ => false,
        };
        match members.iter().find(|member| !scalar(member)) {
            None => Ok(members.len()),
            Some(other) => {
                let name = other.name.as_deref().unwrap_or("?");
                Err(format!("parameter `{name}` is not a 32-bit scalar"))
            }
        }
    }

    /// Parses and validates; tells whether subgroup operations are needed.
    fn check(shader: &Expanded, text: &str) -> Result<(Module, bool), String> {
        let module = naga::front::wgsl::parse_str(text).map_err(|error| {
            let line = error.location(text).map(|at| at.line_number);
            located(shader, line, error.message(), &error.emit_to_string(text))
        })?;
        let plain = Capabilities::IMMEDIATES;
        let subgroup = plain | Capabilities::SUBGROUP | Capabilities::SUBGROUP_BARRIER;
        let validate = |allowed| {
            let checked = Validator::new(ValidationFlags::all(), allowed).validate(&module);
            checked.map(drop).map_err(Box::new)
        };
        if validate(plain).is_ok() {
            return Ok((module, false));
        }
        validate(subgroup).map_err(|error| {
            let line = error.location(text).map(|at| at.line_number);
            located(shader, line, &error.as_inner().to_string(), &error.emit_to_string(text))
        })?;
        Ok((module, true))
    }

    fn located(shader: &Expanded, line: Option<u32>, message: &str, details: &str) -> String {
        let place = line.and_then(|line| shader.lines.get(line as usize - 1));
        match place {
            Some((file, line)) => format!("{file}:{line}: {message}\n{details}"),
            None => format!("shaders/{}: {message}\n{details}", shader.files[0]),
        }
    }
}
