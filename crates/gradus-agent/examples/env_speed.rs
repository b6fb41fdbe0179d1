//! How fast environments step on one core: `cargo run --release -p gradus-agent --example
//! env_speed`. One line of JSON an environment.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::hint::black_box;
use std::time::Instant;

use gradus_agent::envs::*;
use gradus_agent::spaces::Space;
use gradus_agent::tabular::QLearning;
use gradus_agent::{Env, Result, rng::Pcg64, run::train};

/// Steps with actions drawn before; resets where episodes end.
fn run<E: Env>(name: &str, mut env: E, steps: usize) -> Result<()> {
    let mut rng = Pcg64::new(0);
    let actions: Vec<E::Action> = (0..4096).map(|_| env.action_space().sample(&mut rng)).collect();
    env.reset(0)?;
    let mut best = 0.0f64;
    for _ in 0..3 {
        let begin = Instant::now();
        for i in 0..steps {
            let step = black_box(env.step(actions[i % actions.len()].clone())?);
            if step.done() {
                black_box(env.reset(None)?);
            }
        }
        best = best.max(steps as f64 / begin.elapsed().as_secs_f64());
    }
    println!("{{\"env\": \"{name}\", \"steps_per_second\": {best:.0}}}");
    Ok(())
}

fn main() -> Result<()> {
    run("FrozenLake slippery", FrozenLake::make(FrozenLakeOptions::default())?, 20_000_000)?;
    let dry = FrozenLakeOptions { is_slippery: false, ..Default::default() };
    run("FrozenLake", FrozenLake::make(dry)?, 20_000_000)?;
    run("CliffWalking", CliffWalking::new(CliffWalkingOptions::default())?, 20_000_000)?;
    run("Taxi", Taxi::make(TaxiOptions::default())?, 10_000_000)?;
    run("Blackjack", Blackjack::new(BlackjackOptions::default()), 10_000_000)?;
    run("CartPole", CartPole::make(CartPoleOptions::default()), 10_000_000)?;
    run("MountainCar", MountainCar::make(MountainCarOptions::default()), 10_000_000)?;
    run("Acrobot", Acrobot::make(), 2_000_000)?;
    run("Pendulum", Pendulum::discrete(PendulumOptions::default(), 5)?, 10_000_000)?;

    let mut env = FrozenLake::make(FrozenLakeOptions::default())?;
    let mut agent = QLearning::new(&env, 0)?;
    let begin = Instant::now();
    train(&mut agent, &mut env, 200_000)?;
    let seconds = begin.elapsed().as_secs_f64();
    println!("{{\"agent\": \"QLearning\", \"episodes_per_second\": {:.0}}}", 200_000.0 / seconds);
    Ok(())
}
