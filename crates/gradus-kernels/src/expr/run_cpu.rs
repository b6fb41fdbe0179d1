//! The CPU executor: a plan's steps over tiles that stay in the first cache.

use std::cell::RefCell;
use std::ops::Deref;

use gradus_cpu::{SendPtr, for_pieces};
use gradus_tensor::rng::unit_f32;
use gradus_tensor::{Array, DType};
use smallvec::SmallVec;

use super::instructions::{Action, Instruction, instructions};
use super::loops;
use super::plan::{LeafSlot, Plan};
use super::value::Leaf;

/// Elements of a tile: a handful of f32 tiles fit the first cache, and the cost of a step's call
/// is small beside its work.
pub(crate) const TILE: usize = 1024;
/// Bytes of a tile's slot: the widest element.
const SLOT: usize = TILE * 8;
/// Work (elements × steps) of a piece; for less than two of them a second thread costs more than it
/// saves.
const PIECE_WORK: usize = 1 << 19;
const MOST_PIECES: usize = 16;

/// A plan resolved for this processor: loops picked, scratch slots assigned.
pub(crate) struct Executor<P> {
    plan: P,
    walks: SmallVec<[Walk; 6]>,
    code: SmallVec<[Instruction; 8]>,
    /// Where each register's tile lies.
    place: SmallVec<[Place; 16]>,
    slots: usize,
}

/// Where a register's tile is found.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// In place in a dense leaf's memory: base address, and the size of an element.
    Direct(SendPtrEq, u8),
    /// In a scratch slot.
    Slot(u16),
    /// Straight in result number i.
    Result(u16),
    /// Nowhere: no instruction reads it.
    Unread,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct SendPtrEq(*const u8);
// SAFETY: leaves are only read while a plan runs.
unsafe impl Send for SendPtrEq {}
// SAFETY: as above.
unsafe impl Sync for SendPtrEq {}

/// The elements that instructions run over at once.
#[derive(Clone, Copy)]
struct Tile<'a> {
    /// This thread's scratch memory.
    scratch: *mut u8,
    /// Where results begin, and the size of their elements.
    out: &'a [(SendPtr, usize)],
    start: usize,
    n: usize,
}

/// Where the registers' elements of one tile are.
type Tiles = SmallVec<[*mut u8; 32]>;

/// A leaf's layout over the plan's shape with mergeable dimensions merged.
struct Walk {
    sizes: SmallVec<[usize; 6]>,
    strides: SmallVec<[isize; 6]>,
    offset: isize,
}

thread_local! {
    static SCRATCH: RefCell<Vec<[u64; TILE]>> = const { RefCell::new(Vec::new()) };
}

impl<P: Deref<Target = Plan> + Sync> Executor<P> {
    pub(crate) fn new(plan: P) -> Self {
        let (code, walks) = (instructions(&plan), plan.leaves.iter().map(Walk::of).collect());
        let mut executor = Executor { plan, walks, code, place: SmallVec::new(), slots: 0 };
        let leaves = executor.plan.leaves.len();
        let mut read: SmallVec<[bool; 16]> = SmallVec::from_elem(false, leaves);
        let args = executor.code.iter().flat_map(|instruction| &instruction.args);
        for &reg in args.chain(&executor.plan.roots) {
            if let Some(read) = read.get_mut(reg as usize) {
                *read = true;
            }
        }
        for (i, read) in read.into_iter().enumerate() {
            let leaf = &executor.plan.leaves[i];
            let place = match direct(leaf) {
                Some(base) => Place::Direct(SendPtrEq(base), leaf.dtype.size() as u8),
                None if leaf.window.is_none() && !read => Place::Unread,
                None => executor.fresh_slot(),
            };
            executor.place.push(place);
        }
        executor.assign_slots();
        executor
    }

    fn fresh_slot(&mut self) -> Place {
        self.slots += 1;
        Place::Slot((self.slots - 1) as u16)
    }

