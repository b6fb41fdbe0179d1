//! The generated parts of the matrix product shaders: inner loops written out, so that no driver
//! has to unroll them, and loads of single elements or vectors.

use std::fmt::{Arguments, Write};

use super::Walk;
use super::rule::{LANES, Load, Tile};
use crate::expr::Width;

const COMPONENTS: [char; 4] = ['x', 'y', 'z', 'w'];

/// Lines of text with an indentation.
#[derive(Default)]
pub(super) struct Lines {
    text: String,
    depth: usize,
}

impl Lines {
    pub(super) fn at_depth(depth: usize) -> Self {
        Lines { depth, ..Lines::default() }
    }

    pub(super) fn line(&mut self, text: Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{}{text}", "    ".repeat(self.depth));
    }

    pub(super) fn open(&mut self, text: Arguments<'_>) {
        self.line(format_args!("{text} {{"));
        self.depth += 1;
    }

    pub(super) fn close(&mut self) {
        self.depth -= 1;
        self.line(format_args!("}}"));
    }

    /// The variable `name` becomes the value whose number `index` has.
    pub(super) fn selected(
        &mut self,
        name: &str,
        values: impl Iterator<Item = (u32, String)>,
        index: &str,
    ) {
        for (at, value) in values {
            match at {
                0 => self.line(format_args!("var {name} = {value};")),
                _ => self.line(format_args!("{name} = select({name}, {value}, {index} == {at}u);")),
            }
        }
    }

    /// Without the last line's end.
    pub(super) fn text(mut self) -> String {
        self.text.truncate(self.text.trim_end().len());
        self.text
    }
}

/// Hole `product` of `matmul_vector.wgsl`: terms by eight, as many as there are lanes.
pub(super) fn vector_product(along_k: bool) -> String {
    let mut out = Lines::at_depth(1);
    // Terms that are loaded at once, and lines that take them.
    let (step, zero) = if along_k { (4, "0.0") } else { (1, "vec4<f32>()") };
    let term = |out: &mut Lines, k: u32, terms: [String; 4]| {
        let stride = if along_k { "" } else { " * p.b_row" };
        out.line(format_args!("let b{k} = load_b(first + (k + {k}u){stride});"));
        match along_k {
            true => {
                for (term, component) in terms.iter().zip(COMPONENTS) {
                    out.line(format_args!("total += {term} * b{k}.{component};"));
                }
            }
            false => out.line(format_args!("total += {} * b{k};", terms[0])),
        }
    };
    out.line(format_args!("var total = {zero};"));
    out.line(format_args!("var k = part.begin;"));
    out.open(format_args!("for (; k + LANES <= part.end; k = k + LANES)"));
    out.line(format_args!("let mine = a[row + (k + lane) * p.a_col];"));
    for k in (0..LANES).step_by(step) {
        let passed = |i| format!("subgroupShuffle(mine, {}u)", (k + i) % LANES);
        term(&mut out, k, [0, 1, 2, 3].map(passed));
    }
    out.close();
    out.open(format_args!("for (; k < part.end; k = k + {step}u)"));
    term(&mut out, 0, [0, 1, 2, 3].map(|i| format!("a[row + (k + {i}u) * p.a_col]")));
    out.close();
    match along_k {
        true => out.line(format_args!("let sum = vec4<f32>(total, 0.0, 0.0, 0.0);")),
        false => out.line(format_args!("let sum = total;")),
    }
    out.text()
}

/// Hole `load_b` of `matmul_vector.wgsl`.
pub(super) fn vector_load(width: Width) -> String {
    let four = width.loaded("f32", "b[at / 4u]");
    format!(
        "@group(0) @binding(1) var<storage, read> b: array<{}>;\n\
         fn load_b(at: u32) -> vec4<f32> {{\n    return {four};\n}}",
        width.element("f32")
    )
}

/// The holes of `matmul_tiled.wgsl`.
pub(super) fn tiled_holes(
    tile: Tile,
    [a, b]: [Load; 2],
    walk: Option<&Walk>,
) -> Vec<(&'static str, String)> {
    let load_a = match walk {
        Some(_) => Walk::tiled_run_load(a.vector),
        None => load('a', 0, "a_col", a),
    };
    vec![
        ("product", tiled_product(tile.each, a.along_k, b.along_k)),
        ("store", tiled_store(tile.each)),
        ("walk_a", walk.map_or(EQUAL_A_STEPS.into(), |_| Walk::tiled_runs())),
        ("load_a", load_a),
        ("walk_b", walk.map_or(EQUAL_STEPS.into(), Walk::tiled_functions)),
        ("load_b", walk.map_or(load('b', 1, "b_row", b), |_| Walk::tiled_load())),
    ]
}

