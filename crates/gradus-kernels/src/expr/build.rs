//! Building expressions: the shape and type rules of pointwise ops, constants folded.

use gradus_tensor::{Array, DType, Device, Dim, Error, Kind, Layout, Problem, Result, Shape};
use smallvec::SmallVec;

use super::loops;
use super::plan::Code;
use super::value::{Cost, Node, Value, distinct_leaves, max_leaves};
use crate::table::{Binary, Compare, Unary};

impl Value {
    /// A row of the one-operand table. Integers become float32 first, except where the op keeps
    /// them (`neg`, `abs`, `sign`, `square`).
    ///
    /// # Errors
    /// What computing an over-long expression can report.
    pub fn unary(op: Unary, x: &Value, params: [f64; 2]) -> Result<Value> {
        let keeps = matches!(op, Unary::neg | Unary::abs | Unary::sign | Unary::square);
        let x = match x.dtype() {
            DType::F32 | DType::F64 => x.clone(),
            DType::I32 if keeps => x.clone(),
            DType::U8 | DType::Bool if keeps => x.cast(DType::I32)?,
            _ => x.cast(DType::F32)?,
        };
        let (shape, dtype) = (x.shape().clone(), x.dtype());
        op_node(Code::Unary(op), &[&x], params, shape, dtype)
    }

    /// A row of the two-operand table. Operands broadcast and are promoted to the wider type;
    /// bytes and bools count as int32; ops other than sums, products and extremes make floats of
    /// integers, as in PyTorch.
    ///
    /// # Errors
    /// `Kind::Shape` when the shapes do not broadcast, `Kind::DType` when no type holds both,
    /// `Kind::Device` for operands on two devices.
    pub fn binary(op: Binary, a: &Value, b: &Value) -> Result<Value> {
        let name = op.def().name;
        let mut dtype = DType::promote(name, a.dtype(), b.dtype())?;
        if matches!(dtype, DType::U8 | DType::Bool) {
            dtype = DType::I32;
        }
        let exact = matches!(
            op,
            Binary::add | Binary::sub | Binary::mul | Binary::maximum | Binary::minimum
        );
        if !dtype.is_float() && !exact {
            dtype = DType::F32;
        }
        let shape = Shape::broadcast(name, a.shape(), b.shape())?;
        same_device(name, a, b)?;
        let neutral = match op {
            Binary::mul => [Some(1.0), Some(1.0)],
            Binary::div => [None, Some(1.0)],
            _ => [None, None],
        };
        for (one, other, value) in [(a, b, neutral[0]), (b, a, neutral[1])] {
            if value.is_some() && one.as_constant() == value && *other.shape() == shape {
                return other.cast(dtype);
            }
        }
        op_node(Code::Binary(op), &[&a.cast(dtype)?, &b.cast(dtype)?], [0.0; 2], shape, dtype)
    }

    /// A comparison; the result is bool.
    ///
    /// # Errors
    /// As [`Value::binary`].
    pub fn compare(op: Compare, a: &Value, b: &Value) -> Result<Value> {
        let name = op.def().name;
        let dtype = DType::promote(name, a.dtype(), b.dtype())?;
        let shape = Shape::broadcast(name, a.shape(), b.shape())?;
        same_device(name, a, b)?;
        let args = [&a.cast(dtype)?, &b.cast(dtype)?];
        op_node(Code::Compare(op), &args, [0.0; 2], shape, DType::Bool)
    }

    /// `a and b`, of bools.
    ///
    /// # Errors
    /// `Kind::DType` unless both are bool; else as [`Value::binary`].
    pub fn and(a: &Value, b: &Value) -> Result<Value> {
        logic("logical_and", Code::And, a, b)
    }

    /// `a or b`, of bools.
    ///
    /// # Errors
    /// As [`Value::and`].
    pub fn or(a: &Value, b: &Value) -> Result<Value> {
        logic("logical_or", Code::Or, a, b)
    }

    /// `a` or `b` but not both, of bools.
    ///
    /// # Errors
    /// As [`Value::and`].
    pub fn xor(a: &Value, b: &Value) -> Result<Value> {
        logic("logical_xor", Code::Xor, a, b)
    }

    /// `not x`, of a bool.
    ///
    /// # Errors
    /// `Kind::DType` unless x is bool.
    pub fn not(x: &Value) -> Result<Value> {
        must_be_bool("logical_not", &[x])?;
        op_node(Code::Not, &[x], [0.0; 2], x.shape().clone(), DType::Bool)
    }

