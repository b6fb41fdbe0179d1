// Running sums or products inside blocks of WG elements of each line of a dense [outer, n, inner]
// array, and the total of each block. The totals are scanned in turn, and scan_add.wgsl combines.
//
// One workgroup per (line, block), one invocation per element. Each of log2(WG) rounds combines
// with the element 2^round before; the two barriers of a round keep its reads before its writes
// and these before the next reads. Source: W. D. Hillis, G. L. Steele, "Data parallel
// algorithms", 1986.

// @include common/running.wgsl

const WG: u32 = 256u; // @tune
// 0 float32, 1 integers.
const KIND: u32 = 0u; // @tune
// 0 sum, 1 product.
const OP: u32 = 0u; // @tune

struct Params {
    start: u32,
    lines: u32,
    n: u32,
    inner: u32,
    blocks: u32,
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;
@group(0) @binding(2) var<storage, read_write> totals: array<u32>;

var<workgroup> running: array<u32, WG>;

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let item = group.x + group.y * groups.x;
    let line = item / p.blocks;
    let i = (item % p.blocks) * WG + local;
    let inside = line < p.lines && i < p.n;
    let at = ((line / p.inner) * p.n + i) * p.inner + line % p.inner;
    // What lies past the end of a line comes after all that counts.
    var own = 0u;
    if (inside) {
        own = x[p.start + at];
    }
    running[local] = own;
    workgroupBarrier();
    for (var back = 1u; back < WG; back = back * 2u) {
        if (local >= back) {
            own = scan_combine(running[local - back], own, KIND, OP);
        }
        workgroupBarrier();
        running[local] = own;
        workgroupBarrier();
    }
    if (inside) {
        out[at] = own;
        if (local == WG - 1u || i == p.n - 1u) {
            totals[item] = own;
        }
    }
}
