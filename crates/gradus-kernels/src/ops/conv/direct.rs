//! Convolutions whose groups have few channels, depthwise ones above all: rows of x and y meet
//! directly, one element of the kernel after the other.

use gradus_cpu::{SendPtr, for_pieces};

use super::{ConvGeometry, ConvMap};
use crate::ops::lines::{LANES, Real, vectorised};
use crate::ops::softmax::total;

/// Runs one of the three maps; `threads` says whether sharing the work is worth it.
pub(super) fn run<T: Real>(
    map: ConvMap,
    g: &ConvGeometry,
    a: &[T],
    b: &[T],
    out: &mut [T],
    threads: bool,
) {
    let plane = match map {
        ConvMap::Forward => g.y.iter().product(),
        ConvMap::Data => g.x.iter().product(),
        ConvMap::Filter => g.taps(),
    };
    let planes = out.len() / plane;
    let pointer = SendPtr::new(out.as_mut_ptr());
    for_pieces(planes, if threads { 1 } else { planes }, |first, count| {
        for i in first..first + count {
            // SAFETY: pieces own disjoint planes of the result.
            let out = unsafe {
                let at = pointer.add(i * plane * size_of::<T>()).cast::<T>();
                std::slice::from_raw_parts_mut(at, plane)
            };
            match map {
                ConvMap::Forward => forward(g, a, b, out, i),
                ConvMap::Data => data(g, a, b, out, i),
                ConvMap::Filter => filter(g, a, b, out, i),
            }
        }
    });
}

/// Calls `f(first element of y, first element of x, length)` for the rows of one plane that meet
/// in element `t` of the kernel.
#[inline(always)]
fn rows(g: &ConvGeometry, t: usize, mut f: impl FnMut(usize, usize, usize)) {
    let [_, height, width] = g.kernel;
    let tap = [t / (height * width), t / width % height, t % width];
    let at = |d: usize, i: usize| i * g.stride[d] + tap[d] * g.dilation[d] - g.before[d];
    let (from, to) = g.reached(2, tap[2]);
    if from == to {
        return;
    }
    let (rows_from, rows_to) = g.reached(1, tap[1]);
    let (planes_from, planes_to) = g.reached(0, tap[0]);
    for z in planes_from..planes_to {
        for y in rows_from..rows_to {
            let row = (at(0, z) * g.x[1] + at(1, y)) * g.x[2];
            f((z * g.y[1] + y) * g.y[2] + from, row + at(2, from), to - from);
        }
    }
}

vectorised! {
    /// Plane `i` of y.
    fn forward<T: Real>(g: &ConvGeometry, x: &[T], w: &[T], out: &mut [T], i: usize) {
        let (taps, plane) = (g.taps(), g.x.iter().product::<usize>());
        let o = i % (g.groups * g.filters);
        let first = i / g.filters * g.channels;
        out.fill(T::ZERO);
        for c in 0..g.channels {
            let x = &x[(first + c) * plane..][..plane];
            for t in 0..taps {
                let w = w[(o * g.channels + c) * taps + t];
                rows(g, t, |to, from, len| {
                    let out = &mut out[to..to + len];
                    match g.stride[2] {
                        1 => add(out, &x[from..from + len], w),
                        step => {
                            let x = x[from..].iter().step_by(step);
                            out.iter_mut().zip(x).for_each(|(out, &x)| *out = *out + x * w);
                        }
                    }
                });
            }
        }
    }

    /// Plane `i` of x.
    fn data<T: Real>(g: &ConvGeometry, y: &[T], w: &[T], out: &mut [T], i: usize) {
        let (taps, plane) = (g.taps(), g.y.iter().product::<usize>());
        let c = i % g.channels;
        let group = i / g.channels % g.groups;
        let first = i / g.channels * g.filters;
        out.fill(T::ZERO);
        for o in 0..g.filters {
            let y = &y[(first + o) * plane..][..plane];
            for t in 0..taps {
                let w = w[((group * g.filters + o) * g.channels + c) * taps + t];
                rows(g, t, |from, to, len| {
                    let y = &y[from..from + len];
                    match g.stride[2] {
                        1 => add(&mut out[to..to + len], y, w),
                        step => {
                            let out = out[to..].iter_mut().step_by(step);
                            out.zip(y).for_each(|(out, &y)| *out = *out + y * w);
                        }
                    }
                });
            }
        }
    }

    /// Plane `i` of w.
    fn filter<T: Real>(g: &ConvGeometry, x: &[T], y: &[T], out: &mut [T], i: usize) {
        let (px, py) = (g.x.iter().product::<usize>(), g.y.iter().product::<usize>());
        let (o, c) = (i / g.channels, i % g.channels);
        let (x_planes, y_planes) = (g.groups * g.channels, g.groups * g.filters);
        for (t, out) in out.iter_mut().enumerate() {
            let mut sum = T::ZERO;
            for n in 0..g.batch {
                let channel = n * x_planes + o / g.filters * g.channels + c;
                let (x, y) = (&x[channel * px..][..px], &y[(n * y_planes + o) * py..][..py]);
                let mut lanes = [T::ZERO; LANES];
                rows(g, t, |at, from, len| {
                    let y = &y[at..at + len];
                    match g.stride[2] {
                        1 => dot(&mut lanes, &x[from..from + len], y),
                        step => {
                            let x = x[from..].iter().step_by(step);
                            for (i, (&y, &x)) in y.iter().zip(x).enumerate() {
                                lanes[i % LANES] = lanes[i % LANES] + x * y;
                            }
                        }
                    }
                });
                sum = sum + total(lanes);
            }
            *out = sum;
        }
    }
}

#[inline(always)]
fn add<T: Real>(to: &mut [T], from: &[T], by: T) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = *to + from * by);
}

#[inline(always)]
fn dot<T: Real>(lanes: &mut [T; LANES], x: &[T], y: &[T]) {
    let (xs, ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest = xs.remainder().iter().zip(ys.remainder());
    for (lane, (&x, &y)) in lanes.iter_mut().zip(rest) {
        *lane = *lane + x * y;
    }
    for (x, y) in xs.zip(ys) {
        for (lane, (&x, &y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane = *lane + x * y;
        }
    }
}
