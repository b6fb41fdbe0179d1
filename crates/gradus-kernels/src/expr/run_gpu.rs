//! The GPU executor of pointwise plans: one generated kernel, one dispatch.

use std::fmt::Write;
use std::sync::Arc;

use gradus_tensor::capture::is_recording;
use gradus_tensor::gpu::{Access, Gpu, GpuBuffer};
use gradus_tensor::{Array, Result};
use smallvec::SmallVec;

use super::emit::{Emitted, Emitter};
use super::plan::{LeafSlot, Plan};
use super::value::Leaf;
use super::wgsl::library;
use super::width::{Width, is_by_four};
use crate::gpu::{Grid, Kernel, Launch, launch};

/// Invocations of a workgroup: several subgroups on every device.
const WORKGROUP: u32 = 64;

/// How many elements an invocation computes, and how they are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// One element.
    Single,
    /// Four neighbours, read and written as one vector.
    Vector,
    /// Four neighbours, packed into a word where results are bytes.
    Packed,
}

/// Runs a plan into dense arrays, one a root.
///
/// # Errors
/// What compiling and recording can report.
pub(crate) fn pointwise(gpu: &Arc<Gpu>, plan: &Plan, out: &[Array]) -> Result<()> {
    if let Some((parts, into)) = joined(plan, out) {
        return join(gpu, parts, into);
    }
    let together = brought_together(gpu, plan)?;
    let plan = together.as_ref().unwrap_or(plan);
    let mode = mode(plan, out);
    let emit = |with_text: bool| -> (Emitted, SmallVec<[usize; 4]>) {
        let mut emitter = Emitter::new(plan, 0, with_text);
        if mode == Mode::Vector {
            emitter = emitter.reading(Width::four(gpu.profile()));
        }
        let results = emitter.bind(out);
        (emitter.function("evaluate"), results)
    };
    let (mut parts, results) = emit(false);
    parts.key.push(mode as u8);
    parts.key.extend(results.iter().map(|&r| r as u8));
    let n = plan.shape.numel();
    let mut params: SmallVec<[u32; 40]> = SmallVec::from_slice(&[n as u32]);
    for array in out {
        params.push(array.layout().offset() as u32);
    }
    params.extend_from_slice(&parts.words);
    let buffers: SmallVec<[&Arc<GpuBuffer>; 8]> = parts.buffers.iter().collect();
    let access: SmallVec<[Access; 8]> = parts.access.clone();
    let text = || {
        let (parts, results) = emit(true);
        kernel_text(gpu, plan, out, mode, &parts, &results)
    };
    let threads = if mode == Mode::Single { n } else { n.div_ceil(4) };
    launch(
        gpu,
        &Launch {
            kernel: Kernel::Generated {
                key: &parts.key,
                name: "pointwise",
                access: &access,
                workgroup: [WORKGROUP, 1, 1],
                text: &text,
            },
            buffers: &buffers,
            params: &params,
            grid: Grid::Threads(threads as u64),
        },
    )
}

/// The parts of a concatenation that nothing is computed of, and where they go: no kernel is worth
/// compiling for it. A recording is of kernels.
fn joined<'a>(plan: &'a Plan, out: &'a [Array]) -> Option<(&'a [(Array, usize)], &'a Array)> {
    let ([slot], [0], [into]) = (&plan.leaves[..], &plan.roots[..], out) else { return None };
    let Leaf::Concat(parts) = &slot.leaf else { return None };
    let apart = parts.iter().all(|(part, _)| !part.storage().same(into.storage()));
    (plan.steps.is_empty() && into.dtype().size() == 4 && apart && !is_recording())
        .then_some((&parts[..], into))
}

/// The plan with copies in place of concatenations, on an adapter that computes on the processor:
/// there a kernel walks through the branches of all parts for every element.
fn brought_together(gpu: &Gpu, plan: &Plan) -> Result<Option<Plan>> {
    let parts = |slot: &LeafSlot| match &slot.leaf {
        Leaf::Concat(parts) if slot.dtype.size() == 4 && parts.len() > 2 => Some(parts.clone()),
        _ => None,
    };
    let wanted = gpu.profile().software && !is_recording();
    if !wanted || !plan.leaves.iter().any(|slot| parts(slot).is_some()) {
        return Ok(None);
    }
    let mut plan = plan.clone();
    for slot in &mut plan.leaves {
        if let Some(parts) = parts(slot) {
            let into = Array::alloc(&plan.device, slot.layout.shape(), slot.dtype)?;
            join(gpu, &parts, &into)?;
            slot.leaf = Leaf::Array(into);
        }
    }
    Ok(Some(plan))
}

