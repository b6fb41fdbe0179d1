//! What agents with networks share: choosing, remembering, updating, saving.

use std::sync::{Mutex, PoisonError};

use gradus_autodiff::{Capture, Tensor, no_grad};
use gradus_nn::{Layer, Module};
use gradus_optim::{Adam, Optimizer, clip_grad_norm_, clip_grads_with_norm_, get_total_norm};
use gradus_tensor::Result;

use super::batch::Batch;
use super::network::QNetwork;
use super::objective::Objective;
use super::options::DqnOptions;
use super::weights::{Follower, load_optimizer, save_optimizer};
use crate::agent::{Agent, Learned, Transition};
use crate::env::Env;
use crate::persist::{Persist, Source, read};
use crate::replay::{NStep, Prioritized, Replay, Stored};
use crate::rng::Pcg64;
use crate::spaces::{Discrete, Space};

/// Stream of an agent's own draws, so that they differ from its environment's with the same seed.
const AGENT_STREAM: u64 = 2;

/// An agent with a network and an objective. Each of [`deep`](super) is a name for one.
#[derive(Debug)]
pub struct DeepAgent<O, S> {
    objective: O,
    options: DqnOptions,
    observations: S,
    actions: Discrete,
    online: QNetwork,
    target: QNetwork,
    optimizer: Adam,
    follower: Follower,
    recorded: Recorded,
    replay: Replay,
    n_step: NStep,
    priorities: Option<Prioritized>,
    rng: Pcg64,
    steps: u64,
    updates: u64,
}

/// Passes and updates that repeat; nothing that a file would keep.
#[derive(Debug, Default)]
struct Recorded {
    act: Capture,
    best: Mutex<Capture>,
    update: Capture,
}

impl<O: Objective, S: Space> DeepAgent<O, S> {
    /// An agent of a new kind.
    ///
    /// # Errors
    /// `Kind::Argument` for options outside their domain.
    pub fn with_objective<E>(env: &E, options: DqnOptions, objective: O) -> Result<Self>
    where
        E: Env<ObservationSpace = S, ActionSpace = Discrete>,
    {
        options.check()?;
        let (observations, actions) = (env.observation_space().clone(), *env.action_space());
        let (inputs, form) = (observations.flat_dim(), objective.network(&options));
        let build = || QNetwork::new(inputs, actions.n(), &form, options.seed);
        let (online, target) = (build()?.to(&options.device)?, build()?.to(&options.device)?);
        // The target has no gradients: nothing of it is recorded.
        target.requires_grad_(false);
        let adam = Adam::new(online.parameters(), options.learning_rate.at(0));
        Ok(DeepAgent {
            replay: Replay::new(options.buffer_size, inputs),
            n_step: NStep::new(options.n_steps, options.gamma),
            priorities: options.prioritized.map(|p| Prioritized::new(options.buffer_size, p)),
            rng: Pcg64::stream(options.seed, AGENT_STREAM),
            optimizer: adam.eps(options.adam_eps),
            follower: Follower::new(&target, options.tau),
            recorded: Recorded::default(),
            objective,
            options,
            observations,
            actions,
            online,
            target,
            steps: 0,
            updates: 0,
        })
    }

    /// The network that chooses and learns.
    pub fn network(&self) -> &QNetwork {
        &self.online
    }

    /// The network that targets come from.
    pub fn target_network(&self) -> &QNetwork {
        &self.target
    }

    /// The network's form and the loss.
    pub fn objective(&self) -> &O {
        &self.objective
    }

    /// The memory.
    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    /// Updates done.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The recorded update: how often it was repeated, and why not if it was not.
    pub fn recording(&self) -> &Capture {
        &self.recorded.update
    }

    /// Steps seen.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The values of all actions for an observation.
    ///
    /// # Errors
    /// Those of the network.
    pub fn values(&self, observation: &S::Element) -> Result<Vec<f32>> {
        self.best_values([observation])
    }