    /// Gives every result a slot; a slot is free again after the last instruction that reads it.
    fn assign_slots(&mut self) {
        let leaves = self.plan.leaves.len();
        let total = leaves + self.plan.steps.len();
        self.place.resize(total, Place::Unread);
        let last_use = self.last_uses();
        let mut free: SmallVec<[Place; 16]> = SmallVec::new();
        for i in 0..self.code.len() {
            let place = free.pop().unwrap_or_else(|| self.fresh_slot());
            self.place[self.code[i].out as usize] = place;
            for &arg in &self.code[i].args {
                let arg = arg as usize;
                // Constants are written once a piece, so their slots stay taken.
                let keeps = arg < leaves;
                let place = self.place[arg];
                let is_slot = matches!(place, Place::Slot(_));
                if last_use[arg] == i && !keeps && is_slot && !free.contains(&place) {
                    free.push(place);
                }
            }
        }
    }

    /// The last instruction that reads each register; roots are read to the end.
    fn last_uses(&self) -> SmallVec<[usize; 64]> {
        let total = self.plan.leaves.len() + self.plan.steps.len();
        let mut last: SmallVec<[usize; 64]> = SmallVec::from_elem(0, total);
        for (i, instruction) in self.code.iter().enumerate() {
            for &arg in &instruction.args {
                last[arg as usize] = i;
            }
        }
        for &root in &self.plan.roots {
            last[root as usize] = usize::MAX;
        }
        last
    }

    /// Runs the plan into dense arrays.
    pub(crate) fn run(mut self, out: &[Array], in_place: bool) {
        let results = addresses(out);
        self.write_straight(&results, in_place);
        self.run_into(&results);
    }

    /// The same in two steps, the second of which can be repeated.
    pub(crate) fn ready(mut self) -> Self {
        self.write_straight(&[], false);
        self
    }

    /// Runs a plan that is [ready](Executor::ready) into dense arrays that are no operands.
    pub(crate) fn run_ready(&self, out: &[Array]) {
        self.run_into(&addresses(out));
    }

    fn run_into(&self, results: &[(SendPtr, usize)]) {
        let n = self.plan.shape.numel();
        let work = n * (self.plan.steps.len() + self.plan.leaves.len());
        // Few large pieces, a number of them that threads can share evenly.
        let pieces = (work / PIECE_WORK).clamp(1, MOST_PIECES).next_power_of_two();
        let piece = n.div_ceil(pieces).next_multiple_of(TILE);
        for_pieces(n, piece, |start, len| {
            self.with_scratch(|scratch| {
                let mut tiles = Tiles::new();
                let mut at = start;
                while at < start + len {
                    let n = TILE.min(start + len - at);
                    self.tile(Tile { scratch, out: results, start: at, n }, &mut tiles);
                    at += n;
                }
            });
        });
    }

    /// Lets the instruction that computes a root write it where it belongs. `in_place`: that may be
    /// where an operand lies, which must not be read any more then, or only by that instruction.
    fn write_straight(&mut self, results: &[(SendPtr, usize)], in_place: bool) {
        let leaves = self.plan.leaves.len();
        let last_use = if in_place { self.last_uses() } else { SmallVec::new() };
        for (i, &root) in self.plan.roots.iter().enumerate() {
            let once = self.plan.roots.iter().filter(|&&r| r == root).count() == 1;
            if (root as usize) < leaves || !once {
                continue;
            }
            let Some(at) = self.code.iter().position(|own| own.out == root) else { continue };
            let twin = results.get(i).filter(|_| in_place).and_then(|(base, _)| {
                // SAFETY: no offset.
                let here = SendPtrEq(unsafe { base.add(0) });
                let is_here = |place| matches!(place, Place::Direct(base, _) if base == here);
                (0..leaves).find(|&leaf| is_here(self.place[leaf]))
            });
            let read_until = twin.map_or(0, |leaf| last_use[leaf]);
            if let Some(leaf) = twin
                && read_until >= at
            {
                let code = &mut self.code[at];
                let Some((over, run)) = code.in_place.filter(|_| read_until == at) else {
                    continue;
                };
                let reads = code.args.iter().filter(|&&arg| arg as usize == leaf).count();
                if over as usize != leaf || reads != 1 {
                    continue;
                }
                code.action = Action::Run(run);
            }
            self.place[root as usize] = Place::Result(i as u16);
        }
    }

