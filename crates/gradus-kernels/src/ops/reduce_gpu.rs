//! Reductions on the GPU: the operand's expression is part of the kernel, so is what follows.

use std::sync::Arc;

use gradus_tensor::gpu::{Access, Gpu, GpuBuffer};
use gradus_tensor::{Array, DType, Device, Result};
use smallvec::SmallVec;

use super::reduce::{Reduce, Reduction};
use crate::expr::{Emitted, Emitter, Plan, Width, emit_finish, is_by_four, library, register_type};
use crate::gpu::{Grid, Kernel, Launch, composed, launch};

/// Invocations of a workgroup that reduces one result together.
const GROUP_SIZE: u32 = 256;
/// Invocations of a workgroup whose invocations work alone.
const SERIAL_SIZE: u32 = 64;
/// Loop passes of one invocation: lavapipe leaves loops after 65,535 of them without an error, and
/// a watchdog may end a kernel that takes too long.
const MOST_ITERATIONS: usize = 32_768;
/// Bindings of the shader file before those of the operand.
const OWN_BINDINGS: usize = 1;

/// How the work is split; depends on the shape and the device alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Split {
    group: bool,
    per_chunk: usize,
    chunks: usize,
}

/// The rule: workgroups share a result when its elements lie side by side and there are enough
/// for each invocation; results are split into chunks until the device is full.
fn split(software: bool, outputs: usize, count: usize, contiguous: bool) -> Split {
    let group = !software && contiguous && count >= GROUP_SIZE as usize;
    // Invocations (or workgroups) that keep a device busy; a software one has few lanes.
    let wanted = match (software, group) {
        (true, _) => 256,
        (false, true) => 512,
        (false, false) => 16_384,
    };
    // Shorter chunks would not pay for the second launch.
    let least = if group { 16 * GROUP_SIZE as usize } else { 256 };
    let chunks = (wanted / outputs.max(1)).min(count / least).max(1);
    let together = if group { GROUP_SIZE as usize } else { 1 };
    let chunks = chunks.max(count.div_ceil(MOST_ITERATIONS * together));
    // A multiple of four keeps chunks of whole vectors.
    let per_chunk = count.div_ceil(chunks).next_multiple_of(4);
    Split { group, per_chunk, chunks: count.div_ceil(per_chunk) }
}

/// Runs a reduction of the plan's root; `finish` is applied to each result.
///
/// # Errors
/// What compiling and recording can report.
pub(super) fn run(
    gpu: &Arc<Gpu>,
    op: &Reduction,
    plan: &Plan,
    finish: Option<&Plan>,
) -> Result<Array> {
    let acc = plan.dtype(plan.roots[0]);
    let shape = finish.map_or(&op.out, |f| &f.shape);
    let dtype = finish.map_or(acc, |f| f.dtype(f.roots[0]));
    let device = Device::from_gpu(gpu.clone());
    let out = Array::alloc(&device, shape, dtype)?;
    let outputs = op.out.numel();
    if outputs == 0 {
        return Ok(out);
    }
    let space = Space::of(&op.groups(&plan.shape));
    let count = plan.shape.numel() / outputs;
    let how = split(gpu.profile().software, outputs, count, space.gone[2].1 == 1);
    if how.chunks == 1 {
        pass(gpu, op.op, plan, finish, &space, (outputs, count), how, &out)?;
        return Ok(out);
    }
    let partial = Array::alloc(&device, [how.chunks, outputs], acc)?;
    pass(gpu, op.op, plan, None, &space, (outputs, count), how, &partial)?;
    let rest = Split { group: false, per_chunk: how.chunks, chunks: 1 };
    let space = Space {
        kept: [(1, 0), (1, 0), (outputs, 1)],
        gone: [(1, 0), (1, 0), (how.chunks, outputs)],
    };
    let partial = Plan::of_array(&partial);
    pass(gpu, op.op, &partial, finish, &space, (outputs, how.chunks), rest, &out)?;
    Ok(out)
}

/// (size, step) of the kept and reduced dimensions, padded to three in front.
struct Space {
    kept: [(usize, usize); 3],
    gone: [(usize, usize); 3],
}

impl Space {
    fn of(groups: &[(usize, bool)]) -> Self {
        let mut space = Space { kept: [(1, 0); 3], gone: [(1, 0); 3] };
        let (mut kept, mut gone, mut step) = (3, 3, 1);
        for &(size, is_kept) in groups.iter().rev() {
            let (list, at) = match is_kept {
                true => (&mut space.kept, &mut kept),
                false => (&mut space.gone, &mut gone),
            };
            *at -= 1;
            list[*at] = (size, step);
            step *= size;
        }
        space
    }

    fn is_nested(&self) -> bool {
        self.kept[1].0 * self.kept[0].0 * self.gone[1].0 * self.gone[0].0 > 1
    }

    /// Whether four reduced indices in order, from a multiple of four on, lie side by side from a
    /// multiple of four on.
    fn is_by_four(&self) -> bool {
        let four = |&(size, step): &(usize, usize)| size == 1 || step.is_multiple_of(4);
        self.gone[2].1 == 1
            && self.gone[2].0.is_multiple_of(4)
            && self.gone[..2].iter().chain(&self.kept).all(four)
    }

