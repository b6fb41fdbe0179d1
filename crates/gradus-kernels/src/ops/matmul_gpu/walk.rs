//! The matrix b of a convolution, which is no array of its own: its elements are found by
//! `shaders/common/conv.wgsl`.

use std::fmt::Write;

use smallvec::SmallVec;

use crate::gpu::composed_common;

/// How the elements of b are found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    /// Spatial dimensions that are not of size 1.
    pub(crate) dims: u32,
    /// Whether the place of an element must be divided by a stride.
    pub(crate) strided: bool,
    /// Neighbouring terms are neighbouring elements, else neighbouring columns are.
    pub(crate) along_k: bool,
    /// Sizes of the array, outermost dimension first; so are all lists of three.
    pub(crate) size: [u32; 3],
    /// How many values the last three digits of a column and of a term have.
    pub(crate) columns: [u32; 3],
    pub(crate) terms: [u32; 3],
    /// Place of the first column.
    pub(crate) start: [u32; 3],
    /// Places from one value of a digit to the next.
    pub(crate) column_step: [u32; 3],
    pub(crate) term_step: [u32; 3],
    /// Elements from one value of the first digit to the next, of a column and of a term.
    pub(crate) tops: [u32; 2],
    /// What the places must be divided by.
    pub(crate) stride: [u32; 3],
    /// Terms of a that lie side by side, and how many elements further than that the next are.
    pub(crate) a_run: u32,
    pub(crate) a_skip: u32,
    /// Where columns lie in a row of the result, if they are not neighbours there.
    pub(crate) scatter: Option<Scatter>,
}

/// Columns whose digits have steps of their own in the result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scatter {
    pub(crate) first: u32,
    pub(crate) top: u32,
    pub(crate) steps: [u32; 3],
    /// Elements of a row of the result.
    pub(crate) row: usize,
}

impl Scatter {
    /// Whether `n` columns, from a multiple of `n` on, lie side by side from a multiple of `n` on.
    pub(super) fn keeps_together(&self, walk: &Walk, n: u32) -> bool {
        let [z, y, x] = self.steps;
        x == 1
            && self.row.is_multiple_of(n as usize)
            && [walk.columns[2], z, y, self.top, self.first].iter().all(|m| m.is_multiple_of(n))
    }
}

/// Words of a walk in the parameter block.
const WORDS: usize = 33;

impl Walk {
    /// The values of the fields: the members of `Walk` in the shader, in order.
    pub(crate) fn words(&self) -> SmallVec<[u32; WORDS]> {
        let mut words = SmallVec::new();
        for list in [self.size, self.columns, self.terms, self.start] {
            words.extend(list);
        }
        words.extend(self.column_step);
        words.extend(self.term_step);
        words.extend(self.tops);
        words.extend(self.stride.map(inverse));
        words.extend(self.stride.map(u32::trailing_zeros));
        words.extend([self.a_run, self.a_skip]);
        let scatter = self.scatter.unwrap_or(Scatter { first: 0, top: 0, steps: [0; 3], row: 0 });
        words.extend([scatter.first, scatter.top]);
        words.extend(scatter.steps);
        words
    }

    /// What the text depends on.
    pub(crate) fn key(&self) -> [u8; 5] {
        let flags = [self.strided, self.along_k, self.scatter.is_some()].map(u8::from);
        [b'w', self.dims as u8, flags[0], flags[1], flags[2]]
    }