    /// The values of all actions for some observations, without noise in the weights.
    fn best_values<'a>(
        &self,
        observations: impl IntoIterator<Item = &'a S::Element>,
    ) -> Result<Vec<f32>>
    where
        S::Element: 'a,
    {
        let x = self.seen(observations)?;
        let mut capture = self.recorded.best.lock().unwrap_or_else(PoisonError::into_inner);
        self.online.eval();
        let values = no_grad(|| {
            capture.run(&[&x], |x| Ok(vec![self.objective.values(&self.online.forward(&x[0])?)?]))
        });
        self.online.train();
        values?[0].to_vec::<f32>()
    }

    /// The values of all actions for an observation, with new noise where the weights have any.
    fn noisy_values(&mut self, observation: &S::Element) -> Result<Vec<f32>> {
        let x = self.seen([observation])?;
        let noise = self.online.drawn(&mut self.rng)?;
        let inputs: Vec<&Tensor> = [&x].into_iter().chain(&noise).collect();
        let DeepAgent { online, objective, recorded, .. } = self;
        let values = no_grad(|| {
            recorded.act.run(&inputs, |inputs| {
                online.set_noise(inputs[1..].iter().cloned())?;
                Ok(vec![objective.values(&online.forward(&inputs[0])?)?])
            })
        });
        values?[0].to_vec::<f32>()
    }

    fn seen<'a>(&self, observations: impl IntoIterator<Item = &'a S::Element>) -> Result<Tensor>
    where
        S::Element: 'a,
    {
        let (mut flat, width) = (Vec::new(), self.replay.width());
        for observation in observations {
            self.observations.flatten_into(observation, &mut flat);
        }
        let rows = flat.len() / width;
        Tensor::from_vec(flat, [rows, width])?.to(&self.options.device)
    }

    /// One update. Returns the loss where it is asked for.
    fn update(&mut self, report: bool) -> Result<Option<f64>> {
        let (n, device) = (self.options.batch_size, &self.options.device);
        let (places, weights) = match &self.priorities {
            None => (self.replay.sample(n, &mut self.rng), None),
            Some(priorities) => {
                let len = self.replay.len();
                let (places, weights) = priorities.sample(n, len, self.steps, &mut self.rng);
                (places, Some(Tensor::from_vec(weights, [n])?.to(device)?))
            }
        };
        let batch = Batch::of(&self.replay, &places, device)?;
        let (mut own, mut others) = (Vec::new(), Vec::new());
        if self.objective.explores_by_noise() {
            own = self.online.drawn(&mut self.rng)?;
            others = self.target.drawn(&mut self.rng)?;
        }
        let rate = self.options.learning_rate.at(self.steps);
        for group in self.optimizer.param_groups_mut() {
            group.set("lr", rate);
        }
        let (online, target, objective) = (&self.online, &self.target, &self.objective);
        let (params, most) =
            (self.optimizer.param_groups()[0].params(), self.options.max_grad_norm);
        // What changes from update to update comes in as inputs, so that the update is recorded
        // once and repeated.
        let mut inputs = batch.parts();
        inputs.extend(weights.iter().chain(&own).chain(&others));
        let step = |inputs: &[Tensor]| {
            let mut inputs = inputs.iter().cloned();
            let batch = batch.again(&mut inputs)?;
            let weights = weights.as_ref().and_then(|_| inputs.next());
            online.set_noise(inputs.by_ref().take(own.len()))?;
            target.set_noise(inputs)?;
            params.iter().for_each(Tensor::zero_grad);
            let judged = objective.judge(online, target, &batch)?;
            let loss = match weights {
                None => judged.losses.mean_all()?,
                Some(weights) => judged.losses.mul(&weights)?.mean_all()?,
            };
            loss.backward()?;
            let norm = gradient_norm(params, most)?;
            Ok(vec![loss, judged.errors, norm])
        };
        let results = self.recorded.update.run(&inputs, step)?;
        clip(params, most, results.last())?;
        self.optimizer.step()?;
        self.updates += 1;
        let [loss, errors, _] = results.as_slice() else { return Ok(None) };
        if let Some(priorities) = &mut self.priorities {
            priorities.update(&places, &errors.to_vec::<f32>()?);
        }
        if report { loss.item().map(Some) } else { Ok(None) }
    }

    fn remember(&mut self, t: &Transition<'_, S::Element>, action: usize) -> Result<()> {
        let step = Stored {
            observation: self.observations.flatten(t.observation),
            action: action as u32,
            reward: t.reward as f32,
            next_observation: self.observations.flatten(t.next_observation),
            discount: 0.0,
            next_mask: t.next_mask.map(<[bool]>::to_vec).unwrap_or_default(),
        };
        let terminated = t.terminated && self.options.terminal_mask;
        for stored in self.n_step.push(step, terminated, t.terminated || t.truncated) {
            let place = self.replay.push(&stored)?;
            if let Some(priorities) = &mut self.priorities {
                priorities.add(place);
            }
        }
        Ok(())
    }
}