    fn words(&self) -> impl Iterator<Item = u32> + '_ {
        let list =
            |l: [(usize, usize); 3]| l.map(|d| d.0 as u32).into_iter().chain(l.map(|d| d.1 as u32));
        list(self.kept).chain(list(self.gone))
    }
}

#[allow(clippy::too_many_arguments, reason = "one launch, described once")]
fn pass(
    gpu: &Arc<Gpu>,
    op: Reduce,
    plan: &Plan,
    finish: Option<&Plan>,
    space: &Space,
    (outputs, count): (usize, usize),
    how: Split,
    out: &Array,
) -> Result<()> {
    let acc = plan.dtype(plan.roots[0]);
    let four = !how.group && space.is_by_four() && is_by_four(plan);
    let width = if four { Width::four(gpu.profile()) } else { Width::One };
    let emit = |with_text: bool| {
        let mut operand = Emitter::new(plan, OWN_BINDINGS, with_text).reading(width);
        operand.bind(&[]);
        let operand = operand.function("load_at");
        let next = OWN_BINDINGS + operand.buffers.len();
        (operand, emit_finish(finish, next, acc, with_text.then_some(Width::One)))
    };
    let (operand, epilogue) = emit(false);
    let nested = space.is_nested();
    let size = if how.group { GROUP_SIZE } else { SERIAL_SIZE };
    let mut key = b"reduce".to_vec();
    key.extend([op as u8, u8::from(how.group), u8::from(nested), operand.key.len() as u8]);
    key.extend_from_slice(&operand.key);
    key.extend_from_slice(&epilogue.key);
    let mut params: SmallVec<[u32; 40]> =
        SmallVec::from_slice(&[outputs, count, how.per_chunk, how.chunks].map(|v| v as u32));
    params.extend(space.words());
    params.extend_from_slice(&operand.words);
    params.extend_from_slice(&epilogue.words);
    let mut buffers: SmallVec<[&Arc<GpuBuffer>; 8]> = out.gpu_buffer().into_iter().collect();
    buffers.extend(operand.buffers.iter().chain(&epilogue.buffers));
    let mut access: SmallVec<[Access; 8]> = SmallVec::from_elem(Access::ReadWrite, 1);
    access.extend(operand.access.iter().chain(&epilogue.access).copied());
    let tune = [
        ("WG", size),
        ("GROUP", u32::from(how.group)),
        ("NESTED", u32::from(nested)),
        ("FOUR", u32::from(four)),
    ];
    let text = || {
        let (operand, epilogue) = emit(true);
        text(op, acc, operand, &epilogue, &tune)
    };
    let items = (outputs * how.chunks) as u64;
    let threads = if how.group { items * u64::from(size) } else { items };
    launch(
        gpu,
        &Launch {
            kernel: Kernel::Generated {
                key: &key,
                name: "reduce",
                access: &access,
                workgroup: [size, 1, 1],
                text: &text,
            },
            buffers: &buffers,
            params: &params,
            grid: Grid::Threads(threads),
        },
    )
}

/// The kernel's text. Of the two ways to load, the one that is not used has to be there.
fn text(
    op: Reduce,
    acc: DType,
    operand: Emitted,
    epilogue: &Emitted,
    tune: &[(&str, u32)],
) -> String {
    let kind = register_type(acc);
    let formula = op.def().formula;
    let combine =
        if acc == DType::F32 { formula.to_owned() } else { formula.replace("is_nan(b)", "false") };
    let functions = format!(
        "alias Acc = {kind};\nfn combine(a: Acc, b: Acc) -> Acc {{ return {combine}; }}\n{}",
        epilogue.functions
    );
    let loads = if tune.contains(&("FOUR", 1)) {
        "fn load(i: u32) -> Acc { return load_four(i / 4u).x; }\n\
         fn load_four(t: u32) -> vec4<Acc> { return load_at_four(t); }"
    } else {
        "fn load(i: u32) -> Acc { return load_at(i, index_of(i)); }\n\
         fn load_four(t: u32) -> vec4<Acc> { return vec4<Acc>(load(t)); }"
    };
    let Emitted { bindings, functions: evaluate, .. } = &operand;
    let load = format!("{bindings}{}{evaluate}{loads}", epilogue.bindings);
    let functions = library(&(functions.clone() + &load)) + &functions;
    let fields = operand.fields + &epilogue.fields;
    let holes = [("functions", functions.as_str()), ("params", fields.as_str()), ("load", &load)];
    composed("reduce", tune, &holes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_everything_and_stay_short() {
        for software in [false, true] {
            for contiguous in [false, true] {
                for (outputs, count) in
                    [(1, 1), (1, 255), (1, 1 << 24), (10, 100_003), (5000, 70_001), (3, 257)]
                {
                    let s = split(software, outputs, count, contiguous);
                    assert!(s.per_chunk * s.chunks >= count, "{s:?}");
                    assert!(s.per_chunk * (s.chunks - 1) < count, "no chunk is empty: {s:?}");
                    assert!(s.group || s.per_chunk <= MOST_ITERATIONS, "{s:?}");
                }
            }
        }
    }
}
