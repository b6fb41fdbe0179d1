// The second pass of a product whose k was split: adds the copies of the result in order and
// applies the epilogue. One invocation per element; workgroups are folded over x and y.
// @include common/index.wgsl

const WG: u32 = 64u; // @tune

struct Params {
    count: u32,
    splits: u32,
    // @hole params
    // @end
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read> parts: array<f32>;
// @hole bindings
// @end
// @hole functions
alias Out = f32;
fn finish(acc: f32, i: u32) -> Out {
    return acc;
}
// @end
@group(0) @binding(1) var<storage, read_write> out: array<Out>;

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(group, groups, local, WG);
    if (i < p.count) {
        var sum = 0.0;
        for (var s = 0u; s < p.splits; s = s + 1u) {
            sum += parts[s * p.count + i];
        }
        out[i] = finish(sum, i);
    }
}
