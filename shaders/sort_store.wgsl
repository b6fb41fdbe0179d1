// Reads the first `k` places of each sorted line: stores them and the elements that stood there,
// in the layout [outer, k, inner].
//
// One invocation per element; with BYTES = 1 elements are bytes, and one invocation stores four
// of them as a word, with their places.

// @include common/index.wgsl
// @include common/bytes.wgsl

const WG: u32 = 64u; // @tune
const BYTES: u32 = 0u; // @tune

struct Params {
    start: u32,
    n: u32,
    inner: u32,
    k: u32,
    padded: u32,
    total: u32,
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> places: array<u32>;
@group(0) @binding(2) var<storage, read_write> values: array<u32>;
@group(0) @binding(3) var<storage, read_write> indices: array<u32>;

// Stores the place of a result, and returns its element.
fn store(element: u32) -> u32 {
    let c = element % p.inner;
    let row = element / p.inner;
    let o = row / p.k;
    let place = places[(o * p.inner + c) * p.padded + row % p.k];
    indices[element] = place;
    let at = p.start + (o * p.n + place) * p.inner + c;
    if (BYTES == 1u) {
        return byte_of(x[at >> 2u], at);
    }
    return x[at];
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = linear_index(group, groups, local, WG);
    if (BYTES == 0u) {
        if (thread < p.total) {
            values[thread] = store(thread);
        }
        return;
    }
    let first = thread * 4u;
    if (first < p.total) {
        var word = 0u;
        for (var j = 0u; j < min(4u, p.total - first); j = j + 1u) {
            word = word | (store(first + j) << (j * 8u));
        }
        values[thread] = word;
    }
}
