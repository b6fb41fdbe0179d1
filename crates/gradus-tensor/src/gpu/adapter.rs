//! Which adapter is used, what is asked of it, and what it can do.

use crate::device::{AdapterInfo, AdapterKind};
use crate::error::{Kind, Result};

/// The interfaces tried. GL is left out: a second, weaker door to the same device.
const BACKENDS: wgpu::Backends =
    wgpu::Backends::VULKAN.union(wgpu::Backends::METAL).union(wgpu::Backends::DX12);

/// Percent of the driver's memory budget beyond which an allocation fails instead of swapping.
const BUDGET_PERCENT: u8 = 95;

/// How to open a GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuOptions {
    /// A part of the adapter's name, any case; `None` takes the first, hardware before software.
    pub adapter: Option<String>,
    /// Most bytes that buffers may hold, free ones included; `None` leaves it to the driver.
    pub budget_bytes: Option<u64>,
    /// Ask for no more than every browser grants: 8 storage buffers, 128 MiB bindings, 16 KiB of
    /// workgroup memory, 256 invocations, no subgroups, no immediates.
    pub web_limits: bool,
    /// Pass parameters as immediates where the adapter can; otherwise through a uniform buffer.
    pub immediates: bool,
}

impl Default for GpuOptions {
    fn default() -> Self {
        GpuOptions { adapter: None, budget_bytes: None, web_limits: false, immediates: true }
    }
}

/// What kernels may count on; variants are chosen by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The adapter computes on the processor.
    pub software: bool,
    /// Smallest and largest subgroup, where subgroup operations may be used.
    pub subgroup: Option<(u32, u32)>,
    /// Four values may be moved as two 64-bit words. Only a software adapter is asked for such
    /// integers: it moves the words of a subgroup's lanes one after the other.
    pub words: bool,
    /// Storage buffers that one kernel can bind.
    pub max_storage_buffers: u32,
    /// Bytes that one binding can span.
    pub max_binding_bytes: u64,
    /// Bytes that one buffer can have.
    pub max_buffer_bytes: u64,
    /// Bytes of workgroup memory.
    pub workgroup_memory: u32,
    /// Invocations of one workgroup.
    pub max_invocations: u32,
    /// Bytes of parameters passed as immediates; `None` where only uniforms are used.
    pub max_immediate_bytes: Option<u32>,
}

/// An opened adapter.
pub(crate) struct Connection {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) info: AdapterInfo,
    pub(crate) profile: Profile,
    /// Alignment of dynamic uniform offsets.
    pub(crate) uniform_align: u32,
}

/// Every adapter, hardware first.
pub(crate) fn list() -> Vec<AdapterInfo> {
    adapters().iter().map(|adapter| describe(&adapter.get_info())).collect()
}

/// Opens the adapter that the options name.
pub(crate) fn connect(options: &GpuOptions) -> Result<Connection> {
    let adapter = pick(options.adapter.as_deref())?;
    let raw = adapter.get_info();
    let (features, limits) = demands(&adapter, options);
    let software = is_software(&raw);
    let request = adapter.request_device(&wgpu::DeviceDescriptor {
        label: Some("gradus"),
        required_features: features,
        required_limits: limits.clone(),
        memory_hints: if software {
            wgpu::MemoryHints::MemoryUsage
        } else {
            wgpu::MemoryHints::Performance
        },
        ..Default::default()
    });
    let (device, queue) = pollster::block_on(request).map_err(|error| Kind::Device {
        op: "device",
        message: format!("{} refused to open: {error}", raw.name),
    })?;
    let immediates = features.contains(wgpu::Features::IMMEDIATES);
    let subgroup = features.contains(wgpu::Features::SUBGROUP);
    let profile = Profile {
        software,
        subgroup: subgroup.then_some((raw.subgroup_min_size, raw.subgroup_max_size)),
        words: features.contains(wgpu::Features::SHADER_INT64),
        max_storage_buffers: limits.max_storage_buffers_per_shader_stage,
        max_binding_bytes: limits.max_storage_buffer_binding_size,
        max_buffer_bytes: limits.max_buffer_size,
        workgroup_memory: limits.max_compute_workgroup_storage_size,
        max_invocations: limits.max_compute_invocations_per_workgroup,
        max_immediate_bytes: immediates.then_some(limits.max_immediate_size),
    };
    let uniform_align = limits.min_uniform_buffer_offset_alignment;
    Ok(Connection { device, queue, info: describe(&raw), profile, uniform_align })
}

