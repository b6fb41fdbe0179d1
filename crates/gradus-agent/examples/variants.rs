//! The variants of DQN on CartPole: steps to a mean of 475, best, final score, time. Also DQN on
//! the frozen lake, `lake` without slipping and `ice` with: steps to a success of 1 and 0.7,
//! which is computed exactly.
//!
//! `cargo run --release -p gradus-agent --no-default-features --features deep --example variants --
//! [NAME ...] [--first SEED] [--seeds N] [--steps N]`. One line of JSON a run.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::time::{Duration, Instant};

use gradus_agent::deep::*;
use gradus_agent::envs::{CartPole, FrozenLake, FrozenLakeOptions};
use gradus_agent::replay::PrioritizedOptions;
use gradus_agent::run::{Event, Run, VectorRun, evaluate};
use gradus_agent::tabular::Policy;
use gradus_agent::vector::{AutoresetMode, SyncVectorEnv};
use gradus_agent::wrappers::TimeLimit;
use gradus_agent::{Agent, Result, Schedule, VectorAgent};

const NAMES: [&str; 10] =
    ["dqn", "double", "dueling", "per", "n_step", "noisy", "c51", "qr", "rainbow", "pqn"];
/// Steps between evaluations, and greedy episodes of each.
const EVERY: u64 = 2_500;
const EPISODES: usize = 20;
const SOLVED: f64 = 475.0;
/// With γ 0.99 and a reward of 1 a step no return is larger.
const RANGE: [f64; 2] = [0.0, 100.0];

/// A run, in one environment or in many.
trait Training<A>: Iterator<Item = Result<Event>> {
    fn agent(&self) -> &A;
}

impl<A: Agent<[f32; 4]>> Training<A> for Run<'_, A, TimeLimit<CartPole>> {
    fn agent(&self) -> &A {
        Run::agent(self)
    }
}

impl<A: VectorAgent<[f32; 4]>> Training<A>
    for VectorRun<'_, A, SyncVectorEnv<TimeLimit<CartPole>>>
{
    fn agent(&self) -> &A {
        VectorRun::agent(self)
    }
}

fn play(name: &str, mut agent: impl Agent<[f32; 4]>, seed: u64, steps: u64) -> Result<()> {
    let mut env = CartPole::make(Default::default());
    watch(name, Run::new(&mut agent, &mut env, seed).steps(steps), seed)
}

fn play_many(name: &str, options: PqnOptions, seed: u64, steps: u64) -> Result<()> {
    let envs = vec![CartPole::make(Default::default()); options.num_envs];
    let mut agent = Pqn::new(&envs[0], options)?;
    let mut envs = SyncVectorEnv::new(envs, AutoresetMode::SameStep);
    watch(name, VectorRun::new(&mut agent, &mut envs, seed).steps(steps), seed)
}

fn watch<A: Agent<[f32; 4]>>(name: &str, mut run: impl Training<A>, seed: u64) -> Result<()> {
    let fresh = CartPole::make(Default::default());
    let begin = Instant::now();
    let mut away = Duration::ZERO;
    let (mut reached, mut best, mut last, mut updates) = (None, 0.0f64, 0.0, 0);
    while let Some(event) = run.next() {
        let event = event?;
        if let Event::Update { updates: n, .. } = event {
            updates += n;
        }
        if let Event::Step { step, .. } = event
            && step.is_multiple_of(EVERY)
        {
            let now = Instant::now();
            last = evaluate(run.agent(), &fresh, EPISODES, 10_000)?.mean();
            away += now.elapsed();
            best = best.max(last);
            reached = reached.or((last >= SOLVED).then_some((step, begin.elapsed() - away)));
        }
    }
    let seconds = (begin.elapsed() - away).as_secs_f64();
    let (at, when) = match reached {
        Some((step, time)) => (step.to_string(), format!("{:.1}", time.as_secs_f64())),
        None => ("null".to_owned(), "null".to_owned()),
    };
    println!(
        "{{\"variant\": \"{name}\", \"seed\": {seed}, \"steps_to_475\": {at}, \"seconds_to_475\": \
         {when}, \"best\": {best:.1}, \"final\": {last:.1}, \"updates\": {updates}, \"seconds\": \
         {seconds:.1}}}"
    );
    Ok(())
}

