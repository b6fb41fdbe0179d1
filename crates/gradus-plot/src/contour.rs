//! Heights on a grid as lines of equal height and as bands of colour between them.

use crate::scene::Pixels;

/// The valleys' colour.
const DEEP: [u8; 3] = [38, 84, 150];
/// The opacity of the lowest and of the highest band.
const OPACITY: (f64, f64) = (150.0, 8.0);

/// Rising heights that part the finite ones: the i-th of n above a share (i / n)² of them. None if
/// nothing is finite.
pub(crate) fn levels(heights: &[f64], n: usize) -> Vec<f64> {
    let mut sorted: Vec<f64> = heights.iter().copied().filter(|z| z.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let share = |i: usize| (i as f64 / n as f64).powi(2);
    let at = |i: usize| sorted[((sorted.len() - 1) as f64 * share(i)) as usize];
    let mut levels: Vec<f64> =
        if sorted.is_empty() { Vec::new() } else { (1..n).map(at).collect() };
    levels.dedup();
    levels
}

/// A pixel for each position of the grid, the highest row first; the colour says between which
/// levels it lies.
pub(crate) fn bands(heights: &[f64], (columns, rows): (usize, usize), levels: &[f64]) -> Pixels {
    let mut rgba = Vec::with_capacity(columns * rows * 4);
    for z in (0..rows).rev().flat_map(|row| &heights[row * columns..(row + 1) * columns]) {
        let band = levels.partition_point(|level| level < z) as f64 / levels.len().max(1) as f64;
        let alpha = OPACITY.0 + (OPACITY.1 - OPACITY.0) * band;
        rgba.extend(DEEP);
        rgba.push(if z.is_finite() { alpha.round() as u8 } else { 0 });
    }
    Pixels { width: columns as u32, height: rows as u32, rgba, smooth: true }
}

/// A corner of the grid's squares between which a line passes: column, row, and whether the edge
/// leads up instead of right.
type Edge = (usize, usize, bool);

/// Lines of equal height in parts of the width and of the height, 0 to 1, by marching squares.
pub(crate) fn isolines(
    heights: &[f64],
    (columns, rows): (usize, usize),
    levels: &[f64],
) -> Vec<Vec<(f64, f64)>> {
    let z = |column: usize, row: usize| heights[row * columns + column];
    let mut lines = Vec::new();
    for &level in levels {
        let mut pieces = Vec::new();
        for row in 0..rows - 1 {
            for column in 0..columns - 1 {
                let corners = [(0, 0), (1, 0), (1, 1), (0, 1)].map(|(i, j)| z(column + i, row + j));
                crossings(&mut pieces, (column, row), corners, level);
            }
        }
        let place = |&(column, row, up): &Edge| {
            let (from, to) = (z(column, row), z(column + usize::from(!up), row + usize::from(up)));
            let part = ((level - from) / (to - from)).clamp(0.0, 1.0);
            let (x, y) = (column as f64, row as f64);
            let (x, y) = if up { (x, y + part) } else { (x + part, y) };
            (x / (columns - 1) as f64, y / (rows - 1) as f64)
        };
        let chains = chained(&pieces);
        lines.extend(chains.iter().map(|chain| chain.iter().map(place).collect::<Vec<_>>()));
    }
    lines
}

/// The pieces of line within one square, each from edge to edge.
fn crossings(
    pieces: &mut Vec<[Edge; 2]>,
    (column, row): (usize, usize),
    corners: [f64; 4],
    level: f64,
) {
    if corners.iter().any(|z| !z.is_finite()) {
        return;
    }
    let above = corners.map(|z| z > level);
    let edges: [Edge; 4] = [
        (column, row, false),
        (column + 1, row, true),
        (column, row + 1, false),
        (column, row, true),
    ];
    let crossed: Vec<Edge> =
        (0..4).filter(|&i| above[i] != above[(i + 1) % 4]).map(|i| edges[i]).collect();
    match crossed[..] {
        [a, b] => pieces.push([a, b]),
        [bottom, right, top, left] => {
            // A saddle: its middle says which corners belong together.
            let middle = corners.iter().sum::<f64>() / 4.0 > level;
            if middle == above[0] {
                pieces.extend([[bottom, right], [top, left]]);
            } else {
                pieces.extend([[bottom, left], [right, top]]);
            }
        }
        _ => {}
    }
}

/// Joins pieces that share an edge to long lines, in a fixed order.
fn chained(pieces: &[[Edge; 2]]) -> Vec<Vec<Edge>> {
    let mut ends = std::collections::BTreeMap::<Edge, Vec<usize>>::new();
    for (i, piece) in pieces.iter().enumerate() {
        for edge in piece {
            ends.entry(*edge).or_default().push(i);
        }
    }
    let mut used = vec![false; pieces.len()];
    let follow = |used: &mut [bool], mut edge: Edge, chain: &mut Vec<Edge>| {
        while let Some(&i) = ends.get(&edge).and_then(|at| at.iter().find(|i| !used[**i])) {
            used[i] = true;
            edge = if pieces[i][0] == edge { pieces[i][1] } else { pieces[i][0] };
            chain.push(edge);
        }
    };
    let mut chains = Vec::new();
    for i in 0..pieces.len() {
        if used[i] {
            continue;
        }
        used[i] = true;
        let mut back = Vec::new();
        follow(&mut used, pieces[i][0], &mut back);
        back.reverse();
        back.extend(pieces[i]);
        follow(&mut used, pieces[i][1], &mut back);
        chains.push(back);
    }
    chains
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_one_closed_line() {
        let heights: Vec<f64> = (0..21 * 21)
            .map(|i| f64::from(i % 21 - 10).powi(2) + f64::from(i / 21 - 10).powi(2))
            .collect();
        let lines = isolines(&heights, (21, 21), &[64.0]);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].first(), lines[0].last());
        for (x, y) in &lines[0] {
            let radius = (x * 20.0 - 10.0).hypot(y * 20.0 - 10.0);
            assert!((radius - 8.0).abs() < 0.05, "{radius}");
        }
    }

    #[test]
    fn saddles_and_holes_are_no_trouble() {
        let lines = isolines(&[1.0, 0.0, 0.0, 1.0], (2, 2), &[0.5]);
        assert_eq!(lines.len(), 2);
        assert!(isolines(&[1.0, 0.0, f64::NAN, 1.0], (2, 2), &[0.5]).is_empty());
    }

    #[test]
    fn levels_are_dense_near_the_lowest() {
        let heights: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(levels(&heights, 4), [6.0, 25.0, 56.0]);
        assert!(levels(&[f64::NAN, f64::INFINITY], 4).is_empty());
        assert_eq!(levels(&[2.0], 4), [2.0]);
    }

    #[test]
    fn the_first_row_of_pixels_is_the_highest() {
        let pixels = bands(&[0.0, 1.0, 2.0, f64::NAN], (2, 2), &[0.5, 1.5]);
        let alphas: Vec<u8> = pixels.rgba.chunks(4).map(|c| c[3]).collect();
        assert_eq!(alphas, [8, 0, 150, 79]);
    }
}
