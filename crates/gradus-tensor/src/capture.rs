//! Recording what is done to arrays, so that it can be done again without deciding it again.
//!
//! While a recording runs on a thread, everything runs as always, and each piece of work that
//! goes through [`perform`] (or, on a GPU, each launch) is kept with the memory that it used.
//! [`Tape::replay`] runs the pieces again on the same memory. Work that cannot be repeated like
//! that, such as a read-back or a random draw, [refuses](refuse) the recording: it still runs, and
//! the recording gives no tape.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::array::{Array, Storage};
use crate::cpu::{Block, CpuBuffer};
use crate::device::Device;
use crate::dtype::DType;
use crate::error::Result;
#[cfg(feature = "gpu")]
use crate::gpu::{Gpu, GpuBuffer, Slot};
use crate::layout::Layout;
use crate::shape::Shape;

/// What this thread is doing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Working as usual.
    Off,
    /// Recording, between two pieces of work.
    Between,
    /// Recording, in a piece of work.
    Within,
    /// Repeating.
    Replay,
}

thread_local! {
    static MODE: Cell<Mode> = const { Cell::new(Mode::Off) };
    static RECORDING: RefCell<Option<Recording>> = const { RefCell::new(None) };
    /// The memory that work takes while it is repeated, and how much of it was taken.
    static REPLAY: RefCell<(Arc<[Storage]>, usize)> = RefCell::new((Arc::new([]), 0));
}

/// A piece of work that can be repeated.
type Job = Box<dyn Fn() -> Result<()> + Send + Sync>;

struct Recording {
    arena: Arc<Arena>,
    jobs: Vec<Job>,
    /// What the jobs allocate, in order.
    memory: Vec<Storage>,
    /// What they read that was there before.
    outside: Vec<Storage>,
    refused: Option<&'static str>,
}

/// Memory that belongs to one tape: what is dropped while recording serves later requests of that
/// recording and nobody else, so that repeating overwrites nothing foreign.
#[derive(Default)]
pub(crate) struct Arena {
    host: Mutex<Vec<(usize, Block)>>,
    #[cfg(feature = "gpu")]
    gpu: Mutex<Vec<(Arc<Gpu>, Arc<Slot>)>>,
}

impl Arena {
    /// Memory on either device.
    fn storage(this: &Arc<Self>, device: &Device, bytes: usize) -> Result<Storage> {
        #[cfg(feature = "gpu")]
        if let Some(gpu) = device.as_gpu() {
            return Ok(Storage::Gpu(gpu.alloc_in(bytes, this)?));
        }
        debug_assert!(device.is_cpu(), "a device is the CPU or a GPU");
        Ok(Storage::Cpu(Arc::new(CpuBuffer::new_in(bytes, this)?)))
    }

    /// A free block of this size class.
    pub(crate) fn take(&self, class: usize) -> Option<Block> {
        let mut free = self.host.lock();
        let at = free.iter().rposition(|(own, _)| *own == class)?;
        Some(free.swap_remove(at).1)
    }

    pub(crate) fn give(&self, class: usize, block: Block) {
        self.host.lock().push((class, block));
    }

    #[cfg(feature = "gpu")]
    pub(crate) fn take_gpu(&self, class: usize) -> Option<Arc<Slot>> {
        let mut free = self.gpu.lock();
        let at = free.iter().rposition(|(_, slot)| slot.class == class)?;
        Some(free.swap_remove(at).1)
    }

    #[cfg(feature = "gpu")]
    pub(crate) fn give_gpu(&self, gpu: &Arc<Gpu>, slot: Arc<Slot>) {
        self.gpu.lock().push((gpu.clone(), slot));
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for (class, block) in self.host.get_mut().drain(..) {
            block.give_back(class);
        }
        #[cfg(feature = "gpu")]
        for (gpu, slot) in self.gpu.get_mut().drain(..) {
            gpu.give_back(slot);
        }
    }
}

/// The arrays that a piece of work holds.
pub trait Arrays {
    /// Calls `f` for each of them.
    fn each_array(&mut self, f: &mut dyn FnMut(&mut Array));
}

impl Arrays for Array {
    fn each_array(&mut self, f: &mut dyn FnMut(&mut Array)) {
        f(self);
    }
}

impl<A: Arrays> Arrays for Option<A> {
    fn each_array(&mut self, f: &mut dyn FnMut(&mut Array)) {
        self.iter_mut().for_each(|a| a.each_array(f));
    }
}

impl<A: Arrays, const N: usize> Arrays for [A; N] {
    fn each_array(&mut self, f: &mut dyn FnMut(&mut Array)) {
        self.iter_mut().for_each(|a| a.each_array(f));
    }
}