/// DQN on the frozen lake, 4x4.
fn cross(name: &str, seed: u64) -> Result<()> {
    let is_slippery = name == "ice";
    let (steps, learning_rate, enough) =
        if is_slippery { (40_000, 5e-4, 0.7) } else { (15_000, 1e-3, 1.0) };
    let mut env = FrozenLake::make(FrozenLakeOptions { is_slippery, ..Default::default() })?;
    let law = env.clone();
    let options = DqnOptions {
        learning_rate: learning_rate.into(),
        batch_size: 64,
        buffer_size: 20_000,
        target_update_interval: 250,
        exploration: Schedule::linear(1.0, 0.05, steps / 2),
        seed,
        ..DqnOptions::default()
    };
    let mut agent = Dqn::new(&env, options)?;
    let begin = Instant::now();
    let (mut reached, mut best, mut last) = (None, 0.0f64, 0.0);
    let mut run = Run::new(&mut agent, &mut env, seed).steps(steps);
    while let Some(event) = run.next() {
        if let Event::Step { step, .. } = event?
            && step.is_multiple_of(1_000)
        {
            let best_in = |state| run.agent().best(&state, None).map(|action| action as usize);
            let actions = (0..16).map(best_in).collect::<Result<Vec<_>>>()?;
            last = Policy::new(actions).expected_return(&law, 100)?;
            best = best.max(last);
            reached = reached.or((last >= enough).then_some(step));
        }
    }
    let at = reached.map_or_else(|| "null".to_owned(), |step| step.to_string());
    println!(
        "{{\"variant\": \"{name}\", \"seed\": {seed}, \"steps_to_{enough}\": {at}, \"best\": \
         {best:.4}, \"final\": {last:.4}, \"seconds\": {:.1}}}",
        begin.elapsed().as_secs_f64()
    );
    Ok(())
}

/// As many updates, in four times as many rounds: the target network, which stands still within a
/// round, is copied every 64 steps instead of 256. The rate falls to 0, so that the end is calm.
fn closer(options: DqnOptions) -> DqnOptions {
    let learning_rate = Schedule::linear(1e-3, 0.0, 50_000);
    DqnOptions { learning_rate, train_freq: 64, gradient_steps: 32, ..options }
}

fn run(name: &str, seed: u64, steps: u64) -> Result<()> {
    let env = CartPole::make(Default::default());
    let mut options = DqnOptions { seed, ..DqnOptions::cart_pole() };
    match name {
        "dqn" => play(name, Dqn::new(&env, options)?, seed, steps),
        "double" => play(name, DoubleDqn::new(&env, options)?, seed, steps),
        "dueling" => {
            options.learning_rate = 1e-3.into();
            play(name, DuelingDqn::new(&env, options)?, seed, steps)
        }
        "per" => {
            // The paper divides the learning rate by four.
            options.learning_rate = (2.3e-3 / 4.0).into();
            options.prioritized = Some(PrioritizedOptions::default());
            play(name, Dqn::new(&env, options)?, seed, steps)
        }
        "n_step" => {
            options.n_steps = 3;
            play(name, Dqn::new(&env, options)?, seed, steps)
        }
        "noisy" => {
            // The largest of noisy values is too large. Bootstrapping multiplies that by
            // 1 / (1 - γⁿ), which is 100 for one step and 34 for three.
            let learning_rate = Schedule::linear(1e-3, 0.0, 50_000);
            let options = DqnOptions { learning_rate, n_steps: 3, sigma0: 0.1, ..options };
            play(name, NoisyDqn::new(&env, options)?, seed, steps)
        }
        "c51" => {
            options.learning_rate = 1e-3.into();
            play(name, C51::new(&env, options, RANGE)?, seed, steps)
        }
        "qr" => play(name, QrDqn::new(&env, closer(options), 10)?, seed, steps),
        "rainbow" => {
            options.learning_rate = 1e-3.into();
            play(name, Rainbow::new(&env, options, RANGE)?, seed, steps)
        }
        "pqn" => play_many(name, PqnOptions { seed, ..PqnOptions::cart_pole() }, seed, steps),
        "lake" | "ice" => cross(name, seed),
        _ => {
            println!("no variant `{name}`; there are {NAMES:?}");
            Ok(())
        }
    }
}

fn main() -> Result<()> {
    let (mut names, mut seeds, mut first, mut steps) = (Vec::new(), 5, 0, 50_000);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|n| n.parse().ok()).unwrap_or(1);
        match arg.as_str() {
            "--seeds" => seeds = number(),
            "--first" => first = number(),
            "--steps" => steps = number(),
            name => names.push(name.to_owned()),
        }
    }
    if names.is_empty() {
        names = NAMES.map(str::to_owned).to_vec();
    }
    for name in names {
        for seed in first..first + seeds {
            run(&name, seed, steps)?;
        }
    }
    Ok(())
}
