//! Windows: an array inside a larger index space. Padding, joining and the gradients of slices
//! are windows, so they fuse with what surrounds them.

use gradus_tensor::{Array, DType, Layout, Result, Shape};
use smallvec::SmallVec;

use super::plan::{LeafSlot, LeafWindow, Reg};
use super::value::{Cost, Leaf, Node, Value};

/// `src` where an index lies in `ranges`, `otherwise` elsewhere.
pub(crate) struct Window {
    src: Array,
    strides: SmallVec<[isize; 6]>,
    offset: isize,
    ranges: SmallVec<[(usize, usize); 6]>,
    pub(crate) otherwise: Value,
}

impl Window {
    /// The windowed leaf over a plan's shape, to which the window's own shape broadcasts.
    pub(crate) fn slot(&self, shape: &Shape, otherwise: Reg) -> Result<LeafSlot> {
        let own = self.otherwise.shape();
        let missing = shape.rank() - own.rank();
        let mut ranges: SmallVec<[(usize, usize); 6]> =
            shape.iter().take(missing).map(|&size| (0, size)).collect();
        let mut strides: SmallVec<[isize; 6]> = SmallVec::from_elem(0, missing);
        for (d, &size) in own.iter().enumerate() {
            let full = shape[d + missing];
            let stretched = size == 1 && full != 1;
            let (low, high) = self.ranges[d];
            ranges.push(match (stretched, low < high) {
                (false, _) => (low, high),
                (true, true) => (0, full),
                (true, false) => (0, 0),
            });
            strides.push(if stretched { 0 } else { self.strides[d] });
        }
        Ok(LeafSlot {
            layout: Layout::from_parts(shape.clone(), strides, 0),
            dtype: self.src.dtype(),
            window: Some(LeafWindow { offset: self.offset, ranges, otherwise }),
            leaf: Leaf::Array(self.src.clone()),
        })
    }
}

impl Value {
    /// A value of `otherwise`'s shape that reads `self` at indices `start[d] + step[d] * i` of
    /// each dimension `d`, and `otherwise` elsewhere. With one operand zero, this is both the
    /// padding of a tensor and the gradient of a slice; chained, it joins tensors.
    ///
    /// A start may be negative and the tensor may stick out: what does not fit is not seen.
    ///
    /// # Errors
    /// What computing `self` can report.
    pub fn placed(&self, start: &[isize], step: &[usize], otherwise: &Value) -> Result<Value> {
        let strided = step.iter().any(|&s| s != 1);
        debug_assert_eq!(self.dtype(), otherwise.dtype(), "callers unify the types");
        if strided {
            return self.spread(start, step, otherwise);
        }
        let src = self.array()?;
        let whole = otherwise.shape();
        let mut offset = src.layout().offset() as isize;
        let mut ranges = SmallVec::new();
        for (d, &begin) in start.iter().enumerate() {
            offset -= begin * src.layout().strides()[d];
            let end = (begin + src.shape()[d] as isize).clamp(0, whole[d] as isize) as usize;
            ranges.push(((begin.max(0) as usize).min(end), end));
        }
        let strides = SmallVec::from_slice(src.layout().strides());
        otherwise.limited(Cost { steps: 1, leaves: 1, depth: 0 })?;
        let rest = otherwise.cost();
        let cost = Cost { steps: rest.steps + 1, leaves: rest.leaves + 1, depth: rest.depth };
        let (shape, dtype, device) = (whole.clone(), self.dtype(), self.device().clone());
        let window = Window { src, strides, offset, ranges, otherwise: otherwise.clone() };
        Ok(Value::lazy(Node::Window(Box::new(window)), shape, dtype, device, cost))
    }

    /// Places every `step`-th position: a view with the step as a dimension of its own makes the
    /// window dense, and reshaping back restores the order.
    fn spread(&self, start: &[isize], step: &[usize], otherwise: &Value) -> Result<Value> {
        let whole = otherwise.shape().clone();
        let (mut inner, mut wide, mut cut): (Vec<i64>, Vec<usize>, Vec<usize>) = Default::default();
        let mut begin = Vec::new();
        for (&rows, &step) in self.shape().iter().zip(step) {
            // Position start + step * i is row i, column 0 of a [rows, step] grid.
            inner.extend([rows as i64, 1]);
            wide.extend([rows, step]);
            cut.push(rows * step);
            begin.extend([0, 0]);
        }
        let zeros = Value::constant(0.0, Shape::from(wide), self.dtype(), self.device());
        let ones = vec![1; begin.len()];
        let grid = self.reshape(&inner)?.placed(&begin, &ones, &zeros)?;
        let flat: Vec<i64> = cut.iter().map(|&c| c as i64).collect();
        let flat = grid.reshape(&flat)?;
        if otherwise.as_constant() == Some(0.0) {
            return flat.placed(start, &vec![1; start.len()], otherwise);
        }
        // The gaps between the placed positions must show `otherwise`, not zero.
        let bool_zero = Value::constant(0.0, whole.clone(), DType::Bool, self.device());
        let truth = Value::constant(1.0, self.shape(), DType::Bool, self.device());
        let zero = Value::constant(0.0, whole, self.dtype(), self.device());
        let mask = truth.spread(start, step, &bool_zero)?;
        let placed = flat.placed(start, &vec![1; start.len()], &zero)?;
        Value::select(&mask, &placed, otherwise)
    }
}