    /// Evaluates the one root over `start..start + len` and hands each tile to `sink`; elements
    /// that lie in memory already are one tile.
    pub(crate) fn stream(&self, start: usize, len: usize, mut sink: impl FnMut(usize, &[u8])) {
        let root = self.plan.roots[0];
        let size = self.plan.dtype(root).size();
        if let Place::Direct(base, _) = self.place[root as usize] {
            // SAFETY: the range lies inside the dense leaf.
            return sink(start, unsafe {
                std::slice::from_raw_parts(base.0.add(start * size), len * size)
            });
        }
        self.with_scratch(|scratch| {
            let mut tiles = Tiles::new();
            let mut at = start;
            while at < start + len {
                let n = TILE.min(start + len - at);
                self.evaluate(Tile { scratch, out: &[], start: at, n }, &mut tiles);
                let tile = tiles[root as usize];
                // SAFETY: a register's tile holds `n` elements.
                sink(at, unsafe { std::slice::from_raw_parts(tile, n * size) });
                at += n;
            }
        });
    }

    /// Runs `f` with this thread's scratch memory, constants written.
    fn with_scratch(&self, f: impl FnOnce(*mut u8)) {
        SCRATCH.with(|cell| {
            let mut taken = cell.take();
            if taken.len() < self.slots {
                taken.resize(self.slots, [0; TILE]);
            }
            let scratch = taken.as_mut_ptr().cast::<u8>();
            self.write_constants(scratch);
            f(scratch);
            cell.replace(taken);
        });
    }

    fn write_constants(&self, scratch: *mut u8) {
        for (leaf, place) in self.plan.leaves.iter().zip(&self.place) {
            let (Leaf::Const(value), Place::Slot(slot)) = (&leaf.leaf, place) else { continue };
            let n = TILE.min(self.plan.shape.numel());
            // SAFETY: the slot lies inside the scratch memory and holds a tile.
            unsafe { loops::fill(leaf.dtype, *value, scratch.add(*slot as usize * SLOT), n) };
        }
    }

    fn tile(&self, tile: Tile<'_>, tiles: &mut Tiles) {
        let Tile { out, start, n, .. } = tile;
        self.evaluate(tile, tiles);
        for (i, &root) in self.plan.roots.iter().enumerate() {
            if self.place[root as usize] == Place::Result(i as u16) {
                continue;
            }
            let (base, size) = out[i];
            // SAFETY: tiles of one piece lie inside the result; `copy` allows it to be the leaf.
            unsafe { std::ptr::copy(tiles[root as usize], base.add(start * size), n * size) };
        }
    }

    /// Loads the leaves and runs the steps over one tile; afterwards `tiles` tells where the
    /// registers' elements are.
    fn evaluate(&self, tile: Tile<'_>, tiles: &mut Tiles) {
        let Tile { scratch, out, start, n } = tile;
        tiles.clear();
        // SAFETY: `start` lies inside the leaf or result, the slot inside the scratch memory.
        tiles.extend(self.place.iter().map(|place| unsafe {
            match *place {
                Place::Direct(base, size) => base.0.add(start * size as usize).cast_mut(),
                Place::Slot(slot) => scratch.add(slot as usize * SLOT),
                Place::Result(i) => out[i as usize].0.add(start * out[i as usize].1),
                Place::Unread => std::ptr::null_mut(),
            }
        }));
        for (i, leaf) in self.plan.leaves.iter().enumerate() {
            if !matches!(self.place[i], Place::Slot(_)) || leaf.window.is_some() {
                continue;
            }
            match &leaf.leaf {
                Leaf::Concat(parts) => tiles[i] = load_concat(parts, start, n, tiles[i]),
                _ => load(leaf, &self.walks[i], start, n, tiles[i]),
            }
        }
        for code in &self.code {
            let mut args = [std::ptr::null::<u8>(); 3];
            for (address, &arg) in args.iter_mut().zip(&code.args) {
                *address = tiles[arg as usize];
            }
            let to = tiles[code.out as usize];
            match code.action {
                // SAFETY: every address holds a tile of at least `n` elements of its type, and
                // slots in use at the same time differ.
                Action::Run(run) => unsafe { run(args, to, n, &code.params) },
                Action::Window(leaf) => {
                    let slot = &self.plan.leaves[leaf as usize];
                    // SAFETY: as above.
                    unsafe { std::ptr::copy_nonoverlapping(args[0], to, n * slot.dtype.size()) };
                    load_window(slot, &self.walks[leaf as usize], start, n, to);
                }
            }
        }
    }
}

