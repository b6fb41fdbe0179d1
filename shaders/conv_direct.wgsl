// A convolution or gradient as a product with one result for each invocation: for few channels or
// filters, of which a tile would be mostly empty. a needs no copy here: its terms are the same
// digits as b's, and lie one after the other but for the first digit (`a_col` elements more).
//
// With GROUP, a workgroup computes one result: every invocation adds every WG-th term, and their
// sums are added in a tree of fixed order.
//
// Barriers: before each level of the tree reads what the level above wrote. With GROUP all
// invocations of a workgroup have the same result and so return or reach them together.
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

var<workgroup> sums: array<f32, WG>;

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // Which result: neighbours have neighbouring columns.
    var number = group.x + group.y * groups.x;
    var share = local;
    var step = WG;
    if (GROUP == 0u) {
        number = number * WG + local;
        share = 0u;
        step = 1u;
    }
    let col = number % p.n;
    let row = number / p.n % p.m;
    let copy = number / p.n / p.m;
    let batch = copy % p.batches;
    let split = copy / p.batches;
    if (split >= p.splits) {
        return;
    }
    let outer = batch / p.inner;
    let inner = batch % p.inner;
    let end = min(p.k, (split + 1u) * p.chunk);
    let w = walk();
    let a_at = p.a_first + outer * p.a_outer + inner * p.a_inner + row * p.a_row;
    let c = columns_at(w, p.b_first + outer * p.b_outer + inner * p.b_inner, col);
    let wide = terms_at(w, step);
    var t = terms_at(w, split * p.chunk + share);
    var sum = 0.0;
    while (t.k < end) {
        let found = places_of(w, c, t);
        if (found.inside) {
            sum += a[a_at + t.k + t.top * p.a_col] * b[found.at];
        }
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
        let at = copy * p.m * p.n + row * p.c_row + col * p.c_col;
        out[at] = finish(sum, at);
    }
}
