// Writes one 32-bit pattern to `len` elements from `start` on: zeros, ones, any constant of a
// 4-byte type.
//
// One invocation per element; workgroups are folded over x and y, so the linear index is rebuilt
// from both. WG is a multiple of every subgroup size in use.
// @include common/index.wgsl

const WG: u32 = 64u; // @tune

struct Params {
    start: u32,
    len: u32,
    bits: u32,
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(group, groups, local, WG);
    if (i < p.len) {
        out[p.start + i] = p.bits;
    }
}
