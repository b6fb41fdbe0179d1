//! `Array`: a typed, strided view of shared storage.

use std::sync::Arc;

use crate::capture::{self, Arena};
use crate::cpu::CpuBuffer;
use crate::device::Device;
use crate::dtype::{DType, Element};
use crate::error::{Error, Problem, Result};
#[cfg(feature = "gpu")]
use crate::gpu::GpuBuffer;
use crate::layout::Layout;
use crate::shape::Shape;

/// A typed, strided view of shared storage on one device.
///
/// Storage is written once, by the kernel that made it, and then shared; views cost nothing.
#[derive(Clone)]
pub struct Array {
    storage: Storage,
    layout: Layout,
    dtype: DType,
}

/// Shared memory of one device.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Storage {
    /// Host memory.
    Cpu(Arc<CpuBuffer>),
    /// GPU memory.
    #[cfg(feature = "gpu")]
    Gpu(Arc<GpuBuffer>),
}

impl Storage {
    /// Memory for `bytes` bytes with unspecified content.
    ///
    /// # Errors
    /// `Kind::OutOfMemory` when the device has no more.
    pub fn new(device: &Device, bytes: usize) -> Result<Self> {
        if let Some(storage) = capture::allocate(device, bytes) {
            return storage;
        }
        #[cfg(feature = "gpu")]
        if let Some(gpu) = device.as_gpu() {
            return Ok(Storage::Gpu(gpu.alloc(bytes)?));
        }
        debug_assert!(device.is_cpu(), "a device is the CPU or a GPU");
        Ok(Storage::Cpu(Arc::new(CpuBuffer::new(bytes)?)))
    }

    /// Whether both are the same memory.
    pub fn same(&self, other: &Storage) -> bool {
        match (self, other) {
            (Storage::Cpu(a), Storage::Cpu(b)) => Arc::ptr_eq(a, b),
            #[cfg(feature = "gpu")]
            (Storage::Gpu(a), Storage::Gpu(b)) => Arc::ptr_eq(a, b),
            #[cfg(feature = "gpu")]
            _ => false,
        }
    }

    /// How many handles share this memory.
    pub fn handles(&self) -> usize {
        match self {
            Storage::Cpu(buffer) => Arc::strong_count(buffer),
            #[cfg(feature = "gpu")]
            Storage::Gpu(buffer) => Arc::strong_count(buffer),
        }
    }

    /// A number that tells memory apart while it is held: its address or its buffer's.
    pub fn id(&self) -> u64 {
        match self {
            Storage::Cpu(buffer) => buffer.as_ptr() as u64,
            #[cfg(feature = "gpu")]
            Storage::Gpu(buffer) => buffer.id(),
        }
    }

    /// The same memory, without a share in its life.
    pub(crate) fn alias(&self) -> Self {
        match self {
            Storage::Cpu(buffer) => Storage::Cpu(Arc::new(buffer.alias())),
            #[cfg(feature = "gpu")]
            Storage::Gpu(buffer) => Storage::Gpu(Arc::new(buffer.alias())),
        }
    }

    /// Whether a recording owns this memory.
    pub(crate) fn is_in(&self, arena: &Arc<Arena>) -> bool {
        match self {
            Storage::Cpu(buffer) => buffer.is_in(arena),
            #[cfg(feature = "gpu")]
            Storage::Gpu(buffer) => buffer.is_in(arena),
        }
    }

    fn device(&self) -> Device {
        match self {
            Storage::Cpu(_) => Device::cpu(),
            #[cfg(feature = "gpu")]
            Storage::Gpu(buffer) => Device::from_gpu(buffer.gpu().clone()),
        }
    }
}

impl Array {
    /// A view of `storage`; the layout must lie inside it.
    pub fn new(storage: Storage, layout: Layout, dtype: DType) -> Self {
        Array { storage, layout, dtype }
    }

    /// A dense array with unspecified content.
    ///
    /// # Errors
    /// `Kind::OutOfMemory` when the device has no more.
    pub fn alloc(device: &Device, shape: impl Into<Shape>, dtype: DType) -> Result<Self> {
        let layout = Layout::dense(shape);
        let bytes = layout.shape().numel().saturating_mul(dtype.size());
        Ok(Array { storage: Storage::new(device, bytes)?, layout, dtype })
    }

    /// An array on the CPU that holds `values` in row-major order.
    ///
    /// # Errors
    /// `Kind::Shape` when the values do not fill the shape; `Kind::Range` for an `i64` outside
    /// `i32`.
    pub fn from_slice<T: Element>(values: &[T], shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        if values.len() != shape.numel() {
            let problem = Problem::Count { got: values.len(), expected: shape.numel() };
            return Err(Error::shape("from_slice", problem, &[("shape", &shape)]));
        }
        Array::from_bytes(&T::to_bytes(values)?, shape, T::DTYPE)
    }

    /// As [`Array::from_slice`], from a vector.
    ///
    /// # Errors
    /// As [`Array::from_slice`].
    #[allow(clippy::needless_pass_by_value, reason = "reads like PyTorch's constructors")]
    pub fn from_vec<T: Element>(values: Vec<T>, shape: impl Into<Shape>) -> Result<Self> {
        Array::from_slice(&values, shape)
    }

