// Reduces elements that `load` computes: one result per kept index, over all reduced indices.
//
// Results and reduced elements are addressed by up to three kept and three reduced dimensions of
// the operand's index space, neighbours merged. The reduced indices are split into `chunks` parts
// when there are too few results to fill the device; a second launch over the parts finishes.
//
// GROUP = 0: one invocation per (result, chunk), results fastest, so that neighbours read
// neighbours when the last dimension is kept; no barriers, which is also what software adapters
// want. GROUP = 1: one workgroup per (result, chunk), whose invocations stride through a
// contiguous run; the tree in workgroup memory has a fixed order, so results are repeatable.

// @include common/index.wgsl

const WG: u32 = 64u; // @tune
const GROUP: u32 = 0u; // @tune
const NESTED: u32 = 1u; // @tune
// Four neighbours at a time: reduced indices lie side by side, runs and chunks are multiples of
// four. For GROUP = 0 only.
const FOUR: u32 = 0u; // @tune

// @hole functions
alias Acc = f32;
alias Out = f32;
fn combine(a: Acc, b: Acc) -> Acc { return a + b; }
fn finish(acc: Acc, i: u32) -> Out { return acc; }
// @end

struct Params {
    outputs: u32,
    count: u32,
    per_chunk: u32,
    chunks: u32,
    kept0: u32,
    kept1: u32,
    kept2: u32,
    kept_step0: u32,
    kept_step1: u32,
    kept_step2: u32,
    gone0: u32,
    gone1: u32,
    gone2: u32,
    gone_step0: u32,
    gone_step1: u32,
    gone_step2: u32,
    // @hole params
    // @end
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read_write> out: array<Out>;

// @hole load
@group(0) @binding(1) var<storage, read> source: array<f32>;
fn load(i: u32) -> Acc { return source[i]; }
fn load_four(t: u32) -> vec4<Acc> { return vec4<Acc>(load(t)); }
// @end

var<workgroup> partial: array<Acc, WG>;

fn kept_position(o: u32) -> u32 {
    if (NESTED == 0u) {
        return o * p.kept_step2;
    }
    let rest = quotient(o, p.kept2);
    let first = quotient(rest, p.kept1);
    return first * p.kept_step0 + (rest - first * p.kept1) * p.kept_step1
        + (o - rest * p.kept2) * p.kept_step2;
}

// A reduced index by dimensions; those that come `step` later are found without a division.
fn gone_at(r: u32) -> vec3<u32> {
    if (NESTED == 0u) {
        return vec3<u32>(0u, 0u, r);
    }
    let rest = quotient(r, p.gone2);
    let first = quotient(rest, p.gone1);
    return vec3<u32>(first, rest - first * p.gone1, r - rest * p.gone2);
}
fn gone_after(at: vec3<u32>, step: vec3<u32>) -> vec3<u32> {
    var next = at + step;
    if (NESTED == 1u) {
        let inner_over = next.z >= p.gone2;
        next.z = next.z - select(0u, p.gone2, inner_over);
        next.y = next.y + select(0u, 1u, inner_over);
        let over = next.y >= p.gone1;
        next.y = next.y - select(0u, p.gone1, over);
        next.x = next.x + select(0u, 1u, over);
    }
    return next;
}

fn gone_position(at: vec3<u32>) -> u32 {
    if (NESTED == 0u) {
        return at.z * p.gone_step2;
    }
    return at.x * p.gone_step0 + at.y * p.gone_step1 + at.z * p.gone_step2;
}

fn combine_four(a: vec4<Acc>, b: vec4<Acc>) -> vec4<Acc> {
    return vec4<Acc>(
        combine(a.x, b.x),
        combine(a.y, b.y),
        combine(a.z, b.z),
        combine(a.w, b.w),
    );
}

fn store(o: u32, chunk: u32, acc: Acc) {
    let at = chunk * p.outputs + o;
    out[at] = finish(acc, at);
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    if (GROUP == 0u) {
        let thread = linear_index(group, groups, local, WG);
        if (thread < p.outputs * p.chunks) {
            let chunk = quotient(thread, p.outputs);
            let o = thread - chunk * p.outputs;
            let base = kept_position(o);
            let first = chunk * p.per_chunk;
            let end = min(first + p.per_chunk, p.count);
            // `load` is written once: it may be long, and its code is in every place.
            var acc: Acc;
            var at = gone_at(first);
            if (FOUR == 1u) {
                let step = gone_at(4u);
                var four: vec4<Acc>;
                for (var r = first; r < end; r = r + 4u) {
                    let next = load_four((base + gone_position(at)) / 4u);
                    at = gone_after(at, step);
                    if (r == first) {
                        four = next;
                    } else {
                        four = combine_four(four, next);
                    }
                }
                acc = combine(combine(four.x, four.y), combine(four.z, four.w));
                store(o, chunk, acc);
                return;
            }
            let step = gone_at(1u);
            for (var r = first; r < end; r = r + 1u) {
                let next = load(base + gone_position(at));
                at = gone_after(at, step);
                if (r == first) {
                    acc = next;
                } else {
                    acc = combine(acc, next);
                }
            }
            store(o, chunk, acc);
        }
        return;
    }
    // Whole workgroups leave together, so the barriers below are uniform.
    let item = group.x + group.y * groups.x;
    let chunk = quotient(item, p.outputs);
    let o = item - chunk * p.outputs;
    let base = kept_position(o);
    let first = chunk * p.per_chunk;
    let end = min(first + p.per_chunk, p.count);
    // The last chunk may be shorter than the workgroup: invocations without an element of their
    // own load a neighbour's and stay out of the tree.
    let live = min(WG, end - min(first, end));
    var at = gone_at(min(first + local, p.count - 1u));
    var acc = load(base + gone_position(at));
    let step = gone_at(WG);
    for (var r = first + local + WG; r < end; r = r + WG) {
        at = gone_after(at, step);
        acc = combine(acc, load(base + gone_position(at)));
    }
    partial[local] = acc;
    workgroupBarrier();
    for (var width = WG / 2u; width > 0u; width = width / 2u) {
        if (local < width && local + width < live) {
            partial[local] = combine(partial[local], partial[local + width]);
        }
        workgroupBarrier();
    }
    if (local == 0u && chunk < p.chunks) {
        store(o, chunk, partial[0]);
    }
}
