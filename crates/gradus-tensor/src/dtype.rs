//! Element types: what a tensor stores, and how host values become its bytes.

use std::borrow::Cow;
use std::fmt;

use crate::error::{Error, Kind, Result};

/// The type of every element of a tensor.
///
/// `i64` is not a storage type: it is accepted and returned at the host boundary as `i32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DType {
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned byte: image data.
    U8,
    /// Unsigned 32-bit integer.
    U32,
    /// Signed 32-bit integer: labels and indices.
    I32,
    /// 32-bit float, the type of everything that is trained.
    F32,
    /// 64-bit float, on the CPU only: the oracle of tests and gradient checks.
    F64,
}

impl DType {
    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            DType::Bool | DType::U8 => 1,
            DType::U32 | DType::I32 | DType::F32 => 4,
            DType::F64 => 8,
        }
    }

    /// Whether this is a floating-point type; only these are differentiable.
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64)
    }

    /// PyTorch's name without the `torch.` prefix: `float32`, `int32`, `bool` …
    pub const fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::U8 => "uint8",
            DType::U32 => "uint32",
            DType::I32 => "int32",
            DType::F32 => "float32",
            DType::F64 => "float64",
        }
    }

    /// The type of `a op b`: the wider of the two, a float before any integer.
    ///
    /// ```
    /// use gradus_tensor::DType;
    /// assert_eq!(DType::promote("add", DType::U8, DType::F32)?, DType::F32);
    /// assert!(DType::promote("add", DType::I32, DType::U32).is_err());
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::DType` for `int32` with `uint32`: no 64-bit integer exists to hold both.
    pub fn promote(op: &'static str, a: DType, b: DType) -> Result<DType> {
        match (a.min(b), a.max(b)) {
            (DType::U32, DType::I32) => Err(Kind::DType {
                op,
                got: vec![a, b],
                expected: "one of them, after a cast: no 64-bit integer holds both",
            }
            .into()),
            (_, wider) => Ok(wider),
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A host type whose values can be put into a tensor and read out of one.
pub trait Element: sealed::Sealed + Copy + Send + Sync + fmt::Debug + PartialEq + 'static {
    /// The storage type that holds these values.
    const DTYPE: DType;

    /// The bytes that store `values`.
    ///
    /// # Errors
    /// `Kind::Range` when an `i64` does not fit into `i32`.
    fn to_bytes(values: &[Self]) -> Result<Cow<'_, [u8]>>;

    /// The values stored as `bytes` of type `dtype`.
    ///
    /// # Errors
    /// `Kind::DType` when a tensor of that type does not hold such values.
    fn from_bytes(dtype: DType, bytes: &[u8]) -> Result<Vec<Self>>;
}

fn wrong(dtype: DType, expected: &'static str) -> Error {
    Kind::DType { op: "to_vec", got: vec![dtype], expected }.into()
}

/// Copies bytes of any alignment into a vector of plain values.
pub(crate) fn cast_vec<T: bytemuck::Pod>(bytes: &[u8]) -> Vec<T> {
    bytemuck::allocation::pod_collect_to_vec(bytes)
}

macro_rules! plain_element {
    ($($t:ty => $dtype:ident, $name:literal;)*) => {$(
        impl sealed::Sealed for $t {}
        impl Element for $t {
            const DTYPE: DType = DType::$dtype;
            fn to_bytes(values: &[Self]) -> Result<Cow<'_, [u8]>> {
                Ok(Cow::Borrowed(bytemuck::cast_slice(values)))
            }
            fn from_bytes(dtype: DType, bytes: &[u8]) -> Result<Vec<Self>> {
                match dtype {
                    DType::$dtype => Ok(cast_vec(bytes)),
                    _ => Err(wrong(dtype, $name)),
                }
            }
        }
    )*};
}

plain_element! {
    f32 => F32, "float32";
    f64 => F64, "float64";
    i32 => I32, "int32";
    u32 => U32, "uint32";
    u8 => U8, "uint8";
}

impl sealed::Sealed for bool {}
impl Element for bool {
    const DTYPE: DType = DType::Bool;
    fn to_bytes(values: &[Self]) -> Result<Cow<'_, [u8]>> {
        Ok(Cow::Borrowed(bytemuck::cast_slice(values)))
    }
    fn from_bytes(dtype: DType, bytes: &[u8]) -> Result<Vec<Self>> {
        match dtype {
            DType::Bool => Ok(bytes.iter().map(|&b| b != 0).collect()),
            _ => Err(wrong(dtype, "bool")),
        }
    }
}

impl sealed::Sealed for i64 {}
impl Element for i64 {
    const DTYPE: DType = DType::I32;
    fn to_bytes(values: &[Self]) -> Result<Cow<'_, [u8]>> {
        let mut bytes = Vec::with_capacity(values.len() * 4);
        for (position, &value) in values.iter().enumerate() {
            let narrow = i32::try_from(value).map_err(|_| Kind::Range {
                value,
                position,
                dtype: DType::I32,
            })?;
            bytes.extend_from_slice(&narrow.to_ne_bytes());
        }
        Ok(Cow::Owned(bytes))
    }
    fn from_bytes(dtype: DType, bytes: &[u8]) -> Result<Vec<Self>> {
        Ok(match dtype {
            DType::I32 => cast_vec::<i32>(bytes).into_iter().map(i64::from).collect(),
            DType::U32 => cast_vec::<u32>(bytes).into_iter().map(i64::from).collect(),
            DType::U8 | DType::Bool => bytes.iter().map(|&b| i64::from(b)).collect(),
            DType::F32 | DType::F64 => return Err(wrong(dtype, "an integer type")),
        })
    }
}
