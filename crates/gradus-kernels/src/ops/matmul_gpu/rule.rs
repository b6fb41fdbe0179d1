//! Which kernel computes a matrix product: a written rule over shapes, strides and the device.

use gradus_tensor::gpu::Profile;

use super::super::matmul::MatmulGeometry;
use super::Walk;

/// Rows that the skinny kernel can have.
const SKINNY_ROWS: usize = 4;
/// Lanes of a vector of the processor: the workgroup of the direct kernel.
pub(crate) const LANES: u32 = 8;
/// Columns of a workgroup of the skinny kernel, when neighbours share a column or have their own.
pub(super) const SKINNY_COLUMNS: [u32; 2] = [16, 4];
/// Multiplications from which on the direct kernel's large tiles pay for their longer
/// compilation.
const DIRECT_LARGE: usize = 1 << 21;
/// Workgroups that a product is worth cutting into.
const DIRECT_GROUPS: usize = 4;
/// Rows of a tile from which on pairs and, for large products, runs pay for their longer
/// compilation.
const LARGE_ROWS: u32 = 16;
/// Most columns and most terms of a run; more terms are divided by so many at most, because each
/// takes elements of a.
const RUN_COLUMNS: u32 = 14;
const RUN_TERMS: u32 = 7;
const DIVIDED_TERMS: u32 = 4;
/// Most columns of a lane where sides are turned.
const TURNED_COLUMNS: usize = 4;
/// Most products that are written out, and up to how many several groups of columns are.
const MOST_PRODUCTS: u32 = 700;
const GROUPED_PRODUCTS: u32 = 800;
/// Pieces of k are multiples of this, and so of every tile's depth and of a vector.
const CHUNK_STEP: usize = 32;
/// Most terms of a piece of k: lavapipe leaves loops after 65,535 passes of an invocation through
/// all of them, in silence, and a kernel passes through fewer than two loops a term.
pub(crate) const MOST_TERMS: usize = 1 << 15;
/// Most bytes for copies of a result whose k is split.
const SPLIT_BYTES: u64 = 64 << 20;

/// A kernel and how it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) variant: Variant,
    /// Computes `bᵀ · aᵀ` into the transposed result.
    pub(crate) swap: bool,
    /// Terms of one piece of k; all of it, or less where k is split over workgroups.
    pub(crate) chunk: usize,
}

/// A kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Register tiles of `rows` x `columns` a lane, for adapters that compute on the processor.
    Direct { rows: u32, columns: u32, shuffle: bool },
    /// Register tiles of a convolution, where lanes share the elements that neighbouring columns
    /// and terms have in common; the direct kernel's place where there are such.
    Runs { rows: u32, columns: u32, run: Run },
    /// The same for few columns, such as a first layer's in its gradient by w: they are the rows of
    /// one tile, and a's rows its columns.
    Turned { rows: u32, columns: u32, run: Run },
    /// The direct kernel with subgroups and so many terms at once, where neighbours can be loaded
    /// in pairs.
    Pairs { rows: u32, columns: u32, terms: u32 },
    /// One row, where neighbours of b come by fours, along k or along its columns; the direct
    /// kernel's place where b lies so.
    Vector { along_k: bool },
    /// Tiles in workgroup memory.
    Tiled(Tile),
    /// At most four rows.
    Skinny { rows: u32, along_k: bool },
}

/// Neighbouring columns and terms of a convolution that meet in neighbouring elements of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) columns: u32,
    pub(crate) terms: u32,
    /// Elements go back from term to term.
    pub(crate) backwards: bool,
    /// A line's terms take several passes, from each of which elements are kept for the next.
    pub(crate) slides: bool,
    /// Where elements are loaded in pairs: whether the first one is the second of a pair.
    pub(crate) pairs: Option<bool>,
}

