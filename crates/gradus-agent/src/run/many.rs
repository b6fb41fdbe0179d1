//! The loop over many environments that step together.

use std::collections::VecDeque;

use gradus_tensor::{Error, Result};

use super::event::{EpisodeEnd, Event};
use crate::agent::{Learned, Transition, VectorAgent};
use crate::env::{Env, Info};
use crate::persist::{Persist, Source, read};
use crate::vector::VectorEnv;

/// What an environment shows.
type Seen<V> = <<V as VectorEnv>::Env as Env>::Observation;

/// As [`Run`](super::Run), with many environments that step together, in
/// [`AutoresetMode::SameStep`](crate::vector::AutoresetMode): the agent chooses for all of them
/// at once. Steps of all environments count, and are told in their order.
///
/// ```
/// use gradus_agent::deep::{Pqn, PqnOptions};
/// use gradus_agent::envs::CartPole;
/// use gradus_agent::run::{Event, VectorRun};
/// use gradus_agent::vector::{AutoresetMode, SyncVectorEnv};
///
/// let env = CartPole::make(Default::default());
/// let options = PqnOptions { num_envs: 4, num_steps: 16, ..Default::default() };
/// let mut agent = Pqn::new(&env, options)?;
/// let mut envs = SyncVectorEnv::new(vec![env; 4], AutoresetMode::SameStep);
/// let mut updates = 0;
/// for event in VectorRun::new(&mut agent, &mut envs, 0).steps(128) {
///     if let Event::Update { updates: n, .. } = event? {
///         updates += n;
///     }
/// }
/// assert_eq!(updates, 2 * 4 * 4); // two rounds of 4 epochs with 4 parts each
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Debug)]
pub struct VectorRun<'a, A, V: VectorEnv> {
    agent: &'a mut A,
    envs: &'a mut V,
    seed: u64,
    now: Option<Now<Seen<V>>>,
    step: u64,
    episode: u64,
    most_steps: u64,
    /// Events that are still to be told.
    waiting: VecDeque<Event>,
    failed: bool,
}

/// Where the episodes stand.
#[derive(Clone, Debug, Default)]
struct Now<O> {
    observations: Vec<O>,
    masks: Vec<Option<Vec<bool>>>,
    rewards: Vec<f64>,
    lengths: Vec<u64>,
}

fn mask(info: &impl Info) -> Option<Vec<bool>> {
    info.action_mask().map(<[bool]>::to_vec)
}

