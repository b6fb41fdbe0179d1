//! Drawings of the environments on grids, and of a card table.

use super::Picture;
use super::canvas::Colour;
use crate::tabular::QTable;

const ICE: Colour = [222, 240, 250];
const HOLE: Colour = [60, 96, 130];
const GROUND: Colour = [182, 154, 110];
const CLIFF: Colour = [70, 60, 52];
const EDGE: Colour = [160, 190, 205];
const AGENT: Colour = [214, 72, 60];
const START: Colour = [120, 190, 120];
const GOAL: Colour = [242, 196, 48];
const WALL: Colour = [90, 90, 90];
const FELT: Colour = [196, 216, 158];
const INK: Colour = [40, 40, 40];
const PLACE_COLOURS: [Colour; 4] = [[226, 86, 76], [98, 190, 98], [236, 208, 72], [92, 124, 226]];

/// A frozen lake, 64 pixels a cell and at most 512 in all.
pub(crate) fn lake(rows: &[Vec<u8>], agent: usize) -> Picture {
    let size = (512 / rows.len().max(rows[0].len())).clamp(1, 64);
    grid(rows, agent, size, ICE, HOLE)
}

/// A cliff, 64 pixels a cell.
pub(crate) fn cliff(rows: &[Vec<u8>], agent: usize) -> Picture {
    grid(rows, agent, 64, GROUND, CLIFF)
}

fn grid(rows: &[Vec<u8>], agent: usize, size: usize, floor: Colour, hole: Colour) -> Picture {
    let (width, cell) = (rows[0].len(), size as f64);
    let mut picture = Picture::filled(width * size, rows.len() * size, EDGE);
    for (i, row) in rows.iter().enumerate() {
        for (j, letter) in row.iter().enumerate() {
            let corner = (j as f64 * cell, i as f64 * cell);
            let centre = (corner.0 + cell / 2.0, corner.1 + cell / 2.0);
            let inner = (corner.0 + 1.0, corner.1 + 1.0);
            picture.rectangle(inner, (cell - 2.0, cell - 2.0), floor);
            match letter {
                b'H' => picture.disc(centre, cell * 0.4, hole),
                b'S' => picture.disc(centre, cell * 0.3, START),
                b'G' => {
                    let pole = (centre.0 - cell * 0.15, corner.1 + cell * 0.2);
                    picture.rectangle(pole, (cell * 0.05, cell * 0.65), INK);
                    let tip = (pole.0 + cell * 0.45, pole.1 + cell * 0.15);
                    let foot = (pole.0, pole.1 + cell * 0.3);
                    picture.polygon(&[pole, tip, foot], GOAL);
                }
                _ => {}
            }
            if i * width + j == agent {
                picture.disc(centre, cell * 0.22, AGENT);
            }
        }
    }
    picture
}

/// The taxi's town, 64 pixels a street.
pub(crate) fn taxi(
    map: &[&[u8]; 7],
    places: &[(usize, usize); 4],
    taxi: (usize, usize),
    passenger: usize,
    destination: usize,
) -> Picture {
    const CELL: f64 = 64.0;
    let corner = |(row, column): (usize, usize)| (column as f64 * CELL, row as f64 * CELL);
    let centre = |at| (corner(at).0 + CELL / 2.0, corner(at).1 + CELL / 2.0);
    let mut picture = Picture::filled(5 * 64, 5 * 64, [232, 228, 218]);
    for (place, colour) in places.iter().zip(PLACE_COLOURS) {
        let (x, y) = corner(*place);
        picture.rectangle((x + 4.0, y + 4.0), (CELL - 8.0, CELL - 8.0), colour);
    }
    for (row, line) in map[1..6].iter().enumerate() {
        for column in 1..5 {
            if line[2 * column] == b'|' {
                let (x, y) = corner((row, column));
                picture.rectangle((x - 3.0, y), (6.0, CELL), WALL);
            }
        }
    }
    let goal = corner(places[destination]);
    picture.rectangle((goal.0 + 24.0, goal.1 + 24.0), (16.0, 16.0), [255, 255, 255]);
    let (x, y) = corner(taxi);
    picture.rectangle((x + 10.0, y + 20.0), (44.0, 24.0), [250, 200, 40]);
    picture.disc((x + 20.0, y + 46.0), 6.0, INK);
    picture.disc((x + 44.0, y + 46.0), 6.0, INK);
    let waits = places.get(passenger).map_or_else(|| centre(taxi), |&place| centre(place));
    picture.disc((waits.0, waits.1 - 2.0), 8.0, [150, 60, 170]);
    picture
}

