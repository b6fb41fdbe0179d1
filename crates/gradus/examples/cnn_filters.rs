//! What convolutions see in a picture: filters set by hand, filters as a new `Conv2d` draws them,
//! and what is left of both after relu and pooling, drawn as one page of feature maps.
//!
//! `cargo run --release -p gradus --features image,plot --example cnn_filters -- [PICTURE [PAGE]]`
//! reads a PNG or JPEG and writes the page, `cnn_filters.png` unless told. Without a picture it
//! takes one of Fashion-MNIST where that is on this machine, else a digit that the package
//! carries. `GRADUS_DEVICE=cpu|gpu` picks the device.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::path::Path;

use gradus::data::{ColorMode, read_image};
use gradus::plot::image_grid;
use gradus::prelude::*;
use gradus::{Kind, cat};

/// Filters that people designed, 3×3, row by row.
const BY_HAND: [(&str, [f32; 9]); 8] = [
    ("identity", [0., 0., 0., 0., 1., 0., 0., 0., 0.]),
    ("box blur", [1. / 9.; 9]),
    ("sharpen", [0., -1., 0., -1., 5., -1., 0., -1., 0.]),
    ("emboss", [-2., -1., 0., -1., 1., 1., 0., 1., 2.]),
    ("Sobel x", [-1., 0., 1., -2., 0., 2., -1., 0., 1.]),
    ("Sobel y", [-1., -2., -1., 0., 0., 0., 1., 2., 1.]),
    ("Laplacian", [0., 1., 0., 1., -4., 1., 0., 1., 0.]),
    ("diagonal", [2., -1., -1., -1., 2., -1., -1., -1., 2.]),
];
/// A larger picture is shrunk until its longer side is this.
const LONGEST: usize = 224;
/// Smaller tiles are enlarged to this side.
const LEAST: usize = 84;
/// The ankle boot of many a lecture, and a digit: positions in their test sets.
const BOOT: usize = 0;
const DIGIT: usize = 6;

fn main() -> Result<()> {
    let device = Device::auto();
    manual_seed(11);
    let mut arguments = std::env::args().skip(1);
    let (name, x) = match arguments.next() {
        Some(path) => (path.clone(), read(Path::new(&path))?),
        None => carried()?,
    };
    let path = arguments.next().unwrap_or_else(|| "cnn_filters.png".to_owned());
    let size = x.shape();
    println!("device: {device}; picture: {name}, {}×{} pixels", size[3], size[2]);

    let x = x.to(&device)?;
    let page = no_grad(|| page(&x))?;
    let grid = image_grid(&cat(&page.tiles.iter().collect::<Vec<_>>(), 0)?)
        .titles(&page.titles)
        .range(-1.0, 1.0);
    grid.columns(BY_HAND.len()).gap(6).draw()?.save(&path)?;
    println!("wrote {path}: grey is zero, white the largest magnitude, black its negative");
    Ok(())
}

/// Tiles of equal size, `[8, 1, H, W]` in each row, and what stands above them.
struct Page {
    size: [usize; 2],
    tiles: Vec<Tensor>,
    titles: Vec<String>,
}

impl Page {
    /// Adds a row: eight planes `[1, 8, h, w]` or `[8, 1, h, w]`, each with its largest magnitude
    /// at full contrast, enlarged pixel by pixel.
    fn row(&mut self, names: &[String], planes: &Tensor) -> Result<()> {
        let shape = planes.shape();
        let (h, w) = (shape[shape.rank() - 2], shape[shape.rank() - 1]);
        let planes = planes.reshape(&[-1, 1, h as i64, w as i64])?;
        let largest =
            planes.abs()?.amax(&[1, 2, 3], true)?.clamp_min(f64::from(f32::MIN_POSITIVE))?;
        let planes = (&planes / &largest)?;
        self.tiles.push(planes.interpolate(&Interpolate::size(self.size))?);
        self.titles.extend_from_slice(names);
        Ok(())
    }
}

