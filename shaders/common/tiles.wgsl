// Windows that tile their planes [depth, height, width]: side by side, with neither padding nor
// gaps nor a rest.

// @include common/index.wgsl

// Dimensions of a plane that are not of size 1.
const DIMS: u32 = 3u; // @tune
// Elements of a small window along each dimension, so that loops over it are written out; 0 where
// only the parameters tell.
const Z: u32 = 0u; // @tune
const Y: u32 = 0u; // @tune
const X: u32 = 0u; // @tune
// Windows of an invocation, 1 or 2, and whether the second is always in the first one's row.
const ACROSS: u32 = 1u; // @tune
const SAME_ROW: u32 = 0u; // @tune

struct Params {
    total: u32,
    start: u32,
    positions_start: u32,
    // Windows along each dimension of a plane.
    z_count: u32,
    y_count: u32,
    x_count: u32,
    // Elements of a window along each.
    z_size: u32,
    y_size: u32,
    x_size: u32,
    // @hole params
    // @end
}
@group(1) @binding(0) var<uniform> p: Params;

fn z_size() -> u32 {
    return select(Z, p.z_size, Z == 0u);
}
fn y_size() -> u32 {
    return select(Y, p.y_size, Y == 0u);
}
fn x_size() -> u32 {
    return select(X, p.x_size, X == 0u);
}

// Where window `at` lies: the first element of its plane, and its own first in the plane.
struct Tile {
    plane: u32,
    first: u32,
}

// Elements from one row of a plane to the next, and from one slice.
fn row_step() -> u32 {
    return p.x_count * x_size();
}
fn slice_step() -> u32 {
    return row_step() * p.y_count * y_size();
}

fn tile_at(at: u32) -> Tile {
    var rest = quotient(at, p.x_count);
    var first = (at - rest * p.x_count) * x_size();
    if (DIMS > 1u) {
        let next = quotient(rest, p.y_count);
        first = first + (rest - next * p.y_count) * y_size() * row_step();
        rest = next;
    }
    if (DIMS > 2u) {
        let next = quotient(rest, p.z_count);
        first = first + (rest - next * p.z_count) * z_size() * slice_step();
        rest = next;
    }
    return Tile(rest * p.z_count * z_size() * slice_step(), first);
}

// The window after `tile`, with number `at`.
fn tile_after(tile: Tile, at: u32) -> Tile {
    if (SAME_ROW == 1u) {
        return Tile(tile.plane, tile.first + x_size());
    }
    return tile_at(at);
}
