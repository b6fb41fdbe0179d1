//! The generated part of `matmul_direct.wgsl`: a tile of results in registers, with everything
//! written out.
//!
//! A load costs as much as twenty multiplications there, and one of 64 bits no more than one of
//! 32. So with subgroups each lane loads another row of a and the lanes pass them around,
//! neighbours are loaded in pairs, and a convolution's neighbouring columns and terms share the
//! elements that they meet in.

mod runs;

use super::rule::{LANES, Load, Run};
use super::text::Lines;
use crate::expr::Width;
use runs::run_loads;

/// Rows of the tile that are stored by one loop.
const BLOCK: u32 = 8;

/// How the elements of b are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// At equal steps.
    Strides(Load),
    /// Those of a convolution, one by one.
    Walk,
    /// Those of a convolution, in runs.
    Runs(Run),
    /// The same as rows of the tile, whose columns are rows of a.
    Turned(Run),
}

/// How results can be stored.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Results {
    /// Neighbours of an even column with it.
    pub(super) even: bool,
    /// A lane's columns are neighbours in one row of what follows.
    pub(super) in_row: bool,
}

/// The tile of one lane. Loads of "vectors" are of two elements here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tile {
    pub(super) rows: u32,
    pub(super) columns: u32,
    /// Terms of one pass through the loop.
    pub(super) terms: u32,
    /// Whether lanes pass rows around.
    pub(super) shuffle: bool,
    pub(super) a: Load,
    pub(super) b: Columns,
    pub(super) results: Results,
}

/// The holes of `matmul_direct.wgsl`; `found` are functions that find elements of b.
pub(super) fn holes(tile: &Tile, found: &str) -> Vec<(&'static str, String)> {
    let b_in_pairs = match tile.b {
        Columns::Strides(load) => load.vector,
        Columns::Walk => false,
        Columns::Runs(run) | Columns::Turned(run) => run.pairs.is_some(),
    };
    let mut holes = vec![
        ("product", product(tile)),
        ("load_a", load('a', 0, tile.a.vector)),
        ("load_b", load('b', 1, b_in_pairs) + "\n" + found),
    ];
    if tile.stores() == Width::Pairs {
        holes.extend([("put", PAIRS_OUT.into()), ("put_at", PUT_PAIR.into())]);
    }
    holes
}

/// Hole `put` of `common/matmul.wgsl` for pairs of columns.
const PAIRS_OUT: &str = "@group(0) @binding(2) var<storage, read_write> out: array<u64>;";

/// Hole `put_at` for them.
const PUT_PAIR: &str = "\
fn put_at(at: u32, x: f_Index, row: f_Row, acc: vec2<f32>) {
    out[at / 2u] = word_of(bitcast<vec2<u32>>(finish_two_at(at, x, acc, row)));
}";

/// Hole `product`.
fn product(tile: &Tile) -> String {
    let mut out = Lines::at_depth(1);
    if tile.is_walked() {
        out.line(format_args!("let w = walk();"));
        out.line(format_args!("var term = terms_at(w, part.begin);"));
    }
    match tile.b {
        Columns::Turned(run) => tile.turned_starts(&mut out, run),
        _ => {
            tile.row_starts(&mut out);
            tile.column_starts(&mut out);
        }
    }
    for i in 0..tile.rows {
        for j in 0..tile.columns {
            out.line(format_args!("var x{i}_{j} = 0.0;"));
        }
    }
    match tile.b {
        Columns::Runs(run) if run.slides => tile.slide(&mut out, run),
        _ => tile.add_up(&mut out),
    }
    tile.store(&mut out);
    out.text()
}

/// Hole `load_a` or `load_b`, of single elements or pairs.
fn load(name: char, binding: u32, pair: bool) -> String {
    let (element, result, body) = match pair {
        true => {
            ("u64", "vec2<f32>", format!("return bitcast<vec2<f32>>(pair_of({name}[at / 2u]));"))
        }
        false => ("f32", "f32", format!("return {name}[at];")),
    };
    format!(
        "@group(0) @binding({binding}) var<storage, read> {name}: array<{element}>;\n\
         fn load_{name}(at: u32) -> {result} {{\n    {body}\n}}"
    )
}