/// The page of a picture `[1, 1, H, W]`.
fn page(x: &Tensor) -> Result<Page> {
    let shrink = Sequential::new().push(Relu).push(MaxPool2d::new(2));
    let size = [x.shape()[2].max(LEAST), x.shape()[3].max(LEAST)];
    let mut page = Page { size, tiles: Vec::new(), titles: Vec::new() };

    let hand = by_hand()?.to(&x.device())?;
    let seen = hand.forward(x)?;
    page.row(&BY_HAND.map(|(name, _)| name.to_owned()), &hand.weight)?;
    page.row(&numbered("map"), &seen)?;
    page.row(&numbered("pooled"), &shrink.forward(&seen)?)?;

    // A layer as it is before any training: the filters are random, yet each sees something else.
    let first = Conv2d::new(1, 8, 5)?.padding(2).padding_mode(PaddingMode::Replicate);
    let first = first.to(&x.device())?;
    let seen = first.forward(x)?;
    page.row(&numbered("random"), &first.weight)?;
    page.row(&numbered("map"), &seen)?;
    let pooled = shrink.forward(&seen)?;
    page.row(&numbered("pooled"), &pooled)?;

    // Its filters reach over all eight maps above, so they are no picture themselves.
    let second = Conv2d::new(8, 8, 3)?.padding(1).padding_mode(PaddingMode::Replicate);
    let second = second.to(&x.device())?;
    page.row(&numbered("second"), &shrink.forward(&second.forward(&pooled)?)?)?;
    Ok(page)
}

/// A convolution whose weight is [`BY_HAND`].
fn by_hand() -> Result<Conv2d> {
    let options = ConvLayerOptions { bias: false, ..Default::default() };
    let layer = Conv2d::with(1, BY_HAND.len(), 3, options)?.padding(1);
    let weight = BY_HAND.iter().flat_map(|(_, filter)| *filter).collect();
    layer.weight.set_value(&Tensor::from_vec(weight, [BY_HAND.len(), 1, 3, 3])?)?;
    Ok(layer.padding_mode(PaddingMode::Replicate))
}

fn numbered(what: &str) -> [String; 8] {
    std::array::from_fn(|i| format!("{what} {}", i + 1))
}

/// A picture of a data set and what it is called.
fn carried() -> Result<(String, Tensor)> {
    let one = |data: &TensorDataset, i: usize| -> Result<Tensor> {
        Ok(data.fetch(&[i])?.swap_remove(0).into())
    };
    match datasets::fashion_mnist() {
        Ok((_, test)) => Ok(("Fashion-MNIST, test image 0".to_owned(), one(&test, BOOT)?)),
        Err(error) if matches!(error.kind(), Kind::Io { .. }) => {
            println!("no Fashion-MNIST on this machine: taking a digit, enlarged from 8×8 pixels");
            let digit = one(&datasets::digits()?.1, DIGIT)?;
            let large = Interpolate::size([40, 40]).mode(InterpolateMode::Bicubic);
            let name = format!("digits, test image {DIGIT}");
            Ok((name, digit.interpolate(&large)?.clamp(0.0, 1.0)?))
        }
        Err(error) => Err(error),
    }
}

/// A picture file in shades of grey, `[1, 1, H, W]` in `0..=1`.
fn read(path: &Path) -> Result<Tensor> {
    let grey = Tensor::from(read_image(path, ColorMode::Grayscale)?);
    let x = grey.unsqueeze(0)?.to_dtype(DType::F32)?.div(255.0)?;
    let (height, width) = (x.shape()[2], x.shape()[3]);
    let longest = width.max(height);
    if longest <= LONGEST {
        return Ok(x);
    }
    let fitted = |side: usize| (side * LONGEST / longest).max(1);
    let small = Interpolate::size([fitted(height), fitted(width)]);
    x.interpolate(&small.mode(InterpolateMode::Bilinear).antialias(true))
}
