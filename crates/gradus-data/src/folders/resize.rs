//! Pictures in another size, as planes of bytes.

use super::decode::Picture;

/// Keys' cubic kernel with the parameter of PIL and TensorFlow.
const CUBIC: f64 = -0.5;

/// How pixels of another size are computed. Pixel centres are at halves, as in torchvision, PIL and
/// TensorFlow 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// The pixel that is there.
    Nearest,
    /// Between two by two pixels.
    #[default]
    Bilinear,
    /// Between four by four pixels; Keys' kernel, a = −0.5.
    Bicubic,
    /// The mean of what a pixel covers.
    Area,
}

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

/// What each place of a line is made of: neighbours from a start on, with their weights.
struct Taps {
    starts: Vec<usize>,
    /// `count` weights for each place.
    weights: Vec<f32>,
    count: usize,
}

impl Taps {
    /// Places of a line of `to` pixels, made of the `from` pixels that start at `offset`.
    fn new(
        offset: usize,
        from: usize,
        to: usize,
        interpolation: Interpolation,
        antialias: bool,
    ) -> Self {
        let scale = from as f64 / to as f64;
        let places: Vec<(usize, Vec<f64>)> = (0..to)
            .map(|place| match interpolation {
                Interpolation::Nearest => {
                    let at = ((place as f64 + 0.5) * scale) as usize;
                    (at.min(from - 1), vec![1.0])
                }
                Interpolation::Area => covered(place, scale, from),
                Interpolation::Bilinear => {
                    let stretch = if antialias { scale.max(1.0) } else { 1.0 };
                    around(place, scale, from, stretch, 1.0, |x| (1.0 - x).max(0.0))
                }
                Interpolation::Bicubic => {
                    let stretch = if antialias { scale.max(1.0) } else { 1.0 };
                    around(place, scale, from, stretch, 2.0, cubic)
                }
            })
            .collect();
        let count = places.iter().map(|(_, weights)| weights.len()).max().unwrap_or(1);
        let (mut starts, mut all) = (Vec::with_capacity(to), Vec::with_capacity(to * count));
        for (start, weights) in places {
            // Missing neighbours are put in front, so that none lies outside the line.
            let start_all = start.min(from - count.min(from));
            let sum: f64 = weights.iter().sum();
            let mut padded = vec![0.0f32; count];
            for (at, weight) in weights.iter().enumerate() {
                padded[start - start_all + at] = (weight / sum) as f32;
            }
            starts.push(offset + start_all);
            all.extend(padded);
        }
        Taps { starts, weights: all, count }
    }

    fn weights(&self, place: usize) -> &[f32] {
        &self.weights[place * self.count..][..self.count]
    }
}

/// The pixels that a kernel of `support` pixels, stretched, reaches from the centre of a place.
fn around(
    place: usize,
    scale: f64,
    from: usize,
    stretch: f64,
    support: f64,
    kernel: impl Fn(f64) -> f64,
) -> (usize, Vec<f64>) {
    let center = (place as f64 + 0.5) * scale;
    let reach = support * stretch;
    let start = ((center - reach + 0.5).max(0.0) as usize).min(from - 1);
    let end = ((center + reach + 0.5) as usize).clamp(start + 1, from);
    let weight = |at: usize| kernel(((at as f64 + 0.5 - center) / stretch).abs());
    let weights: Vec<f64> = (start..end).map(weight).collect();
    if weights.iter().sum::<f64>() == 0.0 { (start, vec![1.0]) } else { (start, weights) }
}

/// The pixels that a place covers, by how much of each.
fn covered(place: usize, scale: f64, from: usize) -> (usize, Vec<f64>) {
    let (low, high) = (place as f64 * scale, (place + 1) as f64 * scale);
    let start = (low.floor() as usize).min(from - 1);
    let end = (high.ceil() as usize).clamp(start + 1, from);
    let part = |at: usize| (high.min((at + 1) as f64) - low.max(at as f64)).max(0.0);
    let weights: Vec<f64> = (start..end).map(part).collect();
    if weights.iter().sum::<f64>() == 0.0 { (start, vec![1.0]) } else { (start, weights) }
}

fn cubic(x: f64) -> f64 {
    if x < 1.0 {
        ((CUBIC + 2.0) * x - (CUBIC + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        CUBIC * (((x - 5.0) * x + 8.0) * x - 4.0)
    } else {
        0.0
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
    let channels = picture.channels;
    let line = picture.width * channels;
    let plane = height * width;
    if (window.width, window.height) == (width, height) {
        for y in 0..height {
            let row = &picture.pixels[(window.y + y) * line + window.x * channels..];
            for (channel, to) in planes.chunks_exact_mut(plane).enumerate() {
                let from = row[channel..].iter().step_by(channels);
                to[y * width..][..width].iter_mut().zip(from).for_each(|(to, &from)| *to = from);
            }
        }
        return;
    }
    let across = Taps::new(window.x, window.width, width, interpolation, antialias);
    let down = Taps::new(window.y, window.height, height, interpolation, antialias);
    // Rows in their new width, as planes one after the other; made when first needed.
    let mut rows: Vec<Option<Vec<f32>>> = vec![None; picture.height];
    let mut sum = vec![0.0f32; width * channels];
    for y in 0..height {
        sum.fill(0.0);
        let weights = down.weights(y).iter().enumerate();
        for (at, &weight) in weights.filter(|(_, weight)| **weight != 0.0) {
            let source = down.starts[y] + at;
            let row = rows[source].get_or_insert_with(|| {
                narrowed(&picture.pixels[source * line..][..line], channels, &across, width)
            });
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * *value);
        }
        for (channel, to) in planes.chunks_exact_mut(plane).enumerate() {
            let from = &sum[channel * width..][..width];
            let to = &mut to[y * width..][..width];
            // The cast keeps within 0 to 255.
            to.iter_mut().zip(from).for_each(|(to, &from)| *to = (from + 0.5) as u8);
        }
        rows[..down.starts[y]].iter_mut().for_each(|row| *row = None);
    }
}

fn narrowed(pixels: &[u8], channels: usize, taps: &Taps, width: usize) -> Vec<f32> {
    let mut row = vec![0.0; width * channels];
    for x in 0..width {
        let weights = taps.weights(x);
        let from = &pixels[taps.starts[x] * channels..];
        for channel in 0..channels {
            let values = from[channel..].iter().step_by(channels);
            row[channel * width + x] =
                values.zip(weights).map(|(&value, weight)| f32::from(value) * weight).sum();
        }
    }
    row
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
