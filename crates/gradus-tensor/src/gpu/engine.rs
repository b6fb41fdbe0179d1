//! `Gpu`: one opened adapter with everything that is shared by its users.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::adapter::{self, Connection, GpuOptions, Profile};
use super::bind::GroupCache;
use super::fault::Fault;
use super::memory::Retired;
use super::pool::Pool;
use super::ring::Ring;
use super::stats::{Counters, GpuStats};
use super::stream::Stream;
use super::transfer::Staging;
use crate::device::AdapterInfo;
use crate::error::{Error, Kind, Result};

/// Environment variable that picks the adapter by a part of its name.
const ADAPTER_VAR: &str = "GRADUS_ADAPTER";

/// One opened GPU adapter: memory pool, command stream, caches. Always shared by `Arc`.
///
/// ```
/// use gradus_tensor::{Array, gpu::Gpu};
///
/// // On a machine without an adapter this is an error that says so.
/// if let Ok(gpu) = Gpu::shared() {
///     let host = Array::from_vec(vec![1.0f32, 2.0, 3.0], [3])?;
///     assert_eq!(gpu.upload(&host)?.to_vec::<f32>()?, [1.0, 2.0, 3.0]);
/// }
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub struct Gpu {
    // Locks are taken in this order: that of held launches, stream, pool, retired, groups, staging.
    pub(crate) stream: Mutex<Stream>,
    pub(crate) pool: Mutex<Pool>,
    pub(crate) retired: Mutex<Retired>,
    pub(crate) groups: Mutex<GroupCache>,
    pub(crate) staging: Mutex<Staging>,
    /// The number of the batch that is being recorded.
    pub(crate) batch: AtomicU64,
    /// Bytes destroyed while that batch names them.
    pub(crate) released_bytes: AtomicU64,
    pub(crate) counters: Counters,
    pub(crate) fault: Arc<Fault>,
    extension: OnceLock<Box<dyn Any + Send + Sync>>,
    pub(crate) held: OnceLock<fn(&Gpu) -> Result<()>>,
    params_layout: wgpu::BindGroupLayout,
    queue: wgpu::Queue,
    device: wgpu::Device,
    info: AdapterInfo,
    profile: Profile,
}

// SAFETY: every field may be sent and shared, which the assertion below checks one by one. It is
// stated because proving it through wgpu's types at every use exceeds the compiler's recursion
// limit in crates that nest tensors, and users should not have to raise that.
unsafe impl Send for Gpu {}
// SAFETY: as above.
unsafe impl Sync for Gpu {}

const _: () = {
    const fn both<T: Send + Sync>() {}
    both::<(Mutex<Stream>, Mutex<Pool>, Mutex<Retired>, Mutex<GroupCache>, Mutex<Staging>)>();
    both::<(AtomicU64, Counters, Arc<Fault>, OnceLock<Box<dyn Any + Send + Sync>>)>();
    both::<(wgpu::BindGroupLayout, wgpu::Queue, wgpu::Device, AdapterInfo, Profile)>();
};

impl Gpu {
    /// The process-wide GPU: the first adapter, hardware before software, or the one whose name
    /// contains `GRADUS_ADAPTER`.
    ///
    /// # Errors
    /// `Kind::Device` when there is none; the message names what was looked for and the cure.
    pub fn shared() -> Result<Arc<Gpu>> {
        static SHARED: OnceLock<Result<Arc<Gpu>, String>> = OnceLock::new();
        let opened = SHARED.get_or_init(|| {
            let adapter = std::env::var(ADAPTER_VAR).ok().filter(|name| !name.is_empty());
            Gpu::open(&GpuOptions { adapter, ..GpuOptions::default() }).map_err(|error| match error
                .kind()
            {
                Kind::Device { message, .. } => message.clone(),
                _ => error.to_string(),
            })
        });
        match opened {
            Ok(gpu) => Ok(gpu.clone()),
            Err(message) => Err(Kind::Device { op: "device", message: message.clone() }.into()),
        }
    }

