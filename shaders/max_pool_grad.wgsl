// The gradient of max pooling: every element looks at the windows that may hold it, in order, and
// sums the gradients of those whose maximum it is. What follows is applied to the sum.
//
// One invocation per element: no two write the same place, so sums have one order.

// @include common/windows.wgsl

const WG: u32 = 64u; // @tune

struct Params {
    total: u32,
    start: u32,
    positions_start: u32,
    z_n: u32,
    z_m: u32,
    z_kernel: u32,
    z_stride: u32,
    z_padding: u32,
    z_dilation: u32,
    y_n: u32,
    y_m: u32,
    y_kernel: u32,
    y_stride: u32,
    y_padding: u32,
    y_dilation: u32,
    x_n: u32,
    x_m: u32,
    x_kernel: u32,
    x_stride: u32,
    x_padding: u32,
    x_dilation: u32,
    // @hole params
    // @end
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
// @hole bindings
// @end
// @hole functions
alias Out = f32;
fn finish(acc: f32, i: u32) -> Out {
    return acc;
}
// @end
@group(0) @binding(2) var<storage, read_write> out: array<Out>;

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear_index(group, groups, local, WG);
    if (at >= p.total) {
        return;
    }
    let axis_z = Axis(p.z_n, p.z_m, p.z_kernel,
        p.z_stride, p.z_padding, p.z_dilation);
    let axis_y = Axis(p.y_n, p.y_m, p.y_kernel,
        p.y_stride, p.y_padding, p.y_dilation);
    let axis_x = Axis(p.x_n, p.x_m, p.x_kernel,
        p.x_stride, p.x_padding, p.x_dilation);
    let size = vec3<u32>(p.z_n, p.y_n, p.x_n);
    let r = ranges_at(at, size, axis_z, axis_y, axis_x, true);
    let position = at - r.plane * p.z_n * p.y_n * p.x_n;
    let base = r.plane * p.z_m * p.y_m * p.x_m;
    var sum = 0.0;
    for (var k = r.z.x; k < r.z.y; k = k + 1u) {
        for (var j = r.y.x; j < r.y.y; j = j + 1u) {
            let start = base + (k * p.y_m + j) * p.x_m;
            for (var i = r.x.x; i < r.x.y; i = i + 1u) {
                if (positions[p.positions_start + start + i] == position) {
                    sum = sum + g[p.start + start + i];
                }
            }
        }
    }
    out[at] = finish(sum, at);
}
