//! Pictures in another size, as planes of bytes.

use super::decode::Picture;
use crate::vision::{ImageSize, Interpolation, View, keras_resize};
#[cfg(target_arch = "x86_64")]
use gradus_cpu::has_avx2;

/// The part of a picture that is used: its first column and row, its width and height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Window {
    /// All of a picture, or the largest part in its middle that has the form of the target, as
    /// Keras' `smart_resize` cuts it.
    pub(super) fn of(picture: &Picture, height: usize, width: usize, to_aspect: bool) -> Self {
        let all = Window { x: 0, y: 0, width: picture.width, height: picture.height };
        if !to_aspect {
            return all;
        }
        let cut_width = (all.height * width / height).min(all.width).max(1);
        let cut_height = (all.width * height / width).min(all.height).max(1);
        let (x, y) = ((all.width - cut_width) / 2, (all.height - cut_height) / 2);
        Window { x, y, width: cut_width, height: cut_height }
    }
}

/// Writes the window of a picture into `planes`, `[channels, height, width]`.
pub(super) fn resize(
    picture: &Picture,
    window: Window,
    (height, width): (usize, usize),
    interpolation: Interpolation,
    antialias: bool,
    planes: &mut [u8],
) {
    if (window.width, window.height) == (width, height) {
        return cut(picture, window, planes);
    }
    let (channels, height_of, width_of) = (picture.channels, window.height, window.width);
    let mut whole = vec![0; channels * height_of * width_of];
    cut(picture, window, &mut whole);
    let size = ImageSize { channels, height: height_of, width: width_of };
    let view = View { data: &whole, size };
    keras_resize(view, [height, width], interpolation, antialias, planes);
}

/// The window as planes.
fn cut(picture: &Picture, window: Window, planes: &mut [u8]) {
    let channels = picture.channels;
    let line = picture.width * channels;
    for y in 0..window.height {
        let start = (window.y + y) * line + window.x * channels;
        let row = &picture.pixels[start..][..window.width * channels];
        divide(row, channels, planes, window.height * window.width, y * window.width);
    }
}

/// Writes a row of pixels to place `at` of each plane.
fn divide(row: &[u8], channels: usize, planes: &mut [u8], plane: usize, at: usize) {
    let width = row.len() / channels;
    if channels == 3 {
        let (red, rest) = planes.split_at_mut(plane);
        let (green, blue) = rest.split_at_mut(plane);
        let planes = [red, green, blue].map(|plane| &mut plane[at..][..width]);
        return divide_rgb(row, planes);
    }
    for (channel, to) in planes.chunks_exact_mut(plane).enumerate() {
        let from = row[channel..].iter().step_by(channels);
        to[at..][..width].iter_mut().zip(from).for_each(|(to, &from)| *to = from);
    }
}

/// One pass over the pixels, sixteen at a time where the processor can pass bytes around.
fn divide_rgb(row: &[u8], planes: [&mut [u8]; 3]) {
    let [red, green, blue] = planes;
    let width = red.len();
    let (green, blue, row) = (&mut green[..width], &mut blue[..width], &row[..3 * width]);
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has these instructions.
        done = unsafe { shuffled(row, [&mut *red, &mut *green, &mut *blue]) };
    }
    for k in done..width {
        red[k] = row[3 * k];
        green[k] = row[3 * k + 1];
        blue[k] = row[3 * k + 2];
    }
}

/// As many whole groups of sixteen pixels as there are; returns how many pixels that is.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn shuffled(row: &[u8], planes: [&mut [u8]; 3]) -> usize {
    use std::arch::x86_64::{_mm_loadu_si128, _mm_or_si128, _mm_shuffle_epi8, _mm_storeu_si128};
    let groups = planes[0].len() / 16;
    for (channel, plane) in planes.into_iter().enumerate() {
        let masks: [[u8; 16]; 3] = std::array::from_fn(|part| TAKE[channel][part]);
        for (from, to) in row.chunks_exact(48).zip(plane.chunks_exact_mut(16)) {
            // SAFETY: 48 bytes are read, 16 written, and a mask has 16.
            unsafe {
                let part = |k: usize| {
                    let bytes = _mm_loadu_si128(from[16 * k..][..16].as_ptr().cast());
                    _mm_shuffle_epi8(bytes, _mm_loadu_si128(masks[k].as_ptr().cast()))
                };
                let all = _mm_or_si128(_mm_or_si128(part(0), part(1)), part(2));
                _mm_storeu_si128(to.as_mut_ptr().cast(), all);
            }
        }
    }
    groups * 16
}

