// Cross-entropy of rows of logits and class indices, with its gradient: one dispatch.
//
// Logits are dense [outer, n, inner]; a row is a line of n classes. With p = softmax(x), target t,
// class weights w, keep = 1 - e and spread = e / n for label smoothing e:
//   loss  = keep * w[t] * -log p[t] + spread * sum_c w[c] * -log p[c]
//   d/dx  = p * (keep * w[t] + spread * sum_c w[c]) - spread * w - (keep * w[t] at t)
// An ignored row has loss, gradient and weight 0. A target that is no class gives loss NaN and
// gradient 0.
//
// GROUP = 0: one invocation per row. GROUP = 1: one workgroup per row; barriers keep
// the levels of the two reductions apart, whose order is fixed. See softmax.wgsl for the choice.
//
// WHOLE = 1: one workgroup for few short rows. `loss` gets the mean, the sum over rows by the sum
// of their w[t], and the gradient is the mean's; if all rows are ignored the mean is NaN and the
// gradient 0. Barriers as above, in trees over the workgroup's sums.

// @include common/index.wgsl
// @include common/bytes.wgsl
// @include common/softmax.wgsl

const WG: u32 = 64u; // @tune
const GROUP: u32 = 0u; // @tune
const WHOLE: u32 = 0u; // @tune
// Whether there are class weights; without them `weight` is not read.
const WEIGHTED: u32 = 0u; // @tune
// Whether labels are smoothed.
const SMOOTH: u32 = 0u; // @tune
// Whether targets are bytes.
const BYTES: u32 = 0u; // @tune

