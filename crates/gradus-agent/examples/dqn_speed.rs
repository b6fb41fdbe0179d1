//! How fast DQN and its variants learn: an update from the draw of places to new weights, and a
//! whole run on CartPole, with rl-baselines3-zoo's hyper-parameters. One line of JSON each;
//! `benches/peers/dqn_bench.py` has the same with PyTorch and stable-baselines3.
//!
//! `cargo run --release -p gradus-agent --no-default-features --features deep --example
//! dqn_speed -- [update|run ...] [--steps N] [--only VARIANT]`

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::time::Instant;

use gradus_agent::deep::*;
use gradus_agent::envs::CartPole;
use gradus_agent::replay::PrioritizedOptions;
use gradus_agent::run::Run;
use gradus_agent::spaces::Space;
use gradus_agent::{Agent, Env, Result, Transition};

const NAMES: [&str; 9] =
    ["dqn", "double", "dueling", "per", "n_step", "noisy", "c51", "qr", "rainbow"];
/// Transitions in memory before updates are timed, and updates.
const FILL: u64 = 50_000;
const TIMED: usize = 2_000;

/// What is to be timed.
struct Job {
    update: bool,
    run: bool,
    steps: u64,
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Fills the memory with steps of chance, then times updates: one for each step.
fn updates<O: Objective, S: Space<Element = [f32; 4]>>(
    name: &str,
    mut agent: DeepAgent<O, S>,
) -> Result<()> {
    let mut env = CartPole::make(Default::default());
    let (mut seen, _) = env.reset(0)?;
    let mut times = Vec::with_capacity(TIMED);
    for i in 0..FILL + TIMED as u64 {
        let action = ((i / 3) % 2) as i64;
        let step = env.step(action)?;
        let begin = Instant::now();
        let learned = agent.observe(&Transition {
            observation: &seen,
            action,
            reward: step.reward,
            next_observation: &step.observation,
            terminated: step.terminated,
            truncated: step.truncated,
            next_mask: None,
        })?;
        if learned.updates > 0 {
            times.push(begin.elapsed().as_secs_f64() * 1e6);
        }
        let ends = step.terminated || step.truncated;
        seen = if ends { env.reset(None)?.0 } else { step.observation };
    }
    let (least, runs) = (times.iter().copied().fold(f64::MAX, f64::min), times.len());
    println!(
        "{{\"what\": \"update\", \"variant\": \"{name}\", \"median_us\": {:.1}, \"least_us\": \
         {least:.1}, \"runs\": {runs}, \"repeated\": {}}}",
        median(times),
        agent.recording().replays()
    );
    Ok(())
}

fn run<O: Objective, S: Space<Element = [f32; 4]>>(
    name: &str,
    mut agent: DeepAgent<O, S>,
    steps: u64,
) -> Result<()> {
    let mut env = CartPole::make(Default::default());
    let begin = Instant::now();
    for event in Run::new(&mut agent, &mut env, 0).steps(steps) {
        event?;
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{{\"what\": \"run\", \"variant\": \"{name}\", \"steps\": {steps}, \"updates\": {}, \
         \"seconds\": {seconds:.3}, \"steps_per_second\": {:.0}}}",
        agent.updates(),
        steps as f64 / seconds
    );
    Ok(())
}

fn time<O: Objective, S: Space<Element = [f32; 4]>>(
    name: &str,
    job: &Job,
    make: impl Fn(DqnOptions) -> Result<DeepAgent<O, S>>,
) -> Result<()> {
    let options = DqnOptions::cart_pole();
    if job.update {
        let (learning_starts, train_freq, gradient_steps) = (FILL, 1, 1);
        let options = DqnOptions { learning_starts, train_freq, gradient_steps, ..options.clone() };
        updates(name, make(options)?)?;
    }
    if job.run {
        run(name, make(options)?, job.steps)?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let mut job = Job { update: false, run: false, steps: 5_000 };
    let mut names = NAMES.to_vec();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        match arg {
            "update" => job.update = true,
            "run" => job.run = true,
            "--steps" => job.steps = args.next().and_then(|n| n.parse().ok()).unwrap_or(job.steps),
            "--only" => names = args.next().into_iter().collect(),
            _ => println!("`{arg}` means nothing here"),
        }
    }
    let env = CartPole::make(Default::default());
    let range = [0.0, 100.0];
    let per = |options| DqnOptions { prioritized: Some(PrioritizedOptions::default()), ..options };
    for name in names {
        match name {
            "dqn" => time(name, &job, |options| Dqn::new(&env, options))?,
            "double" => time(name, &job, |options| DoubleDqn::new(&env, options))?,
            "dueling" => time(name, &job, |options| DuelingDqn::new(&env, options))?,
            "per" => time(name, &job, |options| Dqn::new(&env, per(options)))?,
            "n_step" => {
                time(name, &job, |options| Dqn::new(&env, DqnOptions { n_steps: 3, ..options }))?;
            }
            "noisy" => time(name, &job, |options| NoisyDqn::new(&env, options))?,
            "c51" => time(name, &job, |options| C51::new(&env, options, range))?,
            "qr" => time(name, &job, |options| QrDqn::new(&env, options, 10))?,
            "rainbow" => time(name, &job, |options| Rainbow::new(&env, options, range))?,
            _ => println!("no variant `{name}`; there are {NAMES:?}"),
        }
    }
    Ok(())
}
