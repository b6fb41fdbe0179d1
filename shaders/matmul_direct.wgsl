// Matrix product for adapters that compute on the processor: each invocation keeps a tile of
// TM x TN results in registers, with no workgroup memory and no barriers, both of which are
// loops over invocations there.
//
// A workgroup is one vector of the processor. Invocation `lane` computes the columns
// lane, lane + LANES, … of the workgroup's tile, or as many groups of neighbours, and all its rows.
// A load costs as much as twenty multiplications, and its code as much to compile, so with
// subgroups (hole `product`) each lane loads another row of a and the lanes pass them around, and
// neighbours come in pairs; without, as below, every lane loads all.
// @include common/matmul.wgsl

const LANES: u32 = 8u;
const TM: u32 = 4u; // @tune
const TN: u32 = 1u; // @tune

// @hole load_a
@group(0) @binding(0) var<storage, read> a: array<f32>;
fn load_a(at: u32) -> f32 {
    return a[at];
}
// @end
// @hole load_b
@group(0) @binding(1) var<storage, read> b: array<f32>;
fn load_b(at: u32) -> f32 {
    return b[at];
}
// @end

// @hole put_at
fn put_at(at: u32, x: f_Index, row: f_Row, acc: f32) {
    out[at] = finish_at(at, x, acc, row);
}
// @end

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let part = part_of(group.x + group.y * groups.x, TM, LANES * TN);
    if (!part.exists) {
        return;
    }
    let top = part.row;
    // Rows and columns past the edge repeat the last one; `put` drops them. Results are named
    // x{row}_{column}.
    // @hole product
    let r0 = part.a + min(top + 0u, p.m - 1u) * p.a_row;
    let r1 = part.a + min(top + 1u, p.m - 1u) * p.a_row;
    let r2 = part.a + min(top + 2u, p.m - 1u) * p.a_row;
    let r3 = part.a + min(top + 3u, p.m - 1u) * p.a_row;
    let c0 = part.b + min(part.col + (0u * LANES + lane) * 1u, p.n - 1u) * p.b_col;
    var x0_0 = 0.0;
    var x1_0 = 0.0;
    var x2_0 = 0.0;
    var x3_0 = 0.0;
    for (var k = part.begin; k < part.end; k = k + 1u) {
        let b0_0 = load_b(c0 + (k + 0u) * p.b_row);
        let s0_0 = load_a(r0 + (k + 0u) * p.a_col);
        let s1_0 = load_a(r1 + (k + 0u) * p.a_col);
        let s2_0 = load_a(r2 + (k + 0u) * p.a_col);
        let s3_0 = load_a(r3 + (k + 0u) * p.a_col);
        let a0_0 = s0_0;
        x0_0 += a0_0 * b0_0;
        let a1_0 = s1_0;
        x1_0 += a1_0 * b0_0;
        let a2_0 = s2_0;
        x2_0 += a2_0 * b0_0;
        let a3_0 = s3_0;
        x3_0 += a3_0 * b0_0;
    }
    let rows = min(TM, p.m - top);
    let below = f_index_of(p.c_row);
    for (var q = 0u; q < rows; q = q + 4u) {
        var t0_0 = x0_0;
        var t1_0 = x1_0;
        var t2_0 = x2_0;
        var t3_0 = x3_0;
        let some = min(4u, rows - q);
        for (var j = 0u; j < 1u; j = j + 1u) {
            var s0 = t0_0;
            var s1 = t1_0;
            var s2 = t2_0;
            var s3 = t3_0;
            let col = column_at(part.col + j * LANES + lane);
            var at = part.c + (top + q) * p.c_row + col.place;
            var x = f_index_of(at);
            for (var i = 0u; i < some; i = i + 1u) {
                var v = s0;
                v = select(v, s1, i == 1u);
                v = select(v, s2, i == 2u);
                v = select(v, s3, i == 3u);
                if (col.exists) {
                    put_at(at, x, f_row_of(at, x), v);
                }
                at = at + p.c_row;
                x = f_index_after(x, below);
            }
        }
    }
    // @end
}
