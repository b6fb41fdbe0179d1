//! Returns and lengths of episodes.

use std::collections::VecDeque;
use std::time::Instant;

use gradus_tensor::Result;

use crate::env::{Env, Info, Reset, Step};
use crate::persist::{Persist, Source};

/// An episode that is over.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Episode {
    /// The sum of its rewards.
    pub r: f64,
    /// Its number of steps.
    pub l: usize,
    /// How long it took, seconds.
    pub t: f64,
}

/// Information with the episode that this step ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WithEpisode<I> {
    /// The environment's information.
    pub info: I,
    /// The episode, at its last step.
    pub episode: Option<Episode>,
}

impl<I: Info> Info for WithEpisode<I> {
    fn action_mask(&self) -> Option<&[bool]> {
        self.info.action_mask()
    }
}

/// Records returns and lengths. Gymnasium: `RecordEpisodeStatistics`.
///
/// ```
/// use gradus_agent::{Env, envs::CartPole, wrappers::RecordEpisodeStatistics};
/// let mut env = RecordEpisodeStatistics::new(CartPole::make(Default::default()));
/// env.reset(0)?;
/// let episode = loop {
///     if let Some(episode) = env.step(1)?.info.episode {
///         break episode;
///     }
/// };
/// assert_eq!(episode.r, episode.l as f64); // a reward of 1 a step
/// assert_eq!(env.returns(), [episode.r]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RecordEpisodeStatistics<E> {
    env: E,
    running: (f64, usize),
    since: Instant,
    buffer_length: usize,
    returns: VecDeque<f64>,
    lengths: VecDeque<usize>,
    episodes: usize,
}

impl<E> RecordEpisodeStatistics<E> {
    /// Keeps the last 100 episodes.
    pub fn new(env: E) -> Self {
        RecordEpisodeStatistics {
            env,
            running: (0.0, 0),
            since: Instant::now(),
            buffer_length: 100,
            returns: VecDeque::new(),
            lengths: VecDeque::new(),
            episodes: 0,
        }
    }

    /// Keeps so many episodes.
    #[must_use]
    pub fn buffer_length(mut self, episodes: usize) -> Self {
        self.buffer_length = episodes.max(1);
        self
    }

    /// The last returns, oldest first.
    pub fn returns(&mut self) -> &[f64] {
        self.returns.make_contiguous()
    }

    /// The last lengths, oldest first.
    pub fn lengths(&mut self) -> &[usize] {
        self.lengths.make_contiguous()
    }

    /// How many episodes have ended.
    pub fn episodes(&self) -> usize {
        self.episodes
    }

    /// The mean of the kept returns.
    pub fn mean_return(&self) -> Option<f64> {
        let n = self.returns.len();
        (n > 0).then(|| self.returns.iter().sum::<f64>() / n as f64)
    }
}

inner! { RecordEpisodeStatistics }

impl<E: Persist> Persist for RecordEpisodeStatistics<E> {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        self.env.save(out)?;
        (self.running, self.episodes).save(out)?;
        self.returns.save(out)?;
        self.lengths.save(out)
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        self.env.load(from)?;
        (self.running, self.episodes) = crate::persist::read(from)?;
        self.returns.load(from)?;
        self.since = Instant::now();
        self.lengths.load(from)
    }
}

impl<E: Env> Env for RecordEpisodeStatistics<E> {
    forward! { observations }
    forward! { actions }
    forward! { options }
    type Info = WithEpisode<E::Info>;

    fn reset_with(
        &mut self,
        seed: Option<u64>,
        options: &E::Options,
    ) -> Result<Reset<E::Observation, Self::Info>> {
        let (observation, info) = self.env.reset_with(seed, options)?;
        (self.running, self.since) = ((0.0, 0), Instant::now());
        Ok((observation, WithEpisode { info, episode: None }))
    }

    fn step(&mut self, action: E::Action) -> Result<Step<E::Observation, Self::Info>> {
        let step = self.env.step(action)?;
        self.running.0 += step.reward;
        self.running.1 += 1;
        let episode = step.done().then(|| {
            let (r, l) = self.running;
            Episode { r, l, t: self.since.elapsed().as_secs_f64() }
        });
        if let Some(Episode { r, l, .. }) = episode {
            if self.returns.len() == self.buffer_length {
                self.returns.pop_front();
                self.lengths.pop_front();
            }
            self.returns.push_back(r);
            self.lengths.push_back(l);
            self.episodes += 1;
        }
        Ok(step.with_info(|info| WithEpisode { info, episode }))
    }
}
