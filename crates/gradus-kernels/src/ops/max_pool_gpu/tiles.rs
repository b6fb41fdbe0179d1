//! Windows that tile their planes, as most do: an invocation finds or writes all elements of its
//! window, several at once.

use std::sync::Arc;

use gradus_tensor::gpu::{Access, Gpu, GpuBuffer};
use gradus_tensor::{Array, Result};
use smallvec::SmallVec;

use super::super::lines_gpu::start;
use super::super::max_pool::{MaxPool, Windows};
use super::{Gradient, WORKGROUP, dims};
use crate::expr::{Width, library};
use crate::gpu::{Grid, Kernel, Launch, composed, launch};

/// Elements of a window up to which the loops over them are written out.
const MOST_WRITTEN_OUT: usize = 16;

/// Windows side by side, with neither padding nor gaps nor a rest.
pub(super) struct Tiles<'a> {
    pool: &'a MaxPool,
    /// Elements of a window along each dimension.
    sizes: [usize; 3],
}

impl<'a> Tiles<'a> {
    pub(super) fn of(pool: &'a MaxPool) -> Option<Self> {
        let mut sizes = [1; 3];
        for (d, size) in sizes.iter_mut().enumerate() {
            let [elements, windows] = [pool.input[d], pool.output[d]];
            *size = elements / windows.max(1);
            let beside = match &pool.windows {
                Windows::Sliding(all) => {
                    let w = all[d];
                    let dense = (w.dilation == 1 || *size == 1) && w.padding == 0;
                    let next = w.stride == *size || windows == 1;
                    dense && next && w.kernel_size == *size
                }
                Windows::Adaptive => true,
            };
            if !beside || *size * windows != elements {
                return None;
            }
        }
        Some(Tiles { pool, sizes })
    }

    /// Records the kernel that finds the maxima of `x`; `buffers` are those of `x` and both
    /// results.
    ///
    /// # Errors
    /// What compiling and recording can report.
    pub(super) fn run(&self, gpu: &Arc<Gpu>, x: &Array, buffers: &[&Arc<GpuBuffer>]) -> Result<()> {
        let windows = self.windows(gpu, &[start(x)]);
        let step = self.step(gpu, start(x));
        let threads = (self.pool.output_shape().numel() / windows) as u64;
        let (name, tune) = ("max_pool_tiles", self.tune(step, windows));
        let mut key: SmallVec<[u8; 32]> = SmallVec::from_slice(name.as_bytes());
        key.extend(tune.iter().map(|&(_, value)| value as u8));
        let kernel = Kernel::Generated {
            key: &key,
            name,
            access: &[Access::Read, Access::ReadWrite, Access::ReadWrite],
            workgroup: [WORKGROUP, 1, 1],
            text: &|| {
                let own = [step.load(), keep(windows)];
                let load = library(&own.concat()) + own[0];
                composed(name, &tune, &[("load", &load), ("keep", own[1])])
            },
        };
        let params = &self.params([start(x), 0]);
        launch(gpu, &Launch { kernel, buffers, params, grid: Grid::Threads(threads) })
    }

    /// The kernel of the gradient.
    pub(super) fn gradient(&self, gpu: &Gpu, g: &Array, indices: &Array) -> Gradient {
        let windows = self.windows(gpu, &[start(g), start(indices)]);
        let step = self.step(gpu, 0);
        Gradient {
            name: "max_pool_grad_tiles",
            tune: SmallVec::from_slice(&self.tune(step, windows)),
            holes: SmallVec::from_buf([("taken", taken(windows)), ("store", step.store())]),
            stores: if step == Step::Word { Width::Pairs } else { Width::One },
            params: self.params([start(g), start(indices)]),
            threads: (self.pool.output_shape().numel() / windows) as u64,
        }
    }

