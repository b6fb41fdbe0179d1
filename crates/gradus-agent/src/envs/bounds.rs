//! Bounds of the random start of an episode.

use gradus_tensor::{Error, Result};

use crate::rng::Pcg64;

/// Where an episode begins: uniformly between these. Gymnasium: `options={"low": .., "high": ..}`.
///
/// ```
/// use gradus_agent::{Env, envs::{CartPole, ResetBounds}};
/// let mut env = CartPole::new(Default::default());
/// let bounds = ResetBounds { low: Some(0.0), high: Some(0.0) };
/// assert_eq!(env.reset_with(Some(1), &bounds)?.0, [0.0; 4]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResetBounds {
    /// The lower bound; none is the environment's.
    pub low: Option<f64>,
    /// The upper bound; none is the environment's.
    pub high: Option<f64>,
}

impl ResetBounds {
    /// Begins the stream of a seed anew, if there is one, and draws `N` numbers.
    pub(super) fn draw<const N: usize>(
        &self,
        op: &'static str,
        default: [f64; 2],
        seed: Option<u64>,
        rng: &mut Pcg64,
    ) -> Result<[f64; N]> {
        let (low, high) = (self.low.unwrap_or(default[0]), self.high.unwrap_or(default[1]));
        if !(low <= high && (high - low).is_finite()) {
            return Err(Error::argument(op, "low", format!("{low}, high {high}"), "at most high"));
        }
        if let Some(seed) = seed {
            *rng = Pcg64::new(seed);
        }
        Ok(std::array::from_fn(|_| rng.uniform(low, high)))
    }
}
