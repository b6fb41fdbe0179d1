// The position of the largest or smallest element of each line of a dense [outer, n, inner]
// array: the first of equals, the first NaN before anything else.
//
// Elements become words of the same order first, so that NaN needs no comparison of floats.
// GROUP = 0: one invocation per line. GROUP = 1: one workgroup per line, whose invocations
// stride through it; the barriers keep the tree's levels apart.

// @include common/index.wgsl
// @include common/bytes.wgsl
// @include common/order.wgsl

const WG: u32 = 64u; // @tune
const GROUP: u32 = 0u; // @tune
// 0 float32, 1 int32, 2 uint32, 3 bytes.
const KIND: u32 = 0u; // @tune
const SMALLEST: u32 = 0u; // @tune

struct Params {
    start: u32,
    lines: u32,
    n: u32,
    inner: u32,
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;

var<workgroup> keys: array<u32, WG>;
var<workgroup> places: array<u32, WG>;

// The larger, the better.
fn key_at(at: u32) -> u32 {
    if (KIND == 3u) {
        let byte = byte_of(x[at >> 2u], at);
        return select(byte, ~byte, SMALLEST == 1u);
    }
    let key = order_key(x[at], KIND);
    if (SMALLEST == 0u) {
        return key;
    }
    // NaN wins either way; the only other key that inverts to the largest is of no float.
    return select(~key, key, KIND == ORDER_FLOAT && key == 0xffffffffu);
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
            let base = p.start + outer * p.n * p.inner + line - outer * p.inner;
            var best = key_at(base);
            var place = 0u;
            for (var i = 1u; i < p.n; i = i + 1u) {
                let key = key_at(base + i * p.inner);
                if (key > best) {
                    best = key;
                    place = i;
                }
            }
            out[line] = place;
        }
        return;
    }
    // Workgroups past the last line repeat it without storing, so that barriers are uniform.
    let item = group.x + group.y * groups.x;
    let line = min(item, p.lines - 1u);
    let outer = line / p.inner;
    let base = p.start + outer * p.n * p.inner + line - outer * p.inner;
    // An invocation without elements repeats the last one: a tie that its place does not win.
    var place = min(local, p.n - 1u);
    var best = key_at(base + place * p.inner);
    for (var i = local + WG; i < p.n; i = i + WG) {
        let key = key_at(base + i * p.inner);
        if (key > best) {
            best = key;
            place = i;
        }
    }
    keys[local] = best;
    places[local] = place;
    workgroupBarrier();
    for (var width = WG / 2u; width > 0u; width = width / 2u) {
        if (local < width) {
            let key = keys[local + width];
            let other = places[local + width];
            if (key > keys[local] || (key == keys[local] && other < places[local])) {
                keys[local] = key;
                places[local] = other;
            }
        }
        workgroupBarrier();
    }
    if (local == 0u && item < p.lines) {
        out[item] = places[0];
    }
}
