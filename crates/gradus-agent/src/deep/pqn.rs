//! PQN: Q-learning without a memory and without a target network.

use std::sync::{Mutex, PoisonError};

use gradus_autodiff::{Capture, Device, Tensor, no_grad};
use gradus_nn::{Layer, LayerNorm, Linear, Module, WithinLayer};
use gradus_optim::{Optimizer, RAdam};
use gradus_tensor::{Error, Result};

use super::agent::{clip, gradient_norm, largest};
use super::losses::{lambda_returns, taken};
use super::network::seeded;
use super::weights::{load_module, load_optimizer, save_module, save_optimizer};
use crate::agent::{Agent, Learned, Transition, VectorAgent};
use crate::env::Env;
use crate::persist::{Persist, Source, read};
use crate::rng::Pcg64;
use crate::schedule::Schedule;
use crate::spaces::{Discrete, Space};

/// Stream of the agent's own draws.
const AGENT_STREAM: u64 = 3;
const OP: &str = "pqn";

/// Options of [`Pqn`]. Names and defaults are CleanRL's `pqn.py`, but that time is counted in steps
/// of all environments.
#[derive(Clone, Debug)]
pub struct PqnOptions {
    /// RAdam's step, as a function of steps.
    pub learning_rate: Schedule,
    /// Environments that step together.
    pub num_envs: usize,
    /// Steps of each environment between updates.
    pub num_steps: usize,
    /// Parts into which a round's transitions are shuffled.
    pub num_minibatches: usize,
    /// How often a round's transitions are used.
    pub update_epochs: usize,
    /// The discount.
    pub gamma: f64,
    /// How much of a return is what came, rather than what was expected.
    pub q_lambda: f64,
    /// The probability of a random action, as a function of steps.
    pub exploration: Schedule,
    /// The largest norm of a gradient.
    pub max_grad_norm: f64,
    /// Sizes of the hidden layers.
    pub net_arch: Vec<usize>,
    /// Of the weights, of chance and of the order of transitions.
    pub seed: u64,
    /// Where the network lives.
    pub device: Device,
}

impl Default for PqnOptions {
    fn default() -> Self {
        PqnOptions {
            learning_rate: Schedule::linear(2.5e-4, 0.0, 500_000),
            num_envs: 4,
            num_steps: 128,
            num_minibatches: 4,
            update_epochs: 4,
            gamma: 0.99,
            q_lambda: 0.65,
            exploration: Schedule::linear(1.0, 0.05, 250_000),
            max_grad_norm: 10.0,
            net_arch: vec![120, 84],
            seed: 0,
            device: Device::cpu(),
        }
    }
}

impl PqnOptions {
    /// For CartPole over 50,000 steps: as the default, ten times as fast.
    pub fn cart_pole() -> Self {
        PqnOptions {
            learning_rate: Schedule::linear(2.5e-3, 0.0, 50_000),
            exploration: Schedule::linear(1.0, 0.05, 25_000),
            ..PqnOptions::default()
        }
    }

    /// # Errors
    /// `Kind::Argument` for what makes no sense.
    fn check(&self) -> Result<()> {
        let positive = [
            ("num_envs", self.num_envs),
            ("num_steps", self.num_steps),
            ("num_minibatches", self.num_minibatches),
        ];
        for (name, value) in positive {
            if value == 0 {
                return Err(Error::argument(OP, name, value, "1 or more"));
            }
        }
        for (name, value) in [("gamma", self.gamma), ("q_lambda", self.q_lambda)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::argument(OP, name, value, "within [0, 1]"));
            }
        }
        if self.net_arch.contains(&0) {
            let value = format!("{:?}", self.net_arch);
            return Err(Error::argument(OP, "net_arch", value, "sizes of 1 or more"));
        }
        Ok(())
    }
}

/// A hidden layer: its norm keeps values bounded, which is what a target network is for elsewhere.
#[derive(Clone, Debug, Module)]
struct Hidden {
    linear: Linear,
    norm: LayerNorm,
}

/// Values of all actions: `[N, D]` to `[N, A]`; hidden layers with layer norm and relu.
#[derive(Clone, Debug, Module)]
pub struct PqnNetwork {
    body: Vec<Hidden>,
    head: Linear,
}

impl PqnNetwork {
    fn new(inputs: usize, actions: usize, options: &PqnOptions) -> Result<Self> {
        seeded(options.seed, || {
            let (mut body, mut width) = (Vec::new(), inputs);
            for &size in &options.net_arch {
                let (linear, norm) = (Linear::new(width, size)?, LayerNorm::new([size]));
                body.push(Hidden { linear, norm });
                width = size;
            }
            Ok(PqnNetwork { body, head: Linear::new(width, actions)? })
        })
    }
}

impl Layer for PqnNetwork {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (i, Hidden { linear, norm }) in self.body.iter().enumerate() {
            let y = linear.forward(&x).and_then(|y| norm.forward(&y)?.relu());
            x = y.within_layer(&format!("body.{i}"))?;
        }
        self.head.forward(&x).within_layer("head")
    }
}

