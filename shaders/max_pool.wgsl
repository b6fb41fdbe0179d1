// The maximum of every window of planes [depth, height, width], and its position in the plane.
//
// One invocation per window, which reads its elements in order: of equal maxima the first counts,
// of NaN the last. Elements are compared as words of the same order, so that NaN needs no
// arithmetic.

// @include common/index.wgsl
// @include common/order.wgsl
// @include common/windows.wgsl

const WG: u32 = 64u; // @tune

struct Params {
    total: u32,
    start: u32,
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
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read> elements: array<u32>;
@group(0) @binding(1) var<storage, read_write> maxima: array<u32>;
@group(0) @binding(2) var<storage, read_write> positions: array<u32>;

const NEG_INFINITY: u32 = 0xff800000u;
const NAN_KEY: u32 = 0xffffffffu;

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
    let row = at / p.x_m;
    let x = axis_window(axis_x, at - row * p.x_m);
    var y = vec2<u32>(0u, 1u);
    var slice = row;
    if (DIMS > 1u) {
        slice = row / p.y_m;
        y = axis_window(axis_y, row - slice * p.y_m);
    }
    var z = vec2<u32>(0u, 1u);
    var plane = slice;
    if (DIMS > 2u) {
        plane = slice / p.z_m;
        z = axis_window(axis_z, slice - plane * p.z_m);
    }
    let base = p.start + plane * p.z_n * p.y_n * p.x_n;
    var best = NEG_INFINITY;
    var best_key = order_key(NEG_INFINITY, ORDER_FLOAT);
    var position = (z.x * p.y_n + y.x) * p.x_n + x.x;
    for (var k = z.x; k < z.y; k = k + p.z_dilation) {
        for (var j = y.x; j < y.y; j = j + p.y_dilation) {
            let start = (k * p.y_n + j) * p.x_n;
            for (var i = x.x; i < x.y; i = i + p.x_dilation) {
                let bits = elements[base + start + i];
                let key = order_key(bits, ORDER_FLOAT);
                if (key > best_key || key == NAN_KEY) {
                    best = bits;
                    best_key = key;
                    position = start + i;
                }
            }
        }
    }
    maxima[at] = best;
    positions[at] = position;
}