/// A card table: the dealer's open card above, the player's sum below, a star for a usable ace.
pub(crate) fn blackjack(sum: i64, card: i64, usable_ace: bool) -> Picture {
    let mut picture = Picture::filled(384, 376, FELT);
    for (x, colour) in [(96.0, [255, 255, 255]), (208.0, [150, 60, 60])] {
        picture.rectangle((x, 72.0), (80.0, 112.0), colour);
    }
    picture.number(card, (108.0, 100.0), 8.0, INK);
    picture.number(sum, (150.0, 236.0), 14.0, INK);
    if usable_ace {
        picture.disc((310.0, 270.0), 18.0, GOAL);
    }
    picture
}

/// A map of letters with what its cells are worth: the greener the better, with an arrow for the
/// best action (0 left, 1 down, 2 right, 3 up, as on the frozen lake).
///
/// ```
/// use gradus_agent::{envs::FrozenLake, render::value_map, tabular::QTable};
/// let lake = FrozenLake::new(Default::default())?;
/// let picture = value_map(lake.desc(), &QTable::new(16, 4, 0.0));
/// assert_eq!((picture.width(), picture.height()), (256, 256));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub fn value_map(rows: &[Vec<u8>], values: &QTable) -> Picture {
    const SIZE: usize = 64;
    let (cell, width) = (SIZE as f64, rows.first().map_or(0, Vec::len));
    let worth = |state: usize| values.row(state).iter().copied().fold(0.0, f64::max);
    let most = (0..values.states()).map(worth).fold(f64::MIN_POSITIVE, f64::max);
    let mut picture = Picture::filled(width * SIZE, rows.len() * SIZE, EDGE);
    for (i, row) in rows.iter().enumerate() {
        for (j, letter) in row.iter().enumerate() {
            let state = i * width + j;
            let share = worth(state) / most;
            let fade =
                |from: u8, to: u8| (f64::from(from) * (1.0 - share) + f64::from(to) * share) as u8;
            let colour = match letter {
                b'H' => HOLE,
                b'G' => GOAL,
                _ => [fade(ICE[0], 40), fade(ICE[1], 150), fade(ICE[2], 70)],
            };
            let corner = (j as f64 * cell, i as f64 * cell);
            picture.rectangle((corner.0 + 1.0, corner.1 + 1.0), (cell - 2.0, cell - 2.0), colour);
            if matches!(letter, b'H' | b'G') || worth(state) <= 0.0 {
                continue;
            }
            let (x, y) = (corner.0 + cell / 2.0, corner.1 + cell / 2.0);
            let (dx, dy) =
                [(-1.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, -1.0)][values.best(state).min(3)];
            let (tip, tail) = ((x + 18.0 * dx, y + 18.0 * dy), (x - 18.0 * dx, y - 18.0 * dy));
            picture.line(tail, (x + 8.0 * dx, y + 8.0 * dy), 4.0, INK);
            let wing = |side: f64| (x + 6.0 * dx - side * dy * 9.0, y + 6.0 * dy + side * dx * 9.0);
            picture.polygon(&[tip, wing(1.0), wing(-1.0)], INK);
        }
    }
    picture
}
