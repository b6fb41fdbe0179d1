//! Maps of frozen lakes.

use gradus_tensor::{Error, Result};

use crate::rng::Pcg64;

const OP: &str = "frozen_lake";

/// Which lake: `S` start, `F` frozen, `H` hole, `G` goal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LakeMap {
    /// Gymnasium's `4x4`.
    #[default]
    FourByFour,
    /// Gymnasium's `8x8`.
    EightByEight,
    /// Rows of letters.
    Desc(Vec<String>),
}

impl LakeMap {
    /// A map of rows of letters.
    ///
    /// ```
    /// use gradus_agent::envs::{FrozenLake, FrozenLakeOptions, LakeMap};
    /// let map = LakeMap::desc(["SF", "HG"]);
    /// let lake = FrozenLake::new(FrozenLakeOptions { map, ..Default::default() })?;
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
    pub fn desc<S: Into<String>>(rows: impl IntoIterator<Item = S>) -> Self {
        LakeMap::Desc(rows.into_iter().map(Into::into).collect())
    }

    /// Rows of letters, all of one length, at least one start.
    pub(super) fn rows(&self) -> Result<Vec<Vec<u8>>> {
        let named = |rows: &[&str]| rows.iter().map(|row| row.as_bytes().to_vec()).collect();
        let rows: Vec<Vec<u8>> = match self {
            LakeMap::FourByFour => named(&["SFFF", "FHFH", "FFFH", "HFFG"]),
            LakeMap::EightByEight => named(&[
                "SFFFFFFF", "FFFFFFFF", "FFFHFFFF", "FFFFFHFF", "FFFHFFFF", "FHHFFFHF", "FHFFHFHF",
                "FFFHFFFG",
            ]),
            LakeMap::Desc(rows) => rows.iter().map(|row| row.clone().into_bytes()).collect(),
        };
        let columns = rows.first().map_or(0, Vec::len);
        let letters = || rows.iter().flatten();
        if columns == 0 || rows.iter().any(|row| row.len() != columns) {
            let value = format!("{self:?}");
            return Err(Error::argument(OP, "map", value, "rows of one length"));
        }
        if !letters().all(|l| b"SFHG".contains(l)) || !letters().any(|&l| l == b'S') {
            let value = format!("{self:?}");
            return Err(Error::argument(OP, "map", value, "letters S, F, H, G with a start"));
        }
        Ok(rows)
    }
}

/// A random square map with a way from start to goal; each other cell is frozen with probability
/// `p`. Gymnasium: `generate_random_map`, which gives the same map for the same seed.
///
/// ```
/// use gradus_agent::envs::generate_random_map;
/// assert_eq!(generate_random_map(4, 0.8, 7)?, ["SHFF", "FHFH", "FFFF", "FFFG"]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Argument` for a size below 2 or a p that is not in (0, 1\].
pub fn generate_random_map(size: usize, p: f64, seed: u64) -> Result<Vec<String>> {
    const OP: &str = "generate_random_map";
    if size < 2 {
        return Err(Error::argument(OP, "size", size, "2 or more"));
    }
    // Gymnasium takes a p above 1 as 1.
    let p = p.min(1.0);
    if p.is_nan() || p <= 0.0 {
        return Err(Error::argument(OP, "p", p, "positive"));
    }
    let mut rng = Pcg64::new(seed);
    loop {
        let letter = |_| if rng.random() < p { b'F' } else { b'H' };
        let mut board: Vec<u8> = (0..size * size).map(letter).collect();
        (board[0], board[size * size - 1]) = (b'S', b'G');
        if crossable(&board, size) {
            let rows = board.chunks(size).map(|row| String::from_utf8_lossy(row).into_owned());
            return Ok(rows.collect());
        }
    }
}

/// Whether the goal can be reached over frozen cells.
fn crossable(board: &[u8], size: usize) -> bool {
    let mut seen = vec![false; board.len()];
    let mut frontier = vec![0];
    while let Some(at) = frontier.pop() {
        if std::mem::replace(&mut seen[at], true) {
            continue;
        }
        let (row, column) = (at / size, at % size);
        let ways = [
            (row + 1 < size).then(|| at + size),
            (column + 1 < size).then(|| at + 1),
            (row > 0).then(|| at - size),
            (column > 0).then(|| at - 1),
        ];
        for next in ways.into_iter().flatten() {
            match board[next] {
                b'G' => return true,
                b'H' => {}
                _ => frontier.push(next),
            }
        }
    }
    false
}
