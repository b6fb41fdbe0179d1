//! Convolutions on the CPU: windows become columns of a tile that fits the second cache, and the
//! tile goes through a matrix product. Kernels that see few channels walk rows directly.

use std::cell::RefCell;
use std::ops::Range;

use gradus_cpu::{Matrix, SendPtr, for_pieces, gemm};
use gradus_tensor::{Array, DType, Result};
use smallvec::SmallVec;

use super::{ConvGeometry, ConvMap, ConvOp, direct};
use crate::ops::lines::{Fresh, Real, host, vectorised};

/// Bytes of a tile of columns: half of a usual second cache.
const TILE_BYTES: usize = 256 << 10;
/// Columns below which a product is too narrow to be fast.
const FEWEST_COLUMNS: usize = 64;
/// Pieces that the work is cut into where images and groups are few: enough for many threads.
const PIECES: usize = 16;
/// Bytes that copies of a filter's gradient may take.
const COPIES_BYTES: usize = 32 << 20;
/// Multiply-adds below which one thread is faster than two.
const SINGLE_THREAD: usize = 1 << 18;
/// Channels times filters of a group up to which rows are walked directly.
const FEW_CHANNELS: usize = 4;

pub(super) fn run(op: &ConvOp) -> Result<Array> {
    let mut out = Fresh::new(&op.out, op.a.dtype())?;
    match op.a.dtype() {
        DType::F64 => typed::<f64>(op, out.values())?,
        _ => typed::<f32>(op, out.values())?,
    }
    Ok(out.done())
}

fn typed<T: Real>(op: &ConvOp, out: &mut [T]) -> Result<()> {
    let (a, b) = (host::<T>(&op.a), host::<T>(&op.b));
    let g = &op.geometry;
    let job = Job::new(g);
    if g.channels * g.filters <= FEW_CHANNELS && !g.is_pointwise() {
        direct::run(op.map, g, a, b, out, job.threads);
        return Ok(());
    }
    match op.map {
        ConvMap::Forward => job.forward(a, b, out),
        ConvMap::Data => job.data(a, b, out),
        ConvMap::Filter => job.filter(a, b, out, op.a.dtype())?,
    }
    Ok(())
}

/// Sizes that all three maps count with.
struct Job<'a> {
    g: &'a ConvGeometry,
    /// Elements of a window in one group: rows of a tile.
    window: usize,
    /// Positions of x and y.
    x: usize,
    y: usize,
    /// Elements of x, y and w in one group.
    x_group: usize,
    y_group: usize,
    w_group: usize,
    /// Whether several threads are worth it.
    threads: bool,
}

impl<'a> Job<'a> {
    fn new(g: &'a ConvGeometry) -> Self {
        let [x, y] = g.positions();
        let window = g.channels * g.taps();
        let work = g.batch * g.groups * g.filters * window * y;
        Job {
            g,
            window,
            x,
            y,
            x_group: g.channels * x,
            y_group: g.filters * y,
            w_group: g.filters * window,
            threads: work > SINGLE_THREAD,
        }
    }

    /// Columns of a tile whose windows have `rows` elements; tiles of an image are equally wide.
    fn width<T>(&self, rows: usize) -> usize {
        let most = (TILE_BYTES / (rows * size_of::<T>())).max(FEWEST_COLUMNS);
        let tiles = self.y.div_ceil(most);
        self.y.div_ceil(tiles).next_multiple_of(16).min(self.y)
    }

    /// Runs `f` for every item, and says whether the item must use threads of its own.
    fn each(&self, items: usize, f: impl Fn(usize, bool) + Sync) {
        let alone = self.threads && items == 1;
        let piece = if self.threads { 1 } else { items };
        for_pieces(items, piece, |first, count| {
            for item in first..first + count {
                f(item, alone);
            }
        });
    }

