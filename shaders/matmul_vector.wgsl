// Product of one row and a matrix, for adapters that compute on the processor: a load takes as
// long there as twenty multiplications, so four neighbours of the matrix come at once.
//
// A workgroup is one vector of the processor. Each lane loads another term of the row, and the
// lanes pass them around by subgroups (hole `product`); without, as below, every lane loads all.
// @include common/matmul.wgsl

const LANES: u32 = 8u;
// Neighbouring columns of one lane: four, or one where neighbours lie along k.
const COLUMNS: u32 = 4u; // @tune

@group(0) @binding(0) var<storage, read> a: array<f32>;
// @hole load_b
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;
fn load_b(at: u32) -> vec4<f32> {
    return b[at / 4u];
}
// @end

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let part = part_of(group.x + group.y * groups.x, 1u, LANES * COLUMNS);
    if (!part.exists) {
        return;
    }
    let left = part.col + lane * COLUMNS;
    let row = part.a + part.row * p.a_row;
    // Columns past the edge repeat the last ones; `put` drops them.
    let first = part.b + min(left, p.n - COLUMNS) * p.b_col;
    // @hole product
    var sum = vec4<f32>();
    for (var k = part.begin; k < part.end; k = k + 1u) {
        sum += a[row + k * p.a_col] * load_b(first + k * p.b_row);
    }
    // @end
    for (var j = 0u; j < COLUMNS; j = j + 1u) {
        var v = sum.x;
        v = select(v, sum.y, j == 1u);
        v = select(v, sum.z, j == 2u);
        v = select(v, sum.w, j == 3u);
        put(part, part.row, column_at(left + j), v);
    }
}
