//! `Picture`: rows of pixels.

/// A picture, three bytes a pixel, rows from the top. Gymnasium: an array `[height, width, 3]`.
///
/// ```
/// use gradus_agent::{Env, envs::CartPole};
/// let mut env = CartPole::new(Default::default());
/// assert!(env.render().is_none(), "nothing to see before a reset");
/// env.reset(0)?;
/// let picture = env.render().unwrap();
/// assert_eq!((picture.width(), picture.height()), (600, 400));
/// assert_eq!(picture.rgb().len(), 600 * 400 * 3);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    /// A picture of one colour.
    pub fn filled(width: usize, height: usize, colour: [u8; 3]) -> Self {
        Picture { width, height, rgb: colour.repeat(width * height) }
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All pixels, rows from the top.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// A pixel; black outside the picture.
    pub fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        if x >= self.width || y >= self.height {
            return [0; 3];
        }
        let at = (y * self.width + x) * 3;
        [self.rgb[at], self.rgb[at + 1], self.rgb[at + 2]]
    }

    /// Sets a pixel inside the picture; others are left out.
    pub fn set(&mut self, x: i64, y: i64, colour: [u8; 3]) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x < self.width && y < self.height {
            let at = (y * self.width + x) * 3;
            self.rgb[at..at + 3].copy_from_slice(&colour);
        }
    }

    /// The picture as a file in the PPM format, which needs no library.
    pub fn to_ppm(&self) -> Vec<u8> {
        let mut out = format!("P6\n{} {}\n255\n", self.width, self.height).into_bytes();
        out.extend(&self.rgb);
        out
    }
}
