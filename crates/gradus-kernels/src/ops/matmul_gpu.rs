//! Matrix products on the GPU: the rule picks a kernel, k is split where the result is small, and
//! what follows the product is computed before its elements are stored.

mod direct;
mod rule;
mod text;
mod walk;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use gradus_tensor::gpu::{Access, Gpu, GpuBuffer, Profile};
use gradus_tensor::{Array, DType, Device, Kind, Result, Shape};
use smallvec::SmallVec;

use super::matmul::{MatmulGeometry, MatmulOp};
use crate::expr::{Emitted, Plan, Width, emit_finish, library};
use crate::gpu::{Grid, Kernel, Launch, composed, launch};
use direct::{Columns, Results};
pub(super) use rule::{Choice, choose_walked, pieces};
pub(super) use rule::{LANES, Variant};
use rule::{Load, SKINNY_COLUMNS, batches, choose, loads, transposed, walk_loads};
#[cfg(test)]
pub(super) use rule::{MOST_TERMS, Tile};
pub(super) use walk::{Scatter, Walk};

/// Bindings of the product kernels before those of the epilogue: a, b and the result.
pub(super) const OWN_BINDINGS: usize = 3;
/// Bindings of the kernel that adds copies: the copies and the result.
const SUM_BINDINGS: usize = 2;
/// Invocations of a workgroup of the kernel that adds copies.
const SUM_SIZE: u32 = 64;
/// Invocations of a workgroup of the skinny kernel.
const SKINNY_SIZE: u32 = 256;

/// Computes a product; `finish` is applied to each element.
///
/// # Errors
/// `Kind::Unsupported` for other types than float32 and for more elements than 32 bits count;
/// what compiling and recording can report.
pub(super) fn run(gpu: &Arc<Gpu>, op: &MatmulOp, finish: Option<&Plan>) -> Result<Array> {
    check(op)?;
    run_as(gpu, op, None, finish, choose(&op.geometry, gpu.profile()))
}

/// Computes a product whose `b` is the matrix of a convolution if there is a `walk`.
///
/// # Errors
/// What compiling and recording can report.
pub(super) fn run_as(
    gpu: &Arc<Gpu>,
    op: &MatmulOp,
    walk: Option<&Walk>,
    finish: Option<&Plan>,
    how: Choice,
) -> Result<Array> {
    let splits = op.geometry.k.div_ceil(how.chunk);
    finished(gpu, &op.out, splits, finish, |follow, out| product(gpu, op, walk, how, follow, out))
}

/// Runs a kernel that computes `splits` copies of a result and, if there is one copy and enough
/// bindings, `finish`; otherwise a second kernel adds the copies and applies it.
pub(super) fn finished(
    gpu: &Arc<Gpu>,
    shape: &Shape,
    splits: usize,
    finish: Option<&Plan>,
    kernel: impl Fn((Option<&Plan>, &Emitted), &Array) -> Result<()>,
) -> Result<Array> {
    let device = Device::from_gpu(gpu.clone());
    let last = finish.map_or(shape, |plan| &plan.shape);
    let dtype = finish.map_or(DType::F32, |plan| plan.dtype(plan.roots[0]));
    let out = Array::alloc(&device, last, dtype)?;
    let parts = emit_finish(finish, OWN_BINDINGS, DType::F32, None);
    let bindings = OWN_BINDINGS + parts.buffers.len();
    if splits == 1 && bindings <= gpu.profile().max_storage_buffers as usize {
        kernel((finish, &parts), &out)?;
        return Ok(out);
    }
    let copies = Array::alloc(&device, [splits, shape.numel()], DType::F32)?;
    let plain = emit_finish(None, OWN_BINDINGS, DType::F32, None);
    kernel((None, &plain), &copies)?;
    sum(gpu, &copies, finish, &out)?;
    Ok(out)
}

/// Kernels count elements with 32 bits.
fn check(op: &MatmulOp) -> Result<()> {
    let unsupported =
        |what: String| Err(Kind::Unsupported { op: "matmul", what, place: "on a GPU" }.into());
    if op.a.dtype() != DType::F32 {
        return unsupported(format!("{}", op.a.dtype()));
    }
    let g = &op.geometry;
    let fits = |n: usize, most: u32| n <= most as usize;
    // Counters step past the end by less than a tile.
    let sizes = [g.m, g.n, g.k, batches(g)].iter().all(|&n| fits(n, i32::MAX as u32));
    let spans = [&op.a, &op.b].iter().all(|x| fits(x.layout().span().1, u32::MAX));
    if !sizes || !spans || !fits(op.out.numel(), i32::MAX as u32) {
        let (a, b) = (op.a.shape(), op.b.shape());
        return unsupported(format!("a product of more than 2^31 elements; a {a}, b {b}"));
    }
    Ok(())
}