impl Run {
    /// As many of each as are worth writing out and divide what there is.
    fn of(walk: &Walk) -> Option<Self> {
        let backwards = match [walk.column_step[2], walk.term_step[2]] {
            [1, 1] => false,
            [1, u32::MAX] => true,
            _ => return None,
        };
        let together = |count: u32, most: u32| {
            (1..=most).rev().find(|n| count.is_multiple_of(*n)).unwrap_or(1)
        };
        let columns = together(walk.columns[2], RUN_COLUMNS);
        let terms = match walk.terms[2] {
            count @ ..=RUN_TERMS => count,
            count => together(count, DIVIDED_TERMS),
        };
        let slides = !backwards && terms < walk.terms[2];
        let run = Run { columns, terms, backwards, slides, pairs: None };
        (!walk.strided && run.elements() < columns * terms).then_some(run)
    }

    /// The run that loads elements in pairs, where every run of every line begins as the first one
    /// does; `first` is the array's first element.
    pub(crate) fn by_pairs(self, walk: &Walk, g: &MatmulGeometry, first: usize) -> Self {
        let [line, top, other] = [walk.size[2], walk.tops[0], walk.tops[1]];
        let lines = [line, top, other].iter().all(|n| n.is_multiple_of(2));
        let batches = [g.b[0], g.b[1]].iter().all(|n| n % 2 == 0);
        let [columns, terms] = [(self.columns, walk.columns[2]), (self.terms, walk.terms[2])]
            .map(|(own, all)| own == all || own.is_multiple_of(2));
        if !(lines && batches && columns && terms && first.is_multiple_of(2)) {
            return self;
        }
        let back = if self.backwards { self.terms - 1 } else { 0 };
        Run { pairs: Some(walk.start[2].wrapping_sub(back) % 2 == 1), ..self }
    }

    /// Elements of a load.
    pub(super) const fn width(self) -> u32 {
        if self.pairs.is_some() { 2 } else { 1 }
    }

    /// Elements from the first that is loaded to the first column's first.
    pub(super) fn before(self) -> u32 {
        let back = if self.backwards { self.terms - 1 } else { 0 };
        back + u32::from(self.pairs == Some(true))
    }

    /// Loads of a pass, if it keeps nothing.
    pub(super) fn loads(self) -> u32 {
        (self.elements() + u32::from(self.pairs == Some(true))).div_ceil(self.width())
    }

    /// Elements that they meet in.
    pub(super) const fn elements(self) -> u32 {
        self.columns + self.terms - 1
    }
}

/// Sizes of the tiled kernel: a workgroup's tile, its depth, an invocation's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) size: u32,
    pub(crate) depth: u32,
    pub(crate) each: u32,
}

impl Tile {
    /// For small results: more workgroups.
    pub(crate) const SMALL: Tile = Tile { size: 32, depth: 8, each: 4 };
    pub(crate) const MEDIUM: Tile = Tile { size: 64, depth: 16, each: 4 };
    /// For results that fill a large device anyway.
    pub(crate) const LARGE: Tile = Tile { size: 128, depth: 8, each: 8 };

    /// Invocations of a workgroup. Each loads one vector of either operand.
    pub(super) const fn invocations(self) -> u32 {
        (self.size / self.each) * (self.size / self.each)
    }
}

/// How a kernel loads an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    /// Neighbouring invocations take neighbours along k, else along the operand's rows (a) or
    /// columns (b).
    pub(super) along_k: bool,
    /// Several elements at once.
    pub(super) vector: bool,
}

impl Variant {
    /// Rows and columns of the tile of one workgroup.
    pub(super) fn tile(self) -> [usize; 2] {
        let [rows, columns] = match self {
            Variant::Direct { rows, columns, .. }
            | Variant::Pairs { rows, columns, .. }
            | Variant::Runs { rows, columns, .. }
            | Variant::Turned { rows, columns, .. } => [rows, columns * LANES],
            Variant::Vector { along_k } => [1, LANES * if along_k { 1 } else { 4 }],
            Variant::Tiled(tile) => [tile.size; 2],
            Variant::Skinny { rows, along_k } => [rows, SKINNY_COLUMNS[usize::from(along_k)]],
        };
        [rows as usize, columns as usize]
    }