fn is_software(info: &wgpu::AdapterInfo) -> bool {
    info.device_type == wgpu::DeviceType::Cpu
}

/// Features and limits to ask for.
fn demands(adapter: &wgpu::Adapter, options: &GpuOptions) -> (wgpu::Features, wgpu::Limits) {
    if options.web_limits {
        return (wgpu::Features::empty(), wgpu::Limits::default());
    }
    let mut wanted = wgpu::Features::SUBGROUP
        | wgpu::Features::SUBGROUP_BARRIER
        | wgpu::Features::TIMESTAMP_QUERY;
    wanted.set(wgpu::Features::IMMEDIATES, options.immediates);
    wanted.set(wgpu::Features::SHADER_INT64, is_software(&adapter.get_info()));
    let features = adapter.features() & wanted;
    let mut limits = adapter.limits();
    if !features.contains(wgpu::Features::IMMEDIATES) {
        limits.max_immediate_size = 0;
    }
    // DX12 allocates this many descriptors up front.
    let bindings = &mut limits.max_non_sampler_bindings;
    *bindings = (*bindings).min(wgpu::Limits::default().max_non_sampler_bindings);
    (features, limits)
}

fn adapters() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: BACKENDS,
        // Driver-side validation layers and labels cost time; they can be had by environment.
        flags: wgpu::InstanceFlags::DISCARD_HAL_LABELS.with_env(),
        memory_budget_thresholds: wgpu::MemoryBudgetThresholds {
            for_resource_creation: Some(BUDGET_PERCENT),
            for_device_loss: None,
        },
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let mut found = pollster::block_on(instance.enumerate_adapters(BACKENDS));
    found.sort_by_key(|adapter| rank(adapter.get_info().device_type));
    found
}

fn rank(kind: wgpu::DeviceType) -> u32 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

fn pick(name: Option<&str>) -> Result<wgpu::Adapter> {
    let found = adapters();
    let names: Vec<String> = found.iter().map(|adapter| adapter.get_info().name).collect();
    let wanted = name.map(str::to_lowercase);
    let fits = |adapter: &wgpu::Adapter| {
        let name = adapter.get_info().name.to_lowercase();
        wanted.as_ref().is_none_or(|part| name.contains(part))
    };
    found.into_iter().find(fits).ok_or_else(|| {
        let message = match name {
            Some(part) if !names.is_empty() => {
                format!("no adapter's name contains `{part}`; there are: {}", names.join(", "))
            }
            _ => "no GPU adapter found: looked for Vulkan, Metal and DX12; install the card's \
                  driver, or a software adapter (on Debian: apt-get install mesa-vulkan-drivers)"
                .into(),
        };
        Kind::Device { op: "device", message }.into()
    })
}

fn describe(raw: &wgpu::AdapterInfo) -> AdapterInfo {
    let kind = match raw.device_type {
        wgpu::DeviceType::DiscreteGpu => AdapterKind::DiscreteGpu,
        wgpu::DeviceType::IntegratedGpu => AdapterKind::IntegratedGpu,
        wgpu::DeviceType::VirtualGpu => AdapterKind::VirtualGpu,
        wgpu::DeviceType::Cpu => AdapterKind::Software,
        wgpu::DeviceType::Other => AdapterKind::Other,
    };
    AdapterInfo {
        name: raw.name.clone(),
        kind,
        backend: raw.backend.to_str().to_owned(),
        driver: format!("{} {}", raw.driver, raw.driver_info).trim().to_owned(),
    }
}
