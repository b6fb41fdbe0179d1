//! `image_grid`: a batch of images side by side.

use gradus_autodiff::Tensor;
use gradus_tensor::{DType, Error, Problem, Result};

use crate::axes::SMALL;
use crate::picture::{self, Picture};
use crate::scene::{Pixels, Scene, text_width};
use crate::theme::Paint;

const OP: &str = "image_grid";
/// Paper between images and around them.
const GAP: usize = 4;
/// The height of a line of titles.
const LINE: usize = 20;
/// Without `scale`, the longer side of an image becomes at least this where it divides.
const SIDE: usize = 64;

/// The images of a batch in rows: grayscale or RGB, each pixel a square of whole pixels.
///
/// *Shapes*: `[N, C, H, W]`, C 1 or 3. torchvision: `make_grid(normalize=True)`.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_plot::image_grid;
///
/// let images = Tensor::from_vec(vec![0.0f32, 0.5, 1.0, 0.25], [2, 1, 1, 2])?;
/// let picture = image_grid(&images).scale(8).draw()?;
/// assert_eq!((picture.width(), picture.height()), (4 + 16 + 4 + 16 + 4, 4 + 8 + 4));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub fn image_grid(images: &Tensor) -> ImageGrid {
    ImageGrid {
        images: images.detach(),
        columns: 8,
        titles: Vec::new(),
        range: None,
        scale: None,
        gap: GAP,
    }
}

/// Images and how to draw them; made by [`image_grid`].
#[derive(Clone)]
#[must_use = "nothing is drawn before `draw`"]
pub struct ImageGrid {
    images: Tensor,
    columns: usize,
    titles: Vec<String>,
    range: Option<(f64, f64)>,
    scale: Option<usize>,
    gap: usize,
}

impl ImageGrid {
    /// Images in a row; 8 unless set.
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = columns;
        self
    }

    /// Words above the images, one each.
    pub fn titles<T: AsRef<str>>(mut self, titles: &[T]) -> Self {
        self.titles = titles.iter().map(|title| title.as_ref().to_owned()).collect();
        self
    }

    /// The values of black and of white; unless set, the smallest and the largest of the batch.
    pub fn range(mut self, black: f64, white: f64) -> Self {
        self.range = Some((black, white));
        self
    }

    /// The side of a pixel's square; unless set, what makes images about 64 pixels large.
    pub fn scale(mut self, scale: usize) -> Self {
        self.scale = Some(scale);
        self
    }

    /// Pixels between images and around them; 4 unless set.
    pub fn gap(mut self, gap: usize) -> Self {
        self.gap = gap;
        self
    }

    /// Draws the picture. Values outside the range become black or white, those that are not a
    /// number magenta.
    ///
    /// # Errors
    /// `Kind::Shape` for other than four dimensions, other than 1 or 3 channels, or no pixels;
    /// `Kind::Argument` for no columns, a scale of 0, another number of titles than of images, a
    /// range without a width, or a picture of more than 16384 pixels.
    pub fn draw(&self) -> Result<Picture> {
        let [n, channels, height, width] = self.check()?;
        let scale = self.scale.unwrap_or((SIDE / height.max(width)).max(1));
        let line = if self.titles.is_empty() { 0 } else { LINE };
        let columns = self.columns.min(n);
        let rows = n.div_ceil(columns);
        // Sizes that no picture has saturate and are refused below.
        let side = |count: usize, size: usize, more: usize| {
            let each = size.saturating_mul(scale).saturating_add(self.gap + more);
            count.saturating_mul(each).saturating_add(self.gap).min(u32::MAX as usize) as u32
        };
        let size = (side(columns, width, 0), side(rows, height, line));
        picture::size(OP, size, 1)?;

        let values = self.images.to_dtype(DType::F64)?.to_vec::<f64>()?;
        let range = self.range.unwrap_or_else(|| extent(&values));
        let mut scene = Scene::new(size.0, size.1);
        for (i, image) in values.chunks(channels * height * width).enumerate() {
            let (w, h) = (width * scale, height * scale);
            let left = self.gap + (i % columns) * (w + self.gap);
            let top = self.gap + (i / columns) * (h + self.gap + line) + line;
            let (left, top, w, h) = (left as f64, top as f64, w as f64, h as f64);
            if let Some(title) = self.titles.get(i) {
                // A long title shrinks to its image's width, as far as it can be read.
                let room = w / text_width(title, 1.0).max(1e-9);
                let letters = room.clamp(SMALL * 0.6, SMALL);
                scene.words(title, (left, top - LINE as f64 / 2.0), letters, Paint::INK);
            }
            let pixels = pixels(image, [channels, height, width], range);
            scene.image((left, top), (w, h), pixels);
        }
        Ok(Picture::new(scene, &format!("{n} images"), 1))
    }

    fn check(&self) -> Result<[usize; 4]> {
        let shape = self.images.shape();
        let wrong = |problem| Err(Error::shape(OP, problem, &[("images", &shape)]));
        let &[n, channels, height, width] = shape.dims() else {
            return wrong(Problem::Rank { name: "images", got: shape.rank(), expected: "4" });
        };
        if channels != 1 && channels != 3 {
            return wrong(Problem::Rule { rule: "images must have 1 or 3 channels" });
        }
        if n * height * width == 0 {
            return wrong(Problem::Empty);
        }
        if self.columns == 0 {
            return Err(Error::argument(OP, "columns", 0, "1 or more"));
        }
        if self.scale == Some(0) {
            return Err(Error::argument(OP, "scale", 0, "1 or more"));
        }
        if self.gap > SIDE {
            return Err(Error::argument(OP, "gap", self.gap, "at most 64"));
        }
        if !self.titles.is_empty() && self.titles.len() != n {
            let what = format!("{} titles for {n} images", self.titles.len());
            return Err(Error::argument(OP, "titles", what, "one for each image"));
        }
        match self.range {
            Some((black, white)) if !(black < white && (white - black).is_finite()) => {
                let what = format!("{black}..{white}");
                Err(Error::argument(OP, "range", what, "two finite values, black below white"))
            }
            _ => Ok([n, channels, height, width]),
        }
    }
}

