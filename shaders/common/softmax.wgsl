// The maximum of a line and the sum of exponentials below it, in one pass ("online softmax":
// Milakov and Gimelshein, arXiv 1805.02867, algorithm 3).
//
// WGSL may assume that NaN and infinity do not occur, so they are recognised by their bits: -inf
// adds nothing, NaN and +inf make the line bad, and a line of nothing but -inf has sum 0.

// Nothing finite lies below it.
const LOWEST: f32 = -3.4028234e38;
// e^d is below the smallest normal float from here on; devices differ in what they do there.
const EXP_FLOOR: f32 = -87.3;

struct Peak {
    top: f32,
    sum: f32,
    bad: u32,
}

fn peak_none() -> Peak {
    return Peak(LOWEST, 0.0, 0u);
}

// e^d for d <= 0, -inf included.
fn exp_below(d: f32) -> f32 {
    return select(exp(max(d, EXP_FLOOR)), 0.0, d < EXP_FLOOR);
}

fn peak_with(peak: Peak, x: f32) -> Peak {
    let bits = bitcast<u32>(x);
    if ((bits & 0x7f800000u) == 0x7f800000u) {
        return Peak(peak.top, peak.sum, peak.bad | select(1u, 0u, bits == 0xff800000u));
    }
    if (x > peak.top) {
        return Peak(x, peak.sum * exp_below(peak.top - x) + 1.0, peak.bad);
    }
    return Peak(peak.top, peak.sum + exp_below(x - peak.top), peak.bad);
}

fn peak_join(a: Peak, b: Peak) -> Peak {
    let top = max(a.top, b.top);
    let sum = a.sum * exp_below(a.top - top) + b.sum * exp_below(b.top - top);
    return Peak(top, sum, a.bad | b.bad);
}

// Whether the line has a softmax; without one its results are NaN.
fn peak_valid(peak: Peak) -> bool {
    return peak.bad == 0u && peak.sum > 0.0;
}
