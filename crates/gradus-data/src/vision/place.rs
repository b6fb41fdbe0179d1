//! Pixels that move by whole places: crops, padding, flips, quarter turns.

use std::ops::Range;

use gradus_kernels::{Value, Warp, WarpBorder, WarpMap, WarpMode, warp};
use gradus_tensor::Result;
use smallvec::{SmallVec, smallvec};

use super::picture::{ImageSize, Pixel, View, refused};
use super::simd::vectorised;

/// What stands where an image does not reach.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Around {
    /// A number for all channels, or one a channel.
    Constant(SmallVec<[f32; 4]>),
    Edge,
    Reflect,
    Symmetric,
}

/// First a turn, then flips, then a window of what that gives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    /// Quarter turns, counter-clockwise.
    pub(crate) turns: u8,
    pub(crate) mirrored: bool,
    pub(crate) upside_down: bool,
    /// The window's first row and column; negative outside.
    pub(crate) top: i64,
    pub(crate) left: i64,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) around: Around,
}

impl Place {
    /// The image as it is.
    pub(crate) fn still(size: ImageSize) -> Self {
        Place {
            turns: 0,
            mirrored: false,
            upside_down: false,
            top: 0,
            left: 0,
            height: size.height,
            width: size.width,
            around: Around::Constant(smallvec![0.0]),
        }
    }

    /// A window, zero outside.
    pub(crate) fn crop(
        size: ImageSize,
        [top, left]: [i64; 2],
        [height, width]: [usize; 2],
    ) -> Self {
        Place { top, left, height, width, ..Place::still(size) }
    }

    pub(crate) fn flip(size: ImageSize, mirrored: bool, upside_down: bool) -> Self {
        Place { mirrored, upside_down, ..Place::still(size) }
    }

    /// Quarter turns, counter-clockwise.
    pub(crate) fn turn(size: ImageSize, turns: u8) -> Self {
        let Place { height, width, .. } = Place::still(size);
        let (height, width) = if turns % 2 == 1 { (width, height) } else { (height, width) };
        Place { turns: turns % 4, height, width, ..Place::still(size) }
    }

    /// `[left, top, right, bottom]` more pixels; fewer where negative.
    pub(crate) fn pad(
        op: &'static str,
        size: ImageSize,
        [left, top, right, bottom]: [i64; 4],
        around: Around,
    ) -> Result<Self> {
        let height = size.height as i64 + top + bottom;
        let width = size.width as i64 + left + right;
        if height < 0 || width < 0 {
            return Err(refused(op, "the padding takes away more than there is", size));
        }
        let (height, width) = (height as usize, width as usize);
        Ok(Place { top: -top, left: -left, height, width, around, ..Place::still(size) })
    }

    pub(crate) fn is_identity(&self, size: ImageSize) -> bool {
        *self == Place { around: self.around.clone(), ..Place::still(size) }
    }

    /// # Errors
    /// `Kind::Shape` when pixels are asked for and there are none, or the fill has another count.
    pub(crate) fn after(&self, op: &'static str, size: ImageSize) -> Result<ImageSize> {
        if let Around::Constant(fill) = &self.around {
            if fill.len() != 1 && fill.len() != size.channels {
                let rule = "the fill must have 1 value or one a channel";
                return Err(refused(op, rule, size));
            }
        } else if size.plane() == 0 && self.height * self.width > 0 {
            return Err(refused(op, "there are no pixels to continue", size));
        }
        Ok(size.with(self.height, self.width))
    }

    /// Where column `j` (`true`) or row of the result lies in the turned and flipped image.
    fn source(&self, at: usize, size: usize, columns: bool) -> Option<usize> {
        let (first, flipped) =
            if columns { (self.left, self.mirrored) } else { (self.top, self.upside_down) };
        let size = size as i64;
        let at = first + at as i64;
        let at = match self.around {
            Around::Constant(_) if !(0..size).contains(&at) => return None,
            Around::Constant(_) => at,
            Around::Edge => at.clamp(0, size - 1),
            Around::Reflect if size > 1 => {
                let k = at.rem_euclid(2 * (size - 1));
                if k < size { k } else { 2 * (size - 1) - k }
            }
            Around::Reflect => 0,
            Around::Symmetric => {
                let k = at.rem_euclid(2 * size);
                if k < size { k } else { 2 * size - 1 - k }
            }
        };
        Some((if flipped { size - 1 - at } else { at }) as usize)
    }

    pub(crate) fn paint<T: Pixel>(&self, x: View<'_, T>, out: &mut [T]) {
        let (h, w) = (x.size.height, x.size.width);
        if self.turns > 0 {
            let turned = if self.turns == 2 { (h, w) } else { (w, h) };
            let mut middle = vec![T::cut(0.0); x.size.numel()];
            quarter(self.turns, x, &mut middle);
            let size = x.size.with(turned.0, turned.1);
            let rest = Place { turns: 0, ..self.clone() };
            return rest.paint(View { data: &middle, size }, out);
        }
        // Columns that lie inside are a run; the others are looked up.
        let outside = usize::try_from(-self.left).unwrap_or(0).min(self.width);
        let end = (w as i64 - self.left).clamp(outside as i64, self.width as i64) as usize;
        let around: Vec<(usize, Option<usize>)> =
            (0..outside).chain(end..self.width).map(|j| (j, self.source(j, w, true))).collect();
        let from = usize::try_from(self.left).unwrap_or(0);
        for c in 0..x.size.channels {
            let channel = x.channel(c);
            let fill = match &self.around {
                Around::Constant(fill) => fill[if fill.len() == 1 { 0 } else { c }],
                _ => 0.0,
            };
            let fill = if T::IS_BYTE { T::cut(fill) } else { T::rounded(fill) };
            let out = &mut out[c * self.height * self.width..][..self.height * self.width];
            let inside = self.top >= 0 && self.top as usize + self.height <= h;
            let whole = inside && around.is_empty() && self.width > 0;
            if whole && self.mirrored && !self.upside_down {
                let columns = w - from - self.width..w - from;
                reversed_rows(&channel[self.top as usize * w..], w, columns, out);
                continue;
            }
            for i in 0..self.height {
                let out = &mut out[i * self.width..][..self.width];
                let Some(row) = self.source(i, h, false) else {
                    out.fill(fill);
                    continue;
                };
                let row = &channel[row * w..][..w];
                for &(j, at) in &around {
                    out[j] = at.map_or(fill, |at| row[at]);
                }
                let run = end - outside;
                if run == 0 {
                    continue;
                }
                if self.mirrored {
                    reversed(&row[w - from - run..w - from], &mut out[outside..end]);
                } else {
                    out[outside..end].copy_from_slice(&row[from..from + run]);
                }
            }
        }
    }