/// Records the product kernel, with copies of the result for all pieces of k in `out`.
pub(super) fn product(
    gpu: &Arc<Gpu>,
    op: &MatmulOp,
    walk: Option<&Walk>,
    how: Choice,
    (finish, parts): (Option<&Plan>, &Emitted),
    out: &Array,
) -> Result<()> {
    let turned;
    let [m, n] = [op.geometry.m, op.geometry.n];
    let (g, a, b, c) = if let Some(scatter) = walk.and_then(|walk| walk.scatter) {
        (&op.geometry, &op.a, &op.b, [scatter.row, 1, m * scatter.row])
    } else if how.swap {
        turned = transposed(&op.geometry);
        (&turned, &op.b, &op.a, [1, n, m * n])
    } else {
        (&op.geometry, &op.a, &op.b, [n, 1, m * n])
    };
    let firsts = [a.layout().offset(), b.layout().offset()];
    let splits = g.k.div_ceil(how.chunk).max(1);
    let mut words: SmallVec<[u32; 40]> = SmallVec::new();
    let mut key: SmallVec<[u8; 128]> = SmallVec::from_slice(b"matmul");
    if let Some(walk) = walk {
        words.extend(walk.words());
        key.extend(walk.key());
    }
    // Terms of a that are neighbours, in memory that is whole words.
    let a_words = g.a[3] == 1 && a.gpu_buffer().is_some_and(|buffer| buffer.size() % 8 == 0);
    let (variant, loads) = loading(how, g, walk, (firsts, a_words), gpu.profile());
    let sides_changed;
    let (g, c) = match variant {
        Variant::Turned { .. } => {
            sides_changed = MatmulGeometry { m: g.n, n: g.m, ..*g };
            (&sides_changed, [c[1], c[0], c[2]])
        }
        _ => (g, c),
    };
    let results = stored(variant, (g.n, c), walk, parts.row, gpu.profile());
    key.extend(variant_key(variant, loads));
    key.extend([results.even, results.in_row].map(u8::from));
    key.extend_from_slice(&parts.key);
    words.extend_from_slice(&parts.words);
    let params = params(g, (how.chunk, splits), firsts, c, &words);
    let mut buffers: SmallVec<[&Arc<GpuBuffer>; 8]> = SmallVec::new();
    buffers.extend([a, b, out].into_iter().filter_map(Array::gpu_buffer));
    buffers.extend(&parts.buffers);
    let mut access: SmallVec<[Access; 8]> =
        SmallVec::from_slice(&[Access::Read, Access::Read, Access::ReadWrite]);
    access.extend_from_slice(&parts.access);
    let four = Width::four(gpu.profile());
    let text = || product_text(variant, loads, walk, finish, (four, results));
    let (name, size) = match variant {
        Variant::Direct { .. }
        | Variant::Pairs { .. }
        | Variant::Runs { .. }
        | Variant::Turned { .. } => ("matmul_direct", LANES),
        Variant::Vector { .. } => ("matmul_vector", LANES),
        Variant::Tiled(tile) => ("matmul_tiled", tile.invocations()),
        Variant::Skinny { .. } => ("matmul_skinny", SKINNY_SIZE),
    };
    let groups = variant.workgroups(g) as u64 * splits as u64;
    let kernel = Kernel::Generated {
        key: &key,
        name,
        access: &access,
        workgroup: [size, 1, 1],
        text: &text,
    };
    let grid = Grid::Threads(groups * u64::from(size));
    launch(gpu, &Launch { kernel, buffers: &buffers, params: &params, grid })
}

/// How the direct kernel can store results whose elements are `c` apart; `row`: the last dimension
/// of what follows.
fn stored(
    variant: Variant,
    (n, c): (usize, [usize; 3]),
    walk: Option<&Walk>,
    row: Option<usize>,
    profile: &Profile,
) -> Results {
    // Whether so many columns, from a multiple of them on, lie side by side.
    let together = |columns: u32| match walk.and_then(|walk| Some((walk, walk.scatter?))) {
        None => c[1] == 1 && [c[0], n].iter().all(|n| n % columns as usize == 0),
        Some((walk, scatter)) => scatter.keeps_together(walk, columns),
    };
    let whole = |run: u32| row.is_none_or(|row| row % run as usize == 0) && together(run);
    let in_row = match variant {
        Variant::Runs { columns, run, .. } => columns == run.columns && whole(columns),
        _ => false,
    };
    Results { even: profile.words && together(2), in_row }
}

