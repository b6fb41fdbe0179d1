//! DQN balances a pole: a training as a sequence of events, evaluated on the way, the best agent
//! kept and filmed.
//!
//! `cargo run --release -p gradus --no-default-features --features gif --example cart_pole --
//! [STEPS]` writes to the directory `gradus_cart_pole` among temporary files.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::fs;

use gradus::agent::deep::{Dqn, DqnOptions};
use gradus::agent::envs::CartPole;
use gradus::agent::render::Recorder;
use gradus::agent::run::{
    BestKeeper, CsvLog, Event, ProgressBar, Run, TensorBoardLog, evaluate, load_state,
};
use gradus::agent::{Agent, Env};
use gradus::{Error, Result};

const EVERY: u64 = 2_500;
const EPISODES: usize = 20;

fn main() -> Result<()> {
    let steps = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(50_000);
    let dir = std::env::temp_dir().join("gradus_cart_pole");
    fs::create_dir_all(&dir).map_err(|error| Error::io(&dir, error))?;

    let mut env = CartPole::make(Default::default());
    let fresh = env.clone();
    let mut agent = Dqn::new(&env, DqnOptions::cart_pole())?;
    let mut bar = ProgressBar::new(steps);
    let mut csv = CsvLog::create(dir.join("episodes.csv"))?;
    let mut board = TensorBoardLog::create(dir.join("logs"))?;
    let mut best = BestKeeper::new(dir.join("best.state"));

    let mut run = Run::new(&mut agent, &mut env, 0).steps(steps);
    while let Some(event) = run.next() {
        let event = event?;
        bar.take(&event);
        csv.take(&event)?;
        board.take(&event)?;
        if let Event::Step { step, .. } = event
            && step % EVERY == 0
        {
            let score = evaluate(run.agent(), &fresh, EPISODES, 10_000)?;
            board.scalar(step, "evaluation/reward", score.mean())?;
            if best.offer(score.mean(), run.agent())? {
                println!(
                    "step {step:6}: {:.1} ± {:.1}, the best so far",
                    score.mean(),
                    score.std()
                );
            }
        }
    }
    bar.finish();
    csv.flush()?;
    board.flush()?;

    load_state(best.path(), &mut agent)?;
    let mut recorder = Recorder::new(25);
    let mut env = fresh;
    let (mut observation, ()) = env.reset(1)?;
    for number in 0..250 {
        if number % 2 == 0 {
            recorder.add(&env);
        }
        let step = env.step(agent.best(&observation, None)?)?;
        observation = step.observation;
        if step.done() {
            break;
        }
    }
    recorder.save(dir.join("cart_pole.gif"))?;
    println!("film, logs and the best agent are in {}", dir.display());
    Ok(())
}
