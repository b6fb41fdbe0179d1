//! Launching a kernel: the one place where an op's data becomes a call of a kernel.

use std::sync::Arc;

use gradus_tensor::gpu::{Access, Gpu, GpuBuffer, MAX_WORKGROUPS, check_bindings};
use gradus_tensor::{Kind, Result, capture};
use smallvec::SmallVec;

use super::pipeline::Pipelines;
use super::schedule::Call;

/// A kernel with everything it runs on.
pub(crate) struct Launch<'a> {
    pub(crate) kernel: Kernel<'a>,
    /// One whole buffer per storage binding; where in it a tensor starts is a parameter.
    pub(crate) buffers: &'a [&'a Arc<GpuBuffer>],
    /// The parameter block.
    pub(crate) params: &'a [u32],
    pub(crate) grid: Grid,
}

/// Which kernel.
pub(crate) enum Kernel<'a> {
    /// A file of `shaders/`.
    File {
        /// The file's stem.
        name: &'static str,
        /// Values of `// @tune` constants.
        tune: &'a [(&'static str, u32)],
        /// Texts of `// @hole`s.
        holes: &'a [(&'static str, &'a str)],
        /// Read-only bindings that the holes' texts declare after the file's own.
        extra: usize,
    },
    /// Generated text, written as the files are: parameters as a uniform in group 1.
    Generated {
        /// Equal keys mean equal text, access and workgroup.
        key: &'a [u8],
        /// For messages.
        name: &'static str,
        /// Its storage bindings, numbered from 0.
        access: &'a [Access],
        workgroup: [u32; 3],
        /// Called when the kernel is not compiled yet.
        text: &'a dyn Fn() -> String,
    },
}

impl Kernel<'_> {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Kernel::File { name, .. } | Kernel::Generated { name, .. } => name,
        }
    }
}

/// How many workgroups run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grid {
    /// At least this many invocations in a row. Workgroups are folded over x and y, so kernels
    /// compute `(wid.x + wid.y * nwg.x) * WG + lid` and guard it.
    Threads(u64),
    /// Workgroups in x, y, z, each at most 65,535.
    #[cfg_attr(not(test), expect(dead_code, reason = "kernels so far fold a row of threads"))]
    Workgroups([u32; 3]),
}

/// Launches a kernel. It is recorded at once or with later launches that it does not depend on,
/// and always before anything else looks at its results. Nothing happens for an empty grid.
///
/// # Errors
/// `Kind::Shader` naming the kernel when its text cannot be made; `Kind::Unsupported` for a grid
/// that no device can run; the GPU's own errors, those of launches that were held back included.
pub(crate) fn launch(gpu: &Arc<Gpu>, l: &Launch<'_>) -> Result<()> {
    let name = l.kernel.name();
    gpu.check()?;
    let pipelines = Pipelines::of(gpu)?;
    let source = pipelines.source(gpu, &l.kernel, l.params.len())?;
    let Some(grid) = workgroups(l.grid, source.workgroup.iter().product()) else {
        let what = format!("a grid of {:?}", l.grid);
        return Err(Kind::Unsupported { op: name, what, place: "on a GPU" }.into());
    };
    let slots = l.buffers.iter().map(|buffer| &****buffer);
    check_bindings(&source.access, &slots).map_err(|error| error.within(name))?;
    if grid.contains(&0) {
        return Ok(());
    }
    let threads = match l.grid {
        Grid::Threads(threads) => Some(threads),
        Grid::Workgroups(_) => None,
    };
    let call = Call {
        source,
        slots: l.buffers.iter().map(|buffer| buffer.slot().clone()).collect(),
        params: SmallVec::from_slice(l.params),
        threads,
        grid,
    };
    capture::launched(l.buffers, || {
        let (gpu, call) = (gpu.clone(), call.clone());
        move || Pipelines::of(&gpu)?.held.lock().add(&gpu, call.clone())
    });
    pipelines.held.lock().add(gpu, call)
}

/// Records everything that is held back.
pub(super) fn release(gpu: &Gpu) -> Result<()> {
    Pipelines::of(gpu)?.held.lock().release(gpu)
}

/// The grid in workgroups; `None` when a dimension would hold too many.
fn workgroups(grid: Grid, invocations: u32) -> Option<[u32; 3]> {
    let most = u64::from(MAX_WORKGROUPS);
    match grid {
        Grid::Threads(threads) => {
            let groups = threads.div_ceil(u64::from(invocations.max(1)));
            let rows = groups.div_ceil(most).max(1);
            // Rows of equal length leave the fewest workgroups without work.
            let columns = groups.div_ceil(rows);
            (rows <= most).then_some([columns as u32, rows as u32, 1])
        }
        Grid::Workgroups(dims) => dims.iter().all(|&n| n <= MAX_WORKGROUPS).then_some(dims),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_fold_into_rows_that_cover_them() {
        assert_eq!(workgroups(Grid::Threads(0), 64), Some([0, 1, 1]));
        assert_eq!(workgroups(Grid::Threads(1), 64), Some([1, 1, 1]));
        assert_eq!(workgroups(Grid::Threads(65_535 * 64), 64), Some([65_535, 1, 1]));
        assert_eq!(workgroups(Grid::Threads(65_535 * 64 + 1), 64), Some([32_768, 2, 1]));
        let many = 1 << 31;
        let [x, y, _] = workgroups(Grid::Threads(many), 1).expect("fits two dimensions");
        assert!(x <= 65_535 && u64::from(x) * u64::from(y) >= many);
        assert!(u64::from(x) * u64::from(y) - many < u64::from(y), "no row too many");
        assert_eq!(workgroups(Grid::Threads(u64::MAX), 1), None);
        assert_eq!(workgroups(Grid::Workgroups([65_536, 1, 1]), 1), None);
        assert_eq!(workgroups(Grid::Workgroups([3, 2, 1]), 64), Some([3, 2, 1]));
    }
}