    /// The variant that takes this one's place where operands are loaded so.
    pub(super) fn by_fours(self, [_, b]: [Load; 2], profile: &Profile) -> Self {
        let one_row = matches!(self, Variant::Direct { rows: 1, .. });
        match one_row && b.vector && profile.subgroup == Some((LANES, LANES)) {
            true => Variant::Vector { along_k: b.along_k },
            false => self,
        }
    }

    /// The variant that takes this one's place where operands are loaded so, by twos.
    pub(super) fn by_pairs(
        self,
        [a, b]: [Load; 2],
        [k, chunk]: [usize; 2],
        profile: &Profile,
    ) -> Self {
        let Variant::Direct { rows, columns, shuffle: true } = self else { return self };
        if !profile.words || rows < LARGE_ROWS || !(a.vector || b.vector) {
            return self;
        }
        let terms = if [k, chunk].iter().all(|n| n.is_multiple_of(2)) { 2 } else { 1 };
        let columns = if b.vector && !b.along_k { columns.next_multiple_of(2) } else { columns };
        Variant::Pairs { rows, columns, terms }
    }

    /// The variant that takes this one's place for a convolution in pieces of `chunk` terms.
    pub(crate) fn by_runs(self, walk: &Walk, g: &MatmulGeometry, chunk: usize) -> Self {
        let Variant::Direct { mut rows, shuffle: true, .. } = self else { return self };
        let Some(run) = Run::of(walk) else { return self };
        let groups = g.n.div_ceil((run.columns * LANES) as usize);
        let large = batches(g) * g.m * g.n * g.k >= DIRECT_LARGE;
        let pays = rows > LARGE_ROWS || (rows == LARGE_ROWS && large);
        if !pays || g.n < LANES as usize || !chunk.is_multiple_of(run.terms as usize) {
            return self;
        }
        if let Some(turned) = Variant::turned(walk, run, g, chunk) {
            return turned;
        }
        if g.m > rows as usize {
            rows = 32;
        }
        let products = |rows| rows * run.columns * run.terms;
        while rows > LANES && products(rows) > MOST_PRODUCTS {
            rows /= 2;
        }
        let groups = (GROUPED_PRODUCTS / products(rows)).clamp(1, groups as u32);
        Variant::Runs { rows, columns: run.columns * groups, run }
    }

    /// Where runs would leave more than half of the lanes without columns.
    fn turned(walk: &Walk, run: Run, g: &MatmulGeometry, chunk: usize) -> Option<Self> {
        if g.n * 2 > (run.columns * LANES) as usize || walk.scatter.is_some() {
            return None;
        }
        let rows = g.n as u32;
        let columns = g.m.div_ceil(LANES as usize).min(TURNED_COLUMNS) as u32;
        let fits = |&terms: &u32| {
            [walk.terms[2] as usize, chunk].iter().all(|n| n.is_multiple_of(terms as usize))
                && rows * columns * terms <= MOST_PRODUCTS
        };
        let terms = (1..=RUN_COLUMNS).rev().find(fits)?;
        Some(Variant::Turned { rows, columns, run: Run { terms, slides: false, ..run } })
    }

    /// Workgroups for one piece of k.
    pub(super) fn workgroups(self, g: &MatmulGeometry) -> usize {
        let [rows, columns] = self.tile();
        batches(g) * g.m.div_ceil(rows) * g.n.div_ceil(columns)
    }
}

/// The rule.
pub(super) fn choose(g: &MatmulGeometry, profile: &Profile) -> Choice {
    let turned = transposed(g);
    let few = g.m.min(g.n);
    if profile.software {
        let variant = match few {
            // One row is nothing to pass around.
            1 => Variant::Direct { rows: 1, columns: 2, shuffle: false },
            _ => direct(g, few, profile.subgroup == Some((LANES, LANES))),
        };
        let swap = variant.workgroups(&turned) < variant.workgroups(g);
        // A few cores, and memory that is as slow as arithmetic.
        return split(variant, swap, g, profile, [8, 2048]);
    }
    if few <= SKINNY_ROWS {
        let swap = g.n < g.m;
        let b = if swap { turned.b } else { g.b };
        let along_k = b[2].unsigned_abs() < b[3].unsigned_abs();
        let variant = Variant::Skinny { rows: few as u32, along_k };
        return split(variant, swap, g, profile, [128, 1024]);
    }
    split(Variant::Tiled(tile(g, few)), false, g, profile, [128, 128])
}

