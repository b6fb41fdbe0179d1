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
// Windows of an invocation, 1 or 2.
const WINDOWS: u32 = 1u; // @tune

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

// Elements from one row of a plane to the next, and from one slice.
fn row_step() -> u32 {
    return p.x_count * x_size();
}
fn slice_step() -> u32 {
    return row_step() * p.y_count * y_size();
}

// A window: the number of its plane, and its place among the plane's windows.
struct Tile {
    plane: u32,
    z: u32,
    y: u32,
    x: u32,
}

// Window `at`, and the one after a window, which is found without a division.
fn tile_at(at: u32) -> Tile {
    var tile = Tile(quotient(at, p.x_count), 0u, 0u, 0u);
    tile.x = at - tile.plane * p.x_count;
    if (DIMS > 1u) {
        let next = quotient(tile.plane, p.y_count);
        tile.y = tile.plane - next * p.y_count;
        tile.plane = next;
    }
    if (DIMS > 2u) {
        let next = quotient(tile.plane, p.z_count);
        tile.z = tile.plane - next * p.z_count;
        tile.plane = next;
    }
    return tile;
}
fn tile_after(tile: Tile) -> Tile {
    var next = tile;
    next.x = tile.x + 1u;
    var over = next.x == p.x_count;
    next.x = select(next.x, 0u, over);
    if (DIMS > 1u) {
        next.y = next.y + select(0u, 1u, over);
        over = next.y == p.y_count;
        next.y = select(next.y, 0u, over);
    }
    if (DIMS > 2u) {
        next.z = next.z + select(0u, 1u, over);
        over = next.z == p.z_count;
        next.z = select(next.z, 0u, over);
    }
    next.plane = next.plane + select(0u, 1u, over);
    return next;
}

// The first element of a window's plane, and the window's own first in the plane.
fn plane_of(tile: Tile) -> u32 {
    return tile.plane * p.z_count * z_size() * slice_step();
}
fn first_of(tile: Tile) -> u32 {
    return tile.z * z_size() * slice_step() + tile.y * y_size() * row_step() + tile.x * x_size();
}
