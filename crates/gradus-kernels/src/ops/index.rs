//! Arrays of indices: which types they have, where they may lie, and that they are in range.

use std::borrow::Cow;

use gradus_tensor::{Array, DType, Kind, Result};

use super::lines::host;
use crate::expr::{Value, must_be_index, same_device};

/// The indices, dense and on the device of `x`. They may be on the CPU when the work is on a GPU,
/// and are checked here then; work on the CPU checks them itself with [`words_in_range`]. What was
/// computed on a GPU is not read back to be checked: each kernel says what it does with an index
/// that is out of range.
///
/// # Errors
/// `Kind::DType` unless they are integers, `Kind::Index` for the first outside `0..size`,
/// `Kind::Device` for indices on a GPU for work elsewhere.
pub(crate) fn placed(op: &'static str, index: &Value, x: &Value, size: usize) -> Result<Array> {
    must_be_index(op, index)?;
    if !index.device().is_cpu() {
        same_device(op, x, index)?;
        return index.dense();
    }
    let index = index.dense()?;
    if x.device().is_cpu() {
        return Ok(index);
    }
    words_in_range(op, &index, size)?;
    index.to(x.device())
}

/// As [`words`], checked.
///
/// # Errors
/// `Kind::Index` for the first outside `0..size`.
pub(crate) fn words_in_range<'a>(
    op: &'static str,
    index: &'a Array,
    size: usize,
) -> Result<Cow<'a, [u32]>> {
    let values = words(index);
    let limit = u32::try_from(size).unwrap_or(u32::MAX);
    // A negative int32 is too large as a word.
    if values.iter().all(|&i| i < limit) {
        return Ok(values);
    }
    let position = values.iter().position(|&i| i >= limit).unwrap_or(0);
    let index = signed(index.dtype(), values[position]);
    Err(Kind::Index { op, index, position, size }.into())
}

/// The indices of a dense array on the CPU as the words that a GPU would see.
pub(crate) fn words(index: &Array) -> Cow<'_, [u32]> {
    match index.dtype() {
        DType::I32 | DType::U32 => Cow::Borrowed(host::<u32>(index)),
        _ => host::<u8>(index).iter().map(|&i| u32::from(i)).collect(),
    }
}

/// The number that a word of an index array stands for.
pub(crate) fn signed(dtype: DType, word: u32) -> i64 {
    match dtype {
        DType::I32 => i64::from(word as i32),
        _ => i64::from(word),
    }
}

/// The word that stands for a number in an index array; `None` if the type cannot hold it.
pub(crate) fn word(dtype: DType, index: i64) -> Option<u32> {
    match dtype {
        DType::I32 => i32::try_from(index).ok().map(|i| i as u32),
        _ => u32::try_from(index).ok(),
    }
}
