//! `pad_sequences`: sequences of one length.

use gradus_tensor::{Array, Result};

/// An end of a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// The start.
    #[default]
    Pre,
    /// The end.
    Post,
}

/// Options of [`pad_sequences`], Keras'.
#[derive(Clone, Copy, Debug, Default)]
pub struct PadOptions {
    /// The length of all; that of the longest unless given.
    pub maxlen: Option<usize>,
    /// Where shorter sequences are filled up: in front unless said.
    pub padding: Side,
    /// Where longer sequences are cut: in front unless said.
    pub truncating: Side,
    /// What fills up.
    pub value: i64,
}

/// Sequences of numbers as rows of one length, int32 `[N, maxlen]`; Keras' function of this name.
///
/// ```
/// use gradus_data::{PadOptions, Side, pad_sequences};
/// let x = pad_sequences(&[vec![1, 2, 3], vec![4]], &PadOptions::default())?;
/// assert_eq!(x.to_vec::<i32>()?, [1, 2, 3, 0, 0, 4]);
/// let options = PadOptions { maxlen: Some(2), padding: Side::Post, ..Default::default() };
/// let x = pad_sequences(&[vec![1, 2, 3], vec![4]], &options)?;
/// assert_eq!(x.to_vec::<i32>()?, [2, 3, 4, 0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Range` for a number outside int32.
pub fn pad_sequences<S: AsRef<[i64]>>(sequences: &[S], options: &PadOptions) -> Result<Array> {
    let longest = sequences.iter().map(|sequence| sequence.as_ref().len()).max();
    let length = options.maxlen.or(longest).unwrap_or(0);
    let mut rows = vec![options.value; sequences.len() * length];
    for (row, sequence) in sequences.iter().enumerate() {
        let sequence = sequence.as_ref();
        let cut = sequence.len().saturating_sub(length);
        let kept = match options.truncating {
            Side::Pre => &sequence[cut..],
            Side::Post => &sequence[..sequence.len() - cut],
        };
        let start = match options.padding {
            Side::Pre => length - kept.len(),
            Side::Post => 0,
        };
        rows[row * length + start..][..kept.len()].copy_from_slice(kept);
    }
    Array::from_vec(rows, [sequences.len(), length])
}
