//! The launch of warps.

use std::sync::Arc;

use gradus_tensor::gpu::Gpu;
use gradus_tensor::{Array, DType, Device, Result, Shape};

use super::lines_gpu::{bytes, fresh, memory, run as launch, start};
use super::warp::{Warp, WarpBorder, WarpGeometry, WarpMap, WarpMode};
use crate::gpu::Grid;

/// Words of a map in the shader.
const WORDS: usize = 16;

/// Warps a dense batch with elements.
///
/// # Errors
/// What compiling and recording can report.
pub(super) fn run(
    gpu: &Arc<Gpu>,
    g: &WarpGeometry,
    x: &Array,
    maps: &[WarpMap],
    field: Option<&Array>,
    how: &Warp,
    shape: &Shape,
) -> Result<Array> {
    let out = fresh(gpu, shape, x.dtype())?;
    let fill: &[f32] = match &how.border {
        WarpBorder::Fill(fill) => fill,
        _ => &[],
    };
    let mut words = Vec::with_capacity(maps.len() * WORDS + fill.len());
    for map in maps {
        let map = map.words();
        let flag = if map.affine { 1.0 } else { 0.0 };
        words.extend(map.high.into_iter().chain(map.low).chain(map.constant).chain(map.divisor));
        words.extend([flag, 0.0, 0.0]);
    }
    words.extend(fill);
    let maps_on = Array::from_slice(&words, words.len())?.to(&Device::from_gpu(gpu.clone()))?;
    let total = shape.numel();
    let flag = |own: bool| usize::from(own) as u32;
    let params = [
        total as u32,
        g.c as u32,
        g.from[0] as u32,
        g.from[1] as u32,
        g.to[0] as u32,
        g.to[1] as u32,
        flag(g.own_map),
        flag(g.own_field),
        start(x),
        start(&maps_on),
        field.map_or(0, start),
        start(&maps_on) + (maps.len() * WORDS) as u32,
        flag(fill.len() > 1),
    ];
    let mode = match how.mode {
        WarpMode::Nearest => 0,
        WarpMode::Bilinear => 1,
        WarpMode::Bicubic => 2,
    };
    let border = match how.border {
        WarpBorder::Zeros => 0,
        WarpBorder::Fill(_) => 1,
        WarpBorder::Edge => 2,
        WarpBorder::Reflect => 3,
        WarpBorder::Symmetric => 4,
    };
    let packed = bytes(x.dtype());
    debug_assert!(matches!(x.dtype(), DType::U8 | DType::F32), "the geometry checks types");
    let tune =
        [("BYTES", packed), ("MODE", mode), ("BORDER", border), ("FIELD", flag(field.is_some()))];
    // Without a field the binding holds something that is not read.
    let buffers = [
        memory("warp", x)?,
        memory("warp", &maps_on)?,
        memory("warp", field.unwrap_or(&maps_on))?,
        memory("warp", &out)?,
    ];
    let threads = if packed == 1 { total.div_ceil(4) } else { total };
    launch(gpu, "warp", &tune, &buffers, &params, Grid::Threads(threads as u64))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::warp::tests::{cases, image};
    use crate::ops::lines::checks::values;
    use crate::ops::lines_gpu::checks::gpu;
    use crate::warp;
    use gradus_tensor::DType;

    #[test]
    fn every_case_matches_the_cpu() {
        let Some(device) = gpu() else { return };
        for case in cases() {
            for dtype in [DType::F32, DType::U8] {
                let x = image(&case.shape).cast(dtype).expect("casts");
                let field = case.field.as_ref();
                let near = warp(&x, &case.maps, field, &case.how).expect("computes");
                let field = field.map(|field| field.to(&device).expect("uploads"));
                let x = x.to(&device).expect("uploads");
                let far = warp(&x, &case.maps, field.as_ref(), &case.how).expect("computes");
                let (near, far) = (near.cast(DType::F32), far.cast(DType::F32));
                let near: Vec<f32> = values(&near.expect("casts"));
                let far: Vec<f32> = values(&far.expect("casts"));
                // A sum of weighted pixels up to 255; bytes may round to the neighbour.
                let tolerance = if dtype == DType::U8 { 1.0 } else { 1e-3 };
                let exact = case.how.mode == crate::WarpMode::Nearest;
                for (i, (a, b)) in near.iter().zip(&far).enumerate() {
                    let limit = if exact { 0.0 } else { tolerance };
                    assert!((a - b).abs() <= limit, "{case:?} {dtype} at {i}: {a} and {b}");
                }
            }
        }
    }
}
