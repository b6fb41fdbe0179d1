// Running sums or products of the lines of a dense [outer, n, inner] array.
//
// One invocation per line, neighbours in `inner` side by side. Long lines that are few go through
// scan_blocks.wgsl.

// @include common/index.wgsl
// @include common/running.wgsl

const WG: u32 = 64u; // @tune
// 0 float32, 1 integers.
const KIND: u32 = 0u; // @tune
// 0 sum, 1 product.
const OP: u32 = 0u; // @tune

struct Params {
    start: u32,
    lines: u32,
    n: u32,
    inner: u32,
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let line = linear_index(group, groups, local, WG);
    if (line < p.lines) {
        let outer = line / p.inner;
        let base = outer * p.n * p.inner + line - outer * p.inner;
        var total = x[p.start + base];
        out[base] = total;
        for (var i = 1u; i < p.n; i = i + 1u) {
            let at = base + i * p.inner;
            total = scan_combine(total, x[p.start + at], KIND, OP);
            out[at] = total;
        }
    }
}
