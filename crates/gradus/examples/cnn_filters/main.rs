//! What convolutions see in a picture: filters set by hand, filters as a new `Conv2d` draws them,
//! and what is left of both after relu and pooling, drawn as one page of feature maps.
//!
//! `cargo run --release -p gradus --example cnn_filters -- [PICTURE [PAGE]]` reads a PNG or JPEG
//! and writes the page, `cnn_filters.png` unless told. Without a picture it takes one of
//! Fashion-MNIST where that is on this machine, else a digit that the package carries.
//! `GRADUS_DEVICE=cpu|gpu` picks the device.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

mod page;

use std::path::Path;

use gradus::Kind;
use gradus::prelude::*;

use page::{Map, Page, Tile};

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
    page.save(&path)?;
    println!("wrote {path}: white is positive, blue negative, black zero");
    Ok(())
}

/// The page of a picture `[1, 1, H, W]`.
fn page(x: &Tensor) -> Result<Page> {
    let shrink = Sequential::new().push(Relu).push(MaxPool2d::new(2));
    let mut page = Page::default();

    let by_hand = by_hand()?.to(&x.device())?;
    let seen = by_hand.forward(x)?;
    let names = BY_HAND.map(|(name, _)| name.to_owned());
    page.row("Filters set by hand", tiles(&names, Some(&by_hand), &seen)?);
    page.row("... then relu and 2x2 max pooling", tiles(&names, None, &shrink.forward(&seen)?)?);

    // A layer as it is before any training: the filters are random, yet each sees something else.
    let first = Conv2d::new(1, 8, 5)?.padding(2).padding_mode(PaddingMode::Replicate);
    let first = first.to(&x.device())?;
    let seen = first.forward(x)?;
    let names = numbered("filter");
    page.row("Conv2d::new(1, 8, 5): random filters", tiles(&names, Some(&first), &seen)?);
    let pooled = shrink.forward(&seen)?;
    page.row("... then relu and 2x2 max pooling", tiles(&names, None, &pooled)?);

    // Its filters reach over all eight maps above, so they are no picture themselves.
    let second = Conv2d::new(8, 8, 3)?.padding(1).padding_mode(PaddingMode::Replicate);
    let second = second.to(&x.device())?;
    let pooled = shrink.forward(&second.forward(&pooled)?)?;
    let title = "... then Conv2d::new(8, 8, 3), relu and 2x2 max pooling";
    page.row(title, tiles(&numbered("map"), None, &pooled)?);
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

/// A labelled tile for every channel of `seen`, `[1, C, H, W]`, with the filter that made it.
fn tiles(names: &[String], layer: Option<&Conv2d>, seen: &Tensor) -> Result<Vec<Tile>> {
    let mut filters = match layer {
        Some(layer) => maps(&layer.weight)?.into_iter().map(Some).collect(),
        None => Vec::new(),
    };
    filters.resize(names.len(), None);
    let tiles = names.iter().zip(filters).zip(maps(seen)?);
    Ok(tiles.map(|((name, filter), map)| Tile { name: name.clone(), filter, map }).collect())
}

/// Every plane of the last two dimensions.
fn maps(x: &Tensor) -> Result<Vec<Map>> {
    let shape = x.shape();
    let (height, width) = (shape[shape.rank() - 2], shape[shape.rank() - 1]);
    let values = x.to_vec::<f32>()?;
    let planes = values.chunks(height * width);
    Ok(planes.map(|plane| Map { width, height, values: plane.to_vec() }).collect())
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
    let file = image::ImageReader::open(path).and_then(image::ImageReader::with_guessed_format);
    let picture = file.map_err(|e| Error::io(path, e))?.decode();
    let picture = picture.map_err(|e| Error::format(path, "picture", None, e.to_string()))?;
    let grey = picture.to_luma32f();
    let (width, height) = (grey.width() as usize, grey.height() as usize);
    let x = Tensor::from_vec(grey.into_raw(), [1, 1, height, width])?;
    let longest = width.max(height);
    if longest <= LONGEST {
        return Ok(x);
    }
    let fitted = |side: usize| (side * LONGEST / longest).max(1);
    let small = Interpolate::size([fitted(height), fitted(width)]);
    x.interpolate(&small.mode(InterpolateMode::Bilinear).antialias(true))
}