    /// Windows of an invocation: two where words of two elements can be moved, of arrays by
    /// windows that start at `starts`.
    fn windows(&self, gpu: &Gpu, starts: &[u32]) -> usize {
        let all = self.pool.output_shape().numel() as u32;
        let even = starts.iter().chain([&all]).all(|n| n.is_multiple_of(2));
        if gpu.profile().words && even && self.elements() * 2 <= MOST_WRITTEN_OUT { 2 } else { 1 }
    }

    /// How neighbours of an array that is pooled and starts at an element can be moved.
    fn step(&self, gpu: &Gpu, start: u32) -> Step {
        match self.sizes[2].is_multiple_of(2) && start.is_multiple_of(2) {
            false => Step::One,
            true if gpu.profile().words => Step::Word,
            true => Step::Pair,
        }
    }

    /// Elements of a window.
    fn elements(&self) -> usize {
        self.sizes.iter().product()
    }

    fn tune(&self, step: Step, windows: usize) -> [(&'static str, u32); 6] {
        let written_out = self.elements() <= MOST_WRITTEN_OUT;
        let [z, y, x] = self.sizes.map(|size| if written_out { size as u32 } else { 0 });
        let moved = [("STEP", step.elements()), ("WINDOWS", windows as u32)];
        [("DIMS", dims(self.pool)), moved[0], moved[1], ("Z", z), ("Y", y), ("X", x)]
    }

    fn params(&self, starts: [u32; 2]) -> Vec<u32> {
        let mut params = vec![self.pool.output_shape().numel() as u32];
        params.extend(starts);
        params.extend(self.pool.output.into_iter().chain(self.sizes).map(|size| size as u32));
        params
    }
}

/// Neighbouring elements that are moved at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    One,
    /// Two, as a vector.
    Pair,
    /// Two, as a 64-bit word.
    Word,
}

impl Step {
    fn elements(self) -> u32 {
        if self == Step::One { 1 } else { 2 }
    }

    /// Hole `load` of `max_pool_tiles.wgsl`.
    fn load(self) -> &'static str {
        match self {
            Step::One => {
                "@group(0) @binding(0) var<storage, read> elements: array<u32>;\n\
                 fn load(at: u32) -> vec2<u32> {\n    return vec2<u32>(elements[at], 0u);\n}"
            }
            Step::Pair => {
                "@group(0) @binding(0) var<storage, read> elements: array<vec2<u32>>;\n\
                 fn load(at: u32) -> vec2<u32> {\n    return elements[at / 2u];\n}"
            }
            Step::Word => {
                "@group(0) @binding(0) var<storage, read> elements: array<u64>;\n\
                 fn load(at: u32) -> vec2<u32> {\n    return pair_of(elements[at / 2u]);\n}"
            }
        }
    }

    /// Hole `store` of `max_pool_grad_tiles.wgsl`.
    fn store(self) -> &'static str {
        match self {
            Step::One => {
                "@group(0) @binding(2) var<storage, read_write> out: array<Out>;\n\
                 fn store(at: u32, values: vec2<f32>) {\n    \
                 out[at] = finish(values.x, at);\n}"
            }
            Step::Pair => {
                "@group(0) @binding(2) var<storage, read_write> out: array<vec2<Out>>;\n\
                 fn store(at: u32, values: vec2<f32>) {\n    \
                 out[at / 2u] = finish_two(values, at);\n}"
            }
            Step::Word => {
                "@group(0) @binding(2) var<storage, read_write> out: array<u64>;\n\
                 fn store(at: u32, values: vec2<f32>) {\n    \
                 out[at / 2u] = word_of(bitcast<vec2<u32>>(finish_two(values, at)));\n}"
            }
        }
    }
}

