//! Layout: how the elements of a view lie in its storage.

use smallvec::SmallVec;

use crate::error::{Error, Problem, Result};
use crate::shape::Shape;

/// Shape, strides and offset of a view, in elements. Strides may be zero (broadcast) or negative
/// (flipped).
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    shape: Shape,
    strides: SmallVec<[isize; 6]>,
    offset: usize,
}

impl Clone for Layout {
    fn clone(&self) -> Self {
        let strides = SmallVec::from_slice(&self.strides);
        Layout { shape: self.shape.clone(), strides, offset: self.offset }
    }
}

impl Layout {
    /// A dense row-major layout from offset 0.
    pub fn dense(shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        Layout { strides: shape.dense_strides(), shape, offset: 0 }
    }

    /// A dense row-major layout that starts `offset` elements into its storage.
    pub fn dense_at(shape: impl Into<Shape>, offset: usize) -> Self {
        Layout { offset, ..Layout::dense(shape) }
    }

    /// A layout from its parts; one stride a dimension.
    pub fn from_parts(shape: Shape, strides: SmallVec<[isize; 6]>, offset: usize) -> Self {
        debug_assert_eq!(shape.rank(), strides.len(), "one stride a dimension");
        Layout { shape, strides, offset }
    }

    /// The view's shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Elements between neighbours, per dimension.
    pub fn strides(&self) -> &[isize] {
        &self.strides
    }

    /// Position of the first element in its storage, in elements.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The same strides from another first element.
    #[must_use]
    pub fn with_offset(&self, offset: usize) -> Self {
        Layout { offset, ..self.clone() }
    }

    /// Whether the elements lie one after another in row-major order.
    pub fn is_dense(&self) -> bool {
        let mut step = 1isize;
        for (&size, &stride) in self.shape.iter().zip(&self.strides).rev() {
            if size != 1 && stride != step {
                return self.shape.numel() == 0;
            }
            step *= size as isize;
        }
        true
    }

    /// First and one past the last element of storage that the view touches.
    pub fn span(&self) -> (usize, usize) {
        if self.shape.numel() == 0 {
            return (self.offset, self.offset);
        }
        let (mut low, mut high) = (self.offset as isize, self.offset as isize);
        for (&size, &stride) in self.shape.iter().zip(&self.strides) {
            let reach = stride * (size as isize - 1);
            if reach < 0 { low += reach } else { high += reach }
        }
        (low as usize, high as usize + 1)
    }

    /// Dimensions in another order; `dims` is a permutation of indices.
    #[must_use]
    pub fn permute(&self, dims: &[usize]) -> Self {
        Layout {
            shape: dims.iter().map(|&d| self.shape[d]).collect(),
            strides: dims.iter().map(|&d| self.strides[d]).collect(),
            offset: self.offset,
        }
    }

    /// `length` positions of dimension `dim` from `start`, `step` apart; the caller checked them.
    #[must_use]
    pub fn slice(&self, dim: usize, start: usize, length: usize, step: isize) -> Self {
        let mut out = self.clone();
        out.offset = (self.offset as isize + start as isize * self.strides[dim]) as usize;
        out.shape = self.shape.with(dim, length);
        out.strides[dim] *= step;
        out
    }

    /// A dimension of size 1 before `dim`.
    #[must_use]
    pub fn unsqueeze(&self, dim: usize) -> Self {
        let mut sizes = self.shape.to_vec();
        sizes.insert(dim, 1);
        let mut strides = self.strides.clone();
        strides.insert(dim, 0);
        Layout { shape: sizes.into(), strides, offset: self.offset }
    }

    /// Without dimension `dim`; with size 1 this keeps every element.
    #[must_use]
    pub fn squeeze(&self, dim: usize) -> Self {
        let mut strides = self.strides.clone();
        strides.remove(dim);
        Layout { shape: self.shape.without(dim), strides, offset: self.offset }
    }

    /// Broadcast to `shape` by zero strides.
    ///
    /// # Errors
    /// `Kind::Shape` when the shape does not broadcast.
    pub fn expand(&self, op: &'static str, shape: &Shape) -> Result<Self> {
        if self.shape == *shape {
            return Ok(self.clone());
        }
        if !self.shape.broadcasts_to(shape) {
            return Err(Error::shape(
                op,
                Problem::Broadcast,
                &[("x", &self.shape), ("target", shape)],
            ));
        }
        let missing = shape.rank() - self.shape.rank();
        let mut strides = SmallVec::from_elem(0, missing);
        for (i, &stride) in self.strides.iter().enumerate() {
            let kept = self.shape[i] == shape[i + missing];
            strides.push(if kept { stride } else { 0 });
        }
        Ok(Layout { shape: shape.clone(), strides, offset: self.offset })
    }

    /// The same elements under another shape, if strides can express it without a copy.
    pub fn reshape(&self, shape: &Shape) -> Option<Self> {
        debug_assert_eq!(self.shape.numel(), shape.numel(), "reshape checked by Shape::infer");
        if self.is_dense() {
            return Some(Layout::dense_at(shape, self.offset));
        }
        let mut strides: SmallVec<[isize; 6]> = SmallVec::from_elem(0, shape.rank());
        let merged = self.merged();
        let mut groups = merged.iter().rev();
        let (mut left, mut step) = groups.next().copied().unwrap_or((1, 1));
        for i in (0..shape.rank()).rev() {
            if shape[i] == 1 {
                continue;
            }
            if left == 1 {
                (left, step) = groups.next().copied()?;
            }
            if left % shape[i] != 0 {
                return None;
            }
            strides[i] = step;
            step *= shape[i] as isize;
            left /= shape[i];
        }
        Some(Layout { shape: shape.clone(), strides, offset: self.offset })
    }

    /// (size, stride) of the fewest dimensions that describe the view; sizes 1 are dropped.
    pub fn merged(&self) -> SmallVec<[(usize, isize); 6]> {
        let mut out: SmallVec<[(usize, isize); 6]> = SmallVec::new();
        for (&size, &stride) in self.shape.iter().zip(&self.strides) {
            if size == 1 {
                continue;
            }
            match out.last_mut() {
                Some(last) if last.1 == stride * size as isize => *last = (last.0 * size, stride),
                _ => out.push((size, stride)),
            }
        }
        out
    }

    /// Storage positions of all elements in row-major order.
    pub fn positions(&self) -> Positions {
        Positions {
            sizes: self.shape.iter().copied().collect(),
            strides: self.strides.clone(),
            index: SmallVec::from_elem(0, self.shape.rank()),
            at: self.offset as isize,
            left: self.shape.numel(),
        }
    }
}

/// Walks a layout's storage positions; see [`Layout::positions`].
#[derive(Clone, Debug)]
pub struct Positions {
    sizes: SmallVec<[usize; 6]>,
    strides: SmallVec<[isize; 6]>,
    index: SmallVec<[usize; 6]>,
    at: isize,
    left: usize,
}

impl Iterator for Positions {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let out = self.at as usize;
        for d in (0..self.sizes.len()).rev() {
            self.index[d] += 1;
            self.at += self.strides[d];
            if self.index[d] < self.sizes[d] {
                break;
            }
            self.at -= self.strides[d] * self.sizes[d] as isize;
            self.index[d] = 0;
        }
        Some(out)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Positions {}
