//! The GPU executor of pointwise plans: one generated kernel, one dispatch.

use std::fmt::Write;
use std::sync::Arc;

use gradus_tensor::gpu::{Access, Gpu, GpuBuffer};
use gradus_tensor::{Array, Result};
use smallvec::SmallVec;

use super::emit::{Emitted, Emitter};
use super::plan::Plan;
use super::value::Leaf;
use super::wgsl::{library, register_type};
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
    let mode = mode(gpu, plan, out);
    let emit = |with_text: bool| -> (Emitted, SmallVec<[usize; 4]>) {
        let mut emitter = Emitter::new(plan, 0, with_text);
        if mode == Mode::Vector {
            emitter = emitter.by_four();
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
        kernel_text(plan, out, mode, &parts, &results)
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

/// Bytes must be packed; vectors pay where loads are wide and everything is dense.
fn mode(gpu: &Gpu, plan: &Plan, out: &[Array]) -> Mode {
    if out.iter().any(|array| array.dtype().size() == 1) {
        return Mode::Packed;
    }
    let aligned = |offset: usize| offset.is_multiple_of(4);
    let simple = plan.leaves.iter().all(|slot| match &slot.leaf {
        Leaf::Const(_) => true,
        Leaf::Array(_) => {
            slot.window.is_none()
                && slot.dtype.size() == 4
                && slot.layout.is_dense()
                && aligned(slot.layout.offset())
        }
        _ => false,
    });
    // A vector at the tail writes into the padding of the result's own memory, so a result that
    // shares its memory with others must end on a vector.
    let whole = plan.shape.numel().is_multiple_of(4);
    let own =
        out.iter().all(|a| aligned(a.layout().offset()) && (whole || a.storage().handles() <= 2));
    if simple && own && whole && !gpu.profile().software { Mode::Vector } else { Mode::Single }
}

fn kernel_text(
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
        Mode::Vector => vector_body(plan, results),
        Mode::Packed => packed_body(plan, out, results),
    };
    let Emitted { bindings, fields, functions, .. } = parts;
    let index = crate::gpu::common("index").unwrap_or_default();
    let library = library(functions);
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

fn vector_body(plan: &Plan, results: &[usize]) -> String {
    let mut text = String::from("    if (thread * 4u < p.n) {\n        let x = index_of(0u);\n");
    let arrays: Vec<usize> =
        (0..plan.leaves.len()).filter(|&k| matches!(plan.leaves[k].leaf, Leaf::Array(_))).collect();
    for &k in &arrays {
        let _ = writeln!(text, "        let w{k} = load{k}(thread);");
    }
    for (lane, name) in ["x", "y", "z", "w"].iter().enumerate() {
        let loaded: String = arrays.iter().map(|k| format!(", w{k}.{name}")).collect();
        let _ = writeln!(text, "        let r{lane} = evaluate(thread * 4u + {lane}u, x{loaded});");
    }
    for (k, binding) in results.iter().enumerate() {
        let (f, kind) = (field(plan, k), register_type(plan.dtype(plan.roots[k])));
        let _ = writeln!(
            text,
            "        b{binding}[p.out{k} / 4u + thread] = \
             vec4<{kind}>(r0{f}, r1{f}, r2{f}, r3{f});"
        );
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
