//! Rows of feature maps on one picture, each with its name, its filter and its range.

use std::path::Path;

use font8x8::legacy::BASIC_LEGACY;
use gradus::{Error, Result};
use image::codecs::png::PngEncoder;
use image::{Rgb, RgbImage};

/// One plane of numbers.
#[derive(Clone)]
pub(crate) struct Map {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) values: Vec<f32>,
}

/// A feature map and what it came from.
pub(crate) struct Tile {
    pub(crate) name: String,
    pub(crate) filter: Option<Map>,
    pub(crate) map: Map,
}

/// Rows of tiles under titles.
#[derive(Default)]
pub(crate) struct Page {
    rows: Vec<(String, Vec<Tile>)>,
}

const MARGIN: u32 = 28;
const GAP: u32 = 12;
/// The longer side of a tile is at least this.
const TILE: usize = 140;
const LETTER: u32 = 8;
/// A row's title, the line with a tile's name, the line with its range.
const TITLE: u32 = 32;
const NAME: u32 = 38;
const RANGE: u32 = 16;
/// The side of a filter beside its tile's name: 3×3 and 5×5 divide it.
const FILTER: u32 = 30;

const PAPER: Rgb<u8> = Rgb([24, 26, 31]);
const INK: Rgb<u8> = Rgb([236, 236, 230]);
const PALE: Rgb<u8> = Rgb([150, 154, 164]);
const NEGATIVE: [f32; 3] = [70.0, 140.0, 255.0];
const POSITIVE: [f32; 3] = [255.0, 250.0, 240.0];

impl Page {
    /// Adds a row below the others.
    pub(crate) fn row(&mut self, title: &str, tiles: Vec<Tile>) {
        self.rows.push((title.to_owned(), tiles));
    }

    /// Writes the page as PNG: the whole file or none.
    pub(crate) fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let canvas = self.draw();
        let written = gradus::tensor::write_atomic(&path, |file| {
            canvas.write_with_encoder(PngEncoder::new(file)).map_err(std::io::Error::other)
        });
        written.map_err(|error: Error| error.within("the page of feature maps"))
    }

    fn draw(&self) -> RgbImage {
        let (width, height) = self.tile();
        let columns = self.rows.iter().map(|(_, tiles)| tiles.len()).max().unwrap_or(0) as u32;
        let row = TITLE + NAME + height + RANGE + MARGIN;
        let size = (columns * (width + GAP) + 2 * MARGIN - GAP, self.rows.len() as u32 * row);
        let mut canvas = RgbImage::from_pixel(size.0, size.1 + MARGIN, PAPER);
        for (i, (title, tiles)) in self.rows.iter().enumerate() {
            let mut y = MARGIN + i as u32 * row;
            write(&mut canvas, (MARGIN, y), 2, INK, title);
            y += TITLE;
            for (j, tile) in tiles.iter().enumerate() {
                let x = MARGIN + j as u32 * (width + GAP);
                write(&mut canvas, (x, y + NAME - LETTER - 6), 1, INK, &tile.name);
                if let Some(filter) = &tile.filter {
                    let place = (x + width - FILTER, y + NAME - FILTER - 4);
                    plot(&mut canvas, place, (FILTER, FILTER), filter);
                }
                plot(&mut canvas, (x, y + NAME), (width, height), &tile.map);
                let place = (x, y + NAME + height + RANGE - LETTER);
                write(&mut canvas, place, 1, PALE, &tile.map.range());
            }
        }
        canvas
    }

    /// The size of every tile: that of the largest map, enlarged where it is small.
    fn tile(&self) -> (u32, u32) {
        let maps = self.rows.iter().flat_map(|(_, tiles)| tiles).map(|tile| &tile.map);
        let size = maps.map(|map| (map.width, map.height)).max().unwrap_or((1, 1));
        let longest = size.0.max(size.1);
        let grow = |side: usize| (side * TILE.max(longest) / longest).max(1) as u32;
        (grow(size.0), grow(size.1))
    }
}

impl Map {
    fn range(&self) -> String {
        let low = self.values.iter().copied().fold(f32::INFINITY, f32::min);
        let high = self.values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        format!("{low:.2} to {high:.2}")
    }
}

/// Draws a map over a rectangle, its largest magnitude at full colour.
fn plot(canvas: &mut RgbImage, (x, y): (u32, u32), (width, height): (u32, u32), map: &Map) {
    let largest = map.values.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
    for (dy, dx) in (0..height).flat_map(|dy| (0..width).map(move |dx| (dy, dx))) {
        let row = dy as usize * map.height / height as usize;
        let column = dx as usize * map.width / width as usize;
        let value = map.values[row * map.width + column] / largest;
        let full = if value < 0.0 { NEGATIVE } else { POSITIVE };
        let colour = full.map(|channel| (channel * value.abs()).round() as u8);
        canvas.put_pixel(x + dx, y + dy, Rgb(colour));
    }
}

/// Writes text whose upper left corner is given; what does not fit is left out.
fn write(canvas: &mut RgbImage, (x, y): (u32, u32), scale: u32, ink: Rgb<u8>, text: &str) {
    for (i, letter) in text.chars().enumerate() {
        let rows = BASIC_LEGACY.get(letter as usize).unwrap_or(&BASIC_LEGACY[usize::from(b'?')]);
        for (dy, dx) in
            (0..LETTER * scale).flat_map(|dy| (0..LETTER * scale).map(move |dx| (dy, dx)))
        {
            let dark = rows[(dy / scale) as usize] >> (dx / scale) & 1 == 1;
            let place = (x + i as u32 * LETTER * scale + dx, y + dy);
            if let (true, Some(pixel)) = (dark, canvas.get_pixel_mut_checked(place.0, place.1)) {
                *pixel = ink;
            }
        }
    }
}