/// Copies the parts to their places and clears what is between them.
fn join(gpu: &Gpu, parts: &[(Array, usize)], into: &Array) -> Result<()> {
    let Some(dest) = into.gpu_buffer() else { return Ok(()) };
    let at = |element: usize| 4 * (into.layout().offset() + element) as u64;
    let mut done = 0;
    for (part, start) in parts {
        let Some(source) = part.gpu_buffer() else { continue };
        gpu.clear(dest, at(done), at(*start) - at(done))?;
        let bytes = 4 * part.shape().numel() as u64;
        gpu.copy(source, 4 * part.layout().offset() as u64, dest, at(*start), bytes)?;
        done = start + part.shape().numel();
    }
    gpu.clear(dest, at(done), at(into.shape().numel()) - at(done))
}

/// Bytes must be packed; vectors pay where everything is dense.
fn mode(plan: &Plan, out: &[Array]) -> Mode {
    if out.iter().any(|array| array.dtype().size() == 1) {
        return Mode::Packed;
    }
    let whole = plan.shape.numel().is_multiple_of(4);
    let aligned = out.iter().all(|a| a.layout().offset().is_multiple_of(4));
    if is_by_four(plan) && whole && aligned { Mode::Vector } else { Mode::Single }
}

fn kernel_text(
    gpu: &Gpu,
    plan: &Plan,
    out: &[Array],
    mode: Mode,
    parts: &Emitted,
    results: &[usize],
) -> String {
    let mut offsets = String::new();
    for k in 0..out.len() {
        let _ = writeln!(offsets, "    out{k}: u32,");
    }
    let body = match mode {
        Mode::Single => single_body(plan, results),
        Mode::Vector => vector_body(Width::four(gpu.profile()), plan, results),
        Mode::Packed => packed_body(plan, out, results),
    };
    let Emitted { bindings, fields, functions, .. } = parts;
    let index = crate::gpu::common("index").unwrap_or_default();
    let library = library(&(functions.clone() + &body));
    format!(
        "{index}{library}const WG: u32 = {WORKGROUP}u; // @tune\n\
         struct Params {{\n    n: u32,\n{offsets}{fields}}}\n\
         @group(1) @binding(0) var<uniform> p: Params;\n{bindings}{functions}\
         @compute @workgroup_size(WG)\nfn main(\n    \
         @builtin(workgroup_id) group: vec3<u32>,\n    \
         @builtin(num_workgroups) groups: vec3<u32>,\n    \
         @builtin(local_invocation_index) local: u32,\n) {{\n    \
         let thread = linear_index(group, groups, local, WG);\n{body}}}\n"
    )
}

/// `.r0`, `.r1` … of several roots, nothing of one.
fn field(plan: &Plan, k: usize) -> String {
    if plan.roots.len() == 1 { String::new() } else { format!(".r{k}") }
}

fn single_body(plan: &Plan, results: &[usize]) -> String {
    let mut text = String::from(
        "    if (thread < p.n) {\n        let r = evaluate(thread, index_of(thread));\n",
    );
    for (k, binding) in results.iter().enumerate() {
        let field = field(plan, k);
        let _ = writeln!(text, "        b{binding}[p.out{k} + thread] = r{field};");
    }
    text + "    }\n"
}

fn vector_body(width: Width, plan: &Plan, results: &[usize]) -> String {
    let mut text =
        String::from("    if (thread * 4u < p.n) {\n        let r = evaluate_four(thread);\n");
    for (k, binding) in results.iter().enumerate() {
        let four = width.stored(&format!("r{}", field(plan, k)));
        let _ = writeln!(text, "        b{binding}[p.out{k} / 4u + thread] = {four};");
    }
    text + "    }\n"
}

fn packed_body(plan: &Plan, out: &[Array], results: &[usize]) -> String {
    let mut text = String::new();
    let bytes: Vec<usize> = (0..out.len()).filter(|&k| out[k].dtype().size() == 1).collect();
    for k in &bytes {
        let _ = writeln!(text, "    var word{k} = 0u;");
    }
    text.push_str(
        "    for (var lane = 0u; lane < 4u; lane = lane + 1u) {\n        \
         let i = thread * 4u + lane;\n        if (i < p.n) {\n            \
         let r = evaluate(i, index_of(i));\n",
    );
    for (k, binding) in results.iter().enumerate() {
        let f = field(plan, k);
        let _ = if bytes.contains(&k) {
            writeln!(text, "            word{k} = word{k} | (u32(r{f}) << (lane * 8u));")
        } else {
            writeln!(text, "            b{binding}[p.out{k} + i] = r{f};")
        };
    }
    text.push_str("        }\n    }\n    if (thread * 4u < p.n) {\n");
    for &k in &bytes {
        let binding = results[k];
        let _ = writeln!(text, "        b{binding}[p.out{k} / 4u + thread] = word{k};");
    }
    text + "    }\n"
}