    /// As a map of the warp kernel, and what stands around.
    #[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "a GPU computes batches at once"))]
    fn map(&self, size: ImageSize) -> (WarpMap, WarpBorder) {
        let (h, w) = (size.height as f64, size.width as f64);
        // Column and row of the turned image in terms of the result's.
        let (th, tw) = if self.turns % 2 == 1 { (w, h) } else { (h, w) };
        let (left, top) = (self.left as f64, self.top as f64);
        let (sx, cx) = if self.mirrored { (-1.0, tw - 1.0 - left) } else { (1.0, left) };
        let (sy, cy) = if self.upside_down { (-1.0, th - 1.0 - top) } else { (1.0, top) };
        let map = match self.turns {
            0 => [sx, 0.0, cx, 0.0, sy, cy],
            1 => [0.0, -sy, w - 1.0 - cy, sx, 0.0, cx],
            2 => [-sx, 0.0, w - 1.0 - cx, 0.0, -sy, h - 1.0 - cy],
            _ => [0.0, sy, cy, -sx, 0.0, h - 1.0 - cx],
        };
        let border = match &self.around {
            Around::Constant(fill) => WarpBorder::Fill(fill.clone()),
            Around::Edge => WarpBorder::Edge,
            Around::Reflect => WarpBorder::Reflect,
            Around::Symmetric => WarpBorder::Symmetric,
        };
        (WarpMap::affine(map), border)
    }
}

/// Places of a batch whose results have one size and one border.
#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "a GPU computes batches at once"))]
pub(crate) fn on_device(x: &Value, size: ImageSize, steps: &[&Place]) -> Result<Value> {
    let maps: Vec<WarpMap> = steps.iter().map(|step| step.map(size).0).collect();
    let border = match steps[0].map(size).1 {
        // Bytes lose the fraction of a fill, as they do on the host.
        WarpBorder::Fill(fill) if x.dtype() == gradus_tensor::DType::U8 => {
            WarpBorder::Fill(fill.iter().map(|v| v.clamp(0.0, 255.0).trunc()).collect())
        }
        other => other,
    };
    let how = Warp { size: [steps[0].height, steps[0].width], mode: WarpMode::Nearest, border };
    warp(x, &maps, None, &how)
}

/// One line backwards. From both ends at once: a processor takes a load for one of what was just
/// stored at the same place of another page, and waits, and images lie on whole pages.
#[inline(always)]
fn backwards<T: Pixel>(mut from: &[T], mut to: &mut [T]) {
    /// Turned round as a whole, which the compiler makes shuffles of.
    const BLOCK: usize = 32;
    while let Some((first, rest)) = from.split_first_chunk::<BLOCK>()
        && let Some((rest, last)) = rest.split_last_chunk::<BLOCK>()
    {
        let (to_first, to_rest) = to.split_at_mut(BLOCK);
        let (to_rest, to_last) = to_rest.split_at_mut(rest.len());
        let (mut head, mut tail) = (*last, *first);
        head.reverse();
        tail.reverse();
        to_first.copy_from_slice(&head);
        to_last.copy_from_slice(&tail);
        (from, to) = (rest, to_rest);
    }
    for (to, &from) in to.iter_mut().zip(from.iter().rev()) {
        *to = from;
    }
}

vectorised! {
    fn reversed<T: Pixel>(from: &[T], to: &mut [T]) {
        backwards(from, to);
    }

    /// These columns of as many rows as there are results, each row backwards.
    fn reversed_rows<T: Pixel>(x: &[T], width: usize, columns: Range<usize>, out: &mut [T]) {
        let rows = x.chunks_exact(width);
        for (out, x) in out.chunks_exact_mut(columns.len()).zip(rows) {
            backwards(&x[columns.clone()], out);
        }
    }
}

fn quarter<T: Pixel>(turns: u8, x: View<'_, T>, out: &mut [T]) {
    let (h, w) = (x.size.height, x.size.width);
    for c in 0..x.size.channels {
        let channel = x.channel(c);
        let out = &mut out[c * h * w..][..h * w];
        match turns {
            2 => reversed(channel, out),
            _ => {
                for i in 0..w {
                    for j in 0..h {
                        // The rightmost column becomes the first row, counter-clockwise.
                        let at = if turns == 1 { (j, w - 1 - i) } else { (h - 1 - j, i) };
                        out[i * h + j] = channel[at.0 * w + at.1];
                    }
                }
            }
        }
    }
}