    /// Hole `column` of `common/matmul.wgsl`, if it is not the usual one.
    pub(super) fn column(&self) -> Option<&'static str> {
        self.scatter
            .map(|_| "fn place_of_column(col: u32) -> u32 {\n    return scattered(walk(), col);\n}")
    }

    /// The fields for the parameter block.
    pub(crate) fn fields() -> String {
        let mut out = String::new();
        for i in 0..WORDS {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "    w{i}: u32,");
        }
        out
    }

    /// The constants of the shader.
    pub(crate) fn tune(&self) -> [(&'static str, u32); 2] {
        [("DIMS", self.dims), ("STRIDED", u32::from(self.strided))]
    }

    /// `fn walk() -> Walk`, from the parameter block.
    pub(crate) fn from_fields() -> String {
        let mut members = Vec::new();
        let mut at = 0;
        for width in [3, 3, 3, 3, 3, 3, 1, 1, 3, 3, 1, 1, 1, 1, 3] {
            members.push(match width {
                3 => format!("vec3<u32>(p.w{at}, p.w{}, p.w{})", at + 1, at + 2),
                _ => format!("p.w{at}"),
            });
            at += width;
        }
        format!("fn walk() -> Walk {{\n    return Walk({});\n}}", members.join(", "))
    }

    /// For the direct kernel, which takes one column and one term at a time.
    pub(super) fn direct_functions(&self) -> String {
        let kinds = "alias ColumnInt = u32;\nalias TermInt = u32;\nalias Int = u32;\n\
                     alias Bool = bool;";
        composed_common("conv", &self.tune(), &[("kinds", kinds)]) + &Walk::from_fields()
    }

    /// Hole `walk_a` of `matmul_tiled.wgsl`: runs of neighbours with gaps between them.
    pub(super) fn tiled_runs() -> String {
        "struct ATerms {\n    k: vec4<u32>,\n    rest: vec4<u32>,\n    skip: vec4<u32>,\n}\n\
         fn a_terms_of(k: vec4<u32>) -> ATerms {\n    \
         let w = walk();\n    \
         return ATerms(k, k % w.a_run, k / w.a_run * w.a_skip);\n}\n\
         fn next_a_terms(terms: ATerms, step: ATerms) -> ATerms {\n    \
         let w = walk();\n    \
         let none = vec4<u32>(0u);\n    \
         let rest = terms.rest + step.rest;\n    \
         let over = rest >= vec4<u32>(w.a_run);\n    \
         let skip = terms.skip + step.skip + select(none, vec4<u32>(w.a_skip), over);\n    \
         return ATerms(terms.k + step.k, rest - select(none, vec4<u32>(w.a_run), over), skip);\n\
         }"
        .into()
    }

    /// Hole `load_a` of `matmul_tiled.wgsl`.
    pub(super) fn tiled_run_load(vector: bool) -> String {
        let (element, load) = match vector {
            true => ("vec4<f32>", "a[i.x / 4u]"),
            false => ("f32", "vec4<f32>(a[i.x], a[i.y], a[i.z], a[i.w])"),
        };
        format!(
            "@group(0) @binding(0) var<storage, read> a: array<{element}>;\n\
             fn load_a(at: vec4<u32>, terms: ATerms, end: u32) -> vec4<f32> {{\n    \
             let inside = terms.k < vec4<u32>(end);\n    \
             let i = select(at, at + terms.k + terms.skip, inside);\n    \
             return select(vec4<f32>(0.0), {load}, inside);\n}}"
        )
    }

    /// Hole `walk_b` of `matmul_tiled.wgsl`: four columns of one term or four terms of one
    /// column.
    pub(super) fn tiled_functions(&self) -> String {
        let (one, four) = ("u32", "vec4<u32>");
        let (column, term) = if self.along_k { (one, four) } else { (four, one) };
        let kinds = format!(
            "alias ColumnInt = {column};\nalias TermInt = {term};\nalias Int = {four};\n\
             alias Bool = vec4<bool>;"
        );
        let of = |kind: &str| if kind == one { ".x" } else { "" };
        let (column, term) = (of(column), of(term));
        composed_common("conv", &self.tune(), &[("kinds", &kinds)])
            + &Walk::from_fields()
            + &format!(
                "\nfn columns_of(part: Part, column: vec4<u32>) -> Columns {{\n    \
                 return columns_at(walk(), part.b, column{column});\n}}\n\
                 fn terms_of(k: vec4<u32>) -> Terms {{\n    \
                 return terms_at(walk(), k{term});\n}}\n\
                 fn next_terms(terms: Terms, step: Terms) -> Terms {{\n    \
                 return terms_after(walk(), terms, step);\n}}"
            )
    }

    /// Hole `load_b` of `matmul_tiled.wgsl`.
    pub(super) fn tiled_load() -> String {
        "@group(0) @binding(1) var<storage, read> b: array<f32>;\n\
         fn load_b(at: Columns, terms: Terms, end: u32) -> vec4<f32> {\n    \
         let found = places_of(walk(), at, terms);\n    \
         let inside = found.inside & (Int(terms.k) < Int(end));\n    \
         let i = select(Int(0u), found.at, inside);\n    \
         let v = vec4<f32>(b[i.x], b[i.y], b[i.z], b[i.w]);\n    \
         return select(vec4<f32>(0.0), v, inside);\n}"
            .into()
    }
}

/// The inverse of `stride` without its factors of two, modulo 2^32.
fn inverse(stride: u32) -> u32 {
    let odd = stride >> stride.trailing_zeros();
    // Each step of Newton's method doubles the number of right bits, of which `odd` has three.
    (0..4).fold(odd, |x, _| x.wrapping_mul(2u32.wrapping_sub(odd.wrapping_mul(x))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `place` computes in the shader.
    fn place(sum: i64, stride: u32) -> u32 {
        (sum as u32).wrapping_mul(inverse(stride)).rotate_right(stride.trailing_zeros())
    }

    #[test]
    fn multiples_of_a_stride_are_divided_and_others_are_outside() {
        for stride in (1..=40).chain([63, 64, 1000, 4096, 65_537, 1 << 20]) {
            let most = (i32::MAX as u32 / stride).min(5000);
            for sum in -200..4000 {
                let at = place(sum, stride);
                if sum >= 0 && sum % i64::from(stride) == 0 {
                    assert_eq!(i64::from(at), sum / i64::from(stride), "{sum} by {stride}");
                } else {
                    assert!(at >= most, "{sum} by {stride} is {at}");
                }
            }
        }
    }
}