/// The transitions since the last update, those of one step of all environments after another.
#[derive(Clone, Debug, Default)]
struct Rollout {
    observations: Vec<f32>,
    actions: Vec<u32>,
    rewards: Vec<f32>,
    next_observations: Vec<f32>,
    next_masks: Vec<Option<Vec<bool>>>,
    terminated: Vec<bool>,
    ended: Vec<bool>,
}

crate::persist! {
    Rollout {
        observations, actions, rewards, next_observations, next_masks, terminated, ended
    }
}

/// Q-learning from many environments at once: what they did in a round is learned from a few
/// times, and forgotten. Layer norm takes the place of the target network.
///
/// *Formula*: `Q(s, a)` towards `R = r + γ (λ R′ + (1 - λ) max Q(s′, ·))`, squared error.
/// *Source*: Gallici et al. 2024, arXiv:2407.04811; options as CleanRL's.
///
/// [`VectorRun`](crate::run::VectorRun) trains it; its documentation has an example.
#[derive(Debug)]
pub struct Pqn<S> {
    options: PqnOptions,
    observations: S,
    actions: Discrete,
    network: PqnNetwork,
    optimizer: RAdam,
    rollout: Rollout,
    rng: Pcg64,
    steps: u64,
    updates: u64,
    looking: Mutex<Capture>,
    learning: Capture,
}

impl<S: Space> Pqn<S> {
    /// For environments like this one, whose actions are numbered.
    ///
    /// # Errors
    /// `Kind::Argument` for options outside their domain.
    pub fn new<E>(env: &E, options: PqnOptions) -> Result<Self>
    where
        E: Env<ObservationSpace = S, ActionSpace = Discrete>,
    {
        options.check()?;
        let (observations, actions) = (env.observation_space().clone(), *env.action_space());
        let network = PqnNetwork::new(observations.flat_dim(), actions.n(), &options)?;
        let network = network.to(&options.device)?;
        Ok(Pqn {
            optimizer: RAdam::new(network.parameters(), options.learning_rate.at(0)),
            rng: Pcg64::stream(options.seed, AGENT_STREAM),
            rollout: Rollout::default(),
            options,
            observations,
            actions,
            network,
            steps: 0,
            updates: 0,
            looking: Mutex::default(),
            learning: Capture::new(),
        })
    }

    /// The network.
    pub fn network(&self) -> &PqnNetwork {
        &self.network
    }

    /// Updates done.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The values of all actions for rows of numbers.
    fn values(&self, flat: Vec<f32>) -> Result<Vec<f32>> {
        let width = self.observations.flat_dim();
        let rows = flat.len() / width;
        let x = Tensor::from_vec(flat, [rows, width])?.to(&self.options.device)?;
        let mut capture = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let values = no_grad(|| capture.run(&[&x], |x| Ok(vec![self.network.forward(&x[0])?])))?;
        values[0].to_vec()
    }

    /// The places of the best actions.
    fn best_places(&self, seen: &[(&S::Element, Option<&[bool]>)]) -> Result<Vec<usize>> {
        let mut flat = Vec::new();
        for (observation, _) in seen {
            self.observations.flatten_into(observation, &mut flat);
        }
        let values = self.values(flat)?;
        let rows = values.chunks(self.actions.n()).zip(seen);
        Ok(rows.map(|(values, (_, mask))| largest(values, *mask)).collect())
    }

    /// What the transitions of the round should be worth.
    fn returns(&self) -> Result<Vec<f32>> {
        let round = &self.rollout;
        let values = self.values(round.next_observations.clone())?;
        let rows = values.chunks(self.actions.n()).zip(&round.next_masks);
        let best: Vec<f32> =
            rows.map(|(values, mask)| values[largest(values, mask.as_deref())]).collect();
        let PqnOptions { num_envs, gamma, q_lambda, .. } = self.options;
        let ends = (&round.terminated[..], &round.ended[..]);
        lambda_returns(&round.rewards, &best, ends, num_envs, gamma, q_lambda)
    }

    /// One update from the transitions at these places. The loss, where it is asked for.
    fn update(&mut self, places: &[usize], returns: &[f32], report: bool) -> Result<Option<f64>> {
        let (n, width) = (places.len(), self.observations.flat_dim());
        let mut seen = Vec::with_capacity(n * width);
        for &place in places {
            seen.extend_from_slice(&self.rollout.observations[place * width..(place + 1) * width]);
        }
        let actions: Vec<i64> =
            places.iter().map(|&place| i64::from(self.rollout.actions[place])).collect();
        let goals: Vec<f32> = places.iter().map(|&place| returns[place]).collect();
        let device = &self.options.device;
        let seen = Tensor::from_vec(seen, [n, width])?.to(device)?;
        let actions = Tensor::from_vec(actions, [n, 1])?.to(device)?;
        let goals = Tensor::from_vec(goals, [n])?.to(device)?;
        let rate = self.options.learning_rate.at(self.steps);
        for group in self.optimizer.param_groups_mut() {
            group.set("lr", rate);
        }
        let params = self.optimizer.param_groups()[0].params();
        let (network, most) = (&self.network, self.options.max_grad_norm);
        let loss = self.learning.run(&[&seen, &actions, &goals], |inputs| {
            params.iter().for_each(Tensor::zero_grad);
            let values = taken(&network.forward(&inputs[0])?, &inputs[1])?;
            let loss = values.sub(&inputs[2])?.square()?.mean_all()?;
            loss.backward()?;
            let norm = gradient_norm(params, most)?;
            Ok(vec![loss, norm])
        })?;
        clip(params, most, loss.last())?;
        self.optimizer.step()?;
        self.updates += 1;
        if report { loss[0].item().map(Some) } else { Ok(None) }
    }