/// For each channel and each third of sixteen pixels: which of its bytes comes to which place;
/// 128 for none of them.
#[cfg(target_arch = "x86_64")]
const TAKE: [[[u8; 16]; 3]; 3] = {
    let mut take = [[[128; 16]; 3]; 3];
    let mut at = 0;
    while at < 48 {
        take[at % 3][at / 16][at / 3] = (at % 16) as u8;
        at += 1;
    }
    take
};

#[cfg(test)]
mod tests {
    use super::*;

    fn line(pixels: &[u8], width: usize, interpolation: Interpolation, antialias: bool) -> Vec<u8> {
        let picture =
            Picture { width: pixels.len(), height: 1, channels: 1, pixels: pixels.to_vec() };
        let window = Window::of(&picture, 1, width, false);
        let mut planes = vec![0; width];
        resize(&picture, window, (1, width), interpolation, antialias, &mut planes);
        planes
    }

    #[test]
    fn lines_are_those_of_pil_and_tensorflow() {
        let pixels = [0, 40, 80, 120, 160, 200];
        assert_eq!(line(&pixels, 3, Interpolation::Nearest, false), [40, 120, 200]);
        assert_eq!(line(&pixels, 3, Interpolation::Area, false), [20, 100, 180]);
        assert_eq!(line(&pixels, 3, Interpolation::Bilinear, false), [20, 100, 180]);
        // PIL 13: Image.resize((3, 1), BILINEAR) and BICUBIC of this line.
        assert_eq!(line(&pixels, 3, Interpolation::Bilinear, true), [29, 100, 171]);
        assert_eq!(line(&pixels, 3, Interpolation::Bicubic, true), [22, 100, 178]);
        assert_eq!(line(&[0, 100], 4, Interpolation::Bilinear, false), [0, 25, 75, 100]);
        assert_eq!(line(&[10, 20], 4, Interpolation::Area, false), [10, 10, 20, 20]);
    }

    #[test]
    fn every_pixel_finds_its_plane() {
        for width in [1, 15, 16, 17, 48, 61] {
            let row: Vec<u8> = (0..3 * width).map(|i| i as u8).collect();
            let mut planes = vec![255; 3 * (width + 2)];
            divide(&row, 3, &mut planes, width + 2, 1);
            for (channel, plane) in planes.chunks(width + 2).enumerate() {
                let expected = (0..width).map(|k| (3 * k + channel) as u8);
                let expected: Vec<u8> = [255].into_iter().chain(expected).chain([255]).collect();
                assert_eq!(plane, expected, "{width} pixels, channel {channel}");
            }
        }
    }

    #[test]
    fn a_picture_of_the_right_size_is_copied_and_one_colour_stays() {
        let pixels = [3, 200, 7, 90];
        for interpolation in [
            Interpolation::Nearest,
            Interpolation::Bilinear,
            Interpolation::Bicubic,
            Interpolation::Area,
        ] {
            assert_eq!(line(&pixels, 4, interpolation, true), pixels);
            for (from, to) in [(1, 5), (7, 3), (5, 8), (100, 1), (3, 100)] {
                for antialias in [false, true] {
                    let grey = line(&vec![77; from], to, interpolation, antialias);
                    assert_eq!(grey, vec![77; to], "{interpolation:?} {from} to {to}");
                }
            }
        }
    }

    #[test]
    fn the_form_is_cut_out_of_the_middle() {
        let picture = |width, height| Picture { width, height, channels: 1, pixels: Vec::new() };
        let cut = |w, h, height, width| Window::of(&picture(w, h), height, width, true);
        assert_eq!(cut(100, 60, 20, 20), Window { x: 20, y: 0, width: 60, height: 60 });
        assert_eq!(cut(50, 91, 10, 20), Window { x: 0, y: 33, width: 50, height: 25 });
        assert_eq!(cut(50, 50, 7, 7), Window { x: 0, y: 0, width: 50, height: 50 });
    }
}