/// The variant that loads operands in the best way there is, and that way; `a_words` says that
/// terms of a lie side by side in whole words.
fn loading(
    how: Choice,
    g: &MatmulGeometry,
    walk: Option<&Walk>,
    (firsts, a_words): ([usize; 2], bool),
    profile: &Profile,
) -> (Variant, [Load; 2]) {
    let [pairs, fours] = [2, 4].map(|width| loads(g, how.chunk, firsts, width));
    let Some(walk) = walk else {
        let variant = how.variant.by_fours(fours, profile);
        let variant = variant.by_pairs(pairs, [g.k, how.chunk], profile);
        let is_paired = matches!(variant, Variant::Pairs { .. });
        return (variant, if is_paired { pairs } else { fours });
    };
    match how.variant.by_runs(walk, g, how.chunk) {
        mut variant @ (Variant::Runs { .. } | Variant::Turned { .. }) => {
            let [mut a, b] = walk_loads(walk, pairs[0], 2);
            let across = a_words && matches!(variant, Variant::Runs { .. });
            if let Variant::Runs { run, .. } | Variant::Turned { run, .. } = &mut variant {
                a.vector = profile.words
                    && match run.terms.is_multiple_of(2) {
                        true => a.vector,
                        false => run.terms > 1 && across,
                    };
                if profile.words {
                    *run = run.by_pairs(walk, g, firsts[1]);
                }
            }
            (variant, [a, b])
        }
        variant => (variant, walk_loads(walk, fours[0], 4)),
    }
}

/// The parameter block of `shaders/common/matmul.wgsl`, with `others` at its end. Negative strides
/// wrap around.
pub(super) fn params(
    g: &MatmulGeometry,
    (chunk, splits): (usize, usize),
    firsts: [usize; 2],
    c: [usize; 3],
    others: &[u32],
) -> SmallVec<[u32; 40]> {
    let sizes = [g.m, g.n, g.k, g.batch[1], batches(g), splits, chunk];
    let mut words: SmallVec<[u32; 40]> = sizes.iter().map(|&n| n as u32).collect();
    for (first, strides) in firsts.into_iter().zip([g.a, g.b]) {
        words.push(first as u32);
        words.extend(strides.map(|stride| stride as u32));
    }
    words.extend(c.map(|stride| stride as u32));
    words.push((batches(g) * g.m * g.n) as u32);
    words.extend_from_slice(others);
    words
}

/// Everything that a variant's text depends on.
fn variant_key(variant: Variant, [a, b]: [Load; 2]) -> SmallVec<[u8; 128]> {
    let mut key: SmallVec<[u8; 128]> = SmallVec::new();
    match variant {
        Variant::Direct { rows, columns, shuffle } => {
            key.extend([b'd', rows as u8, columns as u8, u8::from(shuffle)]);
        }
        Variant::Runs { rows, columns, run } | Variant::Turned { rows, columns, run } => {
            let kind = if matches!(variant, Variant::Turned { .. }) { b'T' } else { b'r' };
            key.extend([kind, rows as u8, columns as u8, run.columns as u8, run.terms as u8]);
            key.extend([run.backwards, run.slides, a.vector].map(u8::from));
            key.push(run.pairs.map_or(2, u8::from));
        }
        Variant::Pairs { rows, columns, terms } => {
            key.extend([b'p', rows as u8, columns as u8, terms as u8]);
            key.extend([a.along_k, a.vector, b.along_k, b.vector].map(u8::from));
        }
        Variant::Vector { along_k } => key.extend([b'v', u8::from(along_k)]),
        Variant::Tiled(tile) => {
            key.extend([b't', tile.size as u8, tile.depth as u8, tile.each as u8]);
            key.extend([a.along_k, a.vector, b.along_k, b.vector].map(u8::from));
        }
        Variant::Skinny { rows, along_k } => key.extend([b's', rows as u8, u8::from(along_k)]),
    }
    key
}

