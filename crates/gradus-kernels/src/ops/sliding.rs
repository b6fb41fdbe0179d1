//! Windows that slide along a dimension: the shape rule of pooling.

use gradus_tensor::{Error, Problem, Result, Shape};

/// The largest size, stride, padding or dilation: positions stay far from overflow.
const MOST: usize = i32::MAX as usize;

/// A window of `kernel_size` elements, `dilation` apart, that moves by `stride` over a dimension
/// with `padding` positions at both ends.
///
/// ```
/// use gradus_kernels::Sliding;
/// use gradus_tensor::Shape;
///
/// let window = Sliding { kernel_size: 2, stride: 2, ..Sliding::default() };
/// assert_eq!(window.output("max_pool1d", 5, &Shape::from([1, 5]))?, 2);
/// assert_eq!(Sliding { ceil_mode: true, ..window }.output("max_pool1d", 5, &[1, 5].into())?, 3);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sliding {
    /// Elements that a window takes.
    pub kernel_size: usize,
    /// From one window to the next.
    pub stride: usize,
    /// Positions before the first and after the last element; at most half of `kernel_size`.
    pub padding: usize,
    /// From one element of a window to the next.
    pub dilation: usize,
    /// Whether a last window may reach over the end, as long as it starts before it.
    pub ceil_mode: bool,
}

impl Default for Sliding {
    /// One element after the other.
    fn default() -> Self {
        Sliding { kernel_size: 1, stride: 1, padding: 0, dilation: 1, ceil_mode: false }
    }
}

impl Sliding {
    /// How many windows there are over `input` elements, a dimension of `shape`.
    ///
    /// *Source*: PyTorch's `pooling_output_shape`.
    ///
    /// # Errors
    /// `Kind::Argument` for a size, stride or dilation of 0 and for more padding than half of a
    /// window, `Kind::Shape` when not one window fits.
    pub fn output(&self, op: &'static str, input: usize, shape: &Shape) -> Result<usize> {
        let sizes = [
            ("kernel_size", self.kernel_size),
            ("stride", self.stride),
            ("dilation", self.dilation),
        ];
        for (name, size) in sizes {
            if !(1..=MOST).contains(&size) {
                return Err(Error::argument(op, name, size, "at least 1 and below 2³¹"));
            }
        }
        if self.padding > self.kernel_size / 2 {
            let got = format!("{} beside kernel_size {}", self.padding, self.kernel_size);
            return Err(Error::argument(op, "padding", got, "at most half of kernel_size"));
        }
        if input == 0 {
            return Err(Error::shape(op, Problem::Empty, &[("x", shape)]));
        }
        let span = self.dilation.saturating_mul(self.kernel_size - 1);
        let slack = if self.ceil_mode { self.stride - 1 } else { 0 };
        let Some(room) = (input + 2 * self.padding + slack).checked_sub(span.saturating_add(1))
        else {
            let rule = "the windows are larger than x with its padding";
            return Err(Error::shape(op, Problem::Rule { rule }, &[("x", shape)]));
        };
        let last = room / self.stride;
        let outside = self.ceil_mode && last * self.stride >= input + self.padding;
        Ok(last + usize::from(!outside))
    }
}

/// The first of the last `spatial` dimensions of `[N, C, *]` or `[C, *]`.
///
/// # Errors
/// `Kind::Shape` for another rank, `Kind::Argument` unless there are 1 to 3 spatial dimensions.
pub fn spatial_dims(op: &'static str, shape: &Shape, spatial: usize) -> Result<usize> {
    let expected = match spatial {
        1 => "2 or 3",
        2 => "3 or 4",
        3 => "4 or 5",
        _ => return Err(Error::argument(op, "kernel_size", spatial, "1 to 3 dimensions")),
    };
    let got = shape.rank();
    if got != spatial + 1 && got != spatial + 2 {
        let problem = Problem::Rank { name: "x", got, expected };
        return Err(Error::shape(op, problem, &[("x", shape)]));
    }
    Ok(got - spatial)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(input: usize, window: Sliding) -> Result<usize> {
        window.output("pool", input, &[1, input].into())
    }

    #[test]
    fn windows_are_counted_as_pytorch_does() {
        // (input, kernel_size, stride, padding, dilation, ceil_mode) and PyTorch's size.
        let table = [
            ((5, 2, 2, 0, 1, false), 2),
            ((5, 2, 2, 0, 1, true), 3),
            ((5, 3, 2, 1, 1, true), 3),
            ((6, 3, 2, 1, 1, true), 4),
            ((4, 2, 3, 1, 1, true), 2),
            ((1, 2, 2, 0, 1, true), 1),
            ((7, 3, 1, 0, 2, false), 3),
            ((7, 3, 3, 1, 2, true), 3),
        ];
        for ((input, kernel_size, stride, padding, dilation, ceil_mode), expected) in table {
            let window = Sliding { kernel_size, stride, padding, dilation, ceil_mode };
            assert_eq!(count(input, window).expect("fits"), expected, "{input}, {window:?}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let say = |input, window| count(input, window).expect_err("a mistake").to_string();
        let plain = Sliding::default();
        assert_eq!(
            say(4, Sliding { stride: 0, ..plain }),
            "pool: stride is 0, expected at least 1 and below 2³¹"
        );
        assert!(say(4, Sliding { kernel_size: usize::MAX, ..plain }).contains("kernel_size is"));
        assert_eq!(
            say(4, Sliding { kernel_size: 3, padding: 2, ..plain }),
            "pool: padding is 2 beside kernel_size 3, expected at most half of kernel_size"
        );
        assert_eq!(
            say(4, Sliding { kernel_size: 5, ..plain }),
            "pool: the windows are larger than x with its padding; x [1, 4]"
        );
        assert_eq!(say(0, plain), "pool: has no value over zero elements; x [1, 0]");
    }
}
