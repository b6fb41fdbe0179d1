//! Devices: where tensors live and kernels run.

use std::fmt;

use crate::error::{Kind, Result};
#[cfg(feature = "gpu")]
use crate::gpu::Gpu;
#[cfg(feature = "gpu")]
use std::sync::Arc;

/// Environment variable that overrides [`Device::auto`]: `cpu` or `gpu`.
const DEVICE_VAR: &str = "GRADUS_DEVICE";

/// The CPU or one GPU adapter. Cheap to clone.
#[derive(Clone)]
pub struct Device(Inner);

#[derive(Clone)]
enum Inner {
    Cpu,
    #[cfg(feature = "gpu")]
    Gpu(Arc<Gpu>),
}

/// What an adapter is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdapterKind {
    /// A graphics card.
    DiscreteGpu,
    /// A GPU that shares the processor's memory.
    IntegratedGpu,
    /// A GPU handed through by a virtual machine.
    VirtualGpu,
    /// A driver that computes on the processor, such as lavapipe.
    Software,
    /// Unknown.
    Other,
}

/// An adapter as the driver describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterInfo {
    /// The driver's name for it.
    pub name: String,
    /// What it is made of.
    pub kind: AdapterKind,
    /// The graphics interface: `vulkan`, `metal`, `dx12`.
    pub backend: String,
    /// Driver and version.
    pub driver: String,
}

impl Device {
    /// The CPU.
    pub const fn cpu() -> Self {
        Device(Inner::Cpu)
    }

    /// The first GPU adapter, hardware before software. The same adapter is shared by all calls.
    ///
    /// # Errors
    /// `Kind::Device` when there is no adapter or the crate was built without the `gpu` feature.
    pub fn gpu() -> Result<Self> {
        #[cfg(feature = "gpu")]
        {
            Gpu::shared().map(|gpu| Device(Inner::Gpu(gpu)))
        }
        #[cfg(not(feature = "gpu"))]
        {
            Err(no_gpu("built without the `gpu` feature; enable it to use a GPU".into()))
        }
    }

    /// A hardware GPU if there is one, else the CPU; `GRADUS_DEVICE=cpu|gpu` overrides. A software
    /// adapter is taken only when asked for.
    pub fn auto() -> Self {
        let wish = std::env::var(DEVICE_VAR).unwrap_or_default();
        match (wish.as_str(), Device::gpu()) {
            ("cpu", _) | (_, Err(_)) => Device::cpu(),
            ("gpu", Ok(gpu)) => gpu,
            (_, Ok(gpu)) if gpu.is_software() => Device::cpu(),
            (_, Ok(gpu)) => gpu,
        }
    }

    /// A device by name: `cpu`, `gpu` or `auto`.
    ///
    /// # Errors
    /// `Kind::Device` for another name or an adapter that cannot be had.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "cpu" => Ok(Device::cpu()),
            "gpu" => Device::gpu(),
            "auto" => Ok(Device::auto()),
            _ => Err(no_gpu(format!("no device is called `{name}`; use cpu, gpu or auto"))),
        }
    }

    /// Every adapter of this machine, hardware first.
    pub fn adapters() -> Vec<AdapterInfo> {
        #[cfg(feature = "gpu")]
        {
            Gpu::adapters()
        }
        #[cfg(not(feature = "gpu"))]
        {
            Vec::new()
        }
    }

    /// Whether this is the CPU.
    pub fn is_cpu(&self) -> bool {
        matches!(self.0, Inner::Cpu)
    }

    /// Whether this is an adapter that computes on the processor.
    pub fn is_software(&self) -> bool {
        match &self.0 {
            Inner::Cpu => false,
            #[cfg(feature = "gpu")]
            Inner::Gpu(gpu) => gpu.info().kind == AdapterKind::Software,
        }
    }

    /// The GPU behind this device.
    #[cfg(feature = "gpu")]
    pub fn as_gpu(&self) -> Option<&Arc<Gpu>> {
        match &self.0 {
            Inner::Cpu => None,
            Inner::Gpu(gpu) => Some(gpu),
        }
    }

    /// The device of a GPU.
    #[cfg(feature = "gpu")]
    pub fn from_gpu(gpu: Arc<Gpu>) -> Self {
        Device(Inner::Gpu(gpu))
    }

    /// Waits until everything recorded so far has been computed. On the CPU nothing is pending.
    ///
    /// # Errors
    /// `Kind::DeviceLost` when the GPU went away.
    pub fn synchronize(&self) -> Result<()> {
        match &self.0 {
            Inner::Cpu => Ok(()),
            #[cfg(feature = "gpu")]
            Inner::Gpu(gpu) => gpu.synchronize(),
        }
    }
}

fn no_gpu(message: String) -> crate::Error {
    Kind::Device { op: "device", message }.into()
}

impl Default for Device {
    fn default() -> Self {
        Device::cpu()
    }
}

impl PartialEq for Device {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Inner::Cpu, Inner::Cpu) => true,
            #[cfg(feature = "gpu")]
            (Inner::Gpu(a), Inner::Gpu(b)) => Arc::ptr_eq(a, b),
            #[cfg(feature = "gpu")]
            _ => false,
        }
    }
}

impl Eq for Device {}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Cpu => f.write_str("cpu"),
            #[cfg(feature = "gpu")]
            Inner::Gpu(gpu) => write!(f, "gpu ({}, {})", gpu.info().name, gpu.info().backend),
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
