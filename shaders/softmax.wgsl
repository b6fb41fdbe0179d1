// Softmax or log-softmax of the lines of a dense [outer, n, inner] array.
//
// GROUP = 0: one invocation per line, neighbours in `inner` side by side, no barriers: what
// software adapters want, and every device when lines lie side by side or are short. GROUP = 1:
// one workgroup per line, whose invocations stride through it so that loads of contiguous lines
// coalesce; the barriers keep the tree's levels apart, and its order is fixed.
//
// Each element is read twice, the second time from the cache, and written once.

// @include common/index.wgsl
// @include common/softmax.wgsl

const WG: u32 = 64u; // @tune
const GROUP: u32 = 0u; // @tune

struct Params {
    start: u32,
    lines: u32,
    n: u32,
    inner: u32,
    log: u32,
    // The bits of NaN: a constant NaN is an error.
    nan: u32,
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

var<workgroup> tops: array<f32, WG>;
var<workgroup> sums: array<f32, WG>;
var<workgroup> bads: array<u32, WG>;

fn result(x: f32, peak: Peak) -> f32 {
    if (!peak_valid(peak)) {
        return bitcast<f32>(p.nan);
    }
    if (p.log == 0u) {
        return exp_below(x - peak.top) / peak.sum;
    }
    // The logarithm of zero stays -inf without being computed with.
    if (bitcast<u32>(x) == 0xff800000u) {
        return x;
    }
    return (x - peak.top) - log(peak.sum);
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    if (GROUP == 0u) {
        let line = linear_index(group, groups, local, WG);
        if (line < p.lines) {
            let outer = line / p.inner;
            let base = outer * p.n * p.inner + line - outer * p.inner;
            var peak = peak_none();
            for (var i = 0u; i < p.n; i = i + 1u) {
                peak = peak_with(peak, x[p.start + base + i * p.inner]);
            }
            for (var i = 0u; i < p.n; i = i + 1u) {
                let at = base + i * p.inner;
                out[at] = result(x[p.start + at], peak);
            }
        }
        return;
    }
    // Workgroups past the last line repeat it without storing, so that barriers are uniform.
    let item = group.x + group.y * groups.x;
    let line = min(item, p.lines - 1u);
    let outer = line / p.inner;
    let base = outer * p.n * p.inner + line - outer * p.inner;
    var peak = peak_none();
    for (var i = local; i < p.n; i = i + WG) {
        peak = peak_with(peak, x[p.start + base + i * p.inner]);
    }
    tops[local] = peak.top;
    sums[local] = peak.sum;
    bads[local] = peak.bad;
    workgroupBarrier();
    for (var width = WG / 2u; width > 0u; width = width / 2u) {
        if (local < width) {
            let other = local + width;
            let joined = peak_join(
                Peak(tops[local], sums[local], bads[local]),
                Peak(tops[other], sums[other], bads[other]),
            );
            tops[local] = joined.top;
            sums[local] = joined.sum;
            bads[local] = joined.bad;
        }
        workgroupBarrier();
    }
    peak = Peak(tops[0], sums[0], bads[0]);
    if (item < p.lines) {
        for (var i = local; i < p.n; i = i + WG) {
            out[base + i * p.inner] = result(x[p.start + base + i * p.inner], peak);
        }
    }
}
