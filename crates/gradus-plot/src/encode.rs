//! Pixels as PNG bytes.

use png::{BitDepth, ColorType, Encoder};

use crate::raster::Canvas;
use crate::scene::Pixels;

/// A canvas without opacity.
pub(crate) fn rgb(canvas: &Canvas) -> Vec<u8> {
    encode(canvas.width as u32, canvas.height as u32, ColorType::Rgb, &canvas.rgb)
}

/// An image inside a picture.
pub(crate) fn rgba(pixels: &Pixels) -> Vec<u8> {
    encode(pixels.width, pixels.height, ColorType::Rgba, &pixels.rgba)
}

fn encode(width: u32, height: u32, color: ColorType, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, width, height);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(bytes));
    // Sizes are checked where scenes are made, and memory takes every byte.
    debug_assert!(written.is_ok(), "png: {written:?}");
    out
}
