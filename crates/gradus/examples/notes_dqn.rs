//! The Q-learning loop of a beginner's notes, as it is often written, and what each repair of it is
//! worth.
//!
//! `cargo run --release -p gradus --no-default-features --features agent --example notes_dqn --
//! [--steps N] [--seeds N] [--slippery] [REPAIR ...]`; without repairs named, all are tried.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::time::Instant;

use gradus::agent::envs::{FrozenLake, FrozenLakeOptions};
use gradus::agent::replay::{Replay, Stored};
use gradus::agent::rng::Pcg64;
use gradus::agent::tabular::Policy;
use gradus::agent::{Env, OldEnv};
use gradus::autodiff::Capture;
use gradus::nn::{Losses, Module};
use gradus::prelude::*;

const GAMMA: f32 = 0.99;
const EPSILON: f64 = 0.1;

/// 16-64-64-96-96-64-64-4: 31,428 parameters.
#[derive(Module)]
struct Net {
    fc1: Linear,
    fc2: Linear,
    fc3: Linear,
    fc4: Linear,
    fc5: Linear,
    fc6: Linear,
    fc7: Linear,
}

impl Net {
    fn new() -> Result<Self> {
        Ok(Net {
            fc1: Linear::new(16, 64)?,
            fc2: Linear::new(64, 64)?,
            fc3: Linear::new(64, 96)?,
            fc4: Linear::new(96, 96)?,
            fc5: Linear::new(96, 64)?,
            fc6: Linear::new(64, 64)?,
            fc7: Linear::new(64, 4)?,
        })
    }
}

impl Layer for Net {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.fc1.forward(x)?.relu()?;
        let x = self.fc2.forward(&x)?.relu()?;
        let x = self.fc3.forward(&x)?.relu()?;
        let x = self.fc4.forward(&x)?.relu()?;
        let x = self.fc5.forward(&x)?.relu()?;
        let x = self.fc6.forward(&x)?.relu()?;
        self.fc7.forward(&x)
    }
}

fn one_hot(observation: i64) -> Vec<f32> {
    let mut tmp = vec![0.0; 16];
    tmp[observation as usize] = 1.0;
    tmp
}

fn row(values: Vec<f32>) -> Result<Tensor> {
    let width = values.len();
    Tensor::from_vec(values, [1, width])
}

/// A pass whose result is numbers, recorded once and repeated.
fn look(capture: &mut Capture, net: &Net, x: &Tensor) -> Result<Vec<f32>> {
    let y = no_grad(|| capture.run(&[x], |x| Ok(vec![net.forward(&x[0])?])))?;
    y[0].to_vec()
}

/// Gradients of the squared error, recorded once and repeated, and a step along them.
fn learn(
    capture: &mut Capture,
    net: &Net,
    optimizer: &mut Adam,
    x: &Tensor,
    target: &Tensor,
) -> Result<()> {
    capture.run(&[x, target], |inputs| {
        optimizer.zero_grad();
        let loss = net.forward(&inputs[0])?.mse_loss(&inputs[1])?;
        loss.backward()?;
        Ok(vec![loss])
    })?;
    optimizer.step()
}

fn argmax(values: &[f32]) -> usize {
    (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b]).then(b.cmp(&a))).unwrap_or(0)
}

/// The loop as the notes have it. `done` ends the episode, but the target bootstraps past it.
fn as_written(env: FrozenLake, seed: u64, steps: usize) -> Result<Net> {
    manual_seed(seed);
    let mut random = Pcg64::new(seed);
    let mut env = OldEnv::new(env);
    env.seed(seed);
    let net = Net::new()?;
    let mut optimizer = Adam::new(net.parameters(), 0.01);
    let (mut looking, mut learning) = (Capture::new(), Capture::new());
    let mut done_steps = 0;
    while done_steps < steps {
        let mut observation = env.reset()?;
        for _ in 0..100 {
            let state = row(one_hot(observation))?;
            let output_array = look(&mut looking, &net, &state)?;
            let action = if random.random() < EPSILON {
                env.sample_action()
            } else {
                argmax(&output_array) as i64
            };
            let (next, reward, done, _info) = env.step(action)?;
            let next_output = look(&mut looking, &net, &row(one_hot(next))?)?;
            let q = reward as f32 + GAMMA * next_output.iter().copied().fold(f32::MIN, f32::max);
            let mut target = output_array;
            target[action as usize] = q;
            learn(&mut learning, &net, &mut optimizer, &state, &row(target)?)?;

            observation = next;
            done_steps += 1;
            if done {
                break;
            }
        }
    }
    Ok(net)
}

/// What is repaired.
#[derive(Clone, Copy, Debug, Default)]
struct Repairs {
    /// Nothing follows a hole or the goal.
    mask: bool,
    /// Adam 0.001 instead of 0.01.
    rate: bool,
    /// 32 transitions of the last 20,000 instead of the last one.
    replay: bool,
    /// Targets from a copy that is renewed every 250 steps.
    target: bool,
}