    /// `a` where `cond` is true, else `b`; all three broadcast.
    ///
    /// # Errors
    /// `Kind::DType` unless `cond` is bool; else as [`Value::binary`].
    pub fn select(cond: &Value, a: &Value, b: &Value) -> Result<Value> {
        must_be_bool("where", &[cond])?;
        let dtype = DType::promote("where", a.dtype(), b.dtype())?;
        let shape = Shape::broadcast("where", a.shape(), b.shape())?;
        let shape = Shape::broadcast("where", cond.shape(), &shape)?;
        same_device("where", a, b)?;
        same_device("where", cond, a)?;
        let args = [cond, &a.cast(dtype)?, &b.cast(dtype)?];
        op_node(Code::Select, &args, [0.0; 2], shape, dtype)
    }

    /// The same values as another type. Floats become integers by dropping the fraction and
    /// saturating (NaN is 0); anything becomes bool by `!= 0`.
    ///
    /// # Errors
    /// `Kind::Unsupported` for float64 on a GPU.
    pub fn cast(&self, dtype: DType) -> Result<Value> {
        if self.dtype() == dtype {
            return Ok(self.clone());
        }
        if dtype == DType::F64 && !self.device().is_cpu() {
            return Err(Kind::Unsupported {
                op: "to_dtype",
                what: "float64".into(),
                place: "on a GPU; stay with float32",
            }
            .into());
        }
        op_node(Code::Cast, &[self], [0.0; 2], self.shape().clone(), dtype)
    }

    /// A copy with memory of its own, dense in row-major order.
    pub fn copy_of(x: &Value) -> Value {
        let cost = x.cost();
        let cost = Cost { steps: cost.steps + 1, ..cost };
        let args = SmallVec::from_elem(x.clone(), 1);
        let node = Node::Op { code: Code::Copy, args, params: [0.0; 2] };
        Value::lazy(node, x.shape().clone(), x.dtype(), x.device().clone(), cost)
    }

    /// Dimensions in the order `dims`.
    ///
    /// # Errors
    /// `Kind::Shape` when `dims` is not a permutation.
    pub fn permute(&self, dims: &[Dim]) -> Result<Value> {
        self.relaid(|l| l.permuted(dims))
    }

    /// Two dimensions swapped.
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist.
    pub fn transpose(&self, dim0: Dim, dim1: Dim) -> Result<Value> {
        self.relaid(|l| l.transposed(dim0, dim1))
    }

    /// `length` positions of `dim` from `start`.
    ///
    /// # Errors
    /// `Kind::Shape` when the range leaves the dimension.
    pub fn narrow(&self, dim: Dim, start: usize, length: usize) -> Result<Value> {
        self.relaid(|l| l.narrowed(dim, start, length))
    }

    /// Every `step`-th position of `dim` from `start` to before `end`, as a Python slice.
    ///
    /// # Errors
    /// `Kind::Shape` when the dimension does not exist, `Kind::Argument` for step 0.
    pub fn slice(&self, dim: Dim, start: i64, end: i64, step: usize) -> Result<Value> {
        self.relaid(|l| l.sliced(dim, start, end, step))
    }

    /// The order reversed along `dims`.
    ///
    /// # Errors
    /// `Kind::Shape` when a dimension does not exist or is named twice.
    pub fn flip(&self, dims: &[Dim]) -> Result<Value> {
        self.relaid(|l| l.flipped(dims))
    }

    /// Broadcast to `shape`.
    ///
    /// # Errors
    /// `Kind::Shape` when the shape does not broadcast.
    pub fn expand(&self, shape: &Shape) -> Result<Value> {
        if self.shape() == shape {
            return Ok(self.clone());
        }
        self.relaid(|l| l.expand("expand", shape))
    }

    /// The same elements in the same order under another shape; one size may be `-1`. Copies only
    /// what no stride can express.
    ///
    /// # Errors
    /// `Kind::Shape` when the element counts differ.
    pub fn reshape(&self, shape: &[i64]) -> Result<Value> {
        let shape = self.shape().infer("reshape", shape)?;
        self.reshaped(&shape)
    }

    /// As [`Value::reshape`], with a shape of the same element count.
    ///
    /// # Errors
    /// What computing the elements can report.
    pub fn reshaped(&self, shape: &Shape) -> Result<Value> {
        if self.shape() == shape {
            return Ok(self.clone());
        }
        if let Some(value) = self.as_constant() {
            return Ok(Value::constant(value, shape, self.dtype(), self.device()));
        }
        if let Some(filled) = self.refilled(shape) {
            return Ok(filled);
        }
        if !self.is_computed() {
            let node = Node::Reshape(self.clone());
            let (dtype, device) = (self.dtype(), self.device().clone());
            let cost = Cost { steps: 1, leaves: 1, depth: self.cost().depth };
            return Ok(Value::lazy(node, shape.clone(), dtype, device, cost));
        }
        let array = self.array()?;
        match array.layout().reshape(shape) {
            Some(layout) => Ok(Value::from(array.with_layout(layout))),
            None => {
                let dense = self.dense()?;
                let layout = Layout::dense_at(shape, dense.layout().offset());
                Ok(Value::from(dense.with_layout(layout)))
            }
        }
    }

