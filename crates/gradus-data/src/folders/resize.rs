//! Pictures in another size, as planes of bytes.

use super::decode::Picture;
use crate::vision::simd::vectorised;
use crate::vision::{ImageSize, Interpolation, View, keras_resize};

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

vectorised! {
    /// One pass over the pixels. It still takes a fifth of what decoding does.
    fn divide_rgb(row: &[u8], planes: [&mut [u8]; 3]) {
        let [red, green, blue] = planes;
        let width = red.len();
        let (green, blue, row) = (&mut green[..width], &mut blue[..width], &row[..3 * width]);
        for k in 0..width {
            red[k] = row[3 * k];
            green[k] = row[3 * k + 1];
            blue[k] = row[3 * k + 2];
        }
    }
}

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
