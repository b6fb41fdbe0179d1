// As scatter.wgsl, for few columns and many indices, which come stably sorted: `keys` are the
// indices of each line in rising order, `places` where they stood; a line takes `padded` words.
//
// One invocation per (sorted position, column), columns fastest so that neighbours read
// neighbours. The one at the start of a run of equal indices adds the run up in order: the
// additions to one element are those of scatter.wgsl, in the same order.

// @include common/index.wgsl

const WG: u32 = 64u; // @tune
// Whether elements are floats; integers of either sign add as words.
const FLOAT: u32 = 1u; // @tune
// Whether all columns share one line of indices.
const SHARED: u32 = 0u; // @tune

struct Params {
    columns: u32,
    n: u32,
    inner: u32,
    size: u32,
    src_start: u32,
    padded: u32,
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read> keys: array<u32>;
@group(0) @binding(1) var<storage, read> places: array<u32>;
@group(0) @binding(2) var<storage, read> src: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

fn plus(a: u32, b: u32) -> u32 {
    if (FLOAT == 1u) {
        return bitcast<u32>(bitcast<f32>(a) + bitcast<f32>(b));
    }
    return a + b;
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = linear_index(group, groups, local, WG);
    if (thread < p.columns * p.n) {
        let column = thread % p.columns;
        let first = thread / p.columns;
        let line = select(column, 0u, SHARED == 1u) * p.padded;
        let key = keys[line + first];
        var starts = key < p.size;
        if (first > 0u) {
            starts = starts && keys[line + first - 1u] != key;
        }
        if (starts) {
            let o = column / p.inner;
            let c = column % p.inner;
            let at = (o * p.size + key) * p.inner + c;
            let source = p.src_start + o * p.n * p.inner + c;
            var sum = out[at];
            for (var i = first; i < p.n; i = i + 1u) {
                if (keys[line + i] != key) {
                    break;
                }
                sum = plus(sum, src[source + places[line + i] * p.inner]);
            }
            out[at] = sum;
        }
    }
}