impl<'a, A, V> VectorRun<'a, A, V>
where
    A: VectorAgent<Seen<V>>,
    V: VectorEnv<Env: Env<Action = i64>>,
{
    /// A training without end; environment i is seeded with `seed + i`.
    pub fn new(agent: &'a mut A, envs: &'a mut V, seed: u64) -> Self {
        VectorRun {
            agent,
            envs,
            seed,
            now: None,
            step: 0,
            episode: 0,
            most_steps: u64::MAX,
            waiting: VecDeque::new(),
            failed: false,
        }
    }

    /// Ends after so many steps in all, once every environment has done its part of the last.
    #[must_use]
    pub fn steps(mut self, steps: u64) -> Self {
        self.most_steps = steps;
        self
    }

    /// The agent.
    pub fn agent(&self) -> &A {
        self.agent
    }

    /// Steps done.
    pub fn step_count(&self) -> u64 {
        self.step
    }

    fn begin(&mut self) -> Result<Now<Seen<V>>> {
        let (observations, infos) = self.envs.reset(Some(self.seed))?;
        let n = observations.len();
        let masks = infos.iter().map(mask).collect();
        Ok(Now { observations, masks, rewards: vec![0.0; n], lengths: vec![0; n] })
    }

    /// One step of every environment; its events wait.
    fn advance(&mut self) -> Result<()> {
        let mut now = match self.now.take() {
            Some(now) => now,
            None => self.begin()?,
        };
        let masks = now.masks.iter().map(Option::as_deref);
        let seen: Vec<_> = now.observations.iter().zip(masks).collect();
        let actions = self.agent.act_all(&seen)?;
        let steps = self.envs.step(&actions)?;
        let mut transitions = Vec::with_capacity(actions.len());
        for (i, (observation, &action)) in now.observations.iter().zip(&actions).enumerate() {
            let (terminated, truncated) = (steps.terminated[i], steps.truncated[i]);
            let (next_observation, info) = match &steps.finals[i] {
                Some((last, info)) => (last, info),
                None if terminated || truncated => {
                    let expected = "AutoresetMode::SameStep";
                    return Err(Error::argument("vector_run", "envs", "another mode", expected));
                }
                None => (&steps.observations[i], &steps.infos[i]),
            };
            transitions.push(Transition {
                observation,
                action,
                reward: steps.rewards[i],
                next_observation,
                terminated,
                truncated,
                next_mask: info.action_mask(),
            });
        }
        let learned = self.agent.observe_all(&transitions)?;
        for (i, &reward) in steps.rewards.iter().enumerate() {
            self.step += 1;
            now.rewards[i] += reward;
            now.lengths[i] += 1;
            self.waiting.push_back(Event::Step { step: self.step, reward });
            if steps.terminated[i] || steps.truncated[i] {
                self.episode += 1;
                let (reward, length) =
                    (std::mem::take(&mut now.rewards[i]), std::mem::take(&mut now.lengths[i]));
                let (step, episode, terminated) = (self.step, self.episode, steps.terminated[i]);
                let end = EpisodeEnd { step, episode, reward, length, terminated };
                self.waiting.push_back(Event::Episode(end));
            }
        }
        let Learned { updates, loss } = learned;
        if updates > 0 {
            self.waiting.push_back(Event::Update { step: self.step, updates, loss });
        }
        now.masks = steps.infos.iter().map(mask).collect();
        now.observations = steps.observations;
        self.now = Some(now);
        Ok(())
    }
}

impl<A, V> Iterator for VectorRun<'_, A, V>
where
    A: VectorAgent<Seen<V>>,
    V: VectorEnv<Env: Env<Action = i64>>,
{
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Result<Event>> {
        let due = self.waiting.is_empty() && !self.failed && self.step < self.most_steps;
        if due && let Err(error) = self.advance() {
            self.failed = true;
            return Some(Err(error));
        }
        self.waiting.pop_front().map(Ok)
    }
}

/// Agent, environments, and where the training stands, events that were not yet told included.
impl<A, V> Persist for VectorRun<'_, A, V>
where
    A: Persist,
    V: VectorEnv<Env: Env<Observation: Persist + Default>> + Persist,
{
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        self.agent.save(out)?;
        self.envs.save(out)?;
        (self.seed, self.step, self.episode).save(out)?;
        self.waiting.save(out)?;
        self.now.is_some().save(out)?;
        if let Some(Now { observations, masks, rewards, lengths }) = &self.now {
            observations.save(out)?;
            masks.save(out)?;
            rewards.save(out)?;
            lengths.save(out)?;
        }
        Ok(())
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        self.agent.load(from)?;
        self.envs.load(from)?;
        (self.seed, self.step, self.episode) = read(from)?;
        self.waiting.load(from)?;
        self.now = match read::<bool>(from)? {
            true => {
                let (observations, masks) = (read::<Vec<_>>(from)?, read::<Vec<_>>(from)?);
                let (rewards, lengths) = (read::<Vec<_>>(from)?, read::<Vec<_>>(from)?);
                let n = self.envs.num_envs();
                if [observations.len(), masks.len(), rewards.len(), lengths.len()] != [n; 4] {
                    return Err(from.bad(format!("not the episodes of {n} environments")));
                }
                Some(Now { observations, masks, rewards, lengths })
            }
            false => None,
        };
        Ok(())
    }
}