    fn forward<T: Real>(&self, x: &[T], w: &[T], y: &mut [T]) {
        let out = SendPtr::new(y.as_mut_ptr());
        let width = if self.g.is_pointwise() { self.y } else { self.width::<T>(self.window) };
        let tiles = self.y.div_ceil(width);
        self.each(self.g.batch * self.g.groups * tiles, |item, alone| {
            let (plane, from) = (item / tiles, item % tiles * width);
            let to = (from + width).min(self.y);
            let x = &x[plane * self.x_group..][..self.x_group];
            let w = &w[plane % self.g.groups * self.w_group..][..self.w_group];
            let product = |tile: &[T]| {
                let at = (plane * self.y_group + from) * size_of::<T>();
                let size = [self.g.filters, to - from, self.window];
                let w = Matrix::rows(w, self.window);
                let tile = Matrix::rows(tile, to - from);
                // SAFETY: items own disjoint parts of y; the sizes cover w's group and the tile.
                unsafe { gemm(size, (out.add(at).cast(), self.y), w, tile, false, alone) };
            };
            if self.g.is_pointwise() {
                return product(x);
            }
            with_scratch(self.window * (to - from), |tile| {
                gather(x, tile, self.g, from..to);
                product(tile);
            });
        });
    }

    fn data<T: Real>(&self, y: &[T], w: &[T], x: &mut [T]) {
        let g = self.g;
        let planes = g.batch * g.groups;
        let out = SendPtr::new(x.as_mut_ptr());
        // Where images are few, channels are shared out.
        let blocks = PIECES.div_ceil(planes).min(g.channels);
        let blocks = if self.threads && !g.is_pointwise() { blocks } else { 1 };
        let some = g.channels.div_ceil(blocks);
        let blocks = g.channels.div_ceil(some);
        let taps = g.taps();
        self.each(planes * blocks, |item, alone| {
            let (plane, first) = (item / blocks, item % blocks * some);
            let channels = some.min(g.channels - first);
            let rows = channels * taps;
            let y = &y[plane * self.y_group..][..self.y_group];
            let w = &w[plane % g.groups * self.w_group..][..self.w_group];
            let w = Matrix::rows(&w[first * taps..], self.window).t();
            // SAFETY: items own disjoint channels of x.
            let x = unsafe {
                let at = (plane * self.x_group + first * self.x) * size_of::<T>();
                std::slice::from_raw_parts_mut(out.add(at).cast::<T>(), channels * self.x)
            };
            let product = |tile: *mut T, from: usize, width: usize| {
                let y = Matrix::rows(&y[from..], self.y);
                // SAFETY: the sizes cover w's group, y's plane and the tile.
                unsafe { gemm([rows, width, g.filters], (tile, width), w, y, false, alone) };
            };
            if g.is_pointwise() {
                return product(x.as_mut_ptr(), 0, self.y);
            }
            x.fill(T::ZERO);
            let width = self.width::<T>(rows);
            with_scratch(rows * width, |tile| {
                for from in (0..self.y).step_by(width) {
                    let to = (from + width).min(self.y);
                    product(tile.as_mut_ptr(), from, to - from);
                    scatter(&mut tile[..rows * (to - from)], x, g, from..to);
                }
            });
        });
    }

    fn filter<T: Real>(&self, x: &[T], y: &[T], w: &mut [T], dtype: DType) -> Result<()> {
        let g = self.g;
        // The copies depend on the shape alone, so that the sum's order does.
        let affordable = (COPIES_BYTES / size_of_val(w).max(1)).max(1);
        let copies = g.batch.min(PIECES.div_ceil(g.groups)).min(affordable);
        let copies = if self.threads { copies } else { 1 };
        let images = g.batch.div_ceil(copies);
        let copies = g.batch.div_ceil(images);
        let mut partial = match copies {
            1 => None,
            _ => Some(Fresh::new(&[copies, w.len()].into(), dtype)?),
        };
        let sums: &mut [T] = match &mut partial {
            Some(partial) => partial.values(),
            None => w,
        };
        let count = sums.len() / copies;
        let out = SendPtr::new(sums.as_mut_ptr());
        let width = if g.is_pointwise() { self.y } else { self.width::<T>(self.window) };
        self.each(copies * g.groups, |item, alone| {
            let (copy, group) = (item / g.groups, item % g.groups);
            let at = (copy * count + group * self.w_group) * size_of::<T>();
            let mut add = false;
            let mut product = |y: &[T], tile: Matrix<T>, width: usize| {
                let size = [g.filters, self.window, width];
                let y = Matrix::rows(y, self.y);
                // SAFETY: items own disjoint groups of copies; the sizes cover y and the tile.
                unsafe {
                    let sum = (out.add(at).cast(), self.window);
                    gemm(size, sum, y, tile.t(), add, alone);
                }
                add = true;
            };
            for image in copy * images..((copy + 1) * images).min(g.batch) {
                let plane = image * g.groups + group;
                let x = &x[plane * self.x_group..][..self.x_group];
                let y = &y[plane * self.y_group..][..self.y_group];
                if g.is_pointwise() {
                    product(y, Matrix::rows(x, self.x), self.y);
                    continue;
                }
                with_scratch(self.window * width, |tile| {
                    for from in (0..self.y).step_by(width) {
                        let to = (from + width).min(self.y);
                        gather(x, &mut tile[..self.window * (to - from)], g, from..to);
                        product(&y[from..], Matrix::rows(tile, to - from), to - from);
                    }
                });
            }
        });
        if let Some(mut partial) = partial {
            let sums: &[T] = partial.values();
            w.copy_from_slice(&sums[..count]);
            for copy in sums[count..].chunks_exact(count) {
                add_to(w, copy);
            }
        }
        Ok(())
    }
}

