//! Pictures in a terminal.

use std::fmt::Write;

use gradus_tensor::{Array, Device, Result};

use super::functional;
use super::picture::{Batch, refused};
use super::resize::ResizeOptions;

const OP: &str = "terminal_preview";

/// A picture `[C, H, W]` with 1 or 3 channels as text for a terminal that knows 24-bit colours:
/// two pixels a character, one above the other, at most `columns` characters wide.
///
/// ```
/// use gradus_data::vision::terminal_preview;
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![255u8, 0], [1, 2, 1])?;
/// let expected = "\x1b[38;2;255;255;255m\x1b[48;2;0;0;0m▀\x1b[0m\n";
/// assert_eq!(terminal_preview(&x, 80)?, expected);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` for other shapes and for a picture without pixels, `Kind::DType` for other types
/// than uint8 and float32, `Kind::Argument` for no columns.
pub fn terminal_preview(x: &Array, columns: usize) -> Result<String> {
    let batch = Batch::of(OP, x)?;
    let size = batch.size;
    if batch.many || !matches!(size.channels, 1 | 3) || size.plane() == 0 {
        return Err(refused(OP, "a picture must be [1 or 3, H, W] and have pixels", size));
    }
    let x = functional::to_dtype(&x.to(&Device::cpu())?, gradus_tensor::DType::U8, true)?;
    let width = size.width.min(columns);
    let height = (size.height * width / size.width).max(1);
    let x = functional::resize(&x, [height, width], &ResizeOptions::default())?;
    let pixels = x.to_vec::<u8>()?;
    let color = |row: usize, column: usize| {
        let at = row * width + column;
        let channel = |c: usize| pixels[(c % size.channels) * height * width + at];
        format!("2;{};{};{}m", channel(0), channel(1), channel(2))
    };
    let mut text = String::new();
    for row in (0..height).step_by(2) {
        for column in 0..width {
            // Writing to text cannot fail.
            let _ = write!(text, "\x1b[38;{}", color(row, column));
            if row + 1 < height {
                let _ = write!(text, "\x1b[48;{}", color(row + 1, column));
            }
            text.push('▀');
        }
        text.push_str("\x1b[0m\n");
    }
    Ok(text)
}
