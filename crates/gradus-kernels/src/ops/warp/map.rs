//! Where a warp reads: a matrix from the place of a result to a place in the image.

/// A projective map from column `j` and row `i` of a result to column and row of the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarpMap {
    /// `x = (m0·j + m1·i + m2) / (m6·j + m7·i + m8)`, y with m3, m4, m5.
    matrix: [f64; 9],
}

impl WarpMap {
    /// `x = a·j + b·i + c` and `y = d·j + e·i + f`.
    pub const fn affine([a, b, c, d, e, f]: [f64; 6]) -> Self {
        WarpMap { matrix: [a, b, c, d, e, f, 0.0, 0.0, 1.0] }
    }

    /// The rows of a 3×3 matrix.
    pub const fn projective(matrix: [f64; 9]) -> Self {
        WarpMap { matrix }
    }

    /// Every place stays.
    pub const fn identity() -> Self {
        WarpMap::affine([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    }

    /// The rows of the 3×3 matrix.
    pub const fn matrix(&self) -> [f64; 9] {
        self.matrix
    }

    /// Whether parallels stay parallel, so that nothing has to be divided.
    pub fn is_affine(&self) -> bool {
        self.matrix[6..] == [0.0, 0.0, 1.0]
    }

    pub(in crate::ops) fn words(&self) -> Words {
        let [a, b, c, d, e, f, g, h, k] = self.matrix;
        let ((a, al), (b, bl), (d, dl), (e, el)) = (split(a), split(b), split(d), split(e));
        Words {
            high: [a, b, d, e],
            low: [al, bl, dl, el],
            constant: [c as f32, f as f32],
            divisor: [g as f32, h as f32, k as f32],
            affine: self.is_affine(),
        }
    }
}

/// A map in float32. Coefficients are split in two so that the product of the upper part and a
/// place below 4,096 is exact: whether a device fuses a product with a sum then makes no difference
/// that could move a place over the middle between two pixels, except by a rounding of the last
/// bit of a small term. So the nearest pixel is the same one everywhere.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Words {
    pub(in crate::ops) high: [f32; 4],
    pub(in crate::ops) low: [f32; 4],
    pub(in crate::ops) constant: [f32; 2],
    pub(in crate::ops) divisor: [f32; 3],
    pub(in crate::ops) affine: bool,
}

/// The upper 12 bits of a coefficient, and the rest.
fn split(value: f64) -> (f32, f32) {
    const KEPT: u32 = 0xffff_f000;
    let high = f32::from_bits((value as f32).to_bits() & KEPT);
    (high, (value - f64::from(high)) as f32)
}

impl Words {
    /// The place in the image of column `j` in a row that [`Words::row`] prepared.
    #[inline(always)]
    pub(super) fn place(&self, row: &Row, j: f32) -> [f32; 2] {
        let x = self.high[0] * j + (row.high[0] + (self.low[0] * j + row.low[0]));
        let y = self.high[2] * j + (row.high[1] + (self.low[2] * j + row.low[1]));
        if self.affine {
            return [x, y];
        }
        let by = self.divisor[0] * j + row.divisor;
        [x / by, y / by]
    }

    /// What is the same for all columns of row `i`.
    pub(super) fn row(&self, i: f32) -> Row {
        Row {
            high: [self.high[1] * i, self.high[3] * i],
            low: [self.low[1] * i + self.constant[0], self.low[3] * i + self.constant[1]],
            divisor: self.divisor[1] * i + self.divisor[2],
        }
    }
}

/// A row's part of a place.
pub(super) struct Row {
    high: [f32; 2],
    low: [f32; 2],
    divisor: f32,
}
