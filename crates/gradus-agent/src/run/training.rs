//! The loop: act, step, learn.

use gradus_tensor::Result;

use super::event::{EpisodeEnd, Event};
use crate::agent::{Agent, Learned, Transition};
use crate::env::{Env, Info};
use crate::persist::{Persist, Source, read};

/// A training that goes on as long as it is asked for the next event.
///
/// ```
/// use gradus_agent::{envs::FrozenLake, run::{Event, Run}, tabular::QLearning};
/// let mut env = FrozenLake::make(Default::default())?;
/// let mut agent = QLearning::new(&env, 0)?;
/// let mut reached = 0.0;
/// for event in Run::new(&mut agent, &mut env, 0).episodes(1_000) {
///     if let Event::Episode(end) = event? {
///         reached += end.reward;
///     }
/// }
/// assert!(reached > 1.0 && agent.episodes() == 1_000);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Debug)]
pub struct Run<'a, A, E: Env> {
    agent: &'a mut A,
    env: &'a mut E,
    seed: Option<u64>,
    now: Option<Now<E::Observation>>,
    step: u64,
    episode: u64,
    most_steps: u64,
    most_episodes: u64,
    /// Events of the last step that are still to be told, the first last.
    waiting: [Option<Event>; 2],
    failed: bool,
}

/// Where an episode stands.
#[derive(Clone, Debug)]
struct Now<O> {
    observation: O,
    mask: Option<Vec<bool>>,
    reward: f64,
    length: u64,
}

impl<'a, A: Agent<E::Observation>, E: Env<Action = i64>> Run<'a, A, E> {
    /// A training without end, whose first episode is seeded.
    pub fn new(agent: &'a mut A, env: &'a mut E, seed: u64) -> Self {
        Run {
            agent,
            env,
            seed: Some(seed),
            now: None,
            step: 0,
            episode: 0,
            most_steps: u64::MAX,
            most_episodes: u64::MAX,
            waiting: [None; 2],
            failed: false,
        }
    }

    /// Ends after so many steps in all.
    #[must_use]
    pub fn steps(mut self, steps: u64) -> Self {
        self.most_steps = steps;
        self
    }

    /// Ends after so many episodes in all.
    #[must_use]
    pub fn episodes(mut self, episodes: u64) -> Self {
        self.most_episodes = episodes;
        self
    }

    /// The agent.
    pub fn agent(&self) -> &A {
        self.agent
    }

    /// The environment.
    pub fn env(&self) -> &E {
        self.env
    }

    /// Steps done.
    pub fn step_count(&self) -> u64 {
        self.step
    }

    fn begin(&mut self) -> Result<Now<E::Observation>> {
        let (observation, info) = self.env.reset(self.seed.take())?;
        let mask = info.action_mask().map(<[bool]>::to_vec);
        Ok(Now { observation, mask, reward: 0.0, length: 0 })
    }

    /// One step; its last event waits.
    fn advance(&mut self) -> Result<Event> {
        let mut now = match self.now.take() {
            Some(now) => now,
            None => self.begin()?,
        };
        let action = self.agent.act(&now.observation, now.mask.as_deref())?;
        let step = self.env.step(action)?;
        let learned = self.agent.observe(&Transition {
            observation: &now.observation,
            action,
            reward: step.reward,
            next_observation: &step.observation,
            terminated: step.terminated,
            truncated: step.truncated,
            next_mask: step.info.action_mask(),
        })?;
        self.step += 1;
        now.reward += step.reward;
        now.length += 1;
        let done = step.done();
        let end = done.then(|| {
            self.episode += 1;
            let (Now { reward, length, .. }, terminated) = (&now, step.terminated);
            let (reward, length) = (*reward, *length);
            EpisodeEnd { step: self.step, episode: self.episode, reward, length, terminated }
        });
        let Learned { updates, loss } = learned;
        let update = (updates > 0).then_some(Event::Update { step: self.step, updates, loss });
        self.waiting = [end.map(Event::Episode), update];
        if !done {
            match (&mut now.mask, step.info.action_mask()) {
                (Some(mask), Some(new)) => mask.copy_from_slice(new),
                (mask, new) => *mask = new.map(<[bool]>::to_vec),
            }
            now.observation = step.observation;
            self.now = Some(now);
        }
        Ok(Event::Step { step: self.step, reward: step.reward })
    }
}

impl<A: Agent<E::Observation>, E: Env<Action = i64>> Iterator for Run<'_, A, E> {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Result<Event>> {
        if let Some(event) = self.waiting[1].take().or_else(|| self.waiting[0].take()) {
            return Some(Ok(event));
        }
        if self.failed || self.step >= self.most_steps || self.episode >= self.most_episodes {
            return None;
        }
        let event = self.advance();
        self.failed = event.is_err();
        Some(event)
    }
}

/// Agent, environment, and where the training stands, events that were not yet told included.
impl<A, E> Persist for Run<'_, A, E>
where
    A: Agent<E::Observation>,
    E: Env<Action = i64, Observation: Persist + Default>,
{
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        self.agent.save(out)?;
        self.env.save(out)?;
        (self.seed, self.step, self.episode, self.waiting).save(out)?;
        self.now.is_some().save(out)?;
        if let Some(Now { observation, mask, reward, length }) = &self.now {
            observation.save(out)?;
            mask.save(out)?;
            (*reward, *length).save(out)?;
        }
        Ok(())
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        self.agent.load(from)?;
        self.env.load(from)?;
        (self.seed, self.step, self.episode, self.waiting) = read(from)?;
        self.now = match read::<bool>(from)? {
            true => {
                let (observation, mask) = (read(from)?, read(from)?);
                let (reward, length) = read(from)?;
                Some(Now { observation, mask, reward, length })
            }
            false => None,
        };
        Ok(())
    }
}

/// Trains for a number of episodes; the mean of their returns.
///
/// # Errors
/// Those of agent and environment.
pub fn train<A, E>(agent: &mut A, env: &mut E, episodes: u64) -> Result<f64>
where
    A: Agent<E::Observation>,
    E: Env<Action = i64>,
{
    let mut total = 0.0;
    for event in Run::new(agent, env, 0).episodes(episodes) {
        if let Event::Episode(end) = event? {
            total += end.reward;
        }
    }
    Ok(total / episodes.max(1) as f64)
}
