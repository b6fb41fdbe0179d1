//! The launch of `shaders/conv_direct.wgsl`: one invocation or workgroup for four results.

use std::sync::Arc;

use gradus_tensor::gpu::{Access, Gpu, GpuBuffer};
use gradus_tensor::{Array, DType, Result};
use smallvec::SmallVec;

use super::super::matmul::MatmulOp;
use super::super::matmul_gpu::{OWN_BINDINGS, Walk, finished, params};
use super::rule::{Direct, GROUP_SIZE, SERIAL_SIZE, quads};
use crate::expr::{Emitted, Plan, Width, emit_finish, library};
use crate::gpu::{Grid, Kernel, Launch, composed, launch};

/// Computes a product with the matrix of a convolution.
pub(super) fn run(
    gpu: &Arc<Gpu>,
    op: &MatmulOp,
    walk: &Walk,
    finish: Option<&Plan>,
    how: Direct,
) -> Result<Array> {
    let splits = op.geometry.k.div_ceil(how.chunk);
    finished(gpu, &op.out, splits, finish, |follow, out| {
        pass(gpu, op, walk, (how, splits), follow, out)
    })
}

fn pass(
    gpu: &Arc<Gpu>,
    op: &MatmulOp,
    walk: &Walk,
    (how, splits): (Direct, usize),
    (finish, parts): (Option<&Plan>, &Emitted),
    out: &Array,
) -> Result<()> {
    let g = &op.geometry;
    let size = if how.group { GROUP_SIZE } else { SERIAL_SIZE };
    let mut key: SmallVec<[u8; 128]> = SmallVec::from_slice(b"conv_direct");
    key.push(u8::from(how.group));
    key.extend(walk.key());
    key.extend_from_slice(&parts.key);
    let mut words = walk.words();
    words.extend_from_slice(&parts.words);
    let firsts = [op.a.layout().offset(), op.b.layout().offset()];
    let params = params(g, (how.chunk, splits), firsts, [g.n, 1, g.m * g.n], &words);
    let mut buffers: SmallVec<[&Arc<GpuBuffer>; 8]> = SmallVec::new();
    buffers.extend([&op.a, &op.b, out].into_iter().filter_map(Array::gpu_buffer));
    buffers.extend(&parts.buffers);
    let mut access: SmallVec<[Access; 8]> =
        SmallVec::from_slice(&[Access::Read, Access::Read, Access::ReadWrite]);
    access.extend_from_slice(&parts.access);
    let text = || {
        let parts = emit_finish(finish, OWN_BINDINGS, DType::F32, Some(Width::One));
        let functions = library(&parts.functions) + &parts.functions;
        let fields = Walk::fields() + &parts.fields;
        let walked = Walk::from_fields();
        let [dims, strided] = walk.tune();
        let tune = [("WG", size), ("GROUP", u32::from(how.group)), dims, strided];
        let holes = [
            ("bindings", parts.bindings.as_str()),
            ("params", fields.as_str()),
            ("functions", functions.as_str()),
            ("walk", walked.as_str()),
        ];
        composed("conv_direct", &tune, &holes)
    };
    let kernel = Kernel::Generated {
        key: &key,
        name: "conv_direct",
        access: &access,
        workgroup: [size, 1, 1],
        text: &text,
    };
    let items = (quads(g) * splits) as u64;
    let grid = Grid::Threads(if how.group { items * u64::from(size) } else { items });
    launch(gpu, &Launch { kernel, buffers: &buffers, params: &params, grid })
}
