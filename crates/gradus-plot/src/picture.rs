//! `Picture`: what every plot draws, saved as SVG or PNG.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;

use gradus_io::write_atomic;
use gradus_tensor::{Error, Result};

use crate::scene::Scene;
use crate::{encode, raster, svg};

const OP: &str = "picture";
/// The longest side of a picture.
const MOST: u32 = 16_384;

/// A drawing: SVG text for pages, pixels for everything else. The same data gives the same bytes.
///
/// In SVG, text is text in the reader's font and paper and ink follow light or dark mode. A PNG
/// is light, has two pixels for each of a chart's (one for each of an image grid's) and letters of
/// its own, from Latin-1; others become `?`.
///
/// ```
/// use gradus_plot::curves;
///
/// let picture = curves(&[("loss", [0.9, 0.5, 0.3])]).draw()?;
/// assert_eq!((picture.width(), picture.height()), (720, 420));
/// assert!(picture.svg().starts_with("<svg"));
/// assert_eq!(&picture.png()[1..4], b"PNG");
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    scene: Scene,
    label: String,
    density: u32,
}

impl Picture {
    /// `label` is what a reader who cannot see it is told; `density` is pixels for each of its own.
    pub(crate) fn new(scene: Scene, label: &str, density: u32) -> Self {
        Picture { scene, label: label.to_owned(), density }
    }

    /// Width in pixels of a page.
    pub fn width(&self) -> u32 {
        self.scene.width
    }

    /// Height in pixels of a page.
    pub fn height(&self) -> u32 {
        self.scene.height
    }

    /// The picture as a document of its own.
    pub fn svg(&self) -> String {
        svg::svg(&self.scene, &self.label, true)
    }

    /// The picture as an element of a page that has the style sheet.
    pub(crate) fn inline(&self) -> String {
        svg::svg(&self.scene, &self.label, false)
    }

    /// The picture as the bytes of a PNG file.
    pub fn png(&self) -> Vec<u8> {
        encode::rgb(&raster::raster(&self.scene, self.density))
    }

    /// Writes the picture, atomically, as its extension says: `.svg` or `.png`.
    ///
    /// # Errors
    /// `Kind::Argument` for another extension, `Kind::Io` naming the file.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let extension = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
        let bytes = match extension.as_deref() {
            Some("svg") => self.svg().into_bytes(),
            Some("png") => self.png(),
            _ => {
                let wanted = "a name that ends in `.svg` or `.png`";
                return Err(Error::argument(OP, "path", path.display(), wanted));
            }
        };
        write_atomic(path, |file| file.write_all(&bytes))
    }
}

/// The size that a caller asked for, if a picture can have it.
pub(crate) fn size(op: &'static str, (width, height): (u32, u32), least: u32) -> Result<()> {
    let sizes = least..=MOST;
    if sizes.contains(&width) && sizes.contains(&height) {
        return Ok(());
    }
    let expected = if least > 1 { "120 to 16384 each way" } else { "at most 16384 each way" };
    Err(Error::argument(op, "size", format!("{width}x{height}"), expected))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Paint;

    fn picture() -> Picture {
        let mut scene = Scene::new(20, 10);
        scene.rect((0.0, 0.0), (5.0, 5.0), Paint::series(0));
        Picture::new(scene, "a <square>", 2)
    }

    #[test]
    fn the_extension_is_the_format() {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["a.svg", "a.PNG"] {
            let path = dir.path().join(name);
            picture().save(&path).expect("saved");
            assert!(std::fs::metadata(&path).expect("a file").len() > 50);
        }
        for name in ["a.jpg", "a"] {
            let error = picture().save(dir.path().join(name)).expect_err("no such format");
            assert!(error.to_string().contains("expected a name that ends in"), "{error}");
        }
        let error = picture().save(dir.path().join("none/a.svg")).expect_err("no directory");
        assert!(matches!(error.kind(), gradus_tensor::Kind::Io { .. }), "{error}");
    }

    #[test]
    fn a_png_has_density_squared_pixels() {
        let png = picture().png();
        assert_eq!(&png[16..24], [0, 0, 0, 40, 0, 0, 0, 20]);
    }

    #[test]
    fn a_document_has_its_own_style_and_label() {
        let text = picture().svg();
        assert!(text.contains("<title>a &lt;square&gt;</title>"), "{text}");
        assert_eq!(text.matches("prefers-color-scheme").count(), 1);
        assert!(!picture().inline().contains("<style>"));
    }
}