/// What a piece of work is about, beside arrays.
#[derive(Clone, Debug)]
pub struct Plain<T>(pub T);

impl<T> Arrays for Plain<T> {
    fn each_array(&mut self, _: &mut dyn FnMut(&mut Array)) {}
}

impl<A: Arrays, B: Arrays> Arrays for (A, B) {
    fn each_array(&mut self, f: &mut dyn FnMut(&mut Array)) {
        self.0.each_array(f);
        self.1.each_array(f);
    }
}

/// Whether this thread is recording.
pub fn is_recording() -> bool {
    matches!(MODE.get(), Mode::Between | Mode::Within)
}

/// Whether this thread repeats recorded work.
pub fn is_replaying() -> bool {
    MODE.get() == Mode::Replay
}

/// Whether this thread is recording and between two pieces of work: what happens now decides what
/// the pieces are.
pub fn is_deciding() -> bool {
    MODE.get() == Mode::Between
}

/// Whether an array was there before this thread's recording.
pub fn is_outside(array: &Array) -> bool {
    RECORDING.with_borrow(|recording| {
        recording.as_ref().is_none_or(|recording| !array.storage().is_in(&recording.arena))
    })
}

/// How many handles of the array's memory this thread's recording holds.
pub fn handles(array: &Array) -> usize {
    RECORDING.with_borrow(|recording| {
        let outside = recording.iter().flat_map(|recording| &recording.outside);
        outside.filter(|storage| storage.same(array.storage())).count()
    })
}

/// Says that what happens now cannot be repeated: the recording, if there is one, gives no tape.
pub fn refuse(reason: &'static str) {
    if is_recording() {
        RECORDING.with_borrow_mut(|recording| {
            if let Some(recording) = recording {
                recording.refused.get_or_insert(reason);
            }
        });
    }
}

/// Runs host work on arrays, and keeps it while recording: `job` must do the same whenever it is
/// called with the same state, and take all memory that it writes from [`Array::alloc`].
///
/// # Errors
/// What the job reports.
pub fn perform<S, T>(state: &S, job: fn(&S) -> Result<T>) -> Result<T>
where
    S: Arrays + Clone + Send + Sync + 'static,
    T: 'static,
{
    if MODE.get() != Mode::Between {
        return job(state);
    }
    let result = {
        let _within = Switch::to(Mode::Within);
        job(state)?
    };
    let mut state = state.clone();
    state.each_array(&mut |array| *array = noted(array));
    keep(Box::new(move || job(&state).map(drop)));
    Ok(result)
}

/// Runs `f`, and runs it again whenever the recorded work is repeated: for what the host does
/// beside arrays, such as counting.
///
/// # Errors
/// What `f` reports.
pub fn repeat(f: impl Fn() -> Result<()> + Send + Sync + 'static) -> Result<()> {
    if MODE.get() != Mode::Between {
        return f();
    }
    {
        let _within = Switch::to(Mode::Within);
        f()?;
    }
    keep(Box::new(f));
    Ok(())
}

/// Keeps a launch on these buffers that has just been handed to the GPU. What repeats it holds
/// their [`Slot`]s, which does not count as holding their memory.
#[cfg(feature = "gpu")]
pub fn launched<J>(buffers: &[&Arc<GpuBuffer>], make: impl FnOnce() -> J)
where
    J: Fn() -> Result<()> + Send + Sync + 'static,
{
    if MODE.get() != Mode::Between {
        return;
    }
    for &buffer in buffers {
        note(&Storage::Gpu(buffer.clone()));
    }
    keep(Box::new(make()));
}

/// Keeps a piece of work that has just been done.
fn keep(job: Job) {
    RECORDING.with_borrow_mut(|recording| {
        if let Some(recording) = recording {
            recording.jobs.push(job);
        }
    });
}

/// The array for use in a tape: it does not count as a holder of its memory. Memory from outside
/// of the recording is noted.
fn noted(array: &Array) -> Array {
    note(array.storage());
    Array::new(array.storage().alias(), array.layout().clone(), array.dtype())
}

/// Notes that work uses memory.
fn note(storage: &Storage) {
    RECORDING.with_borrow_mut(|recording| {
        let Some(recording) = recording else { return };
        let known = |other: &Storage| other.same(storage);
        if !storage.is_in(&recording.arena) && !recording.outside.iter().any(known) {
            recording.outside.push(storage.clone());
        }
    });
}

