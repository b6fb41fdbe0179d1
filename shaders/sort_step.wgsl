// One step of a bitonic sort of (key, place) pairs in lines of a power of two: pairs `distance`
// apart are put in order, rising where bit `run` of the position is clear, else falling.
//
// One invocation per two pairs.
//
// Source: K. E. Batcher, "Sorting networks and their applications", 1968.

// @include common/index.wgsl

const WG: u32 = 64u; // @tune

struct Params {
    total: u32,
    padded: u32,
    run: u32,
    distance: u32,
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read_write> keys: array<u32>;
@group(0) @binding(1) var<storage, read_write> places: array<u32>;

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = linear_index(group, groups, local, WG);
    // The position with a zero inserted at the distance's bit.
    let low = (thread & (p.distance - 1u)) + ((thread & ~(p.distance - 1u)) << 1u);
    let high = low + p.distance;
    if (high < p.total) {
        let rising = (low & (p.padded - 1u) & p.run) == 0u;
        let a = keys[low];
        let b = keys[high];
        let i = places[low];
        let j = places[high];
        let above = a > b || (a == b && i > j);
        if (above == rising) {
            keys[low] = b;
            keys[high] = a;
            places[low] = j;
            places[high] = i;
        }
    }
}
