// out[o, index[..], c] += src[o, i, c] over a dense src [outer, n, inner], in the order of i; out
// is dense [outer, size, inner]. The index is read at o * index_outer + i * index_n +
// c * index_inner.
//
// One invocation per column (o, c): it alone adds to its column, so the order of additions is
// fixed without atomics. Neighbours in `inner` are side by side. What has an index out of range
// is dropped.

// @include common/index.wgsl
// @include common/bytes.wgsl

const WG: u32 = 64u; // @tune
// Whether elements are floats; integers of either sign add as words.
const FLOAT: u32 = 1u; // @tune
// Whether indices are bytes.
const INDEX_BYTES: u32 = 0u; // @tune

struct Params {
    columns: u32,
    n: u32,
    inner: u32,
    size: u32,
    src_start: u32,
    index_start: u32,
    index_outer: u32,
    index_n: u32,
    index_inner: u32,
    // The part of the indices that this launch walks; launches are ordered.
    first: u32,
    end: u32,
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read> index: array<u32>;
@group(0) @binding(1) var<storage, read> src: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;

fn index_at(i: u32) -> u32 {
    let at = p.index_start + i;
    if (INDEX_BYTES == 1u) {
        return byte_of(index[at >> 2u], at);
    }
    return index[at];
}

fn plus(a: u32, b: u32) -> u32 {
    if (FLOAT == 1u) {
        return bitcast<u32>(bitcast<f32>(a) + bitcast<f32>(b));
    }
    return a + b;
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let column = linear_index(group, groups, local, WG);
    if (column < p.columns) {
        let o = column / p.inner;
        let c = column % p.inner;
        for (var i = p.first; i < p.end; i = i + 1u) {
            let j = index_at(o * p.index_outer + i * p.index_n + c * p.index_inner);
            if (j < p.size) {
                let at = (o * p.size + j) * p.inner + c;
                out[at] = plus(out[at], src[p.src_start + (o * p.n + i) * p.inner + c]);
            }
        }
    }
}