/// One of a pair.
fn half(pair: &str, which: u32) -> String {
    format!("{pair}.{}", ["x", "y"][which as usize % 2])
}

impl Tile {
    /// The loop over terms.
    fn add_up(&self, out: &mut Lines) {
        let terms = self.terms;
        if self.is_walked() {
            out.line(format_args!("let step = terms_at(w, {terms}u);"));
        }
        out.open(format_args!("for (var k = part.begin; k < part.end; k = k + {terms}u)"));
        match self.b {
            Columns::Turned(run) => self.turned_pass(out, run),
            _ => {
                self.load_b(out);
                self.load_a(out);
                self.multiply(out);
            }
        }
        if self.is_walked() {
            out.line(format_args!("term = terms_after(w, term, step);"));
        }
        out.close();
    }

    /// The products of one pass.
    fn multiply(&self, out: &mut Lines) {
        let Tile { rows, columns, terms, .. } = *self;
        for i in 0..rows {
            for t in 0..terms {
                out.line(format_args!("let a{i}_{t} = {};", self.factor_a(i, t)));
            }
            for j in 0..columns {
                let factors = (0..terms).map(|t| (t, self.factor_b(j, t)));
                let products: Vec<String> =
                    factors.map(|(t, b)| format!("a{i}_{t} * {b}")).collect();
                match &products[..] {
                    [one] => out.line(format_args!("x{i}_{j} += {one};")),
                    all => out.line(format_args!("x{i}_{j} = x{i}_{j} + {};", all.join(" + "))),
                }
            }
        }
    }

    /// Loads of a for one term or pair of terms.
    fn row_loads(&self) -> u32 {
        match self.shuffle {
            true if self.a_rows_in_pairs() => self.rows / (2 * LANES),
            true => self.rows.div_ceil(LANES),
            false => self.rows,
        }
    }

    fn a_rows_in_pairs(&self) -> bool {
        self.a.vector && !self.a.along_k
    }

    fn a_terms_in_pairs(&self) -> bool {
        self.a.vector && self.a.along_k && self.terms.is_multiple_of(2)
    }

    /// An odd number of terms in the pairs that hold them, wherever the first one lies.
    fn a_terms_across_pairs(&self) -> bool {
        self.a.vector && self.a.along_k && !self.terms.is_multiple_of(2)
    }

    fn row_starts(&self, out: &mut Lines) {
        for i in 0..self.row_loads() {
            let (row, last) = match self.shuffle {
                true if self.a_rows_in_pairs() => (format!("{}u + 2u * lane", 2 * i * LANES), 2),
                true if self.rows < LANES => (format!("lane % {}u", self.rows), 1),
                true => (format!("{}u + lane", i * LANES), 1),
                false => (format!("{i}u"), 1),
            };
            let row = format_args!("min(top + {row}, p.m - {last}u)");
            out.line(format_args!("let r{i} = part.a + {row} * p.a_row;"));
        }
    }

    fn load_a(&self, out: &mut Lines) {
        let step = if self.a_terms_in_pairs() { 2 } else { 1 };
        if self.is_walked() {
            out.line(format_args!("let k_a = k + term.top * w.a_skip;"));
        }
        for i in 0..self.row_loads() {
            if self.a_terms_across_pairs() {
                self.load_a_across(out, i);
                continue;
            }
            for t in (0..self.terms).step_by(step) {
                let at = match self.is_walked() {
                    true => format!("k_a + {t}u"),
                    false => format!("(k + {t}u) * p.a_col"),
                };
                out.line(format_args!("let s{i}_{t} = load_a(r{i} + {at});"));
            }
        }
    }

    fn load_a_across(&self, out: &mut Lines, i: u32) {
        let k = if self.is_walked() { "k_a" } else { "k" };
        out.line(format_args!("let g{i} = r{i} + {k};"));
        for e in 0..=self.terms / 2 {
            out.line(format_args!("let h{i}_{e} = load_a(g{i} + {}u);", 2 * e));
        }
        for t in 0..self.terms {
            let [even, odd] = [t, t + 1].map(|at| half(&format!("h{i}_{}", at / 2), at));
            let is_odd = format_args!("(g{i} & 1u) == 1u");
            out.line(format_args!("let s{i}_{t} = select({even}, {odd}, {is_odd});"));
        }
    }