/// Hole `keep` of `max_pool_tiles.wgsl` for `windows` windows.
fn keep(windows: usize) -> &'static str {
    match windows {
        1 => {
            "@group(0) @binding(1) var<storage, read_write> maxima: array<u32>;\n\
             @group(0) @binding(2) var<storage, read_write> positions: array<u32>;\n\
             fn keep(at: u32, best: array<Maximum, WINDOWS>) {\n    \
             maxima[at] = best[0].bits;\n    positions[at] = best[0].position;\n}"
        }
        _ => {
            "@group(0) @binding(1) var<storage, read_write> maxima: array<u64>;\n\
             @group(0) @binding(2) var<storage, read_write> positions: array<u64>;\n\
             fn keep(at: u32, best: array<Maximum, WINDOWS>) {\n    \
             maxima[at / 2u] = word_of(vec2<u32>(best[0].bits, best[1].bits));\n    \
             positions[at / 2u] = word_of(vec2<u32>(best[0].position, best[1].position));\n}"
        }
    }
}

/// Hole `taken` of `max_pool_grad_tiles.wgsl` for `windows` windows.
fn taken(windows: usize) -> &'static str {
    match windows {
        1 => {
            "@group(0) @binding(0) var<storage, read> g: array<f32>;\n\
             @group(0) @binding(1) var<storage, read> positions: array<u32>;\n\
             fn gradients(at: u32) -> vec2<f32> {\n    return vec2<f32>(g[at], 0.0);\n}\n\
             fn maxima(at: u32) -> vec2<u32> {\n    return vec2<u32>(positions[at], 0u);\n}"
        }
        _ => {
            "@group(0) @binding(0) var<storage, read> g: array<u64>;\n\
             @group(0) @binding(1) var<storage, read> positions: array<u64>;\n\
             fn gradients(at: u32) -> vec2<f32> {\n    \
             return bitcast<vec2<f32>>(pair_of(g[at / 2u]));\n}\n\
             fn maxima(at: u32) -> vec2<u32> {\n    return pair_of(positions[at / 2u]);\n}"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sliding::Sliding;
    use super::*;

    #[test]
    fn windows_tile_where_nothing_is_between_or_beside_them() {
        let sizes = |shape: [usize; 4], kernel_size, stride, padding| {
            let window = Sliding { kernel_size, stride, padding, ..Sliding::default() };
            let pool = MaxPool::sliding("max_pool2d", &shape.into(), &[window; 2]).expect("fits");
            Tiles::of(&pool).map(|tiles| tiles.sizes)
        };
        assert_eq!(sizes([2, 3, 8, 6], 2, 2, 0), Some([1, 2, 2]));
        assert_eq!(sizes([2, 3, 9, 6], 3, 3, 0), Some([1, 3, 3]));
        assert_eq!(sizes([2, 3, 4, 4], 4, 1, 0), Some([1, 4, 4]), "one window");
        assert_eq!(sizes([2, 3, 8, 7], 2, 2, 0), None, "a rest");
        assert_eq!(sizes([2, 3, 8, 8], 2, 1, 0), None, "windows overlap");
        assert_eq!(sizes([2, 3, 8, 8], 2, 3, 0), None, "gaps");
        assert_eq!(sizes([2, 3, 8, 8], 2, 2, 1), None, "padding");
        let adaptive = |output: [usize; 2]| {
            let pool = MaxPool::adaptive("pool", &[1, 1, 6, 8].into(), &output).expect("fits");
            Tiles::of(&pool).map(|tiles| tiles.sizes)
        };
        assert_eq!(adaptive([3, 2]), Some([1, 2, 4]));
        assert_eq!(adaptive([4, 2]), None);
    }

    #[test]
    fn the_files_hold_what_is_generated_for_pairs() {
        let [maxima, gradient] = ["max_pool_tiles", "max_pool_grad_tiles"];
        for (file, text) in [
            (maxima, Step::Pair.load()),
            (maxima, keep(1)),
            (gradient, Step::Pair.store()),
            (gradient, taken(1)),
        ] {
            assert!(composed(file, &[], &[]).contains(text), "{file} lacks\n{text}");
        }
    }
}