/// Runs `f` with this thread's scratch memory. It is taken, not borrowed: a product with threads
/// of its own may let this thread run another convolution meanwhile.
fn with_scratch<T: Real, R>(len: usize, f: impl FnOnce(&mut [T]) -> R) -> R {
    thread_local! {
        static SCRATCH: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    }
    let mut memory = SCRATCH.take();
    let words = (len * size_of::<T>()).div_ceil(size_of::<u64>());
    if memory.len() < words {
        memory.resize(words, 0);
    }
    let result = f(&mut bytemuck::cast_slice_mut(&mut memory)[..len]);
    SCRATCH.set(memory);
    result
}

/// One run of positions of y, seen from one element of the kernel.
struct Segment {
    /// Where the run starts in the tile's rows of a channel, and how long it is.
    at: usize,
    len: usize,
    /// The part of it that falls on x, from `start` on; empty where nothing does.
    inside: Range<usize>,
    start: usize,
    /// The positions of that part which do not.
    margins: Option<Margins>,
}

/// The columns outside of `reached`, of lines that follow each other.
struct Margins {
    /// The column of the first position, and how many there are in a line.
    col: usize,
    cols: usize,
    reached: Range<usize>,
}

impl Margins {
    fn clear<T: Real>(&self, row: &mut [T]) {
        let mut line = 0;
        // Counted from the start of the first line, which `row` may not hold.
        let end = self.col + row.len();
        while line < end {
            for outside in [0..self.reached.start, self.reached.end..self.cols] {
                let from = (line + outside.start).max(self.col);
                let to = (line + outside.end).min(end);
                if from < to {
                    row[from - self.col..to - self.col].fill(T::ZERO);
                }
            }
            line += self.cols;
        }
    }
}

/// The runs of `positions` of y, for every element of the kernel: they are those of all channels.
fn segments(g: &ConvGeometry, positions: &Range<usize>) -> SmallVec<[Segment; 16]> {
    let mut segments = SmallVec::new();
    let [_, rows, cols] = g.kernel;
    for t in 0..g.taps() {
        let tap = [t / (rows * cols), t / cols % rows, t % cols];
        let mut from = positions.start;
        while from < positions.end {
            let (mut segment, to) = match g.stride[1] == 1 && g.stride[2] == 1 && g.x[2] == g.y[2] {
                true => lines(g, tap, from, positions.end),
                false => one_line(g, tap, from, positions.end),
            };
            segment.at = t * positions.len() + from - positions.start;
            segments.push(segment);
            from = to;
        }
    }
    segments
}

/// The coordinate of x along `d` that belongs to one of y.
fn coordinate(g: &ConvGeometry, tap: [usize; 3], d: usize, at: usize) -> Option<usize> {
    let at = at * g.stride[d] + tap[d] * g.dilation[d];
    at.checked_sub(g.before[d]).filter(|&i| i < g.x[d])
}

