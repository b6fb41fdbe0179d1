//! Wrappers: environments around environments. Gymnasium: `gymnasium.wrappers`.
//!
//! An environment here says itself that it was not reset, so `OrderEnforcing` is not needed.

/// The parts of `impl Env` that a wrapper takes from the environment inside, field `env`.
macro_rules! forward {
    (observations) => {
        type Observation = E::Observation;
        type ObservationSpace = E::ObservationSpace;

        fn observation_space(&self) -> &E::ObservationSpace {
            self.env.observation_space()
        }
    };
    (actions) => {
        type Action = E::Action;
        type ActionSpace = E::ActionSpace;

        fn action_space(&self) -> &E::ActionSpace {
            self.env.action_space()
        }
    };
    (options) => {
        type Options = E::Options;

        fn render_text(&self) -> Option<String> {
            self.env.render_text()
        }

        fn render(&self) -> Option<$crate::render::Picture> {
            self.env.render()
        }
    };
    (reset) => {
        fn reset_with(
            &mut self,
            seed: Option<u64>,
            options: &E::Options,
        ) -> Result<Reset<E::Observation, E::Info>> {
            self.env.reset_with(seed, options)
        }
    };
}

/// The environment inside.
macro_rules! inner {
    ($name:ident $(, $g:ident)*) => {
        impl<E $(, $g)*> $name<E $(, $g)*> {
            /// The environment inside.
            pub fn inner(&self) -> &E {
                &self.env
            }

            /// The environment inside, to change it.
            pub fn inner_mut(&mut self) -> &mut E {
                &mut self.env
            }

            /// The environment inside, alone.
            pub fn into_inner(self) -> E {
                self.env
            }
        }
    };
}

mod action_repeat;
mod discretize_action;
mod frame_stack;
mod normalize;
mod one_hot;
mod rewards;
mod statistics;
mod time_limit;
mod transform_observation;

pub use action_repeat::ActionRepeat;
pub use discretize_action::DiscretizeAction;
pub use frame_stack::FrameStack;
pub use normalize::{NormalizeObservation, NormalizeReward, RunningMeanStd};
pub use one_hot::OneHot;
pub use rewards::{ClipReward, TransformReward};
pub use statistics::{Episode, RecordEpisodeStatistics, WithEpisode};
pub use time_limit::TimeLimit;
pub use transform_observation::TransformObservation;
