//! Learns to cross a slippery lake from a table, says exactly how well, and shows it.
//!
//! `cargo run --release -p gradus --no-default-features --features gif --example frozen_lake`
//! writes `frozen_lake.gif` and `frozen_lake_values.ppm` to the directory of temporary files; with
//! `--features gif,plot` also `frozen_lake_curve.png` and `frozen_lake_values.png`.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use gradus::Result;
use gradus::agent::envs::FrozenLake;
use gradus::agent::render::{Recorder, value_map};
use gradus::agent::run::{Event, Run, Statistics, evaluate};
use gradus::agent::tabular::{QLearning, value_iteration};
use gradus::agent::{Agent, Env, Schedule};

const EPISODES: u64 = 10_000;

fn main() -> Result<()> {
    let mut env = FrozenLake::make(Default::default())?; // slippery, 4x4, 100 steps
    let mut agent = QLearning::new(&env, 0)?
        .alpha(Schedule::linear(0.1, 0.01, EPISODES))
        .epsilon(Schedule::linear(1.0, 0.05, EPISODES / 2));

    let (mut statistics, mut curve) = (Statistics::new(1000), Vec::new());
    for event in Run::new(&mut agent, &mut env, 0).episodes(EPISODES) {
        let event = event?;
        statistics.take(&event);
        if let Event::Episode(end) = event
            && end.episode % 1000 == 0
        {
            let rate = 100.0 * statistics.mean_reward();
            curve.push(rate);
            println!("episode {:6}: {rate:5.1}% of the last 1000 reached the goal", end.episode);
        }
    }

    let policy = agent.values().greedy();
    let exact = policy.expected_return(&env, 100)?;
    let best = value_iteration(&env, 1.0, 1e-15)?.policy.expected_return(&env, 100)?;
    let sampled = evaluate(&agent, &env, 1000, 7)?.mean();
    println!("\ngreedy success within 100 steps: {exact:.4} exact, {sampled:.3} in 1000 episodes");
    println!("the best policy that does not look at the clock: {best:.4}\n");
    for row in policy.actions().chunks(4) {
        let arrows: Vec<&str> = row.iter().map(|&action| ["←", "↓", "→", "↑"][action]).collect();
        println!("  {}", arrows.join(" "));
    }

    let mut recorder = Recorder::new(4);
    let (mut observation, _) = env.reset(3)?;
    recorder.add(&env);
    loop {
        let step = env.step(agent.best(&observation, None)?)?;
        recorder.add(&env);
        observation = step.observation;
        if step.done() {
            break;
        }
    }
    let dir = std::env::temp_dir();
    let (gif, map) = (dir.join("frozen_lake.gif"), dir.join("frozen_lake_values.ppm"));
    recorder.save(&gif)?;
    let picture = value_map(env.inner().desc(), agent.values());
    std::fs::write(&map, picture.to_ppm()).map_err(|error| gradus::Error::io(&map, error))?;
    draw(&dir, &curve, &picture)?;
    println!("\n{} pictures in {}, values in {}", recorder.len(), gif.display(), map.display());
    Ok(())
}

/// The learning curve and the map of values as PNG files.
#[cfg(feature = "plot")]
fn draw(dir: &std::path::Path, curve: &[f64], map: &gradus::agent::render::Picture) -> Result<()> {
    use gradus::plot::{curves, image_grid};
    let curve = curves(&[("success", curve)]).title("FrozenLake, slippery");
    let curve = curve.x_label("1000 episodes").y_label("% reached the goal");
    curve.draw()?.save(dir.join("frozen_lake_curve.png"))?;
    let plane = |c: usize| map.rgb().iter().skip(c).step_by(3).map(|&v| f32::from(v));
    let planes: Vec<f32> = (0..3).flat_map(plane).collect();
    let image = gradus::Tensor::from_vec(planes, [1, 3, map.height(), map.width()])?;
    let grid = image_grid(&image).columns(1).range(0.0, 255.0).scale(1);
    grid.draw()?.save(dir.join("frozen_lake_values.png"))
}

#[cfg(not(feature = "plot"))]
fn draw(_: &std::path::Path, _: &[f64], _: &gradus::agent::render::Picture) -> Result<()> {
    Ok(())
}
