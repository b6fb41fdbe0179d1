// A convolution or gradient as a product with four results of a row for each invocation: for few
// channels or filters, of which a tile would be mostly empty.
//
// The columns of an invocation are a quarter of all apart, so that neighbours read neighbouring
// elements of b. With GROUP, a workgroup computes the four results: every invocation adds every
// WG-th term, and their sums are added in a tree of fixed order.
//
// Barriers: before each level of the tree reads what the level above wrote. With GROUP all
// invocations of a workgroup have the same results and so return or reach them together.
// @include common/matmul.wgsl
// @include common/conv.wgsl

const WG: u32 = 64u; // @tune
const GROUP: u32 = 0u; // @tune

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;

// @hole walk
fn walk() -> Walk {
    var w: Walk;
    return w;
}
// @end

var<workgroup> sums: array<vec4<f32>, WG>;

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // Which results: neighbours have neighbouring columns.
    var number = group.x + group.y * groups.x;
    var share = local;
    var step = WG;
    if (GROUP == 0u) {
        number = number * WG + local;
        share = 0u;
        step = 1u;
    }
    let quarter = (p.n + 3u) / 4u;
    let line = number / quarter;
    let cols = number - line * quarter + vec4<u32>(0u, 1u, 2u, 3u) * quarter;
    let copy = line / p.m;
    let row = line - copy * p.m;
    let split = copy / p.batches;
    let batch = copy - split * p.batches;
    if (split >= p.splits) {
        return;
    }
    let outer = batch / p.inner;
    let inner = batch - outer * p.inner;
    let end = min(p.k, (split + 1u) * p.chunk);
    let w = walk();
    let a_at = p.a_first + outer * p.a_outer + inner * p.a_inner + row * p.a_row;
    let c = columns_at(w, p.b_first + outer * p.b_outer + inner * p.b_inner, cols);
    let wide = terms_at(w, step);
    var t = terms_at(w, split * p.chunk + share);
    var sum = vec4<f32>(0.0);
    while (t.k < end) {
        let found = places_of(w, c, t);
        let i = select(vec4<u32>(0u), found.at, found.inside);
        let v = vec4<f32>(b[i.x], b[i.y], b[i.z], b[i.w]);
        let factor = a[a_at + t.k + t.top * w.a_skip];
        sum += select(vec4<f32>(0.0), factor * v, found.inside);
        t = terms_after(w, t, wide);
    }
    if (GROUP == 1u) {
        sums[local] = sum;
        for (var half = WG / 2u; half > 0u; half = half / 2u) {
            workgroupBarrier();
            if (local < half) {
                sums[local] += sums[local + half];
            }
        }
        sum = sums[local];
    }
    if (share == 0u) {
        let c_at = batch * p.c_batch + split * p.c_split + row * p.c_row;
        // Columns past the edge are dropped.
        for (var i = 0u; i < 4u && cols[i] < p.n; i = i + 1u) {
            let at = c_at + cols[i] * p.c_col;
            out[at] = finish(sum[i], at);
        }
    }
}
