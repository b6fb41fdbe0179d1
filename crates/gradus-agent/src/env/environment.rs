//! `Env`: reset and step.

use std::fmt::Debug;

use gradus_tensor::{Error, Kind, Result};

use crate::persist::Persist;
use crate::render::Picture;
use crate::spaces::Space;

/// What an environment tells beside the observation.
pub trait Info: Clone + Debug {
    /// Which actions make sense in the state that was reached, by their place in the action
    /// space; `None` when the environment does not say.
    fn action_mask(&self) -> Option<&[bool]> {
        None
    }
}

impl Info for () {}

/// What a step leads to. Gymnasium: `observation, reward, terminated, truncated, info`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step<O, I = ()> {
    /// What the agent sees now; nothing that the environment changes later.
    pub observation: O,
    /// The reward of the action.
    pub reward: f64,
    /// Whether the episode is over in the world itself: no reward can follow.
    pub terminated: bool,
    /// Whether the episode was cut from outside, as by a time limit: rewards could follow.
    pub truncated: bool,
    /// What else there is to say.
    pub info: I,
}

impl<O, I> Step<O, I> {
    /// Whether the environment wants a reset.
    pub fn done(&self) -> bool {
        self.terminated || self.truncated
    }

    /// With another observation.
    pub fn with_observation<P>(self, f: impl FnOnce(O) -> P) -> Step<P, I> {
        let Step { observation, reward, terminated, truncated, info } = self;
        Step { observation: f(observation), reward, terminated, truncated, info }
    }

    /// With other information.
    pub fn with_info<J>(self, f: impl FnOnce(I) -> J) -> Step<O, J> {
        let Step { observation, reward, terminated, truncated, info } = self;
        Step { observation, reward, terminated, truncated, info: f(info) }
    }
}

/// What a reset leads to: the first observation, and information.
pub type Reset<O, I> = (O, I);

/// A world that an agent acts in. Names, order and meaning are Gymnasium's.
///
/// A user's environment is a struct with these methods; `check_env` says what is wrong with one.
/// [`Persist`] is what makes runs resume exactly; [`persist!`](macro@crate::persist) writes it.
///
/// ```
/// use gradus_agent::{Env, envs::FrozenLake};
/// let mut env = FrozenLake::new(Default::default())?;
/// assert!(env.step(2).is_err(), "reset comes first");
/// let (observation, _info) = env.reset(42)?;
/// assert_eq!(observation, 0);
/// let step = env.step(2)?;
/// assert_eq!((step.observation, step.reward, step.terminated), (1, 0.0, false));
/// assert!(env.step(4).is_err(), "no such action");
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub trait Env: Persist {
    /// What the agent sees.
    type Observation: Clone + Debug + PartialEq;
    /// What the agent does.
    type Action: Clone + Debug;
    /// The set of observations.
    type ObservationSpace: Space<Element = Self::Observation>;
    /// The set of actions.
    type ActionSpace: Space<Element = Self::Action>;
    /// What else the environment tells.
    type Info: Info;
    /// How a reset may differ from the default one.
    type Options: Default + Clone + Debug;

    /// The set of observations.
    fn observation_space(&self) -> &Self::ObservationSpace;

    /// The set of actions.
    fn action_space(&self) -> &Self::ActionSpace;

    /// Begins an episode. A seed begins the stream of random numbers anew; without one it goes
    /// on.
    ///
    /// # Errors
    /// `Kind::Argument` for options outside their domain.
    fn reset_with(
        &mut self,
        seed: Option<u64>,
        options: &Self::Options,
    ) -> Result<Reset<Self::Observation, Self::Info>>;

    /// Does an action. After an episode has ended, what a step does is the environment's matter:
    /// reset it.
    ///
    /// # Errors
    /// `Kind::Order` before the first reset, `Kind::Argument` for an action outside the space.
    fn step(&mut self, action: Self::Action) -> Result<Step<Self::Observation, Self::Info>>;

    /// The state as text for a terminal, colours included; `None` when there is no such picture.
    /// Gymnasium: `render_mode="ansi"`.
    fn render_text(&self) -> Option<String> {
        None
    }

    /// The state as pixels; `None` when there is no such picture or no state yet. Gymnasium:
    /// `render_mode="rgb_array"`.
    fn render(&self) -> Option<Picture> {
        None
    }

    /// Begins an episode with the default options: `reset(42)`, `reset(None)`.
    ///
    /// # Errors
    /// As [`Env::reset_with`].
    fn reset(
        &mut self,
        seed: impl Into<Option<u64>>,
    ) -> Result<Reset<Self::Observation, Self::Info>>
    where
        Self: Sized,
    {
        self.reset_with(seed.into(), &Self::Options::default())
    }
}

/// An error for a step before the first reset.
#[cold]
pub(crate) fn not_reset(op: &'static str) -> Error {
    Kind::Order { op, rule: "the environment was not reset; call `reset` first" }.into()
}

/// An error for an action that the space lacks.
#[cold]
pub(crate) fn no_action(op: &'static str, action: impl Debug) -> Error {
    Error::argument(op, "action", format!("{action:?}"), "an element of the action space")
}
