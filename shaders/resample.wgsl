// out[o, i, c] = sum over j of weight[i][j] * x[o, start[i] + j, c] over dense arrays [outer, n,
// inner] and [outer, m, inner]. The table holds m starts, m counts, then m rows of `width` weights
// as the bits of float32.
//
// One invocation per result; neighbours in `inner` read side by side, and those of one row share
// its weights.

// @include common/index.wgsl

const WG: u32 = 64u; // @tune

struct Params {
    total: u32,
    n: u32,
    m: u32,
    inner: u32,
    width: u32,
    start: u32,
    table_start: u32,
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> table: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear_index(group, groups, local, WG);
    if (at < p.total) {
        let c = at % p.inner;
        let row = at / p.inner;
        let i = row % p.m;
        let first = table[p.table_start + i];
        let count = table[p.table_start + p.m + i];
        let weights = p.table_start + 2u * p.m + i * p.width;
        let base = p.start + ((row / p.m) * p.n + first) * p.inner + c;
        var sum = 0.0;
        for (var j = 0u; j < count; j = j + 1u) {
            sum = sum + bitcast<f32>(table[weights + j]) * x[base + j * p.inner];
        }
        out[at] = sum;
    }
}