    /// Element of row `i` and term `t`.
    fn factor_a(&self, i: u32, t: u32) -> String {
        let (from, lane) = (i / LANES, i % LANES);
        let (value, lane) = match () {
            () if !self.shuffle => return format!("s{i}_{t}"),
            () if self.a_rows_in_pairs() => {
                let (from, lane) = (i / (2 * LANES), i % (2 * LANES) / 2);
                (half(&format!("s{from}_{t}"), i), lane)
            }
            () if self.a_terms_in_pairs() => (half(&format!("s{from}_{}", t / 2 * 2), t), lane),
            () => (format!("s{from}_{t}"), lane),
        };
        format!("subgroupShuffle({value}, {lane}u)")
    }

    fn is_walked(&self) -> bool {
        !matches!(self.b, Columns::Strides(_))
    }

    /// Columns of a lane that are neighbours.
    fn together(&self) -> u32 {
        match self.b {
            Columns::Runs(run) => run.columns,
            Columns::Strides(Load { along_k: false, vector: true }) => 2,
            _ => 1,
        }
    }

    fn column_starts(&self, out: &mut Lines) {
        let together = self.together();
        for q in 0..self.columns / together {
            let col = format!("part.col + ({q}u * LANES + lane) * {together}u");
            let col = format_args!("min({col}, p.n - {together}u)");
            match self.is_walked() {
                true => out.line(format_args!("let c{q} = columns_at(w, part.b, {col});")),
                false => out.line(format_args!("let c{q} = part.b + {col} * p.b_col;")),
            }
        }
    }

    fn load_b(&self, out: &mut Lines) {
        for q in 0..self.columns / self.together() {
            match self.b {
                Columns::Strides(load) => {
                    let step = if load.vector && load.along_k { 2 } else { 1 };
                    for t in (0..self.terms).step_by(step) {
                        let at = format_args!("c{q} + (k + {t}u) * p.b_row");
                        out.line(format_args!("let b{q}_{t} = load_b({at});"));
                    }
                }
                Columns::Walk => {
                    out.line(format_args!("let f{q} = places_of(w, c{q}, term);"));
                    out.line(format_args!("let m{q} = load_b(select(0u, f{q}.at, f{q}.inside));"));
                    out.line(format_args!("let b{q}_0 = select(0.0, m{q}, f{q}.inside);"));
                }
                Columns::Runs(run) => run_loads(out, q, run),
                // They are no columns.
                Columns::Turned(_) => {}
            }
        }
    }

    /// Element of column `j` and term `t`.
    fn factor_b(&self, j: u32, t: u32) -> String {
        let (q, c) = (j / self.together(), j % self.together());
        match self.b {
            Columns::Strides(Load { vector: true, along_k: true }) => {
                half(&format!("b{q}_{}", t / 2 * 2), t)
            }
            Columns::Strides(Load { vector: true, along_k: false }) => {
                half(&format!("b{q}_{t}"), c)
            }
            Columns::Runs(run) => run.element(run.meet(c, t), |load| format!("b{q}_{load}")).1,
            _ => format!("b{q}_{t}"),
        }
    }

    /// How results are stored and what follows them is read.
    pub(super) fn stores(&self) -> Width {
        match self.results.even && self.together().is_multiple_of(2) {
            true => Width::Pairs,
            false => Width::One,
        }
    }

