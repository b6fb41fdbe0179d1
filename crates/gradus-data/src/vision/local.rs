//! Local distortions: displacements from noise, or from a coarse mesh of points that move.

use std::sync::Arc;

use gradus_tensor::Result;

use super::dice::Dice;
use super::filter::{bell, separable};
use super::picture::{ImageSize, refused};

/// How a mesh moves what lies between its points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mesh {
    /// Bilinearly in each cell.
    #[default]
    Grid,
    /// Affinely in each of a cell's two triangles, which the diagonal from its upper right to its
    /// lower left corner divides: piecewise affine.
    Triangles,
}

/// The displacements of every pixel, `[H, W, 2]`, for those of a mesh of `rows × columns` points
/// that are spread evenly from corner to corner.
///
/// # Errors
/// `Kind::Shape` for fewer than 2 × 2 points or another count of displacements.
pub(crate) fn mesh_field(
    op: &'static str,
    size: ImageSize,
    [rows, columns]: [usize; 2],
    moves: &[[f32; 2]],
    mesh: Mesh,
) -> Result<Arc<[f32]>> {
    if rows < 2 || columns < 2 || moves.len() != rows * columns {
        return Err(refused(op, "a mesh must have at least 2 x 2 points, each with [x, y]", size));
    }
    let (h, w) = (size.height, size.width);
    // The cell of a pixel and where in it, for a line of `n` pixels and `points` points.
    let cells = |n: usize, points: usize| -> Vec<(usize, f32)> {
        let step = (points - 1) as f64 / (n.max(2) - 1) as f64;
        let cell = |k: usize| {
            let at = k as f64 * step;
            let first = (at as usize).min(points - 2);
            (first, (at - first as f64) as f32)
        };
        (0..n).map(cell).collect()
    };
    let (down, across) = (cells(h, rows), cells(w, columns));
    let mut field = Vec::with_capacity(h * w * 2);
    for &(r, v) in &down {
        for &(c, u) in &across {
            let corner = |i: usize, j: usize, k: usize| moves[(r + i) * columns + c + j][k];
            for k in 0..2 {
                let corners = [corner(0, 0, k), corner(0, 1, k), corner(1, 0, k), corner(1, 1, k)];
                field.push(between(mesh, corners, u, v));
            }
        }
    }
    Ok(field.into())
}

fn between(mesh: Mesh, [a, b, c, d]: [f32; 4], u: f32, v: f32) -> f32 {
    match mesh {
        Mesh::Grid => {
            let (upper, lower) = (a + u * (b - a), c + u * (d - c));
            upper + v * (lower - upper)
        }
        Mesh::Triangles if u + v <= 1.0 => a + u * (b - a) + v * (c - a),
        Mesh::Triangles => d + (1.0 - u) * (c - d) + (1.0 - v) * (b - d),
    }
}

/// Random displacements that neighbours share: noise in `[-1, 1)`, blurred, times alpha / 2 pixels.
///
/// torchvision has displacements in units of half an image and divides alpha by its size, which is
/// the same; Simard et al. ("Best practices for convolutional neural networks applied to visual
/// document analysis", 2003) count pixels: their alpha is half of this one.
pub(crate) fn elastic_field(
    size: ImageSize,
    alpha: [f64; 2],
    sigma: [f64; 2],
    dice: &mut Dice,
) -> Arc<[f32]> {
    let (h, w) = (size.height, size.width);
    let mut field = vec![0.0f32; h * w * 2];
    let mut smooth = vec![0.0f32; h * w];
    for k in 0..2 {
        let mut noise = dice.symmetric_field(h * w);
        if sigma[k] > 0.0 {
            let taps = (8.0 * sigma[k] + 1.0) as usize | 1;
            // torchvision gives both deviations to each blur.
            let across = bell(taps, sigma[0].max(f64::MIN_POSITIVE));
            let down = bell(taps, sigma[1].max(f64::MIN_POSITIVE));
            separable(&noise, [h, w], &across, &down, &mut smooth);
            std::mem::swap(&mut noise, &mut smooth);
        }
        let scale = (alpha[k] * 0.5) as f32;
        for (field, noise) in field.chunks_exact_mut(2).zip(&noise) {
            field[k] = noise * scale;
        }
    }
    field.into()
}
