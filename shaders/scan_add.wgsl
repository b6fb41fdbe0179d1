// Combines every element of every block but the first of a line with the running total of the
// blocks before: the last phase of scan_blocks.wgsl.
//
// One invocation per element of the dense [outer, n, inner] array.

// @include common/index.wgsl
// @include common/running.wgsl

const WG: u32 = 64u; // @tune
// Elements of a block.
const BLOCK: u32 = 256u; // @tune
// 0 float32, 1 integers.
const KIND: u32 = 0u; // @tune
// 0 sum, 1 product.
const OP: u32 = 0u; // @tune

struct Params {
    total: u32,
    n: u32,
    inner: u32,
    blocks: u32,
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read> totals: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_index(group, groups, local, WG);
    if (element < p.total) {
        let row = element / p.inner;
        let line = (row / p.n) * p.inner + element % p.inner;
        let block = (row % p.n) / BLOCK;
        if (block > 0u) {
            let before = totals[line * p.blocks + block - 1u];
            out[element] = scan_combine(before, out[element], KIND, OP);
        }
    }
}
