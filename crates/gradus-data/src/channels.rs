//! Where the channels of pictures stand.

use gradus_tensor::{Array, Error, Problem, Result};

/// Pictures `[N, H, W, C]` (or one, `[H, W, C]`) as `[N, C, H, W]`: what PyTorch and this library
/// take, from what Keras and picture files have. A view; nothing is copied.
///
/// ```
/// use gradus_data::{channels_first, channels_last};
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![1u8, 10, 2, 20], [1, 1, 2, 2])?; // two pixels of two channels
/// let planes = channels_first(&x)?;
/// assert_eq!(planes.to_vec::<u8>()?, [1, 2, 10, 20]);
/// assert_eq!(channels_last(&planes)?.to_vec::<u8>()?, x.to_vec::<u8>()?);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` for other than 3 or 4 dimensions.
pub fn channels_first(x: &Array) -> Result<Array> {
    moved("channels_first", x, &[2, 0, 1], &[0, 3, 1, 2])
}

/// Pictures `[N, C, H, W]` (or one, `[C, H, W]`) as `[N, H, W, C]`; the inverse of
/// [`channels_first`].
///
/// # Errors
/// `Kind::Shape` for other than 3 or 4 dimensions.
pub fn channels_last(x: &Array) -> Result<Array> {
    moved("channels_last", x, &[1, 2, 0], &[0, 2, 3, 1])
}

fn moved(op: &'static str, x: &Array, one: &[i64], many: &[i64]) -> Result<Array> {
    match x.shape().dims().len() {
        3 => x.permute(one),
        4 => x.permute(many),
        got => {
            let problem = Problem::Rank { name: "x", got, expected: "3 or 4" };
            Err(Error::shape(op, problem, &[("x", x.shape())]))
        }
    }
}