/// Where dense arrays begin, and the size of their elements.
fn addresses(out: &[Array]) -> SmallVec<[(SendPtr, usize); 3]> {
    out.iter()
        .map(|array| {
            let size = array.dtype().size();
            let base = array.cpu_buffer().map_or(std::ptr::null_mut(), |b| b.as_ptr());
            // SAFETY: the offset lies inside the array's memory.
            (SendPtr::new(unsafe { base.add(array.layout().offset() * size) }), size)
        })
        .collect()
}

/// The base address of a leaf that is read where it lies.
fn direct(slot: &LeafSlot) -> Option<*const u8> {
    let Leaf::Array(array) = &slot.leaf else { return None };
    if slot.window.is_some() || !slot.layout.is_dense() {
        return None;
    }
    let buffer = array.cpu_buffer()?;
    // SAFETY: the offset lies inside the array's memory.
    Some(unsafe { buffer.as_ptr().add(slot.layout.offset() * slot.dtype.size()) })
}

impl Walk {
    fn of(slot: &LeafSlot) -> Self {
        let mut walk = Walk {
            sizes: SmallVec::new(),
            strides: SmallVec::new(),
            offset: slot.window.as_ref().map_or(slot.layout.offset() as isize, |w| w.offset),
        };
        if slot.window.is_some() {
            walk.sizes.extend(slot.layout.shape().iter().copied());
            walk.strides.extend(slot.layout.strides().iter().copied());
        } else {
            for (size, stride) in slot.layout.merged() {
                walk.sizes.push(size);
                walk.strides.push(stride);
            }
        }
        walk
    }

    /// Calls `f(done, index, position, run)` for every run of the last dimension inside
    /// `start..start + n`.
    fn runs(&self, start: usize, n: usize, mut f: impl FnMut(usize, &[usize], isize, usize)) {
        let rank = self.sizes.len();
        if rank == 0 {
            return f(0, &[], self.offset, n);
        }
        let mut index: SmallVec<[usize; 6]> = SmallVec::from_elem(0, rank);
        let mut rest = start;
        for d in (0..rank).rev() {
            index[d] = rest % self.sizes[d];
            rest /= self.sizes[d];
        }
        let mut done = 0;
        while done < n {
            let last = rank - 1;
            let run = (self.sizes[last] - index[last]).min(n - done);
            let at = self.offset
                + index.iter().zip(&self.strides).map(|(&i, &s)| i as isize * s).sum::<isize>();
            f(done, &index, at, run);
            done += run;
            index[last] += run;
            for d in (1..rank).rev() {
                if index[d] == self.sizes[d] {
                    index[d] = 0;
                    index[d - 1] += 1;
                }
            }
        }
    }

    fn last_stride(&self) -> isize {
        self.strides.last().copied().unwrap_or(0)
    }
}

fn load(slot: &LeafSlot, walk: &Walk, start: usize, n: usize, out: *mut u8) {
    match &slot.leaf {
        Leaf::Const(_) | Leaf::Concat(_) => {}
        Leaf::Array(array) => {
            let base = array.cpu_buffer().map_or(std::ptr::null(), |b| b.as_ptr().cast_const());
            let stride = walk.last_stride();
            walk.runs(start, n, |done, _, at, run| {
                // SAFETY: the layout lies inside the array's memory, the tile has `n` elements.
                unsafe { copy_run(slot.dtype, base, at, stride, run, out, done) };
            });
        }
        Leaf::Iota(_) => {
            let stride = walk.last_stride();
            walk.runs(start, n, |done, _, at, run| {
                for i in 0..run {
                    let value = (at + i as isize * stride) as f64;
                    // SAFETY: inside the tile.
                    unsafe {
                        let cell = out.add((done + i) * slot.dtype.size());
                        loops::write_number(slot.dtype, value, cell);
                    }
                }
            });
        }
        Leaf::Random(draw, _) => {
            let stride = walk.last_stride();
            let mut block = (u64::MAX, [0; 4]);
            walk.runs(start, n, |done, _, at, run| {
                for i in 0..run {
                    let position = (at + i as isize * stride) as u64;
                    if block.0 != position / 4 {
                        block = (position / 4, draw.block(position / 4));
                    }
                    let value = f64::from(unit_f32(block.1[(position % 4) as usize]));
                    // SAFETY: inside the tile.
                    unsafe {
                        let cell = out.add((done + i) * slot.dtype.size());
                        loops::write_number(slot.dtype, value, cell);
                    }
                }
            });
        }
    }
}

