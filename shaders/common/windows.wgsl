// Windows over one dimension of a plane, sliding or adaptive.
//
// Divisions are long on every device and longer to compile: none is written that is by one.

// @include common/index.wgsl

const ADAPTIVE: u32 = 0u; // @tune
// Dimensions of a plane that are not of size 1, and whether windows have gaps.
const DIMS: u32 = 3u; // @tune
const DILATED: u32 = 1u; // @tune

struct Axis {
    n: u32,
    m: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
    dilation: u32,
}

// The steps of a window that `distance` elements take.
fn dilated_steps(a: Axis, distance: u32) -> u32 {
    if (DILATED == 0u) {
        return distance;
    }
    return quotient(distance + a.dilation - 1u, a.dilation);
}

// The first element of window i and one past the last element it reaches.
fn axis_window(a: Axis, i: u32) -> vec2<u32> {
    if (ADAPTIVE == 1u) {
        return vec2<u32>(i * a.n / a.m, ((i + 1u) * a.n + a.m - 1u) / a.m);
    }
    let at = i * a.stride;
    var before = 0u;
    if (at < a.padding) {
        before = dilated_steps(a, a.padding - at);
    }
    let first = at + before * a.dilation - a.padding;
    let room = dilated_steps(a, a.n - first);
    let count = min(room, a.kernel - before);
    return vec2<u32>(first, first + (count - 1u) * a.dilation + 1u);
}

// The first window that may hold element `at` and one past the last.
fn axis_windows_of(a: Axis, at: u32) -> vec2<u32> {
    if (ADAPTIVE == 1u) {
        return vec2<u32>(at * a.m / a.n, ((at + 1u) * a.m + a.n - 1u) / a.n);
    }
    let end = at + a.padding;
    let span = (a.kernel - 1u) * a.dilation;
    var first = 0u;
    if (end > span) {
        first = quotient(end - span + a.stride - 1u, a.stride);
    }
    return vec2<u32>(first, min(quotient(end, a.stride) + 1u, a.m));
}

// What an index of [planes, depth, height, width] meets along each dimension, and its plane.
struct Ranges {
    z: vec2<u32>,
    y: vec2<u32>,
    x: vec2<u32>,
    plane: u32,
}

fn axis_range(a: Axis, i: u32, of_element: bool) -> vec2<u32> {
    if (of_element) {
        return axis_windows_of(a, i);
    }
    return axis_window(a, i);
}

// The elements of window `at`, or the windows of element `at`; `size` counts those that `at` does.
fn ranges_at(at: u32, size: vec3<u32>, z: Axis, y: Axis, x: Axis, of_element: bool) -> Ranges {
    var rest = quotient(at, size.z);
    var r = Ranges(vec2<u32>(0u, 1u), vec2<u32>(0u, 1u), vec2<u32>(0u, 1u), 0u);
    r.x = axis_range(x, at - rest * size.z, of_element);
    if (DIMS > 1u) {
        let next = quotient(rest, size.y);
        r.y = axis_range(y, rest - next * size.y, of_element);
        rest = next;
    }
    if (DIMS > 2u) {
        let next = quotient(rest, size.x);
        r.z = axis_range(z, rest - next * size.x, of_element);
        rest = next;
    }
    r.plane = rest;
    return r;
}