/// The rule where b is the matrix of a convolution, which can neither be a nor be skinny.
pub(crate) fn choose_walked(g: &MatmulGeometry, profile: &Profile) -> Choice {
    let few = g.m.min(g.n);
    if profile.software {
        let shuffle = profile.subgroup == Some((LANES, LANES));
        // An element of b costs as much as twenty multiplications, and one of a is shared.
        let variant = match g.m.next_power_of_two() as u32 {
            rows @ 1..=8 if few == g.m => Variant::Direct { rows, columns: 4, shuffle },
            _ => direct(g, few, shuffle),
        };
        return split(variant, false, g, profile, [8, 2048]);
    }
    split(Variant::Tiled(tile(g, few)), false, g, profile, [128, 128])
}

/// The register tile: small for small results, large where the work pays for compiling it.
fn direct(g: &MatmulGeometry, few: usize, shuffle: bool) -> Variant {
    let large = batches(g) * g.m * g.n * g.k >= DIRECT_LARGE && few >= 24;
    let tile = |rows, columns| Variant::Direct { rows, columns, shuffle };
    match () {
        () if few <= 8 => tile(4, 1),
        () if large && !shuffle => tile(8, 8),
        // What a lane passes on is used by all of its columns; there should be work for all cores.
        () if large && tile(32, 8).workgroups(g) >= DIRECT_GROUPS => tile(32, 8),
        () if large => tile(32, 3),
        () if !shuffle => tile(8, 4),
        () => tile(16, 2),
    }
}

/// The largest tile that leaves enough workgroups, counting those that splitting k would give.
fn tile(g: &MatmulGeometry, few: usize) -> Tile {
    let groups = |tile: Tile| Variant::Tiled(tile).workgroups(g);
    if few >= 512 && groups(Tile::LARGE) >= 64 {
        Tile::LARGE
    } else if few > 32 && groups(Tile::MEDIUM) * (g.k / 512).max(1) >= 64 {
        Tile::MEDIUM
    } else {
        Tile::SMALL
    }
}

/// Splits k where there are fewer than half of the `wanted` workgroups, into pieces of at least
/// `least` terms.
fn split(
    variant: Variant,
    swap: bool,
    g: &MatmulGeometry,
    profile: &Profile,
    [wanted, least]: [usize; 2],
) -> Choice {
    let turned = transposed(g);
    let groups = variant.workgroups(if swap { &turned } else { g });
    Choice { variant, swap, chunk: pieces(groups, g, profile, [wanted, least]) }
}

/// Terms of a piece of k, if each piece has `groups` workgroups of the `wanted`.
pub(crate) fn pieces(
    groups: usize,
    g: &MatmulGeometry,
    profile: &Profile,
    [wanted, least]: [usize; 2],
) -> usize {
    let copy_bytes = (batches(g) * g.m * g.n * 4) as u64;
    let room = (SPLIT_BYTES.min(profile.max_binding_bytes) / copy_bytes) as usize;
    let splits = match (wanted / groups).min(g.k / least).min(room) {
        _ if groups * 2 >= wanted => 1,
        splits => splits.max(1),
    };
    let most = if profile.software { MOST_TERMS } else { g.k };
    let splits = splits.max(g.k.div_ceil(most));
    match splits {
        1 => g.k,
        _ => g.k.div_ceil(splits).next_multiple_of(CHUNK_STEP).min(g.k),
    }
}

