//! The one error type: values that say which operation failed, on what, and where.

use std::fmt;
use std::path::PathBuf;

use crate::dtype::DType;
use crate::shape::Shape;

/// Shorthand for results of this workspace.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation could not be done.
///
/// One word wide, so that `Result<Tensor>` stays small. [`Error::kind`] tells what happened;
/// the message adds the places it passed through, innermost first:
/// `linear: x has 3 features, weight expects 16; x [8, 3], weight [10, 16]; in layers.0`.
pub struct Error(Box<Repr>);

struct Repr {
    kind: Kind,
    places: Vec<String>,
}

/// A named operand of the failed operation and its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    /// Its name in the operation's documentation.
    pub name: &'static str,
    /// Its shape.
    pub shape: Shape,
}

impl Operand {
    /// Names a shape.
    pub fn new(name: &'static str, shape: impl Into<Shape>) -> Self {
        Operand { name, shape: shape.into() }
    }
}

/// What is wrong with the shapes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Sizes that are neither equal nor 1.
    #[error("shapes do not broadcast")]
    Broadcast,
    /// Two sizes that must agree.
    #[error("{name} has {got} {unit}, {other} expects {expected}")]
    Size {
        /// The operand at fault.
        name: &'static str,
        /// Its size.
        got: usize,
        /// What is counted: channels, features, rows …
        unit: &'static str,
        /// The operand that sets the expectation.
        other: &'static str,
        /// The size expected.
        expected: usize,
    },
    /// A number of dimensions that the operation does not take.
    #[error("{name} has {got} dimensions, expected {expected}")]
    Rank {
        /// The operand at fault.
        name: &'static str,
        /// Its rank.
        got: usize,
        /// What is taken, such as `2` or `3 or 4`.
        expected: &'static str,
    },
    /// A dimension that does not exist.
    #[error("dimension {dim} does not exist in {rank} dimensions")]
    NoDim {
        /// The dimension asked for.
        dim: i64,
        /// How many there are.
        rank: usize,
    },
    /// A dimension named twice.
    #[error("dimension {dim} is named twice")]
    RepeatedDim {
        /// The dimension.
        dim: i64,
    },
    /// A reshape whose element count differs or cannot be inferred.
    #[error("cannot become {request:?}: the element counts differ")]
    Reshape {
        /// The shape asked for, `-1` for the inferred size.
        request: Vec<i64>,
    },
    /// A list of values that does not fill the shape.
    #[error("{got} values do not fill {expected} elements")]
    Count {
        /// Values given.
        got: usize,
        /// Elements of the shape.
        expected: usize,
    },
    /// A range outside its dimension.
    #[error("range {start}..{end} lies outside dimension {dim} of size {size}")]
    OutOfRange {
        /// First position.
        start: i64,
        /// One past the last position.
        end: i64,
        /// The dimension.
        dim: usize,
        /// Its size.
        size: usize,
    },
    /// Something only a scalar can do.
    #[error("needs a single element; call it on a scalar such as a mean or sum")]
    NotScalar,
    /// A reduction without identity over no elements.
    #[error("has no value over zero elements")]
    Empty,
    /// A rule of one operation, in words.
    #[error("{rule}")]
    Rule {
        /// What must hold.
        rule: &'static str,
    },
}

