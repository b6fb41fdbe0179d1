//! The shaders of `shaders/`, as the build script found them; the tests check them with naga.

use gradus_tensor::gpu::Access;

/// One shader file with its includes expanded.
#[derive(Debug)]
pub(crate) struct Shader {
    /// The file's stem.
    pub(crate) name: &'static str,
    /// Its text, in the uniform form and with default constants and holes.
    pub(crate) text: &'static str,
    /// Its storage bindings, numbered from 0.
    pub(crate) access: &'static [Access],
    /// 32-bit words of its parameter block.
    pub(crate) words: usize,
    /// Whether it needs subgroup operations.
    pub(crate) subgroup: bool,
}

include!(concat!(env!("OUT_DIR"), "/shaders.rs"));

/// A shader by its file's stem.
pub(crate) fn shader(name: &str) -> Option<&'static Shader> {
    let at = SHADERS.binary_search_by(|shader| shader.name.cmp(name)).ok()?;
    Some(&SHADERS[at])
}

/// The text of a file of `shaders/common/`, by its stem, for generated kernels.
pub(crate) fn common(name: &str) -> Option<&'static str> {
    COMMON.iter().find(|(stem, _)| *stem == name).map(|(_, text)| *text)
}

/// The text of a shader file with constants and holes filled, in the uniform form: what a
/// generated kernel that is based on a file compiles. An error becomes text that does not compile
/// and so names itself.
pub(crate) fn composed(name: &str, tune: &[(&str, u32)], holes: &[(&str, &str)]) -> String {
    let text = shader(name).map_or("there is no such shader file", |shader| shader.text);
    super::compose::compose(text, tune, holes, false).unwrap_or_else(|error| error)
}

/// The same of a file of `shaders/common/`.
pub(crate) fn composed_common(name: &str, tune: &[(&str, u32)], holes: &[(&str, &str)]) -> String {
    let text = common(name).unwrap_or("there is no such file");
    super::compose::compose(text, tune, holes, false).unwrap_or_else(|error| error)
}

#[cfg(test)]
mod tests {
    use naga::valid::{Capabilities, ValidationFlags, Validator};
    use naga::{AddressSpace, Module, StorageAccess, TypeInner};

    use super::super::compose::{compose, workgroup};
    use super::super::facts;
    use super::*;

    /// What naga reads in a text, and whether it needs subgroups; panics with its message when the
    /// text does not compile.
    fn compiled(name: &str, text: &str) -> (Module, bool) {
        let module = naga::front::wgsl::parse_str(text)
            .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(text)));
        let plain = Capabilities::IMMEDIATES;
        let more =
            Capabilities::SUBGROUP | Capabilities::SUBGROUP_BARRIER | Capabilities::SHADER_INT64;
        let validate = |allowed| {
            Validator::new(ValidationFlags::all(), allowed).validate(&module).map_err(Box::new)
        };
        let needs = validate(plain).is_err();
        if needs {
            validate(plain | more)
                .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(text)));
        }
        (module, needs)
    }

    /// Words of the parameter block, whose members are 32-bit scalars.
    fn words(module: &Module, ty: naga::Handle<naga::Type>) -> usize {
        let TypeInner::Struct { members, .. } = &module.types[ty].inner else {
            panic!("parameters are not a struct");
        };
        let scalar = |inner: &_| matches!(inner, TypeInner::Scalar(scalar) if scalar.width == 4);
        assert!(members.iter().all(|member| scalar(&module.types[member.ty].inner)));
        members.len()
    }

    #[test]
    fn every_shader_compiles_and_is_what_the_table_says() {
        for shader in SHADERS {
            let name = shader.name;
            let form = |immediate| {
                compose(shader.text, &[], &[], immediate).unwrap_or_else(|e| panic!("{name}: {e}"))
            };
            compiled(name, &form(true));
            let text = form(false);
            let (module, subgroup) = compiled(name, &text);
            assert_eq!(subgroup, shader.subgroup, "{name}: subgroups");
            assert_eq!(module.entry_points.len(), 1, "{name}: entry points");
            assert_eq!(workgroup(&text), Ok(module.entry_points[0].workgroup_size), "{name}");
            let (mut storage, mut block) = (Vec::new(), 0);
            for (_, variable) in module.global_variables.iter() {
                let place = variable.binding.as_ref().map(|b| (b.group, b.binding));
                match (variable.space, place) {
                    (AddressSpace::Storage { access }, Some((0, binding))) => {
                        let writes = access.contains(StorageAccess::STORE);
                        storage
                            .push((binding, if writes { Access::ReadWrite } else { Access::Read }));
                    }
                    (AddressSpace::Uniform, Some((1, 0))) => block = words(&module, variable.ty),
                    (AddressSpace::WorkGroup | AddressSpace::Private, None) => {}
                    _ => panic!("{name}: {:?} is neither storage nor parameters", variable.name),
                }
            }
            storage.sort_by_key(|(binding, _)| *binding);
            let access: Vec<Access> = storage.into_iter().map(|(_, access)| access).collect();
            assert_eq!(access, shader.access, "{name}: storage");
            assert_eq!(block, shader.words, "{name}: parameters");
        }
        for (name, text) in COMMON {
            compiled(name, text);
        }
    }

    #[test]
    fn a_text_in_another_form_is_refused() {
        let gap = "@group(0) @binding(1) var<storage, read> x: array<u32>;";
        assert!(facts::bindings(gap).is_err());
        let uniform = "@group(0) @binding(0) var<uniform> x: u32;";
        assert!(facts::bindings(uniform).is_err());
        let vector = "struct P {\n a: u32,\n b: vec2<u32>,\n}\n\
                      @group(1) @binding(0) var<uniform> p: P;";
        assert!(facts::words(vector).is_err());
        assert_eq!(facts::words(&vector.replace("vec2<u32>", "f32")), Ok(2));
        assert!(!facts::uses_subgroups("// subgroupAdd\nfn f() {}"));
    }
}