    /// Opens an adapter of one's own, with its own pool and caches.
    ///
    /// # Errors
    /// `Kind::Device` when no adapter fits or the driver refuses.
    pub fn open(options: &GpuOptions) -> Result<Arc<Gpu>> {
        let Connection { device, queue, info, profile, uniform_align } = adapter::connect(options)?;
        let fault = Arc::new(Fault::default());
        let seen = fault.clone();
        device.on_uncaptured_error(Arc::new(move |error| seen.uncaptured(&error)));
        let seen = fault.clone();
        device.set_device_lost_callback(move |reason, message| {
            seen.lose(format!("{reason:?}: {message}").to_lowercase());
        });
        let params_layout = Ring::layout(&device);
        Ok(Arc::new(Gpu {
            stream: Mutex::new(Stream::new(Ring::new(params_layout.clone(), uniform_align))),
            pool: Mutex::new(Pool::new(options.budget_bytes.unwrap_or(u64::MAX))),
            retired: Mutex::default(),
            groups: Mutex::default(),
            staging: Mutex::default(),
            batch: AtomicU64::new(1),
            released_bytes: AtomicU64::new(0),
            counters: Counters::default(),
            fault,
            extension: OnceLock::new(),
            held: OnceLock::new(),
            params_layout,
            queue,
            device,
            info,
            profile,
        }))
    }

    /// Every adapter of this machine, hardware first.
    pub fn adapters() -> Vec<AdapterInfo> {
        adapter::list()
    }

    /// The adapter.
    pub fn info(&self) -> &AdapterInfo {
        &self.info
    }

    /// What kernels may count on.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What happened so far.
    pub fn stats(&self) -> GpuStats {
        let pool = self.pool.lock().stats();
        self.counters.stats(pool)
    }

    /// The driver's device.
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// The driver's queue. Submitting past the stream breaks the order of commands.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// The layout of group 1, which holds the parameters in [`ParamsMode::Uniform`].
    ///
    /// [`ParamsMode::Uniform`]: super::ParamsMode::Uniform
    pub fn params_layout(&self) -> &wgpu::BindGroupLayout {
        &self.params_layout
    }

    /// Counts a compiled pipeline.
    pub fn count_pipeline(&self) {
        Counters::add(&self.counters.pipelines, 1);
    }

    /// State of the layer above that lives as long as this GPU: its pipelines. One type only.
    ///
    /// # Errors
    /// `Kind::Device` when another type lives here already.
    pub fn extension<T: Any + Send + Sync>(&self, init: impl FnOnce() -> T) -> Result<&T> {
        let slot = self.extension.get_or_init(|| Box::new(init()));
        slot.downcast_ref().ok_or_else(|| {
            let message = "the extension slot holds another type".to_owned();
            Kind::Device { op: "gpu", message }.into()
        })
    }

    /// Runs `f` and returns the driver's complaint if there was one, instead of poisoning the GPU.
    /// For compiling kernels.
    ///
    /// # Errors
    /// The driver's message.
    pub fn captured<T>(&self, f: impl FnOnce() -> T) -> Result<T, String> {
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let value = f();
        let first = pollster::block_on(validation.pop());
        let second = pollster::block_on(internal.pop());
        first.or(second).map_or(Ok(value), |error| Err(error.to_string()))
    }

    /// The error of an earlier call that left the GPU unusable, if there was one.
    ///
    /// # Errors
    /// `Kind::DeviceLost`, `Kind::Device`.
    pub fn check(&self) -> Result<()> {
        self.fault.check()
    }

    /// Lets the driver layer do its housekeeping, or wait.
    pub(crate) fn poll(&self, how: wgpu::PollType) -> Result<()> {
        match self.poll_driver(how) {
            Ok(()) => self.fault.check(),
            Err(reason) => Err(self.broken(&reason)),
        }
    }

    fn poll_driver(&self, how: wgpu::PollType) -> Result<(), String> {
        // The driver layer panics when a wait finds the device lost: there it becomes an error.
        match catch_unwind(AssertUnwindSafe(|| self.device.poll(how))) {
            Ok(polled) => polled.map(drop).map_err(|error| error.to_string()),
            Err(_) => Err("waiting for the device failed".to_owned()),
        }
    }

    /// Poisons the GPU and returns the first fault.
    pub(crate) fn broken(&self, reason: &str) -> Error {
        // If the device is lost, this delivers the driver's word for it.
        let _ = self.poll_driver(wgpu::PollType::Poll);
        self.fault.suspect(reason.to_owned());
        self.fault.error(reason)
    }
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gpu {{ {}, {} }}", self.info.name, self.info.backend)
    }
}
