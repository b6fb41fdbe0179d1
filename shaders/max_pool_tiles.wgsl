// The maximum of every window of planes that windows tile, and its position in the plane: what
// max_pool.wgsl computes, with STEP elements loaded at once.
//
// One invocation for WINDOWS windows in order, which reads their elements in order: of equal maxima
// the first counts, of NaN the last.

// @include common/order.wgsl
// @include common/tiles.wgsl

const WG: u32 = 64u; // @tune
const STEP: u32 = 2u; // @tune

// @hole load
@group(0) @binding(0) var<storage, read> elements: array<vec2<u32>>;
fn load(at: u32) -> vec2<u32> {
    return elements[at / 2u];
}
// @end
// @hole keep
@group(0) @binding(1) var<storage, read_write> maxima: array<u32>;
@group(0) @binding(2) var<storage, read_write> positions: array<u32>;
fn keep(at: u32, best: array<Maximum, WINDOWS>) {
    maxima[at] = best[0].bits;
    positions[at] = best[0].position;
}
// @end

const NEG_INFINITY: u32 = 0xff800000u;
const NAN_KEY: u32 = 0xffffffffu;

struct Maximum {
    bits: u32,
    key: u32,
    position: u32,
}

// The maximum of what has been read and of one more element.
fn beside(best: Maximum, bits: u32, position: u32) -> Maximum {
    let key = order_key(bits, ORDER_FLOAT);
    if (key > best.key || key == NAN_KEY) {
        return Maximum(bits, key, position);
    }
    return best;
}

fn maximum_of(tile: Tile) -> Maximum {
    let plane = plane_of(tile);
    let first = first_of(tile);
    var best = Maximum(NEG_INFINITY, order_key(NEG_INFINITY, ORDER_FLOAT), first);
    for (var k = 0u; k < z_size(); k = k + 1u) {
        for (var j = 0u; j < y_size(); j = j + 1u) {
            let row = first + k * slice_step() + j * row_step();
            for (var i = 0u; i < x_size(); i = i + STEP) {
                let bits = load(p.start + plane + row + i);
                best = beside(best, bits.x, row + i);
                if (STEP == 2u) {
                    best = beside(best, bits.y, row + i + 1u);
                }
            }
        }
    }
    return best;
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
    var best: array<Maximum, WINDOWS>;
    var tile = tile_at(at);
    best[0] = maximum_of(tile);
    for (var n = 1u; n < WINDOWS; n = n + 1u) {
        tile = tile_after(tile);
        best[n] = maximum_of(tile);
    }
    keep(at, best);
}
