//! The variants of DQN on CartPole: steps to a mean of 475, best, final score, time.
//!
//! `cargo run --release -p gradus-agent --no-default-features --features deep --example variants --
//! [NAME ...] [--seeds N] [--steps N]`. One line of JSON a run.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::time::{Duration, Instant};

use gradus_agent::deep::*;
use gradus_agent::envs::CartPole;
use gradus_agent::replay::PrioritizedOptions;
use gradus_agent::run::{Event, Run, evaluate};
use gradus_agent::{Agent, Result};

const NAMES: [&str; 9] =
    ["dqn", "double", "dueling", "per", "n_step", "noisy", "c51", "qr", "rainbow"];
/// Steps between evaluations, and greedy episodes of each.
const EVERY: u64 = 2_500;
const EPISODES: usize = 20;
const SOLVED: f64 = 475.0;
/// With γ 0.99 and a reward of 1 a step no return is larger.
const RANGE: [f64; 2] = [0.0, 100.0];

fn play(name: &str, mut agent: impl Agent<[f32; 4]>, seed: u64, steps: u64) -> Result<()> {
    let mut env = CartPole::make(Default::default());
    let fresh = env.clone();
    let begin = Instant::now();
    let mut away = Duration::ZERO;
    let (mut reached, mut best, mut last, mut updates) = (None, 0.0f64, 0.0, 0);
    let mut run = Run::new(&mut agent, &mut env, seed).steps(steps);
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

fn run(name: &str, seed: u64, steps: u64) -> Result<()> {
    let env = CartPole::make(Default::default());
    let mut options = DqnOptions { seed, ..DqnOptions::cart_pole() };
    match name {
        "dqn" => play(name, Dqn::new(&env, options)?, seed, steps),
        "double" => play(name, DoubleDqn::new(&env, options)?, seed, steps),
        "dueling" => play(name, DuelingDqn::new(&env, options)?, seed, steps),
        "per" => {
            // The paper divides the learning rate by four.
            options.learning_rate /= 4.0;
            options.prioritized = Some(PrioritizedOptions::default());
            play(name, Dqn::new(&env, options)?, seed, steps)
        }
        "n_step" => {
            options.n_steps = 3;
            play(name, Dqn::new(&env, options)?, seed, steps)
        }
        "noisy" => play(name, NoisyDqn::new(&env, options)?, seed, steps),
        "c51" => {
            options.learning_rate = 1e-3;
            play(name, C51::new(&env, options, RANGE)?, seed, steps)
        }
        "qr" => {
            options.learning_rate = 1e-3;
            play(name, QrDqn::new(&env, options, 25)?, seed, steps)
        }
        "rainbow" => {
            options.learning_rate = 1e-3;
            play(name, Rainbow::new(&env, options, RANGE)?, seed, steps)
        }
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