/// The norm of the gradients; on a device, where a look at it would cost more than it saves, they
/// are clipped at once.
pub(super) fn gradient_norm(params: &[Tensor], most: f64) -> Result<Tensor> {
    if params.iter().any(|p| !p.device().is_cpu()) {
        return clip_grad_norm_(params, most);
    }
    let grads: Vec<Tensor> = params.iter().filter_map(Tensor::grad).collect();
    get_total_norm(&grads, 2.0)
}

/// Clips gradients of this norm, unless every factor would be 1.
pub(super) fn clip(params: &[Tensor], most: f64, norm: Option<&Tensor>) -> Result<()> {
    let Some(norm) = norm.filter(|norm| norm.device().is_cpu()) else { return Ok(()) };
    // As `clip_grads_with_norm_` computes it, NaN included.
    let room = norm.item()? as f32 + 1e-6;
    match most as f32 / room >= 1.0 {
        true => Ok(()),
        false => clip_grads_with_norm_(params, most, norm),
    }
}

/// The place of the largest value that the mask allows.
pub(super) fn largest(values: &[f32], mask: Option<&[bool]>) -> usize {
    let wide: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
    crate::tabular::first_best(&wide, mask)
}

impl<O: Objective, S: Space> Agent<S::Element> for DeepAgent<O, S> {
    fn act(&mut self, observation: &S::Element, mask: Option<&[bool]>) -> Result<i64> {
        let noisy = self.objective.explores_by_noise();
        let chance = if noisy { 0.0 } else { self.options.exploration.at(self.steps) };
        let starting = self.steps < self.options.learning_starts;
        if starting || (!noisy && self.rng.random() < chance) {
            return match mask {
                Some(mask) => self.actions.sample_allowed(mask, &mut self.rng),
                None => Ok(self.actions.sample(&mut self.rng)),
            };
        }
        let values = match noisy {
            true => self.noisy_values(observation)?,
            false => self.best_values([observation])?,
        };
        Ok(self.actions.at(largest(&values, mask)))
    }

    fn best(&self, observation: &S::Element, mask: Option<&[bool]>) -> Result<i64> {
        Ok(self.actions.at(largest(&self.values(observation)?, mask)))
    }

    fn best_of_all(&self, seen: &[(&S::Element, Option<&[bool]>)]) -> Result<Vec<i64>> {
        let values = self.best_values(seen.iter().map(|(o, _)| *o))?;
        let rows = values.chunks(self.actions.n()).zip(seen);
        Ok(rows.map(|(values, (_, mask))| self.actions.at(largest(values, *mask))).collect())
    }

    fn observe(&mut self, t: &Transition<'_, S::Element>) -> Result<Learned> {
        let Some(action) = self.actions.index(t.action) else {
            let expected = "an element of the action space";
            return Err(gradus_tensor::Error::argument("dqn", "action", t.action, expected));
        };
        self.remember(t, action)?;
        self.steps += 1;
        let DqnOptions { target_update_interval, train_freq, gradient_steps, .. } = self.options;
        if self.steps.is_multiple_of(target_update_interval) {
            self.follower.step(&self.target, &self.online, self.updates)?;
        }
        let ready = self.steps > self.options.learning_starts && !self.replay.is_empty();
        if !ready || !self.steps.is_multiple_of(train_freq) {
            return Ok(Learned::default());
        }
        let mut loss = None;
        for i in 0..gradient_steps {
            loss = self.update(i + 1 == gradient_steps)?;
        }
        Ok(Learned { updates: gradient_steps, loss })
    }
}

/// Networks, optimizer, memory, random numbers and counts; options are those of the program.
impl<O, S> Persist for DeepAgent<O, S> {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        Persist::save(&self.online, out)?;
        Persist::save(&self.target, out)?;
        save_optimizer(&self.optimizer, out)?;
        self.replay.save(out)?;
        self.n_step.save(out)?;
        if let Some(priorities) = &self.priorities {
            priorities.save(out)?;
        }
        self.rng.save(out)?;
        (self.steps, self.updates).save(out)
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        let (width, capacity) = (self.replay.width(), self.replay.capacity());
        Persist::load(&mut self.online, from)?;
        Persist::load(&mut self.target, from)?;
        load_optimizer(&mut self.optimizer, from)?;
        self.follower.forget();
        self.replay.load(from)?;
        if (self.replay.width(), self.replay.capacity()) != (width, capacity) {
            return Err(from.bad("a memory of another size"));
        }
        self.n_step.load(from)?;
        if let Some(priorities) = &mut self.priorities {
            priorities.load(from)?;
        }
        self.rng.load(from)?;
        (self.steps, self.updates) = read(from)?;
        Ok(())
    }
}
