//! The generated parts of the matrix product shaders: inner loops written out, so that no driver
//! has to unroll them, and loads of single elements or vectors.

use std::fmt::{Arguments, Write};

use super::rule::{LANES, Load, Run};
use crate::expr::Width;

const COMPONENTS: [char; 4] = ['x', 'y', 'z', 'w'];
/// Rows of the direct kernel's tile that are stored by one loop.
const BLOCK: u32 = 8;

/// Lines of text with an indentation.
#[derive(Default)]
struct Lines {
    text: String,
    depth: usize,
}

impl Lines {
    fn line(&mut self, text: Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{}{text}", "    ".repeat(self.depth));
    }

    fn open(&mut self, text: Arguments<'_>) {
        self.line(format_args!("{text} {{"));
        self.depth += 1;
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.line(format_args!("}}"));
    }

    /// The variable `name` becomes the value whose number `index` has.
    fn selected(&mut self, name: &str, values: impl Iterator<Item = (u32, String)>, index: &str) {
        for (at, value) in values {
            match at {
                0 => self.line(format_args!("var {name} = {value};")),
                _ => self.line(format_args!("{name} = select({name}, {value}, {index} == {at}u);")),
            }
        }
    }

    /// Without the last line's end.
    fn text(mut self) -> String {
        self.text.truncate(self.text.trim_end().len());
        self.text
    }
}

/// Hole `product` of `matmul_direct.wgsl`; a `walked` b is the matrix of a convolution.
pub(super) fn direct_product(rows: u32, columns: u32, shuffle: bool, walked: bool) -> String {
    let mut out = Lines { depth: 1, ..Lines::default() };
    if walked {
        out.line(format_args!("let w = walk();"));
    }
    // With subgroups each lane loads another row and the lanes pass them around.
    let loaded = if shuffle { rows.div_ceil(LANES) } else { rows };
    for i in 0..loaded {
        let row = match shuffle {
            true if rows < LANES => format!("lane % {rows}u"),
            true => format!("{}u + lane", i * LANES),
            false => format!("{i}u"),
        };
        out.line(format_args!("let r{i} = part.a + min(top + {row}, p.m - 1u) * p.a_row;"));
    }
    for j in 0..columns {
        let col = format!("min(left + {j}u * LANES, p.n - 1u)");
        if walked {
            out.line(format_args!("let c{j} = columns_at(w, part.b, {col});"));
        } else {
            out.line(format_args!("let c{j} = part.b + {col} * p.b_col;"));
        }
    }
    if walked {
        out.line(format_args!("var term = terms_at(w, part.begin);"));
        out.line(format_args!("let one_more = terms_at(w, 1u);"));
    }
    for i in 0..rows {
        for j in 0..columns {
            out.line(format_args!("var x{i}_{j} = 0.0;"));
        }
    }
    out.open(format_args!("for (var k = part.begin; k < part.end; k = k + 1u)"));
    for j in 0..columns {
        if walked {
            out.line(format_args!("let f{j} = places_of(w, c{j}, term);"));
            out.line(format_args!("let m{j} = b[select(0u, f{j}.at, f{j}.inside)];"));
            out.line(format_args!("let b{j} = select(0.0, m{j}, f{j}.inside);"));
        } else {
            out.line(format_args!("let b{j} = b[c{j} + k * p.b_row];"));
        }
    }
    let at = if walked { "k + term.top * w.a_skip" } else { "k * p.a_col" };
    let name = if shuffle { "s" } else { "a" };
    for i in 0..loaded {
        out.line(format_args!("let {name}{i} = a[r{i} + {at}];"));
    }
    for i in 0..rows {
        if shuffle {
            let (from, lane) = (i / LANES, i % LANES);
            out.line(format_args!("let a{i} = subgroupShuffle(s{from}, {lane}u);"));
        }
        for j in 0..columns {
            out.line(format_args!("x{i}_{j} += a{i} * b{j};"));
        }
    }
    if walked {
        out.line(format_args!("term = terms_after(w, term, one_more);"));
    }
    out.close();
    direct_store(&mut out, [rows, columns], "left + j * LANES");
    out.text()
}

