//! Words in pictures, from a bitmap font.

use gradus_tensor::{Array, DType, Result, Shape};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, RasterizedChar, get_raster};

use super::paste;
use crate::vision::picture::Batch;

/// Options of [`draw_text`]: 16 pixels high, white, regular.
#[derive(Clone, Debug, PartialEq)]
pub struct TextOptions {
    height: usize,
    color: Vec<f64>,
    bold: bool,
}

impl Default for TextOptions {
    fn default() -> Self {
        TextOptions { height: 16, color: vec![1.0], bold: false }
    }
}

impl TextOptions {
    /// The height of a line; the nearest of 16, 20, 24 and 32 pixels is taken.
    #[must_use]
    pub fn height(self, pixels: usize) -> Self {
        TextOptions { height: pixels, ..self }
    }

    /// From 0 to 1: one number, or one a channel.
    #[must_use]
    pub fn color(self, color: &[f64]) -> Self {
        TextOptions { color: color.to_vec(), ..self }
    }

    /// Whether letters are bold.
    #[must_use]
    pub fn bold(self, bold: bool) -> Self {
        TextOptions { bold, ..self }
    }

    fn raster(&self, letter: char) -> Option<RasterizedChar> {
        let heights = [
            RasterHeight::Size16,
            RasterHeight::Size20,
            RasterHeight::Size24,
            RasterHeight::Size32,
        ];
        let nearest = heights.into_iter().min_by_key(|h| h.val().abs_diff(self.height));
        let weight = if self.bold { FontWeight::Bold } else { FontWeight::Regular };
        let height = nearest.unwrap_or(RasterHeight::Size16);
        get_raster(letter, weight, height).or_else(|| get_raster('?', weight, height))
    }
}

/// Words with the upper left corner of their first letter at `[row, column]`; `\n` begins a line.
/// Letters are those of Latin-1, others become question marks; what leaves the image is cut off.
///
/// ```
/// use gradus_data::vision::pixels::{TextOptions, draw_text};
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![0u8; 3 * 16 * 40], [3, 16, 40])?;
/// let red = TextOptions::default().color(&[1.0, 0.0, 0.0]);
/// let y = draw_text(&x, "Hi", [0, 0], &red)?.to_vec::<u8>()?;
/// assert!(y[..640].iter().any(|&v| v > 200) && y[640..].iter().all(|&v| v == 0));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` unless the images fit and have as many channels as the colour, `Kind::DType` for
/// other types than uint8 and float32.
pub fn draw_text(x: &Array, text: &str, at: [i64; 2], options: &TextOptions) -> Result<Array> {
    let batch = Batch::of("draw_text", x)?;
    let lines: Vec<Vec<RasterizedChar>> =
        text.lines().map(|line| line.chars().filter_map(|c| options.raster(c)).collect()).collect();
    let width = |line: &Vec<RasterizedChar>| line.iter().map(RasterizedChar::width).sum::<usize>();
    let across = lines.iter().map(width).max().unwrap_or(0);
    let line_height = lines.iter().flatten().map(RasterizedChar::height).max().unwrap_or(0);
    let down = lines.len() * line_height;
    if across * down == 0 {
        return Ok(x.clone());
    }
    let mut cover = vec![0u8; across * down];
    for (number, line) in lines.iter().enumerate() {
        let mut pen = 0;
        for letter in line {
            for (row, values) in letter.rows().enumerate() {
                let start = (number * line_height + row) * across + pen;
                cover[start..start + values.len()].copy_from_slice(values);
            }
            pen += letter.width();
        }
    }
    let channels = options.color.len();
    if channels != 1 && channels != batch.size.channels {
        let rule = "the colour must have 1 value or one a channel";
        return Err(crate::vision::picture::refused("draw_text", rule, batch.size));
    }
    let scale = if batch.dtype == DType::U8 { 255.0 } else { 1.0 };
    let color = |c: usize| options.color[if channels == 1 { 0 } else { c }] * scale;
    let ink = (0..batch.size.channels).flat_map(|c| vec![color(c) as f32; cover.len()]);
    let ink: Vec<f32> = ink.collect();
    let mask: Vec<f32> = cover.iter().map(|&v| f32::from(v) / 255.0).collect();
    let shape = Shape::new(&[batch.size.channels, down, across]);
    let one = Shape::new(&[1, down, across]);
    if batch.dtype == DType::U8 {
        let ink: Vec<u8> = ink.iter().map(|v| v.round() as u8).collect();
        let (ink, mask) = (Array::from_vec(ink, shape)?, Array::from_vec(cover, one)?);
        return paste(x, &ink, at, Some(&mask));
    }
    let (ink, mask) = (Array::from_vec(ink, shape)?, Array::from_vec(mask, one)?);
    paste(x, &ink, at, Some(&mask))
}
