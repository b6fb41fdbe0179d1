//! Shapes: the sizes of a tensor's dimensions, and the rules that combine them.

use std::fmt;
use std::ops::Deref;

use smallvec::SmallVec;

use crate::error::{Error, Kind, Operand, Problem, Result};

/// The size of each dimension, outermost first; `[]` is a scalar.
#[derive(PartialEq, Eq, Hash, Default)]
pub struct Shape(SmallVec<[usize; 6]>);

/// A dimension, counted from the front (`0`) or, negative, from the back (`-1` is the last).
pub type Dim = i64;

impl Shape {
    /// A shape from its sizes.
    pub fn new(sizes: &[usize]) -> Self {
        Shape(SmallVec::from_slice(sizes))
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Number of elements: the product of all sizes, 1 for a scalar.
    pub fn numel(&self) -> usize {
        self.0.iter().product()
    }

    /// The sizes as a slice.
    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// Turns a dimension counted from either end into an index.
    ///
    /// # Errors
    /// `Kind::Shape` when the dimension does not exist.
    pub fn dim(&self, op: &'static str, dim: Dim) -> Result<usize> {
        self.dim_of(op, dim, self.rank())
    }

    /// As [`Shape::dim`], for an op whose result has `rank` dimensions (such as `unsqueeze`).
    pub fn dim_of(&self, op: &'static str, dim: Dim, rank: usize) -> Result<usize> {
        let limit = rank.max(1) as i64;
        if (-limit..limit).contains(&dim) && rank > 0 {
            return Ok(if dim < 0 { dim + rank as i64 } else { dim } as usize);
        }
        Err(Kind::Shape {
            op,
            problem: Problem::NoDim { dim, rank },
            operands: vec![Operand::new("x", self)],
        }
        .into())
    }

    /// Distinct dimensions as sorted indices; an empty list means all of them, as in PyTorch.
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist or is named twice.
    pub fn dims_of(&self, op: &'static str, dims: &[Dim]) -> Result<SmallVec<[usize; 6]>> {
        if dims.is_empty() {
            return Ok((0..self.rank()).collect());
        }
        let mut out = SmallVec::new();
        for &d in dims {
            let dim = self.dim(op, d)?;
            if out.contains(&dim) {
                return Err(Kind::Shape {
                    op,
                    problem: Problem::RepeatedDim { dim: d },
                    operands: vec![Operand::new("x", self)],
                }
                .into());
            }
            out.push(dim);
        }
        out.sort_unstable();
        Ok(out)
    }

    /// The shape that both broadcast to, by NumPy's rule: sizes are aligned at the last dimension
    /// and must be equal or 1.
    ///
    /// ```
    /// use gradus_tensor::Shape;
    /// let out = Shape::broadcast("add", &[4, 1].into(), &[3].into())?;
    /// assert_eq!(out.dims(), [4, 3]);
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Shape` naming both shapes.
    pub fn broadcast(op: &'static str, a: &Shape, b: &Shape) -> Result<Shape> {
        if a == b {
            return Ok(a.clone());
        }
        let rank = a.rank().max(b.rank());
        let at = |s: &Shape, i: usize| {
            let missing = rank - s.rank();
            if i < missing { 1 } else { s.0[i - missing] }
        };
        let mut out = SmallVec::with_capacity(rank);
        for i in 0..rank {
            out.push(match (at(a, i), at(b, i)) {
                (x, y) if x == y => x,
                (1, y) => y,
                (x, 1) => x,
                _ => {
                    return Err(Kind::Shape {
                        op,
                        problem: Problem::Broadcast,
                        operands: vec![Operand::new("a", a), Operand::new("b", b)],
                    }
                    .into());
                }
            });
        }
        Ok(Shape(out))
    }

    /// Whether this shape can be expanded to `target`.
    pub fn broadcasts_to(&self, target: &Shape) -> bool {
        self.rank() <= target.rank()
            && self.0.iter().rev().zip(target.0.iter().rev()).all(|(&a, &b)| a == b || a == 1)
    }

    /// Row-major strides of a dense array of this shape, in elements.
    pub fn dense_strides(&self) -> SmallVec<[isize; 6]> {
        let mut strides: SmallVec<[isize; 6]> = SmallVec::from_elem(0, self.rank());
        let mut step = 1isize;
        for i in (0..self.rank()).rev() {
            strides[i] = step;
            step = step.saturating_mul(self.0[i].max(1) as isize);
        }
        strides
    }

    /// Fills in one `-1` of a reshape request.
    ///
    /// # Errors
    /// `Kind::Shape` when the element counts differ or the missing size cannot be inferred.
    pub fn infer(&self, op: &'static str, request: &[i64]) -> Result<Shape> {
        let fail = |problem| -> Error {
            Kind::Shape { op, problem, operands: vec![Operand::new("x", self)] }.into()
        };
        let mut known = 1usize;
        let mut hole = None;
        for (i, &size) in request.iter().enumerate() {
            match size {
                -1 if hole.is_none() => hole = Some(i),
                0.. => {
                    known = known.saturating_mul(size as usize);
                }
                _ => return Err(fail(Problem::Reshape { request: request.to_vec() })),
            }
        }
        let numel = self.numel();
        let mut out: SmallVec<[usize; 6]> = request.iter().map(|&s| s.max(0) as usize).collect();
        match hole {
            Some(i) if known > 0 && numel.is_multiple_of(known) => out[i] = numel / known,
            None if known == numel => {}
            _ => return Err(fail(Problem::Reshape { request: request.to_vec() })),
        }
        Ok(Shape(out))
    }

    /// The same shape without dimension `dim`.
    pub fn without(&self, dim: usize) -> Shape {
        let mut out = self.clone();
        out.0.remove(dim);
        out
    }

    /// The same shape with dimension `dim` set to `size`.
    pub fn with(&self, dim: usize, size: usize) -> Shape {
        let mut out = self.clone();
        out.0[dim] = size;
        out
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl Clone for Shape {
    /// In one copy, where a list's own clone goes element by element: shapes are cloned all the
    /// time.
    fn clone(&self) -> Self {
        Shape::new(&self.0)
    }
}

impl From<&[usize]> for Shape {
    fn from(sizes: &[usize]) -> Self {
        Shape::new(sizes)
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(sizes: [usize; N]) -> Self {
        Shape::new(&sizes)
    }
}

impl<const N: usize> From<&[usize; N]> for Shape {
    fn from(sizes: &[usize; N]) -> Self {
        Shape::new(sizes)
    }
}

impl From<Vec<usize>> for Shape {
    fn from(sizes: Vec<usize>) -> Self {
        Shape(sizes.into())
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        shape.clone()
    }
}

impl From<usize> for Shape {
    fn from(size: usize) -> Self {
        Shape::new(&[size])
    }
}

impl From<()> for Shape {
    fn from((): ()) -> Self {
        Shape::default()
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(sizes: I) -> Self {
        Shape(sizes.into_iter().collect())
    }
}

impl PartialEq<[usize]> for Shape {
    fn eq(&self, other: &[usize]) -> bool {
        self.dims() == other
    }
}

impl<const N: usize> PartialEq<[usize; N]> for Shape {
    fn eq(&self, other: &[usize; N]) -> bool {
        self.dims() == other
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.dims())
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.dims())
    }
}