/// Hole `product` of `matmul_tiled.wgsl`: four terms for `each` x `each` results.
fn tiled_product(each: u32, a_along_k: bool, b_along_k: bool) -> String {
    let mut out = Lines::at_depth(3);
    let vectors = each / 4;
    if a_along_k {
        for i in 0..each {
            out.line(format_args!("let a{i} = a_tile[(ty * TM + {i}u) * A_PITCH + q];"));
        }
    }
    if b_along_k {
        for j in 0..each {
            out.line(format_args!("let q{j} = b_tile[({j}u * TX + tx) * B_PITCH + q];"));
        }
    }
    for (k, component) in COMPONENTS.into_iter().enumerate() {
        if !a_along_k {
            for i in 0..vectors {
                let at = format_args!("(q * 4u + {k}u) * A_PITCH + ty * {vectors}u + {i}u");
                out.line(format_args!("let a{k}_{i} = a_tile[{at}];"));
            }
        }
        for j in 0..vectors {
            if b_along_k {
                let [w, x, y, z] = [0, 1, 2, 3].map(|c| format!("q{}.{component}", j * 4 + c));
                out.line(format_args!("let b{k}_{j} = vec4<f32>({w}, {x}, {y}, {z});"));
            } else {
                let at = format_args!("(q * 4u + {k}u) * B_PITCH + {j}u * TX + tx");
                out.line(format_args!("let b{k}_{j} = b_tile[{at}];"));
            }
        }
        for i in 0..each {
            let factor = match a_along_k {
                true => format!("a{i}.{component}"),
                false => format!("a{k}_{}.{}", i / 4, COMPONENTS[i as usize % 4]),
            };
            for j in 0..vectors {
                out.line(format_args!("acc[{}] += {factor} * b{k}_{j};", i * vectors + j));
            }
        }
    }
    out.text()
}

/// Hole `store` of `matmul_tiled.wgsl`: one row, selected from all as in the direct kernel.
fn tiled_store(each: u32) -> String {
    let mut out = Lines::at_depth(2);
    let vectors = each / 4;
    for j in 0..vectors {
        let rows = (0..each).map(|i| (i, format!("acc[{}]", i * vectors + j)));
        out.selected(&format!("v{j}"), rows, "i");
        out.line(format_args!("put4(part, top + i, left + {}u * TX, step, v{j});", 4 * j));
    }
    out.text()
}

/// Hole `walk_a` of `matmul_tiled.wgsl` for elements at equal steps.
const EQUAL_A_STEPS: &str = "\
alias ATerms = vec4<u32>;
fn a_terms_of(k: vec4<u32>) -> ATerms {
    return k;
}
fn next_a_terms(terms: ATerms, step: ATerms) -> ATerms {
    return terms + step;
}";

/// Hole `walk_b` of `matmul_tiled.wgsl` for elements at equal steps.
const EQUAL_STEPS: &str = "\
alias Columns = vec4<u32>;
alias Terms = vec4<u32>;
fn columns_of(part: Part, column: vec4<u32>) -> Columns {
    return part.b + column * p.b_col;
}
fn terms_of(k: vec4<u32>) -> Terms {
    return k;
}
fn next_terms(terms: Terms, step: Terms) -> Terms {
    return terms + step;
}";

/// Hole `load_a` or `load_b` of `matmul_tiled.wgsl`.
fn load(name: char, binding: u32, stride: &str, how: Load) -> String {
    let head = |element: &str| {
        format!(
            "@group(0) @binding({binding}) var<storage, read> {name}: array<{element}>;\n\
             fn load_{name}(at: vec4<u32>, k: vec4<u32>, end: u32) -> vec4<f32> {{\n"
        )
    };
    if how.vector {
        return head("vec4<f32>")
            + &format!(
                "    let v = {name}[(at.x + min(k.x, end - 1u) * p.{stride}) / 4u];\n    \
                 return select(vec4<f32>(0.0), v, k.x < end);\n}}"
            );
    }
    head("f32")
        + &format!(
            "    let i = at + min(k, vec4<u32>(end - 1u)) * p.{stride};\n    \
             let v = vec4<f32>({name}[i.x], {name}[i.y], {name}[i.z], {name}[i.w]);\n    \
             return select(vec4<f32>(0.0), v, k < vec4<u32>(end));\n}}"
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::composed;

    /// The files hold the text of one variant, so that they can be read and checked by
    /// themselves.
    #[test]
    fn the_files_hold_what_is_generated() {
        let holds = |file: &str, part: &str| {
            assert!(composed(file, &[], &[]).contains(part), "{file} lacks\n{part}");
        };
        let single = |along_k| Load { along_k, vector: false };
        holds("matmul_vector", &vector_load(Width::Four));
        holds("matmul_tiled", &tiled_product(4, true, false));
        holds("matmul_tiled", &tiled_store(4));
        holds("matmul_tiled", EQUAL_A_STEPS);
        holds("matmul_tiled", EQUAL_STEPS);
        holds("matmul_tiled", &load('a', 0, "a_col", single(true)));
        holds("matmul_tiled", &load('b', 1, "b_row", single(false)));
    }
}