/// The smallest and the largest finite value.
fn extent(values: &[f64]) -> (f64, f64) {
    let finite = values.iter().filter(|v| v.is_finite());
    let (low, high) =
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    if low < high { (low, high) } else { (low - 1.0, high + 1.0) }
}

fn pixels(image: &[f64], [channels, height, width]: [usize; 3], range: (f64, f64)) -> Pixels {
    let plane = height * width;
    // Halves: the difference of two finite values may be infinite.
    let (black, half) = (range.0 / 2.0, range.1 / 2.0 - range.0 / 2.0);
    let byte = |v: f64| ((v / 2.0 - black) / half * 255.0).round().clamp(0.0, 255.0) as u8;
    let mut rgba = Vec::with_capacity(plane * 4);
    for i in 0..plane {
        let values = [0, 1, 2].map(|c| image[if channels == 3 { c * plane + i } else { i }]);
        if values.iter().any(|v| v.is_nan()) {
            rgba.extend([255, 0, 255, 255]);
        } else {
            rgba.extend(values.map(byte));
            rgba.push(255);
        }
    }
    Pixels { width: width as u32, height: height as u32, rgba, smooth: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The picture's pixels, one hexadecimal colour each.
    fn golden(picture: &Picture) -> Vec<String> {
        let decoder = png::Decoder::new(std::io::Cursor::new(picture.png()));
        let mut reader = decoder.read_info().expect("a header");
        let mut bytes = vec![0; reader.output_buffer_size().expect("a size")];
        let info = reader.next_frame(&mut bytes).expect("a frame");
        let row = |row: &[u8]| {
            let colours = row.chunks(3).map(|c| format!("{:02x}{:02x}{:02x}", c[0], c[1], c[2]));
            colours.collect::<Vec<_>>().join(" ")
        };
        bytes.chunks(info.line_size).map(row).collect()
    }

    fn tensor(values: &[f32], shape: [usize; 4]) -> Tensor {
        Tensor::from_slice(values, shape).expect("a tensor")
    }

    #[test]
    fn gray_images_are_golden() {
        let images = tensor(&[0.0, 1.0, 0.5, 0.25, f32::NAN, 2.0], [3, 1, 1, 2]);
        let grid = image_grid(&images).columns(2).scale(2).gap(1).range(0.0, 1.0);
        let picture = grid.draw().expect("drawn");
        let paper = ["ffffff"; 11].join(" ");
        let first = "ffffff 000000 000000 ffffff ffffff ffffff 808080 808080 404040 404040 ffffff";
        let second = "ffffff ff00ff ff00ff ffffff ffffff ffffff ffffff ffffff ffffff ffffff ffffff";
        assert_eq!(golden(&picture), [&paper, first, first, &paper, second, second, &paper]);
        assert_eq!(picture.png(), grid.draw().expect("drawn").png());
    }

    #[test]
    fn colours_and_their_range_are_golden() {
        let images = tensor(&[-1.0, 3.0, 1.0, 1.0, 3.0, -1.0], [1, 3, 1, 2]);
        let picture = image_grid(&images).scale(1).gap(0).draw().expect("drawn");
        assert_eq!(golden(&picture), ["0080ff ff8000"]);
    }

    #[test]
    fn small_images_are_enlarged_by_whole_numbers() {
        let images = Tensor::zeros([3, 1, 28, 28], &gradus_tensor::Device::cpu());
        let picture = image_grid(&images).titles(&["a", "<b>", "c"]).draw().expect("drawn");
        assert_eq!((picture.width(), picture.height()), (3 * 60 + 4, 60 + 20 + 4));
        assert!(picture.svg().contains(">&lt;b&gt;</text>"));
        assert_eq!(picture.svg().matches("<image").count(), 3);
    }

    #[test]
    fn wrong_images_are_errors() {
        let two = Tensor::zeros([1, 2, 4, 4], &gradus_tensor::Device::cpu());
        assert_eq!(
            image_grid(&two).draw().expect_err("two channels").to_string(),
            "image_grid: images must have 1 or 3 channels; images [1, 2, 4, 4]"
        );
        let flat = Tensor::zeros([4, 4], &gradus_tensor::Device::cpu());
        assert!(image_grid(&flat).draw().expect_err("a matrix").is_shape());
        let none = Tensor::zeros([0, 1, 4, 4], &gradus_tensor::Device::cpu());
        assert!(image_grid(&none).draw().expect_err("no image").is_shape());
        let one = Tensor::zeros([1, 1, 4, 4], &gradus_tensor::Device::cpu());
        assert!(image_grid(&one).columns(0).draw().is_err());
        assert!(image_grid(&one).scale(0).draw().is_err());
        assert!(image_grid(&one).scale(usize::MAX).draw().is_err());
        assert!(image_grid(&one).gap(usize::MAX).draw().is_err());
        assert!(image_grid(&one).range(1.0, 1.0).draw().is_err());
        assert!(image_grid(&one).titles(&["a", "b"]).draw().is_err());
    }
}