    /// Loops that store one result or pair at a time. It is selected from all, not indexed: a
    /// variable index would put the results into memory for good, and written-out stores would
    /// repeat `finish`. What an epilogue reads is found by division once, then from row to row.
    fn store(&self, out: &mut Lines) {
        let Tile { rows, .. } = *self;
        let block = if rows.is_multiple_of(BLOCK) { BLOCK } else { rows };
        let pairs = self.stores() == Width::Pairs;
        let columns = if pairs { self.columns / 2 } else { self.columns };
        let value = |i: u32, j: u32| match pairs {
            true => format!("vec2<f32>(x{i}_{}, x{i}_{})", 2 * j, 2 * j + 1),
            false => format!("x{i}_{j}"),
        };
        out.line(format_args!("let rows = min(TM, p.m - top);"));
        out.line(format_args!("let below = f_index_of(p.c_row);"));
        out.open(format_args!("for (var q = 0u; q < rows; q = q + {block}u)"));
        for i in 0..block {
            for j in 0..columns {
                let blocks = (0..rows / block).map(|q| (q * block, value(q * block + i, j)));
                out.selected(&format!("t{i}_{j}"), blocks, "q");
            }
        }
        out.line(format_args!("let some = min({block}u, rows - q);"));
        match self.results.in_row {
            true => self.store_rows(out, block, columns),
            false => self.store_columns(out, block, columns),
        }
        out.close();
    }

    /// Column by column: those of a lane lie anywhere.
    fn store_columns(&self, out: &mut Lines, block: u32, columns: u32) {
        let pairs = self.stores() == Width::Pairs;
        let col = match (self.together(), pairs) {
            (1, _) => "part.col + j * LANES + lane".to_owned(),
            (t, false) => format!("part.col + (j / {t}u * LANES + lane) * {t}u + j % {t}u"),
            (t, true) => {
                let half = t / 2;
                format!("part.col + (j / {half}u * LANES + lane) * {t}u + j % {half}u * 2u")
            }
        };
        out.open(format_args!("for (var j = 0u; j < {columns}u; j = j + 1u)"));
        for i in 0..block {
            out.selected(&format!("s{i}"), (0..columns).map(|j| (j, format!("t{i}_{j}"))), "j");
        }
        first_row(out, &col);
        out.selected("v", (0..block).map(|i| (i, format!("s{i}"))), "i");
        out.open(format_args!("if (col.exists)"));
        out.line(format_args!("put_at(at, x, f_row_of(at, x), v);"));
        out.close();
        next_row(out);
        out.close();
    }

    /// Row by row, whose elements share some of what they read.
    fn store_rows(&self, out: &mut Lines, block: u32, columns: u32) {
        let width = self.columns / columns;
        let col = format!("part.col + lane * {}u", self.columns);
        first_row(out, &col);
        for j in 0..columns {
            out.selected(&format!("s{j}"), (0..block).map(|i| (i, format!("t{i}_{j}"))), "i");
        }
        out.open(format_args!("if (col.exists)"));
        out.line(format_args!("let row = f_row_of(at, x);"));
        out.open(format_args!("for (var j = 0u; j < {columns}u; j = j + 1u)"));
        out.selected("v", (0..columns).map(|j| (j, format!("s{j}"))), "j");
        let along = format_args!("f_index_along(x, j * {width}u)");
        out.line(format_args!("put_at(at + j * {width}u, {along}, row, v);"));
        out.close();
        out.close();
        next_row(out);
    }
}

/// Opens the loop over the rows of a block from the column `col` on.
fn first_row(out: &mut Lines, col: &str) {
    out.line(format_args!("let col = column_at({col});"));
    out.line(format_args!("var at = part.c + (top + q) * p.c_row + col.place;"));
    out.line(format_args!("var x = f_index_of(at);"));
    out.open(format_args!("for (var i = 0u; i < some; i = i + 1u)"));
}

fn next_row(out: &mut Lines) {
    out.line(format_args!("at = at + p.c_row;"));
    out.line(format_args!("x = f_index_after(x, below);"));
    out.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::composed;

    /// The file holds the text of one variant, so that it can be read and checked by itself.
    #[test]
    fn the_file_holds_what_is_generated() {
        let single = Load { along_k: false, vector: false };
        let b = Columns::Strides(single);
        let (shuffle, results) = (false, Results::default());
        let tile = Tile { rows: 4, columns: 1, terms: 1, shuffle, a: single, b, results };
        for (_, part) in holes(&tile, "") {
            let file = composed("matmul_direct", &[], &[]);
            assert!(file.contains(part.trim_end()), "matmul_direct lacks\n{part}");
        }
    }
}