impl Repairs {
    fn named(names: &str) -> Self {
        let has = |name| names.split('+').any(|part| part == name || part == "all");
        Repairs {
            mask: has("mask"),
            rate: has("rate"),
            replay: has("replay"),
            target: has("target"),
        }
    }
}

/// The same loop with repairs.
fn repaired(mut env: FrozenLake, seed: u64, steps: usize, repairs: Repairs) -> Result<Net> {
    manual_seed(seed);
    let mut random = Pcg64::new(seed);
    let (net, copy) = (Net::new()?, Net::new()?);
    copy.load_state_dict(&net.state_dict()?)?;
    let rate = if repairs.rate { 1e-3 } else { 1e-2 };
    let mut optimizer = Adam::new(net.parameters(), rate);
    let (mut acting, mut looking, mut teaching) = (Capture::new(), Capture::new(), Capture::new());
    let mut learning = Capture::new();
    let mut replay = Replay::new(if repairs.replay { 20_000 } else { 1 }, 16);
    let batch = if repairs.replay { 32 } else { 1 };
    let (mut observation, _) = env.reset(seed)?;
    let mut length = 0;
    for step in 0..steps {
        let explore = random.random() < EPSILON;
        let action = if explore {
            random.index(4)
        } else {
            argmax(&look(&mut acting, &net, &row(one_hot(observation))?)?)
        };
        let moved = env.step(action as i64)?;
        length += 1;
        let ends = repairs.mask && moved.terminated;
        replay.push(&Stored {
            observation: one_hot(observation),
            action: action as u32,
            reward: moved.reward as f32,
            next_observation: one_hot(moved.observation),
            discount: if ends { 0.0 } else { GAMMA },
            next_mask: Vec::new(),
        })?;
        let places = replay.sample(batch, &mut random);
        let gather = |row: &dyn Fn(usize) -> Vec<f32>| {
            let values: Vec<f32> = places.iter().flat_map(|&place| row(place)).collect();
            Tensor::from_vec(values, [batch, 16])
        };
        let teacher = if repairs.target { &copy } else { &net };
        let next = gather(&|place| replay.next_observation(place).to_vec())?;
        let next_values = look(&mut teaching, teacher, &next)?;
        let states = gather(&|place| replay.observation(place).to_vec())?;
        let mut target = look(&mut looking, &net, &states)?;
        for (i, &place) in places.iter().enumerate() {
            let best = next_values[i * 4..(i + 1) * 4].iter().copied().fold(f32::MIN, f32::max);
            let q = replay.reward(place) + replay.discount(place) * best;
            target[i * 4 + replay.action(place) as usize] = q;
        }
        let target = Tensor::from_vec(target, [batch, 4])?;
        learn(&mut learning, &net, &mut optimizer, &states, &target)?;
        if step % 250 == 249 {
            copy.load_state_dict(&net.state_dict()?)?;
        }
        observation = moved.observation;
        if moved.terminated || length == 100 {
            (observation, length) = (env.reset(None)?.0, 0);
        }
    }
    Ok(net)
}

/// The exact success of the greedy policy within 100 steps.
fn success(net: &Net, env: &FrozenLake) -> Result<f64> {
    let all: Vec<f32> = (0..16).flat_map(one_hot).collect();
    let values = no_grad(|| net.forward(&Tensor::from_vec(all, [16, 16])?))?.to_vec::<f32>()?;
    Policy::new(values.chunks(4).map(argmax).collect()).expected_return(env, 100)
}

fn main() -> Result<()> {
    let (mut steps, mut seeds, mut is_slippery, mut tried) = (32_000, 3, false, Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--slippery" => is_slippery = true,
            "--steps" => steps = args.next().and_then(|n| n.parse().ok()).unwrap_or(steps),
            "--seeds" => seeds = args.next().and_then(|n| n.parse().ok()).unwrap_or(seeds),
            _ => tried.push(arg),
        }
    }
    if tried.is_empty() {
        let all = ["written", "mask", "rate", "mask+rate", "mask+rate+replay", "all"];
        tried = all.map(str::to_owned).to_vec();
    }
    let lake = FrozenLake::new(FrozenLakeOptions { is_slippery, ..Default::default() })?;
    for name in tried {
        let (mut results, begin) = (Vec::new(), Instant::now());
        for seed in 0..seeds {
            let net = match name.as_str() {
                "written" => as_written(lake.clone(), seed, steps)?,
                names => repaired(lake.clone(), seed, steps, Repairs::named(names))?,
            };
            results.push(format!("{:.3}", success(&net, &lake)?));
        }
        let rate = (seeds as f64 * steps as f64) / begin.elapsed().as_secs_f64();
        println!("{name:18} success {}  ({rate:.0} steps/s)", results.join(" "));
    }
    Ok(())
}
