// Matrix product for hardware: a workgroup computes BM x BN results, BK terms at a time, from
// tiles of a and b in workgroup memory; each invocation keeps TM x TN results in registers.
//
// Every invocation loads one vec4 of each tile, along the dimension in which the operand's
// elements are neighbours (*_ALONG_K: along k), and workgroup memory keeps that order: a tile is
// [k][m / 4] or [m][k / 4] vectors, b likewise, so transposed operands cost nothing. The
// next vectors are loaded while the current tiles are multiplied.
//
// Invocation (tx, ty), tx fastest, computes TM neighbouring rows. Its columns are chosen so that
// neighbouring invocations read neighbouring vectors of b: groups of four columns 4 * TX apart,
// or single columns TX apart where b lies along k; there a row is padded by one vector to spread
// over the memory's banks. All sizes together stay below the 16 KiB of WebGPU's default limits.
//
// Barriers: after storing, before the tiles are read; after reading, before they are replaced.
// A workgroup takes all branches around them together: they depend on its number and parameters.
// @include common/matmul.wgsl

const BM: u32 = 64u; // @tune
const BN: u32 = 64u; // @tune
const BK: u32 = 16u; // @tune
const TM: u32 = 4u; // @tune
const TN: u32 = 4u; // @tune
const WG: u32 = 256u; // @tune
const A_ALONG_K: u32 = 1u; // @tune
const B_ALONG_K: u32 = 0u; // @tune

const TX: u32 = BN / TN;
// Vectors from one row of a tile to the next.
const A_PITCH: u32 = A_ALONG_K * (BK / 4u) + (1u - A_ALONG_K) * (BM / 4u);
const B_PITCH: u32 = B_ALONG_K * (BK / 4u + 1u) + (1u - B_ALONG_K) * (BN / 4u);
const A_SIZE: u32 = BM * BK / 4u;
const B_SIZE: u32 = BN * BK / 4u + B_ALONG_K * BN;
const FOUR: vec4<u32> = vec4<u32>(0u, 1u, 2u, 3u);

var<workgroup> a_tile: array<vec4<f32>, A_SIZE>;
var<workgroup> b_tile: array<vec4<f32>, B_SIZE>;

// The holes load the elements at `at + k * stride`; those with k from `end` on are zero. The
// filled form reads one vector of an operand that is bound as vectors. In a convolution, elements
// are not at equal steps: what is loaded stands in variables of the operand's own types.
// @hole walk_a
alias ATerms = vec4<u32>;
fn a_terms_of(k: vec4<u32>) -> ATerms {
    return k;
}
fn next_a_terms(terms: ATerms, step: ATerms) -> ATerms {
    return terms + step;
}
// @end
// @hole load_a
@group(0) @binding(0) var<storage, read> a: array<f32>;
fn load_a(at: vec4<u32>, k: vec4<u32>, end: u32) -> vec4<f32> {
    let i = at + min(k, vec4<u32>(end - 1u)) * p.a_col;
    let v = vec4<f32>(a[i.x], a[i.y], a[i.z], a[i.w]);
    return select(vec4<f32>(0.0), v, k < vec4<u32>(end));
}
// @end
// @hole walk_b
alias Columns = vec4<u32>;
alias Terms = vec4<u32>;
fn columns_of(part: Part, column: vec4<u32>) -> Columns {
    return part.b + column * p.b_col;
}
fn terms_of(k: vec4<u32>) -> Terms {
    return k;
}
fn next_terms(terms: Terms, step: Terms) -> Terms {
    return terms + step;
}
// @end
// @hole load_b
@group(0) @binding(1) var<storage, read> b: array<f32>;
fn load_b(at: vec4<u32>, k: vec4<u32>, end: u32) -> vec4<f32> {
    let i = at + min(k, vec4<u32>(end - 1u)) * p.b_row;
    let v = vec4<f32>(b[i.x], b[i.y], b[i.z], b[i.w]);
    return select(vec4<f32>(0.0), v, k < vec4<u32>(end));
}
// @end