/// Memory for a result: from the arena while recording, the recorded memory while repeating.
/// `None` in any other case.
pub(crate) fn allocate(device: &Device, bytes: usize) -> Option<Result<Storage>> {
    match MODE.get() {
        Mode::Off => None,
        Mode::Replay => REPLAY.with_borrow_mut(|(memory, at)| {
            *at += 1;
            memory.get(*at - 1).cloned().map(Ok)
        }),
        Mode::Between if device.is_cpu() => {
            refuse("an operation that is not recorded");
            None
        }
        Mode::Between | Mode::Within => RECORDING.with_borrow_mut(|recording| {
            let recording = recording.as_mut()?;
            Some(recording.allocate(device, bytes))
        }),
    }
}

impl Recording {
    fn allocate(&mut self, device: &Device, bytes: usize) -> Result<Storage> {
        let storage = Arena::storage(&self.arena, device, bytes)?;
        // A launch holds its memory; host work asks for it again.
        if device.is_cpu() {
            self.memory.push(storage.alias());
        }
        Ok(storage)
    }
}

/// The arena of this thread's recording.
#[cfg(feature = "gpu")]
pub(crate) fn arena() -> Option<Arc<Arena>> {
    if !is_recording() {
        return None;
    }
    RECORDING.with_borrow(|recording| recording.as_ref().map(|r| r.arena.clone()))
}

/// Notes that the host looks at an array's elements between two pieces of work: what it decides
/// by them cannot be repeated.
pub(crate) fn seen(storage: &Storage) {
    if MODE.get() == Mode::Between {
        RECORDING.with_borrow_mut(|recording| {
            if let Some(recording) = recording
                && storage.is_in(&recording.arena)
            {
                recording.refused.get_or_insert("a read-back: its result is not known beforehand");
            }
        });
    }
}

/// Sets the thread's mode until it is dropped.
struct Switch(Mode);

impl Switch {
    fn to(mode: Mode) -> Self {
        Switch(MODE.replace(mode))
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        MODE.set(self.0);
    }
}

/// Recorded work.
pub struct Tape {
    jobs: Vec<Job>,
    memory: Arc<[Storage]>,
    outside: Vec<Storage>,
    /// Outlives what is above.
    _arena: Arc<Arena>,
}

/// A recording that has begun: memory for what comes in.
pub struct Recorder {
    arena: Arc<Arena>,
}

impl Recorder {
    /// A recorder with empty memory.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "it stands for an action")]
    pub fn new() -> Self {
        Recorder { arena: Arc::default() }
    }

    /// Dense memory that belongs to the recording: an input, to be filled before each replay.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn input(&self, shape: &Shape, dtype: DType, device: &Device) -> Result<Array> {
        let bytes = shape.numel().saturating_mul(dtype.size());
        let storage = Arena::storage(&self.arena, device, bytes)?;
        Ok(Array::new(storage, Layout::dense(shape), dtype))
    }

    /// Runs `f` and records its work. The tape is missing, with the reason, when something cannot
    /// be repeated, and while this thread records or repeats already.
    ///
    /// # Errors
    /// What `f` reports.
    pub fn record<T>(
        self,
        f: impl FnOnce() -> Result<T>,
    ) -> Result<(T, Result<Tape, &'static str>)> {
        if MODE.get() != Mode::Off {
            return Ok((f()?, Err("this thread records or repeats already")));
        }
        let recording = Recording {
            arena: self.arena,
            jobs: Vec::new(),
            memory: Vec::new(),
            outside: Vec::new(),
            refused: None,
        };
        RECORDING.with_borrow_mut(|slot| *slot = Some(recording));
        let result = {
            let _recording = Switch::to(Mode::Between);
            f()
        };
        let recording = RECORDING.with_borrow_mut(Option::take);
        let result = result?;
        let Some(r) = recording else { return Ok((result, Err("the recording is gone"))) };
        if let Some(reason) = r.refused {
            return Ok((result, Err(reason)));
        }
        let (memory, _arena) = (r.memory.into(), r.arena);
        Ok((result, Ok(Tape { jobs: r.jobs, memory, outside: r.outside, _arena })))
    }
}

impl Tape {
    /// Does the work again. The memory that it reads from outside must still hold what is meant.
    ///
    /// # Errors
    /// What the work reports: a label out of range, a lost device.
    pub fn replay(&self) -> Result<()> {
        let before = REPLAY.replace((self.memory.clone(), 0));
        let result = {
            let _replay = Switch::to(Mode::Replay);
            self.jobs.iter().try_for_each(|job| job())
        };
        REPLAY.set(before);
        result
    }

    /// Lets go of memory from outside that its owner is known to keep as long as the tape is
    /// replayed: the tape is no longer a holder.
    pub fn release(&mut self, array: &Array) {
        self.outside.retain(|storage| !storage.same(array.storage()));
    }
}
