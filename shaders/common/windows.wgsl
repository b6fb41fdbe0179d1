// Windows over one dimension of a plane, sliding or adaptive.
//
// Divisions are long on every device and longer to compile: none is written that is by one.

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
    return (distance + a.dilation - 1u) / a.dilation;
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
        first = (end - span + a.stride - 1u) / a.stride;
    }
    return vec2<u32>(first, min(end / a.stride + 1u, a.m));
}