/// How operands a and b are loaded with vectors of `width`; `firsts` are their first elements.
pub(super) fn loads(
    g: &MatmulGeometry,
    chunk: usize,
    firsts: [usize; 2],
    width: usize,
) -> [Load; 2] {
    let load = |first: usize, s: [isize; 4], [along, k]: [usize; 2], size: usize| {
        let along_k = s[k].unsigned_abs() < s[along].unsigned_abs();
        let (step, line) = if along_k { (s[k], s[along]) } else { (s[along], s[k]) };
        let lengths = if along_k { [g.k, chunk] } else { [size; 2] };
        let whole = |&n: &usize| n.is_multiple_of(width);
        let aligned = |&stride: &isize| stride % width as isize == 0;
        let vector = step == 1
            && whole(&first)
            && lengths.iter().all(whole)
            && [line, s[0], s[1]].iter().all(aligned);
        Load { along_k, vector }
    };
    [load(firsts[0], g.a, [2, 3], g.m), load(firsts[1], g.b, [3, 2], g.n)]
}

/// The same for a convolution, where the terms of a come in runs and b has no vectors; `a` is how
/// it would be loaded without the gaps.
pub(super) fn walk_loads(walk: &Walk, a: Load, width: u32) -> [Load; 2] {
    let whole = [walk.a_run, walk.a_skip].iter().all(|n| n.is_multiple_of(width));
    let whole = whole || walk.a_skip == 0;
    let a = Load { along_k: true, vector: a.along_k && a.vector && whole };
    [a, Load { along_k: walk.along_k, vector: false }]
}

pub(super) fn batches(g: &MatmulGeometry) -> usize {
    g.batch[0] * g.batch[1]
}

