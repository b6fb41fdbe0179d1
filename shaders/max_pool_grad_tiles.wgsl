// The gradient of max pooling by windows that tile their planes: every window writes its own
// elements, of which one takes the gradient and the others are zero. What follows is applied to
// each.
//
// One invocation for WINDOWS windows in order, STEP elements stored at once.

// @include common/tiles.wgsl

const WG: u32 = 64u; // @tune
const STEP: u32 = 2u; // @tune

// The gradients of an invocation's windows and where their maxima lie.
// @hole taken
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
fn gradients(at: u32) -> vec2<f32> {
    return vec2<f32>(g[at], 0.0);
}
fn maxima(at: u32) -> vec2<u32> {
    return vec2<u32>(positions[at], 0u);
}
// @end
// @hole bindings
// @end
// @hole functions
alias Out = f32;
fn finish(acc: f32, i: u32) -> Out {
    return acc;
}
fn finish_two(acc: vec2<f32>, i: u32) -> vec2<Out> {
    return acc;
}
// @end
// @hole store
@group(0) @binding(2) var<storage, read_write> out: array<vec2<Out>>;
fn store(at: u32, values: vec2<f32>) {
    out[at / 2u] = finish_two(values, at);
}
// @end

// Writes the elements of a window.
fn spread(tile: Tile, value: f32, wanted: u32) {
    let plane = plane_of(tile);
    let first = first_of(tile);
    for (var k = 0u; k < z_size(); k = k + 1u) {
        for (var j = 0u; j < y_size(); j = j + 1u) {
            let row = first + k * slice_step() + j * row_step();
            for (var i = 0u; i < x_size(); i = i + STEP) {
                let places = row + i + vec2<u32>(0u, 1u);
                let own = select(vec2<f32>(), vec2<f32>(value), places == vec2<u32>(wanted));
                store(plane + row + i, own);
            }
        }
    }
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear_index(group, groups, local, WG) * WINDOWS;
    if (at >= p.total) {
        return;
    }
    let values = gradients(p.start + at);
    let wanted = maxima(p.positions_start + at);
    let tile = tile_at(at);
    spread(tile, values.x, wanted.x);
    if (WINDOWS == 2u) {
        spread(tile_after(tile), values.y, wanted.y);
    }
}
