// Matrix product with at most four rows, for hardware: memory is read once and hardly reused, so
// what counts is that neighbouring invocations read neighbouring elements of b.
//
// A workgroup computes COLUMNS columns. The WG / COLUMNS invocations of a column share its k,
// each adding every so-manieth term, and their sums are added in a tree of fixed order. Where b
// lies along k (ALONG_K), neighbours share a column; else they have neighbouring columns.
//
// Barriers: before each level of the tree reads what the level above wrote; all invocations of a
// workgroup reach them.
// @include common/matmul.wgsl

const WG: u32 = 256u;
// Rows, 1 to 4.
const TM: u32 = 4u; // @tune
const COLUMNS: u32 = 16u; // @tune
const ALONG_K: u32 = 0u; // @tune

// Invocations that share a column: a power of two.
const SHARE: u32 = WG / COLUMNS;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;

var<workgroup> sums: array<vec4<f32>, WG>;

// One term of a column for every row.
fn term(part: Part, b_at: u32, k: u32) -> vec4<f32> {
    let at = part.a + k * p.a_col;
    var v = vec4<f32>(a[at], 0.0, 0.0, 0.0);
    if (TM > 1u) {
        v.y = a[at + min(1u, p.m - 1u) * p.a_row];
    }
    if (TM > 2u) {
        v.z = a[at + min(2u, p.m - 1u) * p.a_row];
    }
    if (TM > 3u) {
        v.w = a[at + min(3u, p.m - 1u) * p.a_row];
    }
    return v * b[b_at + k * p.b_row];
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let part = part_of(group.x + group.y * groups.x, TM, COLUMNS);
    if (!part.exists) {
        return;
    }
    var share = local / COLUMNS;
    var column = local % COLUMNS;
    if (ALONG_K == 1u) {
        share = local % SHARE;
        column = local / SHARE;
    }
    let col = part.col + column;
    // Columns past the edge repeat the last one; `put` drops them.
    let b_at = part.b + min(col, p.n - 1u) * p.b_col;
    var sum = vec4<f32>(0.0);
    var k = part.begin + share;
    // Four terms at a time keep four loads in flight.
    for (; k + 3u * SHARE < part.end; k = k + 4u * SHARE) {
        let t0 = term(part, b_at, k);
        let t1 = term(part, b_at, k + SHARE);
        let t2 = term(part, b_at, k + 2u * SHARE);
        let t3 = term(part, b_at, k + 3u * SHARE);
        sum += (t0 + t1) + (t2 + t3);
    }
    for (; k < part.end; k = k + SHARE) {
        sum += term(part, b_at, k);
    }
    let slot = share * COLUMNS + column;
    sums[slot] = sum;
    for (var half = SHARE / 2u; half > 0u; half = half / 2u) {
        workgroupBarrier();
        if (share < half) {
            sums[slot] += sums[slot + half * COLUMNS];
        }
    }
    if (share == 0u) {
        let v = sums[slot];
        let own = column_at(col);
        put(part, part.row, own, v.x);
        if (TM > 1u) {
            put(part, part.row + 1u, own, v.y);
        }
        if (TM > 2u) {
            put(part, part.row + 2u, own, v.z);
        }
        if (TM > 3u) {
            put(part, part.row + 3u, own, v.w);
        }
    }
}