/// The run from `at` to the end of its line, and where it ends.
fn one_line(g: &ConvGeometry, tap: [usize; 3], at: usize, end: usize) -> (Segment, usize) {
    let (line, col) = (at / g.y[2], at % g.y[2]);
    let len = (g.y[2] - col).min(end - at);
    let mut segment = Segment { at: 0, len, inside: 0..0, start: 0, margins: None };
    let z = coordinate(g, tap, 0, line / g.y[1]);
    if let (Some(z), Some(y)) = (z, coordinate(g, tap, 1, line % g.y[1])) {
        let (low, high) = g.reached(2, tap[2]);
        let from = low.clamp(col, col + len);
        let to = high.clamp(from, col + len);
        if from < to {
            segment.inside = from - col..to - col;
            let x = from * g.stride[2] + tap[2] * g.dilation[2] - g.before[2];
            segment.start = (z * g.x[1] + y) * g.x[2] + x;
        }
    }
    (segment, at + len)
}

/// The run of lines from `at` on that are all on x or all beside it, and where it ends; lines of y
/// are as long as those of x and follow each other there too.
fn lines(g: &ConvGeometry, tap: [usize; 3], at: usize, end: usize) -> (Segment, usize) {
    let cols = g.y[2];
    let (line, col) = (at / cols, at % cols);
    let (depth, row) = (line / g.y[1], line % g.y[1]);
    let (top, bottom) = g.reached(1, tap[1]);
    let (low, high) = g.reached(2, tap[2]);
    let z = coordinate(g, tap, 0, depth).filter(|_| row < bottom && low < high);
    let until = match z {
        Some(_) if row < top => top,
        Some(_) => bottom,
        None => g.y[1],
    };
    let end = end.min((depth * g.y[1] + until) * cols);
    let len = end - at;
    let mut segment = Segment { at: 0, len, inside: 0..0, start: 0, margins: None };
    if let Some(z) = z.filter(|_| row >= top) {
        let last = (end - 1) % cols;
        let from = low.saturating_sub(col);
        let to = len.saturating_sub((last + 1).saturating_sub(high));
        if from < to {
            let x = col + from + tap[2] * g.dilation[2] - g.before[2];
            let y = row + tap[1] * g.dilation[1] - g.before[1];
            segment.inside = from..to;
            segment.start = (z * g.x[1] + y) * g.x[2] + x;
            let outside = low > 0 || high < cols;
            segment.margins =
                outside.then_some(Margins { col: (col + from) % cols, cols, reached: low..high });
        }
    }
    (segment, end)
}

vectorised! {
    /// The windows at `positions` as the columns of `tile`, for every channel of x.
    fn gather<T: Real>(x: &[T], tile: &mut [T], g: &ConvGeometry, positions: Range<usize>) {
        let segments = segments(g, &positions);
        let (rows, plane) = (g.taps() * positions.len(), x.len() / g.channels);
        for (rows, x) in tile.chunks_exact_mut(rows).zip(x.chunks_exact(plane)) {
            for s in &segments {
                let row = &mut rows[s.at..s.at + s.len];
                if s.inside.is_empty() {
                    row.fill(T::ZERO);
                    continue;
                }
                row[..s.inside.start].fill(T::ZERO);
                row[s.inside.end..].fill(T::ZERO);
                let row = &mut row[s.inside.clone()];
                match g.stride[2] {
                    1 => row.copy_from_slice(&x[s.start..s.start + row.len()]),
                    step => {
                        let values = x[s.start..].iter().step_by(step);
                        row.iter_mut().zip(values).for_each(|(to, &from)| *to = from);
                    }
                }
                if let Some(margins) = &s.margins {
                    margins.clear(row);
                }
            }
        }
    }

    /// Adds the columns of `tile` to the windows at `positions`, for every channel of x; what falls
    /// beside x becomes 0.
    fn scatter<T: Real>(tile: &mut [T], x: &mut [T], g: &ConvGeometry, positions: Range<usize>) {
        let segments = segments(g, &positions);
        let (rows, plane) = (g.taps() * positions.len(), g.x.iter().product());
        for (rows, x) in tile.chunks_exact_mut(rows).zip(x.chunks_exact_mut(plane)) {
            for s in segments.iter().filter(|s| !s.inside.is_empty()) {
                let row = &mut rows[s.at..s.at + s.len][s.inside.clone()];
                if let Some(margins) = &s.margins {
                    margins.clear(row);
                }
                match g.stride[2] {
                    1 => {
                        let x = &mut x[s.start..s.start + row.len()];
                        x.iter_mut().zip(row).for_each(|(to, from)| *to = *to + *from);
                    }
                    step => {
                        let x = x[s.start..].iter_mut().step_by(step);
                        x.zip(row).for_each(|(to, from)| *to = *to + *from);
                    }
                }
            }
        }
    }

    /// `to += from`.
    fn add_to<T: Real>(to: &mut [T], from: &[T]) {
        to.iter_mut().zip(from).for_each(|(to, &from)| *to = *to + from);
    }
}

