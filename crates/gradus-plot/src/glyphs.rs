//! Letters of pictures that are pixels: drawn once from a free font, so none has to be installed.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, RasterizedChar, get_raster};

use crate::raster::Canvas;
use crate::scene::{Place, Text};

/// A line of letters is this much higher than their size.
const LINE: f64 = 1.36;

/// Draws words; `scale` is pixels a step.
pub(crate) fn draw(canvas: &mut Canvas, text: &Text, scale: f64) {
    let weight = if text.bold { FontWeight::Bold } else { FontWeight::Regular };
    let height = nearest(f64::from(text.size) * scale * LINE);
    let glyphs: Vec<RasterizedChar> =
        text.words.chars().filter_map(|c| glyph(c, weight, height)).collect();
    let length: usize = glyphs.iter().map(RasterizedChar::width).sum();
    let part = |place| match place {
        Place::Start => 0.0,
        Place::Middle => 0.5,
        Place::End => 1.0,
    };
    let left = part(text.across) * length as f64;
    let top = part(text.down) * height.val() as f64;
    let (x0, y0) = (f64::from(text.at.0) * scale, f64::from(text.at.1) * scale);
    let mut pen = 0;
    for glyph in &glyphs {
        for (row, line) in glyph.rows().enumerate() {
            for (column, &cover) in line.iter().enumerate() {
                let (along, down) = ((pen + column) as f64 - left, row as f64 - top);
                let (x, y) =
                    if text.upward { (x0 + down, y0 - along) } else { (x0 + along, y0 + down) };
                if cover > 0 && x >= 0.0 && y >= 0.0 {
                    let cover = f64::from(cover) / 255.0;
                    canvas.blend(x.round() as usize, y.round() as usize, text.paint, cover);
                }
            }
        }
        pen += glyph.width();
    }
}

/// A letter; one that the font lacks is a question mark.
fn glyph(c: char, weight: FontWeight, height: RasterHeight) -> Option<RasterizedChar> {
    let same = match c {
        '−' | '–' => '-',
        c => c,
    };
    get_raster(same, weight, height).or_else(|| get_raster('?', weight, height))
}

fn nearest(wanted: f64) -> RasterHeight {
    let heights =
        [RasterHeight::Size16, RasterHeight::Size20, RasterHeight::Size24, RasterHeight::Size32];
    let away = |height: &RasterHeight| (height.val() as f64 - wanted).abs();
    heights.into_iter().min_by(|a, b| away(a).total_cmp(&away(b))).unwrap_or(RasterHeight::Size16)
}
