//! Runs of a convolution in the direct kernel: elements that neighbouring columns and terms meet
//! in, loaded once, kept from pass to pass, or passed around where the columns are rows.

use super::{LANES, Lines, Run, Tile, half};

impl Tile {
    /// The loop over lines and, within each, over its terms: from pass to pass a run's elements
    /// move on, and those that are used again are not loaded again.
    pub(super) fn slide(&self, out: &mut Lines, run: Run) {
        let (loads, terms) = (run.loads(), self.terms);
        let groups = self.columns / self.together();
        let kept = loads - terms / run.width();
        out.line(format_args!("let next = terms_at(w, 1u);"));
        out.open(format_args!("for (var k = part.begin; k < part.end;)"));
        out.line(format_args!("let stop = min(part.end, k + w.terms.z - term.x);"));
        for q in 0..groups {
            out.line(format_args!("let l{q} = line_of(w, c{q}, term);"));
            out.line(format_args!("let g{q} = c{q}.x + term.x - {}u - k;", run.before()));
            for e in 0..kept {
                run_load(out, run, [q, e], &format!("g{q} + k"));
                out.line(format_args!("var v{q}_{e} = b{q}_{e};"));
            }
        }
        out.open(format_args!("for (; k < stop; k = k + {terms}u)"));
        for q in 0..groups {
            out.line(format_args!("let f{q} = g{q} + k;"));
            for e in 0..loads {
                match e < kept {
                    true => out.line(format_args!("let b{q}_{e} = v{q}_{e};")),
                    false => run_load(out, run, [q, e], &format!("f{q}")),
                }
            }
        }
        self.load_a(out);
        self.multiply(out);
        for q in 0..groups {
            for e in 0..kept {
                out.line(format_args!("v{q}_{e} = b{q}_{};", e + loads - kept));
            }
        }
        out.close();
        // The next line's first term.
        out.line(format_args!("term.x = w.terms.z - 1u;"));
        out.line(format_args!("term = terms_after(w, term, next);"));
        out.close();
    }

    /// Loads that bring what all runs of a pass meet: one of a run to each lane.
    fn turned_loads(&self, run: Run) -> u32 {
        (self.rows / run.columns * run.loads()).div_ceil(LANES)
    }

    pub(super) fn turned_starts(&self, out: &mut Lines, run: Run) {
        for j in 0..self.columns {
            let row = format_args!("min(part.col + {j}u * LANES + lane, p.n - 1u)");
            out.line(format_args!("let r{j} = part.a + {row} * p.a_row;"));
        }
        let (loads, width) = (run.loads(), run.width());
        let last = self.rows / run.columns * loads - 1;
        for s in 0..self.turned_loads(run) {
            let group = format_args!("n{s} / {loads}u * {}u", run.columns);
            out.line(format_args!("let n{s} = min({s}u * LANES + lane, {last}u);"));
            out.line(format_args!("let c{s} = columns_at(w, part.b, {group});"));
            out.line(format_args!("let o{s} = n{s} % {loads}u * {width}u;"));
        }
    }

    /// One pass where a run's columns are rows: each lane has other rows of a, and what the runs
    /// meet is loaded by all lanes together and passed around.
    pub(super) fn turned_pass(&self, out: &mut Lines, run: Run) {
        let (loads, before) = (run.loads(), run.before());
        for s in 0..self.turned_loads(run) {
            let from = format_args!("c{s}.x + term.x * w.term_step.z - {before}u + o{s}");
            out.line(format_args!("let l{s} = line_of(w, c{s}, term);"));
            out.line(format_args!("let f{s} = {from};"));
            run_load(out, run, [s, 0], &format!("f{s}"));
        }
        let step = if self.a_terms_in_pairs() { 2 } else { 1 };
        out.line(format_args!("let k_a = k + term.top * w.a_skip;"));
        for j in 0..self.columns {
            for t in (0..self.terms).step_by(step) {
                out.line(format_args!("let s{j}_{t} = load_a(r{j} + k_a + {t}u);"));
            }
        }
        for q in 0..self.rows / run.columns {
            for e in 0..run.elements() {
                let at = |load: u32| q * loads + load;
                let (load, value) = run.element(e, |load| format!("b{}_0", at(load) / LANES));
                let lane = at(load) % LANES;
                out.line(format_args!("let e{q}_{e} = subgroupShuffle({value}, {lane}u);"));
            }
        }
        for i in 0..self.rows {
            let (q, c) = (i / run.columns, i % run.columns);
            for j in 0..self.columns {
                let products: Vec<String> = (0..self.terms)
                    .map(|t| {
                        let a = match self.a_terms_in_pairs() {
                            true => half(&format!("s{j}_{}", t / 2 * 2), t),
                            false => format!("s{j}_{t}"),
                        };
                        format!("e{q}_{} * {a}", run.meet(c, t))
                    })
                    .collect();
                out.line(format_args!("x{i}_{j} = x{i}_{j} + {};", products.join(" + ")));
            }
        }
    }
}

impl Run {
    /// The element that a column and a term meet in.
    pub(super) fn meet(self, column: u32, term: u32) -> u32 {
        if self.backwards { column + self.terms - 1 - term } else { column + term }
    }

    /// The load that brings an element, and the element as a part of what was loaded.
    pub(super) fn element(self, element: u32, loaded: impl Fn(u32) -> String) -> (u32, String) {
        match self.pairs.map(|odd| element + u32::from(odd)) {
            None => (element, loaded(element)),
            Some(at) => (at / 2, half(&loaded(at / 2), at)),
        }
    }
}

/// Elements that the columns of group `q` and the terms of one pass meet in.
pub(super) fn run_loads(out: &mut Lines, q: u32, run: Run) {
    let before = run.before();
    out.line(format_args!("let l{q} = line_of(w, c{q}, term);"));
    out.line(format_args!("let f{q} = c{q}.x + term.x * w.term_step.z - {before}u;"));
    for e in 0..run.loads() {
        run_load(out, run, [q, e], &format!("f{q}"));
    }
}

/// Element or pair `e` of group `q`, whose first element is at `from`. Lines of pairs are even, so
/// a pair lies inside as a whole or not at all.
fn run_load(out: &mut Lines, run: Run, [q, e]: [u32; 2], from: &str) {
    let zero = if run.pairs.is_some() { "vec2<f32>()" } else { "0.0" };
    let first = e * run.width();
    out.line(format_args!("let i{q}_{e} = l{q}.inside & ({from} + {first}u < w.size.z);"));
    let at = format!("select(0u, l{q}.at + {from} + {first}u, i{q}_{e})");
    out.line(format_args!("let b{q}_{e} = select({zero}, load_b({at}), i{q}_{e});"));
}