#[cfg(test)]
mod tests {
    use super::super::ConvSpec;
    use super::*;

    /// Where element `tap` of the window at `position` falls in a plane of x.
    fn seen(g: &ConvGeometry, tap: usize, position: usize) -> Option<usize> {
        let split = |at: usize, [_, rows, cols]: [usize; 3]| {
            [at / (rows * cols), at / cols % rows, at % cols]
        };
        let (tap, at) = (split(tap, g.kernel), split(position, g.y));
        let mut plane = 0;
        for d in 0..3 {
            let x = at[d] * g.stride[d] + tap[d] * g.dilation[d];
            plane = plane * g.x[d] + x.checked_sub(g.before[d]).filter(|&x| x < g.x[d])?;
        }
        Some(plane)
    }

    #[test]
    fn any_run_of_windows_is_gathered_and_scattered() {
        let [same, even, wide, none] = [[(1, 1); 3], [(0, 1); 3], [(2, 2); 3], [(0, 0); 3]];
        let cases: [(&[usize], &[usize], _, usize, usize); 9] = [
            (&[4, 5], &[3, 3], same, 1, 1),
            (&[1, 4], &[3, 3], same, 1, 1),
            (&[4, 1], &[3, 3], same, 1, 1),
            (&[3, 4], &[2, 2], even, 1, 1),
            (&[4, 5], &[3, 3], wide, 1, 2),
            (&[3, 2], &[5, 5], wide, 1, 1),
            (&[5, 6], &[3, 3], none, 1, 1),
            (&[5, 6], &[3, 2], same, 2, 1),
            (&[2, 3, 3], &[3, 3, 3], same, 1, 1),
        ];
        const CHANNELS: usize = 2;
        for (x, kernel, padding, stride, dilation) in cases {
            let rank = x.len();
            let (stride, dilation) = ([stride; 3], [dilation; 3]);
            let spec = ConvSpec {
                stride: &stride[..rank],
                padding: &padding[..rank],
                dilation: &dilation[..rank],
                groups: 1,
            };
            let image = [1, CHANNELS].iter().chain(x).copied().collect();
            let filter = [1, CHANNELS].iter().chain(kernel).copied().collect();
            let g = ConvGeometry::new("conv", &image, &filter, &spec).expect("it fits");
            let ([plane, count], taps) = (g.positions(), g.taps());
            let image: Vec<f32> = (0..CHANNELS * plane).map(|i| i as f32 + 1.0).collect();
            for (from, to) in (0..count).flat_map(|a| (a + 1..=count).map(move |b| (a, b))) {
                let width = to - from;
                let mut tile = vec![f32::NAN; CHANNELS * taps * width];
                gather(&image, &mut tile, &g, from..to);
                let mut back: Vec<f32> = (0..tile.len()).map(|i| (i % 13) as f32).collect();
                let mut expected = vec![0.0; image.len()];
                for (i, got) in tile.iter().enumerate() {
                    let (c, t, at) = (i / width / taps, i / width % taps, from + i % width);
                    let seen = seen(&g, t, at).map(|x| c * plane + x);
                    let what = format!("{x:?}, {kernel:?}, {from}..{to}: element {i}");
                    assert_eq!(*got, seen.map_or(0.0, |x| image[x]), "{what}");
                    match seen {
                        Some(x) => expected[x] += back[i],
                        // What falls beside x is added nowhere, not even multiplied by 0.
                        None => back[i] = f32::NAN,
                    }
                }
                let mut sums = vec![0.0; image.len()];
                scatter(&mut back, &mut sums, &g, from..to);
                assert_eq!(sums, expected, "{x:?}, {kernel:?}, {from}..{to}");
            }
        }
    }
}