/// The geometry of `bᵀ · aᵀ`.
pub(super) fn transposed(g: &MatmulGeometry) -> MatmulGeometry {
    let turn = |[outer, inner, row, col]: [isize; 4]| [outer, inner, col, row];
    MatmulGeometry { m: g.n, n: g.m, a: turn(g.b), b: turn(g.a), ..*g }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(batch: usize, m: usize, n: usize, k: usize) -> MatmulGeometry {
        let (mi, ni, ki) = (m as isize, n as isize, k as isize);
        let (a, b) = ([0, mi * ki, ki, 1], [0, ki * ni, ni, 1]);
        MatmulGeometry { batch: [1, batch], m, n, k, a, b }
    }

    fn profile(software: bool) -> Profile {
        Profile {
            software,
            subgroup: Some((8, 8)),
            words: software,
            max_storage_buffers: 8,
            max_binding_bytes: 128 << 20,
            max_buffer_bytes: 256 << 20,
            workgroup_memory: 16 << 10,
            max_invocations: 256,
            max_immediate_bytes: None,
        }
    }

    fn chosen(software: bool, sizes: [usize; 4]) -> (Variant, bool, usize) {
        let [batch, m, n, k] = sizes;
        let c = choose(&geometry(batch, m, n, k), &profile(software));
        assert!(c.chunk > 0 && c.chunk <= k);
        (c.variant, c.swap, k.div_ceil(c.chunk))
    }

    #[test]
    fn hardware_takes_the_largest_tile_that_fills_it() {
        let tiled = |tile, splits| (Variant::Tiled(tile), false, splits);
        assert_eq!(chosen(false, [1, 1024, 1024, 1024]), tiled(Tile::LARGE, 1));
        assert_eq!(chosen(false, [1, 512, 512, 512]), tiled(Tile::MEDIUM, 1));
        assert_eq!(chosen(false, [1, 256, 256, 256]), tiled(Tile::SMALL, 1));
        assert_eq!(chosen(false, [64, 128, 128, 64]), tiled(Tile::MEDIUM, 1));
        // A small layer: k is split over workgroups.
        assert_eq!(chosen(false, [1, 64, 100, 784]), tiled(Tile::SMALL, 5));
        assert_eq!(chosen(false, [1, 100, 784, 64]), tiled(Tile::SMALL, 1));
        // The gradient of a convolution's weight.
        assert_eq!(chosen(false, [1, 64, 576, 50_176]), tiled(Tile::MEDIUM, 14));
        let (variant, swap, splits) = chosen(false, [1, 5, 5, 100_000]);
        assert_eq!((variant, swap), (Variant::Tiled(Tile::SMALL), false));
        assert!((100..=128).contains(&splits));
    }

    #[test]
    fn few_rows_or_columns_are_skinny_and_follow_the_long_operand() {
        let skinny = |rows, along_k| Variant::Skinny { rows, along_k };
        assert_eq!(chosen(false, [1, 1, 1000, 512]), (skinny(1, false), false, 1));
        assert_eq!(chosen(false, [1, 1000, 3, 512]), (skinny(3, true), true, 1));
        assert_eq!(chosen(false, [1, 1, 1, 1]), (skinny(1, false), false, 1));
        assert_eq!(chosen(false, [1, 4, 4, 1 << 20]).2, 128);
        let mut nt = geometry(1, 2, 100, 64);
        nt.b = [0, 0, 1, 64];
        assert_eq!(choose(&nt, &profile(false)).variant, skinny(2, true));
    }

    #[test]
    fn software_lays_its_lanes_along_the_longer_side() {
        let direct = |rows, columns| Variant::Direct { rows, columns, shuffle: true };
        assert_eq!(chosen(true, [1, 1024, 1024, 1024]), (direct(32, 8), false, 1));
        assert_eq!(chosen(true, [1, 64, 100, 784]), (direct(32, 8), false, 1));
        // Two workgroups of the large tile would leave cores without work.
        assert_eq!(chosen(true, [1, 64, 48, 1024]), (direct(32, 3), false, 1));
        assert_eq!(chosen(true, [1, 64, 30, 100]), (direct(16, 2), false, 1));
        assert_eq!(chosen(true, [1, 64, 10, 100]), (direct(16, 2), false, 1));
        let one_row = Variant::Direct { rows: 1, columns: 2, shuffle: false };
        assert_eq!(chosen(true, [1, 1, 100, 100]), (one_row, false, 1));
        assert_eq!(chosen(true, [1, 100, 1, 100]), (one_row, true, 1));
        assert_eq!(chosen(true, [1, 5, 3, 100_000]), (direct(4, 1), true, 8));
        let without = Profile { subgroup: None, ..profile(true) };
        let expected = Variant::Direct { rows: 8, columns: 8, shuffle: false };
        assert_eq!(choose(&geometry(1, 512, 512, 512), &without).variant, expected);
    }

    #[test]
    fn copies_of_a_split_result_stay_below_the_binding_limit() {
        let g = geometry(1, 2, 100_000, 1 << 20);
        let tight = Profile { max_binding_bytes: 1 << 20, ..profile(false) };
        assert_eq!(choose(&g, &tight).chunk, g.k);
        for tile in [Tile::SMALL, Tile::MEDIUM, Tile::LARGE] {
            // One vector of both operands an invocation, and WebGPU's limits with the padding.
            assert_eq!(tile.invocations() * 4, tile.size * tile.depth);
            assert!(tile.invocations() <= 256);
            let bytes = (2 * tile.size * tile.depth + tile.size * 4) * 4;
            assert!(bytes <= 16 << 10);
        }
    }

    #[test]
    fn vectors_are_loaded_where_everything_is_a_multiple_of_four() {
        let load = |along_k, vector| Load { along_k, vector };
        let g = geometry(3, 8, 12, 16);
        assert_eq!(loads(&g, 16, [0, 4], 4), [load(true, true), load(false, true)]);
        assert_eq!(loads(&g, 16, [1, 2], 4), [load(true, false), load(false, false)]);
        assert_eq!(loads(&g, 10, [0, 0], 4), [load(true, false), load(false, true)]);
        let turned = transposed(&g);
        assert_eq!((turned.m, turned.n), (12, 8));
        assert_eq!(loads(&turned, 16, [0, 0], 4), [load(false, true), load(true, true)]);
        let odd = geometry(1, 8, 10, 16);
        assert_eq!(loads(&odd, 16, [0, 0], 4), [load(true, true), load(false, false)]);
        let mut stepped = g;
        stepped.a = [0, 0, 32, 2];
        assert_eq!(loads(&stepped, 16, [0, 0], 4)[0], load(true, false));
        assert_eq!(transposed(&turned), g);
    }
}
