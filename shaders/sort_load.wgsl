// Prepares lines of a dense [outer, n, inner] array for sorting: each element becomes a word of
// the same order, joined by its place, and each line is padded to a power of two with what sorts
// last. Pairs are all different, so every way of sorting them is stable.
//
// One invocation per pair.

// @include common/index.wgsl
// @include common/bytes.wgsl
// @include common/order.wgsl

const WG: u32 = 64u; // @tune
// 0 float32, 1 int32, 2 uint32, 3 bytes.
const KIND: u32 = 0u; // @tune
const DESCENDING: u32 = 0u; // @tune

struct Params {
    start: u32,
    n: u32,
    inner: u32,
    padded: u32,
    total: u32,
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> keys: array<u32>;
@group(0) @binding(2) var<storage, read_write> places: array<u32>;

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = linear_index(group, groups, local, WG);
    if (thread < p.total) {
        let line = thread / p.padded;
        let i = thread % p.padded;
        var key = 0xffffffffu;
        if (i < p.n) {
            let at = p.start + ((line / p.inner) * p.n + i) * p.inner + line % p.inner;
            if (KIND == 3u) {
                key = byte_of(x[at >> 2u], at);
            } else {
                key = order_key(x[at], KIND);
            }
            key = select(key, ~key, DESCENDING == 1u);
        }
        keys[thread] = key;
        // The places of padding are larger than all others: it loses every tie.
        places[thread] = i;
    }
}