    /// Learns from the round, which is then forgotten.
    fn learn(&mut self) -> Result<Learned> {
        let returns = self.returns()?;
        let PqnOptions { update_epochs, num_minibatches, .. } = self.options;
        let mut places: Vec<usize> = (0..returns.len()).collect();
        let part = places.len().div_ceil(num_minibatches);
        let (mut loss, before) = (None, self.updates);
        for epoch in 0..update_epochs {
            for last in (1..places.len()).rev() {
                places.swap(last, self.rng.index(last + 1));
            }
            for (i, chosen) in places.chunks(part).enumerate() {
                let report = epoch + 1 == update_epochs && (i + 1) * part >= places.len();
                loss = self.update(chosen, &returns, report)?;
            }
        }
        self.rollout = Rollout::default();
        Ok(Learned { updates: (self.updates - before) as usize, loss })
    }
}

impl<S: Space> VectorAgent<S::Element> for Pqn<S> {
    fn act_all(&mut self, seen: &[(&S::Element, Option<&[bool]>)]) -> Result<Vec<i64>> {
        let chance = self.options.exploration.at(self.steps);
        let best = self.best_places(seen)?;
        let (actions, rng) = (&self.actions, &mut self.rng);
        let choose = |((_, mask), best): (&(_, Option<&[bool]>), usize)| {
            if rng.random() >= chance {
                return Ok(actions.at(best));
            }
            match mask {
                Some(mask) => actions.sample_allowed(mask, rng),
                None => Ok(actions.sample(rng)),
            }
        };
        seen.iter().zip(best).map(choose).collect()
    }

    fn observe_all(&mut self, transitions: &[Transition<'_, S::Element>]) -> Result<Learned> {
        let PqnOptions { num_envs, num_steps, .. } = self.options;
        if transitions.len() != num_envs {
            let value = format!("those of {}", transitions.len());
            return Err(Error::argument(OP, "transitions", value, "one of each of num_envs"));
        }
        let places: Option<Vec<usize>> =
            transitions.iter().map(|t| self.actions.index(t.action)).collect();
        let Some(places) = places else {
            let value: Vec<i64> = transitions.iter().map(|t| t.action).collect();
            let expected = "elements of the action space";
            return Err(Error::argument(OP, "actions", format!("{value:?}"), expected));
        };
        let round = &mut self.rollout;
        for (t, place) in transitions.iter().zip(places) {
            self.observations.flatten_into(t.observation, &mut round.observations);
            self.observations.flatten_into(t.next_observation, &mut round.next_observations);
            round.actions.push(place as u32);
            round.rewards.push(t.reward as f32);
            round.next_masks.push(t.next_mask.map(<[bool]>::to_vec));
            round.terminated.push(t.terminated);
            round.ended.push(t.terminated || t.truncated);
        }
        self.steps += num_envs as u64;
        if self.rollout.actions.len() < num_envs * num_steps {
            return Ok(Learned::default());
        }
        self.learn()
    }
}

/// With `num_envs` of 1, a [`Run`](crate::run::Run) trains it, too.
impl<S: Space> Agent<S::Element> for Pqn<S> {
    fn act(&mut self, observation: &S::Element, mask: Option<&[bool]>) -> Result<i64> {
        Ok(self.act_all(&[(observation, mask)])?[0])
    }

    fn best(&self, observation: &S::Element, mask: Option<&[bool]>) -> Result<i64> {
        Ok(self.actions.at(self.best_places(&[(observation, mask)])?[0]))
    }

    fn best_of_all(&self, seen: &[(&S::Element, Option<&[bool]>)]) -> Result<Vec<i64>> {
        let places = self.best_places(seen)?;
        Ok(places.into_iter().map(|place| self.actions.at(place)).collect())
    }

    fn observe(&mut self, transition: &Transition<'_, S::Element>) -> Result<Learned> {
        self.observe_all(std::slice::from_ref(transition))
    }
}

/// Network, optimizer, the round so far, random numbers and counts; options are the program's.
impl<S> Persist for Pqn<S> {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        save_module(&self.network, out)?;
        save_optimizer(&self.optimizer, out)?;
        self.rollout.save(out)?;
        self.rng.save(out)?;
        (self.steps, self.updates).save(out)
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        load_module(&self.network, from)?;
        load_optimizer(&mut self.optimizer, from)?;
        self.rollout.load(from)?;
        self.rng.load(from)?;
        (self.steps, self.updates) = read(from)?;
        Ok(())
    }
}