fn product_text(
    variant: Variant,
    [a, b]: [Load; 2],
    walk: Option<&Walk>,
    finish: Option<&Plan>,
    (four, results): (Width, Results),
) -> String {
    let mut stores = Width::One;
    let mut direct = |tile: direct::Tile| {
        let tune = [("TM", tile.rows), ("TN", tile.columns)];
        let found = walk.map(Walk::direct_functions).unwrap_or_default();
        stores = tile.stores();
        ("matmul_direct", SmallVec::from_slice(&tune), direct::holes(&tile, &found))
    };
    let (name, tune, own): (_, SmallVec<[(&str, u32); 8]>, _) = match variant {
        Variant::Direct { rows, columns, shuffle } => {
            let [a, b] = [a, b].map(|load| Load { vector: false, ..load });
            let b = if walk.is_some() { Columns::Walk } else { Columns::Strides(b) };
            direct(direct::Tile { rows, columns, terms: 1, shuffle, a, b, results })
        }
        Variant::Pairs { rows, columns, terms } => {
            let b = Columns::Strides(b);
            direct(direct::Tile { rows, columns, terms, shuffle: true, a, b, results })
        }
        Variant::Turned { rows, columns, run } => {
            let (terms, b) = (run.terms, Columns::Turned(run));
            direct(direct::Tile { rows, columns, terms, shuffle: true, a, b, results })
        }
        Variant::Runs { rows, columns, run } => {
            let (terms, b) = (run.terms, Columns::Runs(run));
            direct(direct::Tile { rows, columns, terms, shuffle: true, a, b, results })
        }
        Variant::Vector { along_k } => {
            let load = text::vector_load(four);
            let own = vec![("product", text::vector_product(along_k)), ("load_b", load)];
            let columns = variant.tile()[1] as u32 / LANES;
            ("matmul_vector", SmallVec::from_slice(&[("COLUMNS", columns)]), own)
        }
        Variant::Tiled(tile) => {
            let tune = [
                ("BM", tile.size),
                ("BN", tile.size),
                ("BK", tile.depth),
                ("TM", tile.each),
                ("TN", tile.each),
                ("WG", tile.invocations()),
                ("A_ALONG_K", u32::from(a.along_k)),
                ("B_ALONG_K", u32::from(b.along_k)),
            ];
            ("matmul_tiled", SmallVec::from_slice(&tune), text::tiled_holes(tile, [a, b], walk))
        }
        Variant::Skinny { rows, along_k } => {
            let columns = SKINNY_COLUMNS[usize::from(along_k)];
            let along_k = u32::from(along_k);
            let tune = [("TM", rows), ("COLUMNS", columns), ("ALONG_K", along_k)];
            ("matmul_skinny", SmallVec::from_slice(&tune), Vec::new())
        }
    };
    let parts = emit_finish(finish, OWN_BINDINGS, DType::F32, Some(stores));
    let texts = own.iter().map(|(_, text)| text.as_str()).chain([parts.functions.as_str()]);
    let functions = library(&texts.collect::<String>()) + &parts.functions;
    let fields = walk.map(|_| Walk::fields()).unwrap_or_default() + &parts.fields;
    let mut holes: SmallVec<[(&str, &str); 8]> = SmallVec::from_slice(&[
        ("bindings", parts.bindings.as_str()),
        ("params", fields.as_str()),
        ("functions", functions.as_str()),
    ]);
    holes.extend(walk.and_then(Walk::column).map(|text| ("column", text)));
    holes.extend(own.iter().map(|(hole, text)| (*hole, text.as_str())));
    composed(name, &tune, &holes)
}

/// Adds the copies of a result, in order, and applies the epilogue.
fn sum(gpu: &Arc<Gpu>, copies: &Array, finish: Option<&Plan>, out: &Array) -> Result<()> {
    let parts = emit_finish(finish, SUM_BINDINGS, DType::F32, None);
    let [splits, count] = [copies.shape()[0], copies.shape()[1]];
    let mut key: SmallVec<[u8; 128]> = SmallVec::from_slice(b"matmul_sum");
    key.extend_from_slice(&parts.key);
    let mut params: SmallVec<[u32; 40]> = SmallVec::from_slice(&[count as u32, splits as u32]);
    params.extend_from_slice(&parts.words);
    let mut buffers: SmallVec<[&Arc<GpuBuffer>; 8]> = SmallVec::new();
    buffers.extend([copies, out].into_iter().filter_map(Array::gpu_buffer));
    buffers.extend(&parts.buffers);
    let mut access: SmallVec<[Access; 8]> =
        SmallVec::from_slice(&[Access::Read, Access::ReadWrite]);
    access.extend_from_slice(&parts.access);
    let text = || {
        let parts = emit_finish(finish, SUM_BINDINGS, DType::F32, Some(Width::One));
        let functions = library(&parts.functions) + &parts.functions;
        let holes = [
            ("bindings", parts.bindings.as_str()),
            ("params", parts.fields.as_str()),
            ("functions", functions.as_str()),
        ];
        composed("matmul_sum", &[("WG", SUM_SIZE)], &holes)
    };
    let kernel = Kernel::Generated {
        key: &key,
        name: "matmul_sum",
        access: &access,
        workgroup: [SUM_SIZE, 1, 1],
        text: &text,
    };
    let grid = Grid::Threads(count as u64);
    launch(gpu, &Launch { kernel, buffers: &buffers, params: &params, grid })
}
