// out[n, c, i, j] = x[n, c, place] between the pixels of x [n, c, h, w], where the place is
// map[n] applied to (j, i), plus field[n, i, j] where there is a field. `maps` holds 16 words a
// map: the upper parts of a, b, d, e, then their lower parts, c and f, g, h, k, and whether the map
// is affine; after the maps stand the fill values.
//
// One invocation per result; with BYTES = 1 pixels are bytes, and one invocation writes a word of
// four. The sums are in the order of the CPU's, so that the nearest pixel is the same one.
// Source: PyTorch's grid_sample, align_corners=False; torchvision's fill with its mask.

// @include common/index.wgsl
// @include common/bytes.wgsl

const WG: u32 = 64u; // @tune
const BYTES: u32 = 0u; // @tune
// 0 nearest, 1 bilinear, 2 bicubic.
const MODE: u32 = 0u; // @tune
// 0 zeros, 1 fill, 2 edge, 3 reflect, 4 symmetric.
const BORDER: u32 = 0u; // @tune
const FIELD: u32 = 0u; // @tune

const WORDS: u32 = 16u;
const FAR: f32 = 1e6;
const KEYS: f32 = -0.75;

struct Params {
    total: u32,
    channels: u32,
    h: u32,
    w: u32,
    oh: u32,
    ow: u32,
    // 1 where every image has its own, else 0.
    own_map: u32,
    own_field: u32,
    x_start: u32,
    maps_start: u32,
    field_start: u32,
    fill_start: u32,
    // 1 where every channel has its own.
    own_fill: u32,
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> maps: array<f32>;
@group(0) @binding(2) var<storage, read> field: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

fn word(at: u32) -> u32 {
    if (BYTES == 1u) {
        return byte_of(x[at >> 2u], at);
    }
    return x[at];
}

fn pixel(at: u32) -> f32 {
    if (BYTES == 1u) {
        return f32(word(at));
    }
    return bitcast<f32>(word(at));
}

fn stored(value: f32) -> u32 {
    if (BYTES == 1u) {
        return u32(clamp(round(value), 0.0, 255.0));
    }
    return bitcast<u32>(value);
}

// A place that fits an integer; what is no number is outside.
fn near(place: f32) -> f32 {
    if (abs(place) < FAR) {
        return place;
    }
    return -FAR;
}

fn place_of(n: u32, i: u32, j: u32) -> vec2<f32> {
    let m = p.maps_start + n * p.own_map * WORDS;
    let column = f32(j);
    let row = f32(i);
    let low_x = maps[m + 4u] * column + (maps[m + 5u] * row + maps[m + 8u]);
    let low_y = maps[m + 6u] * column + (maps[m + 7u] * row + maps[m + 9u]);
    var at = vec2<f32>(
        maps[m] * column + (maps[m + 1u] * row + low_x),
        maps[m + 2u] * column + (maps[m + 3u] * row + low_y),
    );
    if (maps[m + 13u] == 0.0) {
        at = at / (maps[m + 10u] * column + (maps[m + 11u] * row + maps[m + 12u]));
    }
    if (FIELD == 1u) {
        let f = p.field_start + (n * p.own_field * p.oh * p.ow + i * p.ow + j) * 2u;
        at = at + vec2<f32>(field[f], field[f + 1u]);
    }
    return vec2<f32>(near(at.x), near(at.y));
}

fn bounced(at: i32, size: i32) -> i32 {
    if (BORDER == 3u && size > 1) {
        let period = 2 * (size - 1);
        let k = ((at % period) + period) % period;
        return select(period - k, k, k < size);
    }
    if (BORDER == 4u) {
        let period = 2 * size;
        let k = ((at % period) + period) % period;
        return select(period - 1 - k, k, k < size);
    }
    return clamp(at, 0, size - 1);
}

// Where a tap lies in its channel; -1 outside.
fn tap(column: i32, row: i32) -> i32 {
    let w = i32(p.w);
    let h = i32(p.h);
    if (BORDER < 2u) {
        if (column < 0 || column >= w || row < 0 || row >= h) {
            return -1;
        }
        return row * w + column;
    }
    return bounced(row, h) * w + bounced(column, w);
}

fn outer(x: f32) -> f32 {
    return ((KEYS * x - 5.0 * KEYS) * x + 8.0 * KEYS) * x - 4.0 * KEYS;
}

fn inner(x: f32) -> f32 {
    return ((KEYS + 2.0) * x - (KEYS + 3.0)) * x * x + 1.0;
}

// The weight of tap k, 0 to 3, for a place `t` behind tap 1.
fn cubic(t: f32, k: u32) -> f32 {
    if (k == 0u) {
        return outer(t + 1.0);
    }
    if (k == 1u) {
        return inner(t);
    }
    if (k == 2u) {
        return inner(1.0 - t);
    }
    return outer(2.0 - t);
}

fn result(element: u32) -> u32 {
    let j = element % p.ow;
    let line = element / p.ow;
    let i = line % p.oh;
    let plane = line / p.oh;
    let c = plane % p.channels;
    let n = plane / p.channels;
    let base = p.x_start + plane * p.h * p.w;
    let at = place_of(n, i, j);
    var fill = 0.0;
    if (BORDER == 1u) {
        fill = maps[p.fill_start + c * p.own_fill];
    }
    if (MODE == 0u) {
        // A pixel only moves: infinities and NaN stay what they are.
        let only = tap(i32(round(at.x)), i32(round(at.y)));
        if (only < 0) {
            return stored(fill);
        }
        return word(base + u32(only));
    }
    let corner = floor(at);
    let part = at - corner;
    let left = i32(corner.x);
    let top = i32(corner.y);
    let side = select(2u, 4u, MODE == 2u);
    let before = select(0, 1, MODE == 2u);
    var sum = 0.0;
    var mask = 0.0;
    for (var k = 0u; k < side * side; k = k + 1u) {
        let across = k % side;
        let down = k / side;
        var weight: f32;
        if (MODE == 2u) {
            weight = cubic(part.x, across) * cubic(part.y, down);
        } else {
            weight = select(1.0 - part.x, part.x, across == 1u)
                * select(1.0 - part.y, part.y, down == 1u);
        }
        let place = tap(left - before + i32(across), top - before + i32(down));
        if (place >= 0) {
            sum = sum + weight * pixel(base + u32(place));
            mask = mask + weight;
        }
    }
    if (BORDER == 1u) {
        sum = (sum - fill) * mask + fill;
    }
    return stored(sum);
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = linear_index(group, groups, local, WG);
    if (BYTES == 0u) {
        if (thread < p.total) {
            out[thread] = result(thread);
        }
        return;
    }
    let first = thread * 4u;
    if (first < p.total) {
        var packed = 0u;
        for (var k = 0u; k < min(4u, p.total - first); k = k + 1u) {
            packed = packed | (result(first + k) << (k * 8u));
        }
        out[thread] = packed;
    }
}
