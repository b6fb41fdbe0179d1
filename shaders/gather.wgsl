// out[o, i, c] = x[x_start + o * x_outer + index[..] * x_n + c * x_inner] over a dense result
// [outer, n, inner]; the index is read at o * index_outer + i * index_n + c * index_inner. Gather
// and index_select differ in these three strides. Strides may be negative: words wrap.
//
// Elements only move, as words. An index that is out of range gives `invalid`: NaN for floats.
//
// One invocation per element; with BYTES = 1 elements are bytes, and one invocation writes a word
// of four.

// @include common/index.wgsl
// @include common/bytes.wgsl

const WG: u32 = 64u; // @tune
const BYTES: u32 = 0u; // @tune
// Whether indices are bytes.
const INDEX_BYTES: u32 = 0u; // @tune

struct Params {
    total: u32,
    n: u32,
    inner: u32,
    size: u32,
    x_start: u32,
    x_outer: u32,
    x_n: u32,
    x_inner: u32,
    index_start: u32,
    index_outer: u32,
    index_n: u32,
    index_inner: u32,
    invalid: u32,
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;

fn index_at(i: u32) -> u32 {
    let at = p.index_start + i;
    if (INDEX_BYTES == 1u) {
        return byte_of(index[at >> 2u], at);
    }
    return index[at];
}

fn value_of(element: u32) -> u32 {
    let c = element % p.inner;
    let row = element / p.inner;
    let o = row / p.n;
    let i = row % p.n;
    let j = index_at(o * p.index_outer + i * p.index_n + c * p.index_inner);
    if (j >= p.size) {
        return p.invalid;
    }
    let at = p.x_start + o * p.x_outer + j * p.x_n + c * p.x_inner;
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
            out[thread] = value_of(thread);
        }
        return;
    }
    let first = thread * 4u;
    if (first < p.total) {
        var word = 0u;
        for (var k = 0u; k < min(4u, p.total - first); k = k + 1u) {
            word = word | (value_of(first + k) << (k * 8u));
        }
        out[thread] = word;
    }
}