/// What went wrong, as values that a program can match on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Kind {
    /// Shapes that do not fit the operation.
    #[error("{op}: {problem}{}", Listed(.operands))]
    Shape {
        /// The operation.
        op: &'static str,
        /// What is wrong.
        problem: Problem,
        /// Every operand's shape.
        operands: Vec<Operand>,
    },
    /// Element types that do not fit the operation.
    #[error("{op}: got {}, expected {expected}", Names(.got))]
    DType {
        /// The operation.
        op: &'static str,
        /// The types given.
        got: Vec<DType>,
        /// What is taken, and the cure where there is one.
        expected: &'static str,
    },
    /// Operands on different devices, or a device that cannot be had.
    #[error("{op}: {message}")]
    Device {
        /// The operation.
        op: &'static str,
        /// What is wrong and what to do.
        message: String,
    },
    /// An index outside its range.
    #[error("{op}: index {index} at position {position} is outside 0..{size}")]
    Index {
        /// The operation.
        op: &'static str,
        /// The index.
        index: i64,
        /// Where it stands among the indices, flattened.
        position: usize,
        /// The number of valid indices.
        size: usize,
    },
    /// An integer that its storage type cannot hold.
    #[error("value {value} at position {position} does not fit {dtype}")]
    Range {
        /// The value.
        value: i64,
        /// Where it stands.
        position: usize,
        /// The storage type.
        dtype: DType,
    },
    /// An option outside its domain.
    #[error("{op}: {name} is {value}, expected {expected}")]
    Argument {
        /// The operation.
        op: &'static str,
        /// The option.
        name: &'static str,
        /// Its value, printed.
        value: String,
        /// The domain.
        expected: &'static str,
    },
    /// Something that this device or build cannot do.
    #[error("{op}: {what} is not supported {place}")]
    Unsupported {
        /// The operation.
        op: &'static str,
        /// What was asked for.
        what: String,
        /// Where it is not supported.
        place: &'static str,
    },
    /// Memory that could not be had.
    #[error(
        "{device}: out of memory: {requested_bytes} bytes asked for, {in_use_bytes} in use, \
         {limit_bytes} is the limit"
    )]
    OutOfMemory {
        /// The device.
        device: String,
        /// Size of the request.
        requested_bytes: u64,
        /// Bytes that live tensors hold.
        in_use_bytes: u64,
        /// The budget or the device's limit.
        limit_bytes: u64,
    },
    /// The GPU went away.
    #[error("gpu: device lost: {reason}")]
    DeviceLost {
        /// What the driver said.
        reason: String,
    },
    /// A kernel that the driver refused.
    #[error("{kernel}: shader refused: {message}")]
    Shader {
        /// The kernel.
        kernel: String,
        /// The compiler's message.
        message: String,
    },
    /// The file system refused.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file whose content is not what its format demands.
    #[error("{}: {format}: {problem}{}", .path.display(), At(.offset))]
    Format {
        /// The file.
        path: PathBuf,
        /// The format: `npy`, `safetensors`, `idx` …
        format: &'static str,
        /// Where in the file, in bytes.
        offset: Option<u64>,
        /// What is wrong with it.
        problem: String,
    },
    /// A state dict whose names do not match the model's.
    #[error("load_state_dict: missing {missing:?}, unexpected {unexpected:?}")]
    StateDict {
        /// Names that the model has and the file has not.
        missing: Vec<String>,
        /// Names that the file has and the model has not.
        unexpected: Vec<String>,
    },
    /// A call that came before another one that it needs.
    #[error("{op}: {rule}")]
    Order {
        /// The operation.
        op: &'static str,
        /// What must be called first.
        rule: &'static str,
    },
    /// A graph that cannot be differentiated as asked.
    #[error("{op}: {rule}")]
    Autograd {
        /// The operation.
        op: &'static str,
        /// What must hold, and the cure.
        rule: &'static str,
    },
}

struct Listed<'a>(&'a [Operand]);
impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Operand { name, shape }) in self.0.iter().enumerate() {
            write!(f, "{} {name} {shape}", if i == 0 { ";" } else { "," })?;
        }
        Ok(())
    }
}

struct Names<'a>(&'a [DType]);
impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, dtype) in self.0.iter().enumerate() {
            write!(f, "{}{dtype}", if i == 0 { "" } else { " and " })?;
        }
        Ok(())
    }
}

struct At<'a>(&'a Option<u64>);
impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |offset| write!(f, "; at byte {offset}"))
    }
}

impl Error {
    /// What went wrong.
    pub fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// The places that the error passed through, innermost first.
    pub fn places(&self) -> &[String] {
        &self.0.places
    }

    /// Adds the place where this happened: a layer's path, a step of a tool.
    #[must_use]
    pub fn within(mut self, place: impl Into<String>) -> Self {
        self.0.places.push(place.into());
        self
    }

    /// Prefixes the innermost place with a parent's name: `conv` inside `features` reads
    /// `features.conv`.
    #[must_use]
    pub fn within_layer(mut self, name: &str) -> Self {
        match self.0.places.last_mut() {
            Some(path) => *path = format!("{name}.{path}"),
            None => self.0.places.push(name.to_owned()),
        }
        self
    }

    /// Whether shapes were at fault.
    pub fn is_shape(&self) -> bool {
        matches!(self.0.kind, Kind::Shape { .. })
    }

    /// A file system failure at `path`.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Kind::Io { path: path.into(), source }.into()
    }

    /// A malformed file.
    pub fn format(
        path: impl Into<PathBuf>,
        format: &'static str,
        offset: impl Into<Option<u64>>,
        problem: impl Into<String>,
    ) -> Self {
        let (path, offset, problem) = (path.into(), offset.into(), problem.into());
        Kind::Format { path, format, offset, problem }.into()
    }

    /// An option outside its domain.
    pub fn argument(
        op: &'static str,
        name: &'static str,
        value: impl fmt::Display,
        expected: &'static str,
    ) -> Self {
        Kind::Argument { op, name, value: value.to_string(), expected }.into()
    }

    /// Shapes that do not fit.
    pub fn shape(op: &'static str, problem: Problem, operands: &[(&'static str, &Shape)]) -> Self {
        let operands = operands.iter().map(|&(n, s)| Operand::new(n, s)).collect();
        Kind::Shape { op, problem, operands }.into()
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Error(Box::new(Repr { kind, places: Vec::new() }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.kind)?;
        for place in &self.0.places {
            write!(f, "; in {place}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            Kind::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
/// Lets a typed error pass through code that speaks `io::Result`, such as the closure of
/// `write_atomic` in `gradus-io`, which gives it back unchanged.
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        std::io::Error::other(error)
    }
}
