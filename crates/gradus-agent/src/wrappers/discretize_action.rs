//! A few values to choose from, in place of a range.

use gradus_tensor::{Error, Result};

use crate::env::{Env, Reset, Step, no_action};
use crate::spaces::{BoxSpace, Discrete, Floats};

const OP: &str = "discretize_action";

/// Divides each dimension of an action into bins; an action is a combination of their centres, the
/// last dimension changing fastest. Gymnasium: `DiscretizeAction`.
///
/// ```
/// use gradus_agent::{Env, envs::Pendulum, wrappers::DiscretizeAction};
/// let env = DiscretizeAction::new(Pendulum::new(Default::default()), 5)?;
/// assert_eq!(env.action_space().n(), 5);
/// assert_eq!(env.action(0), Some([-1.6]));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DiscretizeAction<E> {
    env: E,
    bins: usize,
    /// The centres of the bins of each dimension.
    centres: Vec<Vec<f32>>,
    action_space: Discrete,
}

inner! { DiscretizeAction }
crate::persist! { [E: crate::persist::Persist] DiscretizeAction<E> { env } }

impl<V: Floats, E: Env<Action = V, ActionSpace = BoxSpace<V>>> DiscretizeAction<E> {
    /// So many bins in each dimension.
    ///
    /// # Errors
    /// `Kind::Argument` for no bins, an infinite bound, or more combinations than can be counted.
    pub fn new(env: E, bins: usize) -> Result<Self> {
        let space = env.action_space();
        if !space.is_bounded() {
            return Err(Error::argument(OP, "action_space", "unbounded", "finite bounds"));
        }
        let dims = u32::try_from(space.low().len()).unwrap_or(u32::MAX);
        let Some(n) = bins.checked_pow(dims).filter(|_| bins > 0) else {
            return Err(Error::argument(OP, "bins", bins, "1 or more, and few combinations"));
        };
        let bounds = space.low().iter().zip(space.high());
        let centres = bounds.map(|(&low, &high)| centres(low, high, bins)).collect();
        Ok(DiscretizeAction { env, bins, centres, action_space: Discrete::new(n)? })
    }

    /// What a choice stands for.
    pub fn action(&self, choice: i64) -> Option<V> {
        let index = self.action_space.index(choice)?;
        let dims = self.centres.len();
        let bin = |i: usize| index / self.bins.pow((dims - 1 - i) as u32) % self.bins;
        Some(V::from_fn(dims, |i| self.centres[i][bin(i)]))
    }
}

/// The middles between the edges of bins, in single precision as NumPy's `linspace` makes them.
fn centres(low: f32, high: f32, bins: usize) -> Vec<f32> {
    let step = (high - low) / bins as f32;
    let edge = |i: usize| if i == bins { high } else { i as f32 * step + low };
    (0..bins).map(|i| 0.5 * (edge(i) + edge(i + 1))).collect()
}

impl<V: Floats, E: Env<Action = V, ActionSpace = BoxSpace<V>>> Env for DiscretizeAction<E> {
    forward! { observations }
    forward! { options }
    forward! { reset }
    type Action = i64;
    type ActionSpace = Discrete;
    type Info = E::Info;

    fn action_space(&self) -> &Discrete {
        &self.action_space
    }

    fn step(&mut self, action: i64) -> Result<Step<E::Observation, E::Info>> {
        match self.action(action) {
            Some(action) => self.env.step(action),
            None => Err(no_action(OP, action)),
        }
    }
}
