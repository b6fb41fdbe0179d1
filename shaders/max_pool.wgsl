// The maximum of every window of planes [depth, height, width], and its position in the plane.
//
// One invocation per window, which reads its elements in order: of equal maxima the first counts,
// of NaN the last. Elements are compared as words of the same order, so that NaN needs no
// arithmetic.

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
    let size = vec3<u32>(p.z_m, p.y_m, p.x_m);
    let r = ranges_at(at, size, axis_z, axis_y, axis_x, false);
    let base = p.start + r.plane * p.z_n * p.y_n * p.x_n;
    var best = NEG_INFINITY;
    var best_key = order_key(NEG_INFINITY, ORDER_FLOAT);
    var position = (r.z.x * p.y_n + r.y.x) * p.x_n + r.x.x;
    for (var k = r.z.x; k < r.z.y; k = k + p.z_dilation) {
        for (var j = r.y.x; j < r.y.y; j = j + p.y_dilation) {
            let start = (k * p.y_n + j) * p.x_n;
            for (var i = r.x.x; i < r.x.y; i = i + p.x_dilation) {
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