/// Hole `product` of `matmul_direct.wgsl` for a convolution in runs: each lane loads the elements
/// that neighbouring columns and terms meet in once, and multiplies for all of them.
pub(super) fn run_product(rows: u32, columns: u32, run: Run) -> String {
    let mut out = Lines { depth: 1, ..Lines::default() };
    let Run { columns: together, terms, backwards } = run;
    let groups = columns / together;
    out.line(format_args!("let w = walk();"));
    for i in 0..rows.div_ceil(LANES) {
        let row = format!("top + {}u + lane", i * LANES);
        out.line(format_args!("let r{i} = part.a + min({row}, p.m - 1u) * p.a_row;"));
    }
    for q in 0..groups {
        let col = format!("part.col + ({q}u * LANES + lane) * {together}u");
        out.line(format_args!("let c{q} = columns_at(w, part.b, min({col}, p.n - {together}u));"));
    }
    out.line(format_args!("var term = terms_at(w, part.begin);"));
    out.line(format_args!("let run = terms_at(w, {terms}u);"));
    for i in 0..rows {
        for j in 0..columns {
            out.line(format_args!("var x{i}_{j} = 0.0;"));
        }
    }
    out.open(format_args!("for (var k = part.begin; k < part.end; k = k + {terms}u)"));
    for q in 0..groups {
        out.line(format_args!("let l{q} = line_of(w, c{q}, term);"));
        let back = if backwards { terms - 1 } else { 0 };
        out.line(format_args!("let f{q} = c{q}.x + term.x * w.term_step.z - {back}u;"));
        for e in 0..run.elements() {
            out.line(format_args!("let i{q}_{e} = l{q}.inside & (f{q} + {e}u < w.size.z);"));
            let at = format!("select(0u, l{q}.at + f{q} + {e}u, i{q}_{e})");
            out.line(format_args!("let b{q}_{e} = select(0.0, b[{at}], i{q}_{e});"));
        }
    }
    out.line(format_args!("let a_at = k + term.top * w.a_skip;"));
    for i in 0..rows.div_ceil(LANES) {
        for t in 0..terms {
            out.line(format_args!("let s{i}_{t} = a[r{i} + a_at + {t}u];"));
        }
    }
    for i in 0..rows {
        for t in 0..terms {
            let (from, lane) = (i / LANES, i % LANES);
            out.line(format_args!("let a{i}_{t} = subgroupShuffle(s{from}_{t}, {lane}u);"));
        }
        for j in 0..columns {
            let (q, c) = (j / together, j % together);
            let products: String = (0..terms)
                .map(|t| (t, if backwards { c + terms - 1 - t } else { c + t }))
                .map(|(t, e)| format!(" + a{i}_{t} * b{q}_{e}"))
                .collect();
            out.line(format_args!("x{i}_{j} = x{i}_{j}{products};"));
        }
    }
    out.line(format_args!("term = terms_after(w, term, run);"));
    out.close();
    let t = together;
    let column = format!("part.col + (j / {t}u * LANES + lane) * {t}u + j % {t}u");
    direct_store(&mut out, [rows, columns], &column);
    out.text()
}

/// Loops that store one result at a time, of column `column` of `j`. It is selected from all, not
/// indexed: a variable index would put the results into memory for good, and written-out stores
/// would repeat `finish`.
fn direct_store(out: &mut Lines, [rows, columns]: [u32; 2], column: &str) {
    let block = rows.min(BLOCK);
    out.line(format_args!("let rows = min(TM, p.m - top);"));
    out.open(format_args!("for (var q = 0u; q < rows; q = q + {block}u)"));
    for i in 0..block {
        for j in 0..columns {
            let blocks = (0..rows / block).map(|q| (q * block, format!("x{}_{j}", q * block + i)));
            out.selected(&format!("t{i}_{j}"), blocks, "q");
        }
    }
    out.line(format_args!("let some = min({block}u, rows - q);"));
    out.open(format_args!("for (var j = 0u; j < TN; j = j + 1u)"));
    for i in 0..block {
        out.selected(&format!("s{i}"), (0..columns).map(|j| (j, format!("t{i}_{j}"))), "j");
    }
    out.open(format_args!("for (var i = 0u; i < some; i = i + 1u)"));
    out.selected("v", (0..block).map(|i| (i, format!("s{i}"))), "i");
    out.line(format_args!("put(part, top + q + i, {column}, v);"));
    out.close();
    out.close();
    out.close();
}

/// Hole `product` of `matmul_vector.wgsl`: terms by eight, as many as there are lanes.
pub(super) fn vector_product(along_k: bool) -> String {
    let mut out = Lines { depth: 1, ..Lines::default() };
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

/// Hole `product` of `matmul_tiled.wgsl`: four terms for `each` x `each` results.
pub(super) fn tiled_product(each: u32, a_along_k: bool, b_along_k: bool) -> String {
    let mut out = Lines { depth: 3, ..Lines::default() };
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
pub(super) fn tiled_store(each: u32) -> String {
    let mut out = Lines { depth: 2, ..Lines::default() };
    let vectors = each / 4;
    for j in 0..vectors {
        let rows = (0..each).map(|i| (i, format!("acc[{}]", i * vectors + j)));
        out.selected(&format!("v{j}"), rows, "i");
        out.line(format_args!("put4(part, top + i, left + {}u * TX, step, v{j});", 4 * j));
    }
    out.text()
}

/// Hole `walk_a` of `matmul_tiled.wgsl` for elements at equal steps.
pub(super) const EQUAL_A_STEPS: &str = "\
alias ATerms = vec4<u32>;
fn a_terms_of(k: vec4<u32>) -> ATerms {
    return k;
}
fn next_a_terms(terms: ATerms, step: ATerms) -> ATerms {
    return terms + step;
}";

/// Hole `walk_b` of `matmul_tiled.wgsl` for elements at equal steps.
pub(super) const EQUAL_STEPS: &str = "\
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
pub(super) fn load(name: char, binding: u32, stride: &str, how: Load) -> String {
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
        holds("matmul_direct", &direct_product(4, 1, false, false));
        holds("matmul_vector", &vector_load(Width::Four));
        holds("matmul_tiled", &tiled_product(4, true, false));
        holds("matmul_tiled", &tiled_store(4));
        holds("matmul_tiled", EQUAL_A_STEPS);
        holds("matmul_tiled", EQUAL_STEPS);
        holds("matmul_tiled", &load('a', 0, "a_col", single(true)));
        holds("matmul_tiled", &load('b', 1, "b_row", single(false)));
    }
}