struct Params {
    x_start: u32,
    target_start: u32,
    weight_start: u32,
    rows: u32,
    n: u32,
    inner: u32,
    has_ignore: u32,
    ignored: u32,
    keep: f32,
    spread: f32,
    // The bits of NaN: a constant NaN is an error.
    nan: u32,
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> counted: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

var<workgroup> tops: array<f32, WG>;
var<workgroup> sums: array<f32, WG>;
var<workgroup> bads: array<u32, WG>;

fn target_of(row: u32) -> u32 {
    let at = p.target_start + row;
    if (BYTES == 1u) {
        return byte_of(targets[at >> 2u], at);
    }
    return targets[at];
}

fn weight_of(class_index: u32) -> f32 {
    if (WEIGHTED == 0u) {
        return 1.0;
    }
    return weight[p.weight_start + class_index];
}

// A row's target and what its peak says.
struct Row {
    label: u32,
    kept: bool,
    // Whether the target is a class.
    known: bool,
    weight: f32,
    peak: Peak,
    // Sum of the weights of all classes.
    total: f32,
}

fn row_of(row: u32, peak: Peak, total: f32) -> Row {
    let label = target_of(row);
    let kept = p.has_ignore == 0u || label != p.ignored;
    let known = label < p.n;
    return Row(label, kept, known, weight_of(select(0u, label, known)), peak, total);
}

// `shifted` is the target's logit below the peak, `dot` the weighted sum of all of these.
fn loss_of(row: Row, shifted: f32, dot: f32) -> f32 {
    if (!row.kept) {
        return 0.0;
    }
    if (!row.known || !peak_valid(row.peak)) {
        return bitcast<f32>(p.nan);
    }
    let log_sum = log(row.peak.sum);
    let own = p.keep * row.weight * (log_sum - shifted);
    if (SMOOTH == 0u) {
        return own;
    }
    return own + p.spread * (row.total * log_sum - dot);
}

fn gradient_of(row: Row, class_index: u32, x: f32) -> f32 {
    if (!row.kept || !row.known) {
        return 0.0;
    }
    if (!peak_valid(row.peak)) {
        return bitcast<f32>(p.nan);
    }
    let probability = exp_below(x - row.peak.top) / row.peak.sum;
    let own = p.keep * row.weight;
    let part = select(0.0, own, class_index == row.label);
    if (SMOOTH == 0u) {
        return probability * own - part;
    }
    let spread = p.spread * weight_of(class_index);
    return (probability * (own + p.spread * row.total) - spread) - part;
}

// What a row counts for in a mean.
fn count_of(row: Row) -> f32 {
    return select(0.0, row.weight, row.kept && row.known);
}

// A row's loss.
fn finish(row: Row, base: u32, dot: f32) -> f32 {
    let label = select(0u, row.label, row.known);
    let shifted = x[p.x_start + base + label * p.inner] - row.peak.top;
    return loss_of(row, shifted, dot);
}

// Computes a row and returns its loss; the gradient is multiplied by `scale`.
fn serial(line: u32, scale: f32) -> f32 {
    let outer = line / p.inner;
    let base = outer * p.n * p.inner + line - outer * p.inner;
    let first_x = p.x_start + base;
    var peak = peak_none();
    for (var i = 0u; i < p.n; i = i + 1u) {
        peak = peak_with(peak, x[first_x + i * p.inner]);
    }
    var total = 0.0;
    var dot = 0.0;
    if (SMOOTH == 1u) {
        for (var i = 0u; i < p.n; i = i + 1u) {
            let w = weight_of(i);
            total = total + w;
            dot = dot + w * (x[first_x + i * p.inner] - peak.top);
        }
    }
    let row = row_of(line, peak, total);
    counted[line] = count_of(row);
    for (var i = 0u; i < p.n; i = i + 1u) {
        dx[base + i * p.inner] = gradient_of(row, i, x[first_x + i * p.inner]) * scale;
    }
    return finish(row, base, dot);
}

// The sum of everybody's `part`, in a tree of fixed order.
fn sum_of(part: f32, local: u32) -> f32 {
    sums[local] = part;
    workgroupBarrier();
    for (var width = WG / 2u; width > 0u; width = width / 2u) {
        if (local < width) {
            sums[local] = sums[local] + sums[local + width];
        }
        workgroupBarrier();
    }
    let sum = sums[0];
    // Everybody has read it before the memory is used again.
    workgroupBarrier();
    return sum;
}

fn whole(local: u32) {
    var count = 0.0;
    for (var line = local; line < p.rows; line = line + WG) {
        count = count + count_of(row_of(line, peak_none(), 0.0));
    }
    count = sum_of(count, local);
    let scale = 1.0 / select(count, 1.0, count == 0.0);
    var sum = 0.0;
    for (var line = local; line < p.rows; line = line + WG) {
        sum = sum + serial(line, scale);
    }
    sum = sum_of(sum, local);
    if (local == 0u) {
        // All rows ignored: 0 / 0, which not every device computes as NaN.
        loss[0] = select(sum * scale, bitcast<f32>(p.nan), count == 0.0);
    }
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    if (WHOLE == 1u) {
        whole(local);
        return;
    }
    if (GROUP == 0u) {
        let line = linear_index(group, groups, local, WG);
        if (line < p.rows) {
            loss[line] = serial(line, 1.0);
        }
        return;
    }
    // Workgroups past the last row repeat it without storing, so that barriers are uniform.
    let item = group.x + group.y * groups.x;
    let line = min(item, p.rows - 1u);
    let outer = line / p.inner;
    let base = outer * p.n * p.inner + line - outer * p.inner;
    var peak = peak_none();
    for (var i = local; i < p.n; i = i + WG) {
        peak = peak_with(peak, x[p.x_start + base + i * p.inner]);
    }
    tops[local] = peak.top;
    sums[local] = peak.sum;
    bads[local] = peak.bad;
    workgroupBarrier();
    for (var width = WG / 2u; width > 0u; width = width / 2u) {
        if (local < width) {
            let other = local + width;
            let joined = peak_join(
                Peak(tops[local], sums[local], bads[local]),
                Peak(tops[other], sums[other], bads[other]),
            );
            tops[local] = joined.top;
            sums[local] = joined.sum;
            bads[local] = joined.bad;
        }
        workgroupBarrier();
    }
    peak = Peak(tops[0], sums[0], bads[0]);
    var total = 0.0;
    var dot = 0.0;
    if (SMOOTH == 1u) {
        for (var i = local; i < p.n; i = i + WG) {
            let w = weight_of(i);
            total = total + w;
            dot = dot + w * (x[p.x_start + base + i * p.inner] - peak.top);
        }
        // Everybody has read the peak before its memory holds these sums.
        workgroupBarrier();
        tops[local] = total;
        sums[local] = dot;
        workgroupBarrier();
        for (var width = WG / 2u; width > 0u; width = width / 2u) {
            if (local < width) {
                tops[local] = tops[local] + tops[local + width];
                sums[local] = sums[local] + sums[local + width];
            }
            workgroupBarrier();
        }
        total = tops[0];
        dot = sums[0];
    }
    if (item < p.rows) {
        let row = row_of(line, peak, total);
        if (local == 0u) {
            loss[line] = finish(row, base, dot);
            counted[line] = count_of(row);
        }
        for (var i = local; i < p.n; i = i + WG) {
            dx[base + i * p.inner] = gradient_of(row, i, x[p.x_start + base + i * p.inner]);
        }
    }
}