// Stores four columns of one row.
fn put4(part: Part, row: u32, col: u32, step: u32, v: vec4<f32>) {
    put(part, row, column_at(col), v.x);
    put(part, row, column_at(col + step), v.y);
    put(part, row, column_at(col + 2u * step), v.z);
    put(part, row, column_at(col + 3u * step), v.w);
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let part = part_of(group.x + group.y * groups.x, BM, BN);
    if (!part.exists) {
        return;
    }
    // Rows and columns past the edge repeat the last one; `put` drops them.
    var a_at = vec4<u32>(0u);
    var a_term = vec4<u32>(0u);
    var a_slot = 0u;
    if (A_ALONG_K == 1u) {
        let line = local / (BK / 4u);
        let four = local % (BK / 4u);
        a_at = vec4<u32>(part.a + min(part.row + line, p.m - 1u) * p.a_row);
        a_term = part.begin + four * 4u + FOUR;
        a_slot = line * A_PITCH + four;
    } else {
        let line = local / (BM / 4u);
        let four = local % (BM / 4u);
        a_at = part.a + min(part.row + four * 4u + FOUR, vec4<u32>(p.m - 1u)) * p.a_row;
        a_term = vec4<u32>(part.begin + line);
        a_slot = line * A_PITCH + four;
    }
    var b_column = vec4<u32>(0u);
    var b_term = vec4<u32>(0u);
    var b_slot = 0u;
    if (B_ALONG_K == 1u) {
        let line = local / (BK / 4u);
        let four = local % (BK / 4u);
        b_column = vec4<u32>(min(part.col + line, p.n - 1u));
        b_term = part.begin + four * 4u + FOUR;
        b_slot = line * B_PITCH + four;
    } else {
        let line = local / (BN / 4u);
        let four = local % (BN / 4u);
        b_column = min(part.col + four * 4u + FOUR, vec4<u32>(p.n - 1u));
        b_term = vec4<u32>(part.begin + line);
        b_slot = line * B_PITCH + four;
    }
    var a_k = a_terms_of(a_term);
    let a_step = a_terms_of(vec4<u32>(BK));
    let b_at = columns_of(part, b_column);
    var b_k = terms_of(b_term);
    let b_step = terms_of(vec4<u32>(BK));
    let tx = local % TX;
    let ty = local / TX;
    var acc: array<vec4<f32>, TM * TN / 4u>;
    var a_next = load_a(a_at, a_k, part.end);
    var b_next = load_b(b_at, b_k, part.end);
    for (var k = part.begin; k < part.end; k = k + BK) {
        a_tile[a_slot] = a_next;
        b_tile[b_slot] = b_next;
        workgroupBarrier();
        if (k + BK < part.end) {
            a_k = next_a_terms(a_k, a_step);
            b_k = next_terms(b_k, b_step);
            a_next = load_a(a_at, a_k, part.end);
            b_next = load_b(b_at, b_k, part.end);
        }
        for (var q = 0u; q < BK / 4u; q = q + 1u) {
            // @hole product
            let a0 = a_tile[(ty * TM + 0u) * A_PITCH + q];
            let a1 = a_tile[(ty * TM + 1u) * A_PITCH + q];
            let a2 = a_tile[(ty * TM + 2u) * A_PITCH + q];
            let a3 = a_tile[(ty * TM + 3u) * A_PITCH + q];
            let b0_0 = b_tile[(q * 4u + 0u) * B_PITCH + 0u * TX + tx];
            acc[0] += a0.x * b0_0;
            acc[1] += a1.x * b0_0;
            acc[2] += a2.x * b0_0;
            acc[3] += a3.x * b0_0;
            let b1_0 = b_tile[(q * 4u + 1u) * B_PITCH + 0u * TX + tx];
            acc[0] += a0.y * b1_0;
            acc[1] += a1.y * b1_0;
            acc[2] += a2.y * b1_0;
            acc[3] += a3.y * b1_0;
            let b2_0 = b_tile[(q * 4u + 2u) * B_PITCH + 0u * TX + tx];
            acc[0] += a0.z * b2_0;
            acc[1] += a1.z * b2_0;
            acc[2] += a2.z * b2_0;
            acc[3] += a3.z * b2_0;
            let b3_0 = b_tile[(q * 4u + 3u) * B_PITCH + 0u * TX + tx];
            acc[0] += a0.w * b3_0;
            acc[1] += a1.w * b3_0;
            acc[2] += a2.w * b3_0;
            acc[3] += a3.w * b3_0;
            // @end
        }
        workgroupBarrier();
    }
    let top = part.row + ty * TM;
    let rows = min(TM, p.m - min(p.m, top));
    // From one of four columns to the next.
    let step = B_ALONG_K * TX + (1u - B_ALONG_K);
    let left = part.col + tx * (B_ALONG_K + (1u - B_ALONG_K) * 4u);
    for (var i = 0u; i < rows; i = i + 1u) {
        // A row is selected, not indexed, so that `acc` stays in registers.
        // @hole store
        var v0 = acc[0];
        v0 = select(v0, acc[1], i == 1u);
        v0 = select(v0, acc[2], i == 2u);
        v0 = select(v0, acc[3], i == 3u);
        put4(part, top + i, left + 0u * TX, step, v0);
        // @end
    }
}