/// Where the elements of joined arrays are: in the array that holds all of them, else brought
/// together in `out`.
fn load_concat(parts: &[(Array, usize)], start: usize, n: usize, out: *mut u8) -> *mut u8 {
    let size = parts.first().map_or(1, |(a, _)| a.dtype().size());
    let first = parts.partition_point(|&(_, at)| at <= start).saturating_sub(1);
    if let Some((array, at)) = parts.get(first)
        && *at <= start
        && start + n <= at + array.shape().numel()
        && let Some(buffer) = array.cpu_buffer()
    {
        let from = (array.layout().offset() + start - at) * size;
        // SAFETY: the range lies inside the array's memory; it is only read.
        return unsafe { buffer.as_ptr().add(from) };
    }
    // SAFETY: the tile has `n` elements.
    unsafe { std::ptr::write_bytes(out, 0, n * size) };
    for (array, at) in &parts[first..] {
        if *at >= start + n {
            break;
        }
        let (low, high) = (start.max(*at), (start + n).min(at + array.shape().numel()));
        let Some(buffer) = array.cpu_buffer() else { continue };
        if low >= high {
            continue;
        }
        let from = (array.layout().offset() + low - at) * size;
        // SAFETY: `low..high` lies inside both the part and the tile.
        unsafe {
            let from = buffer.as_ptr().add(from);
            let to = out.add((low - start) * size);
            std::ptr::copy_nonoverlapping(from, to, (high - low) * size);
        }
    }
    out
}

/// Overwrites the part of a tile where the window's ranges hold.
fn load_window(slot: &LeafSlot, walk: &Walk, start: usize, n: usize, out: *mut u8) {
    let (Some(window), Leaf::Array(array)) = (&slot.window, &slot.leaf) else { return };
    let base = array.cpu_buffer().map_or(std::ptr::null(), |b| b.as_ptr().cast_const());
    let stride = walk.last_stride();
    walk.runs(start, n, |done, index, at, run| {
        let Some((&first, outer)) = index.split_last() else {
            // SAFETY: a scalar window is read at its offset.
            return unsafe { copy_run(slot.dtype, base, at, 0, run, out, done) };
        };
        let inside = outer.iter().zip(&window.ranges).all(|(&i, &(lo, hi))| i >= lo && i < hi);
        let (low, high) = window.ranges[outer.len()];
        let (low, high) = (low.max(first), high.min(first + run));
        if inside && low < high {
            let skip = low - first;
            let at = at + skip as isize * stride;
            // SAFETY: inside the ranges the layout lies inside the array's memory.
            unsafe { copy_run(slot.dtype, base, at, stride, high - low, out, done + skip) };
        }
    });
}

/// Copies `run` elements, `stride` apart, into position `done` of a tile.
///
/// # Safety
/// All elements must lie inside their memory.
unsafe fn copy_run(
    dtype: DType,
    base: *const u8,
    at: isize,
    stride: isize,
    run: usize,
    out: *mut u8,
    done: usize,
) {
    // SAFETY: promised by the caller.
    unsafe {
        match dtype.size() {
            1 => copy_typed::<u8>(base, at, stride, run, out, done),
            4 => copy_typed::<u32>(base, at, stride, run, out, done),
            _ => copy_typed::<u64>(base, at, stride, run, out, done),
        }
    }
}

/// # Safety
/// As [`copy_run`].
#[inline(always)]
unsafe fn copy_typed<T: Copy>(
    base: *const u8,
    at: isize,
    stride: isize,
    run: usize,
    out: *mut u8,
    done: usize,
) {
    // SAFETY: promised by the caller.
    unsafe {
        let from = base.cast::<T>().offset(at);
        let to = out.cast::<T>().add(done);
        if stride == 1 {
            return std::ptr::copy_nonoverlapping(from, to, run);
        }
        if stride == 0 {
            return std::slice::from_raw_parts_mut(to, run).fill(*from);
        }
        for i in 0..run {
            *to.add(i) = *from.offset(i as isize * stride);
        }
    }
}
