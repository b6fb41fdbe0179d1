//! What the launches over lines share: memory, kinds of elements, and the rule that chooses
//! between one invocation and one workgroup a line.

use std::sync::Arc;

use gradus_tensor::gpu::{Gpu, GpuBuffer};
use gradus_tensor::{Array, DType, Device, Kind, Result, Shape};

use super::lines::Lines;
use crate::gpu::{Grid, Kernel, Launch, launch};

/// Invocations of a workgroup whose invocations work alone.
const SERIAL: u32 = 64;
/// Invocations of a workgroup that shares a line.
const GROUP: u32 = 256;
/// Shorter lines would leave most of a workgroup idle.
const SHORT: usize = 64;
/// Loop iterations of one invocation that lavapipe allows, over all its loops: it leaves them in
/// silence after 65,535. A little less, for the loops of fixed length.
pub(super) const ITERATIONS: usize = 65_000;
/// How many times the kernels over lines loop through a line.
const LOOPS: usize = 3;
/// The bits of a quiet NaN.
pub(super) const NAN: u32 = 0x7fc0_0000;

/// How lines are given to invocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// One invocation a line.
    Serial,
    /// One workgroup a line.
    Group,
}

impl Split {
    /// The rule: workgroups share lines that are contiguous and long. Lines side by side coalesce
    /// with an invocation each, and a software adapter is slow at barriers and workgroup memory:
    /// it shares only lines that one invocation is not allowed to walk.
    ///
    /// # Errors
    /// `Kind::Unsupported` for a line that not even a workgroup is allowed to walk.
    pub(super) fn of(op: &'static str, gpu: &Gpu, lines: Lines) -> Result<Self> {
        if gpu.profile().software {
            if lines.n * LOOPS <= ITERATIONS {
                return Ok(Split::Serial);
            }
            if lines.n.div_ceil(GROUP as usize) * LOOPS <= ITERATIONS {
                return Ok(Split::Group);
            }
            let what = format!("a line of {} elements", lines.n);
            return Err(Kind::Unsupported { op, what, place: "on a software adapter" }.into());
        }
        let alone = lines.inner > 1 || lines.n < SHORT;
        Ok(if alone { Split::Serial } else { Split::Group })
    }

    /// The constants that select the variant.
    pub(super) fn tune(self) -> [(&'static str, u32); 2] {
        match self {
            Split::Serial => [("WG", SERIAL), ("GROUP", 0)],
            Split::Group => [("WG", GROUP), ("GROUP", 1)],
        }
    }

    /// The grid for this many lines.
    pub(super) fn grid(self, lines: usize) -> Grid {
        match self {
            Split::Serial => Grid::Threads(lines as u64),
            Split::Group => Grid::Threads(lines as u64 * u64::from(GROUP)),
        }
    }
}

/// Launches a shader file.
///
/// # Errors
/// What compiling and recording can report.
pub(super) fn run(
    gpu: &Arc<Gpu>,
    name: &'static str,
    tune: &[(&'static str, u32)],
    buffers: &[&Arc<GpuBuffer>],
    params: &[u32],
    grid: Grid,
) -> Result<()> {
    let kernel = Kernel::File { name, tune, holes: &[], extra: 0 };
    launch(gpu, &Launch { kernel, buffers, params, grid })
}

/// The memory of an array that is on a GPU.
///
/// # Errors
/// `Kind::Device` for an array on the CPU: operands were not brought together.
pub(super) fn memory<'a>(op: &'static str, array: &'a Array) -> Result<&'a Arc<GpuBuffer>> {
    array.gpu_buffer().ok_or_else(|| {
        let message = format!("an operand {} is on the cpu, not on the gpu", array.shape());
        Kind::Device { op, message }.into()
    })
}

/// A dense array on a GPU.
///
/// # Errors
/// `Kind::OutOfMemory` when there is no more memory.
pub(super) fn fresh(gpu: &Arc<Gpu>, shape: &Shape, dtype: DType) -> Result<Array> {
    Array::alloc(&Device::from_gpu(gpu.clone()), shape, dtype)
}

/// Where a dense array starts in its memory, in elements.
pub(super) fn start(array: &Array) -> u32 {
    array.layout().offset() as u32
}

/// Whether elements are bytes, as a shader's constant.
pub(super) fn bytes(dtype: DType) -> u32 {
    u32::from(dtype.size() == 1)
}

/// How the shaders' `KIND` calls an element type.
pub(super) fn kind(dtype: DType) -> u32 {
    match dtype {
        DType::I32 => 1,
        DType::U32 => 2,
        DType::U8 | DType::Bool => 3,
        _ => 0,
    }
}

#[cfg(test)]
pub(crate) mod checks {
    //! A GPU for the tests of these ops.

    use gradus_tensor::Device;

    /// The GPU; `None`, said aloud, where there is none and none is required.
    pub(crate) fn gpu() -> Option<Device> {
        match Device::gpu() {
            Ok(device) => Some(device),
            Err(error) => {
                let required = std::env::var("GRADUS_REQUIRE_GPU").is_ok_and(|v| v == "1");
                assert!(!required, "GRADUS_REQUIRE_GPU=1, but {error}");
                println!("SKIPPED: no GPU adapter ({error})");
                None
            }
        }
    }
}
