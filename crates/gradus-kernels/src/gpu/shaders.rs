//! The shaders of `shaders/`, as the build script found and checked them.

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