    /// An array on the CPU from its stored bytes.
    ///
    /// # Errors
    /// `Kind::Shape` when the bytes do not fill the shape.
    pub fn from_bytes(bytes: &[u8], shape: impl Into<Shape>, dtype: DType) -> Result<Self> {
        let shape = shape.into();
        if shape.numel().checked_mul(dtype.size()) != Some(bytes.len()) {
            let problem =
                Problem::Count { got: bytes.len() / dtype.size(), expected: shape.numel() };
            return Err(Error::shape("from_bytes", problem, &[("shape", &shape)]));
        }
        let storage = Storage::Cpu(Arc::new(CpuBuffer::from_bytes(bytes)?));
        Ok(Array { storage, layout: Layout::dense(shape), dtype })
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        self.layout.shape()
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Shape, strides and offset.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The memory behind the view.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Where the memory is.
    pub fn device(&self) -> Device {
        self.storage.device()
    }

    /// The same storage under another layout, which must lie inside it.
    #[must_use]
    pub fn with_layout(&self, layout: Layout) -> Self {
        Array { storage: self.storage.clone(), layout, dtype: self.dtype }
    }

    /// The host memory of a CPU array.
    pub fn cpu_buffer(&self) -> Option<&Arc<CpuBuffer>> {
        capture::seen(&self.storage);
        match &self.storage {
            Storage::Cpu(buffer) => Some(buffer),
            #[cfg(feature = "gpu")]
            Storage::Gpu(_) => None,
        }
    }

    /// The GPU memory of a GPU array.
    #[cfg(feature = "gpu")]
    pub fn gpu_buffer(&self) -> Option<&Arc<GpuBuffer>> {
        match &self.storage {
            Storage::Gpu(buffer) => Some(buffer),
            Storage::Cpu(_) => None,
        }
    }

    /// The same values on another device; the array itself when it is there already.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`, `Kind::DeviceLost`; `Kind::Unsupported` for float64 on a GPU.
    pub fn to(&self, device: &Device) -> Result<Self> {
        if self.device() == *device {
            return Ok(self.clone());
        }
        capture::seen(&self.storage);
        #[cfg(feature = "gpu")]
        {
            let host = self.to_host()?;
            if let Some(gpu) = device.as_gpu() {
                return gpu.upload(&host);
            }
            Ok(host)
        }
        #[cfg(not(feature = "gpu"))]
        {
            Ok(self.clone())
        }
    }

    /// The values in host memory; waits for the GPU when they are there.
    #[cfg(feature = "gpu")]
    fn to_host(&self) -> Result<Self> {
        let Storage::Gpu(buffer) = &self.storage else {
            return Ok(self.clone());
        };
        let (low, high) = self.layout.span();
        let size = self.dtype.size();
        let bytes = buffer.gpu().read(buffer, low * size, (high - low) * size)?;
        self.rebased(&bytes, low)
    }

    /// The view over host bytes that start at element `low` of its storage.
    #[cfg(feature = "gpu")]
    fn rebased(&self, bytes: &[u8], low: usize) -> Result<Self> {
        let storage = Storage::Cpu(Arc::new(CpuBuffer::from_bytes(bytes)?));
        let layout = self.layout.with_offset(self.layout.offset() - low);
        Ok(Array { storage, layout, dtype: self.dtype })
    }

    /// All values in row-major order, read back to the host. Waits for the GPU.
    ///
    /// # Errors
    /// `Kind::DType` when the array does not hold such values; `Kind::DeviceLost`.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        T::from_bytes(self.dtype, &self.to_bytes()?)
    }

    /// As [`Array::to_vec`], without blocking: the form that works in a browser.
    ///
    /// # Errors
    /// As [`Array::to_vec`].
    pub async fn to_vec_async<T: Element>(&self) -> Result<Vec<T>> {
        #[cfg(feature = "gpu")]
        if let Storage::Gpu(buffer) = &self.storage {
            capture::seen(&self.storage);
            let (low, high) = self.layout.span();
            let size = self.dtype.size();
            let bytes = buffer.gpu().read_async(buffer, low * size, (high - low) * size).await?;
            return self.rebased(&bytes, low)?.to_vec();
        }
        self.to_vec()
    }

    /// The stored bytes of all values in row-major order.
    ///
    /// # Errors
    /// `Kind::DeviceLost` when the GPU went away.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        if self.shape().numel() == 0 {
            // An empty view may start past the end of its storage.
            return Ok(Vec::new());
        }
        capture::seen(&self.storage);
        #[cfg(feature = "gpu")]
        let host = self.to_host()?;
        #[cfg(not(feature = "gpu"))]
        let host = self;
        let bytes = host.cpu_buffer().map(|b| b.bytes()).unwrap_or_default();
        let size = self.dtype.size();
        if host.layout.is_dense() {
            let start = host.layout.offset() * size;
            return Ok(bytes[start..start + self.shape().numel() * size].to_vec());
        }
        let mut out = Vec::with_capacity(self.shape().numel() * size);
        for at in host.layout.positions() {
            out.extend_from_slice(&bytes[at * size..(at + 1) * size]);
        }
        Ok(out)
    }
}