    /// The same values on another device.
    ///
    /// # Errors
    /// As [`Array::to`].
    pub fn to(&self, device: &Device) -> Result<Value> {
        match self.as_constant() {
            _ if self.device() == device => Ok(self.clone()),
            Some(value) => Ok(Value::constant(value, self.shape(), self.dtype(), device)),
            None => Ok(Value::from(self.array()?.to(device)?)),
        }
    }
}

fn op_node(
    code: Code,
    args: &[&Value],
    params: [f64; 2],
    shape: Shape,
    dtype: DType,
) -> Result<Value> {
    let device = args[0].device().clone();
    if let Some(value) = folded(code, args, params, dtype) {
        return Ok(Value::constant(value, shape, dtype, &device));
    }
    let most = max_leaves(&device);
    let bound: u32 = args.iter().map(|arg| arg.cost().leaves).sum();
    // The sum counts what operands share more than once; that is worth a closer look before
    // anything is computed apart.
    let exact = if bound > most { distinct_leaves(args) } else { bound };
    let mut cost = Cost { steps: 1, ..Cost::default() };
    for arg in args {
        if exact > most {
            arg.limited(cost)?;
        } else {
            arg.limited(Cost { leaves: 0, ..cost })?;
        }
        let own = arg.cost();
        cost.steps += own.steps;
        cost.leaves += own.leaves;
        cost.depth = cost.depth.max(own.depth);
    }
    cost.leaves = cost.leaves.min(exact);
    let args = args.iter().map(|&v| v.clone()).collect();
    Ok(Value::lazy(Node::Op { code, args, params }, shape, dtype, device, cost))
}

/// The result of an op on known numbers, by the same loop that would compute it on the CPU.
fn folded(code: Code, args: &[&Value], params: [f64; 2], dtype: DType) -> Option<f64> {
    let mut values: SmallVec<[f64; 3]> = SmallVec::new();
    for arg in args {
        values.push(arg.as_constant()?);
    }
    let from = args.last()?.dtype();
    match code {
        Code::Select => Some(if values[0] != 0.0 { values[1] } else { values[2] }),
        _ => loops::on_numbers(code, from, dtype, &values, &params),
    }
}

fn logic(name: &'static str, code: Code, a: &Value, b: &Value) -> Result<Value> {
    must_be_bool(name, &[a, b])?;
    let shape = Shape::broadcast(name, a.shape(), b.shape())?;
    same_device(name, a, b)?;
    op_node(code, &[a, b], [0.0; 2], shape, DType::Bool)
}

fn must_be_bool(op: &'static str, values: &[&Value]) -> Result<()> {
    if values.iter().all(|v| v.dtype() == DType::Bool) {
        return Ok(());
    }
    let got = values.iter().map(|v| v.dtype()).collect();
    Err(Kind::DType { op, got, expected: "bool; compare with a number to make one" }.into())
}

/// # Errors
/// `Kind::Device` naming both devices.
pub(crate) fn same_device(op: &'static str, a: &Value, b: &Value) -> Result<()> {
    if a.device() == b.device() {
        return Ok(());
    }
    let message = format!(
        "operands are on {} and {}; move one with `to`; a {}, b {}",
        a.device(),
        b.device(),
        a.shape(),
        b.shape()
    );
    Err(Kind::Device { op, message }.into())
}

/// # Errors
/// `Kind::Shape` unless there are elements to reduce.
pub(crate) fn must_have_elements(op: &'static str, x: &Shape, reduced: usize) -> Result<()> {
    if reduced == 0 {
        return Err(Error::shape(op, Problem::Empty, &[("x", x)]));
    }
    Ok(())
}

/// # Errors
/// `Kind::DType` unless the array holds integers.
pub(crate) fn must_be_index(op: &'static str, index: &Value) -> Result<()> {
    match index.dtype() {
        DType::I32 | DType::U32 | DType::U8 => Ok(()),
        got => {
            Err(Kind::DType { op, got: vec![got], expected: "an integer type for indices" }.into())
        }
    }
}

impl From<&Array> for Value {
    fn from(array: &Array) -> Self {
        Value::from(array.clone())
    }
}
