// What the matrix product kernels share: the parameter block, the result, and which tile a
// workgroup computes.
//
// Strides are in elements and may be negative: index arithmetic wraps around 2^32, and every
// position that is read or written is below it.

// @include common/index.wgsl

struct Params {
    // The product is [m, k] · [k, n], `batches` times; batch x is (x / inner, x % inner).
    m: u32,
    n: u32,
    k: u32,
    inner: u32,
    batches: u32,
    // k is cut into `splits` pieces of `chunk`; each has its own copy of the result.
    splits: u32,
    chunk: u32,
    // First element, then strides of both batch levels, rows and columns.
    a_first: u32,
    a_outer: u32,
    a_inner: u32,
    a_row: u32,
    a_col: u32,
    b_first: u32,
    b_outer: u32,
    b_inner: u32,
    b_row: u32,
    b_col: u32,
    // Strides of rows, columns and batches of the result, and of its copies.
    c_row: u32,
    c_col: u32,
    c_batch: u32,
    c_split: u32,
    // @hole params
    // @end
}
@group(1) @binding(0) var<uniform> p: Params;

// @hole bindings
// @end
// @hole functions
struct f_Index {
    unused: u32,
}
struct f_Row {
    unused: u32,
}
fn f_index_of(i: u32) -> f_Index {
    return f_Index();
}
fn f_index_after(x: f_Index, step: f_Index) -> f_Index {
    return x;
}
fn f_index_along(x: f_Index, step: u32) -> f_Index {
    return x;
}
fn f_row_of(i: u32, x: f_Index) -> f_Row {
    return f_Row();
}
alias Out = f32;
fn finish_at(i: u32, x: f_Index, acc: f32, row: f_Row) -> Out {
    return acc;
}
fn finish(acc: f32, i: u32) -> Out {
    return acc;
}
// @end

// Tile rows whose workgroups run together, so that they find each other's operands in the cache.
const BAND: u32 = 8u;

// The part of the work that one workgroup does: a tile of one batch over one piece of k.
struct Part {
    exists: bool,
    // First row and column of the tile.
    row: u32,
    col: u32,
    // First element of the batch in a, b and the result.
    a: u32,
    b: u32,
    c: u32,
    // The piece of k.
    begin: u32,
    end: u32,
}

// The part with number `t`; tiles of one batch are neighbours, then batches, then pieces of k.
// A division is long, so remainders are computed from quotients.
fn part_of(t: u32, tile_rows: u32, tile_cols: u32) -> Part {
    let rows = (p.m + tile_rows - 1u) / tile_rows;
    let cols = (p.n + tile_cols - 1u) / tile_cols;
    let copy = t / (rows * cols);
    let tile = t - copy * rows * cols;
    let split = copy / p.batches;
    let batch = copy - split * p.batches;
    let band = tile / (BAND * cols);
    let within = tile - band * BAND * cols;
    let height = min(BAND, rows - band * BAND);
    let across = within / height;
    let outer = batch / p.inner;
    let inner = batch - outer * p.inner;
    var part: Part;
    part.exists = split < p.splits;
    part.row = (band * BAND + within - across * height) * tile_rows;
    part.col = across * tile_cols;
    part.a = p.a_first + outer * p.a_outer + inner * p.a_inner;
    part.b = p.b_first + outer * p.b_outer + inner * p.b_inner;
    part.c = batch * p.c_batch + split * p.c_split;
    part.begin = split * p.chunk;
    part.end = min(p.k, part.begin + p.chunk);
    return part;
}

// Where a column lies in a row of the result.
// @hole column
fn place_of_column(col: u32) -> u32 {
    return col * p.c_col;
}
// @end

// A column of the result, found once for all rows.
struct Column {
    exists: bool,
    place: u32,
}
fn column_at(col: u32) -> Column {
    return Column(col < p.n, place_of_column(col));
}

// Stores one element of a part's tile if it lies inside the result.
// @hole put
@group(0) @binding(2) var<storage, read_write> out: array<Out>;

fn put(part: Part, row: u32, col: Column, acc: f32) {
    if (row < p.m && col.exists) {
        let at = part.c + row * p.c_row + col.place;
        out[at] = finish(acc, at);
    }
}
// @end
