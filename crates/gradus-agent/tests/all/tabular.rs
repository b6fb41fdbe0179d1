//! Tables: what they must reach, and updates by hand.

use gradus_agent::envs::*;
use gradus_agent::run::train;
use gradus_agent::tabular::*;
use gradus_agent::{Agent, Result, Schedule, Transition};

/// The slippery 4x4 lake, 10,000 episodes, 5 seeds: the exact success of the greedy policy within
/// 100 steps. The best stationary policy has 0.7402.
fn slippery<R: Rule>(
    make: impl Fn(&gradus_agent::wrappers::TimeLimit<FrozenLake>, u64) -> Result<TableAgent<R>>,
    least: f64,
) -> Result<()> {
    for seed in 0..5 {
        let mut env = FrozenLake::make(FrozenLakeOptions::default())?;
        let agent = make(&env, seed)?
            .alpha(Schedule::linear(0.1, 0.01, 10_000))
            .epsilon(Schedule::linear(1.0, 0.05, 5_000));
        let mut agent = agent;
        train(&mut agent, &mut env, 10_000)?;
        let success = agent.values().greedy().expected_return(&env, 100)?;
        assert!(success >= least, "seed {seed}: {success}");
    }
    Ok(())
}

#[test]
fn q_learning_on_ice() -> Result<()> {
    slippery(QLearning::new, 0.73)
}

#[test]
fn expected_sarsa_on_ice() -> Result<()> {
    slippery(ExpectedSarsa::new, 0.70)
}

#[test]
fn sarsa_on_ice() -> Result<()> {
    slippery(Sarsa::new, 0.70)
}

#[test]
fn double_q_on_ice() -> Result<()> {
    slippery(DoubleQ::new, 0.70)
}

/// The lake without slipping, at most 500 episodes, 5 seeds.
fn dry<R: Rule>(
    alpha: f64,
    make: impl Fn(&FrozenLake, u64) -> Result<TableAgent<R>>,
) -> Result<()> {
    for seed in 0..5 {
        let options = FrozenLakeOptions { is_slippery: false, ..Default::default() };
        let mut env = FrozenLake::make(options)?;
        let agent = make(env.inner(), seed)?;
        let mut agent = agent.alpha(alpha).epsilon(Schedule::linear(1.0, 0.05, 250));
        train(&mut agent, &mut env, 500)?;
        let name = std::any::type_name::<R>();
        let reached = agent.values().greedy().expected_return(&env, 100)?;
        assert_eq!(reached, 1.0, "{name}, seed {seed}");
    }
    Ok(())
}

#[test]
fn every_agent_crosses_the_dry_lake() -> Result<()> {
    dry(0.5, QLearning::new)?;
    dry(0.5, Sarsa::new)?;
    dry(0.5, ExpectedSarsa::new)?;
    dry(0.5, DoubleQ::new)?;
    // Four rewards of trials are noisier than one.
    dry(0.1, |env, seed| NStepSarsa::new(env, seed, 4))?;
    dry(0.5, |env, seed| QLambda::new(env, seed, 0.8))?;
    dry(0.5, |env, seed| DynaQ::new(env, seed, 10))
}

#[test]
fn softmax_and_ucb_explore_too() -> Result<()> {
    for exploration in [Exploration::softmax(0.05), Exploration::Ucb(0.5)] {
        let options = FrozenLakeOptions { is_slippery: false, ..Default::default() };
        let mut env = FrozenLake::make(options)?;
        let mut agent = QLearning::new(&env, 1)?.alpha(0.5).exploration(exploration);
        train(&mut agent, &mut env, 2_000)?;
        let reached = agent.values().greedy().expected_return(&env, 100)?;
        assert_eq!(reached, 1.0, "{exploration:?}");
    }
    Ok(())
}

#[test]
fn the_cliff_teaches_q_learning_the_short_way_and_sarsa_the_safe_one() -> Result<()> {
    let walk = || CliffWalking::new(CliffWalkingOptions::default());
    let mut env = walk()?;
    let mut q = QLearning::new(&env, 0)?.alpha(0.5).epsilon(0.1);
    let q_mean = train(&mut q, &mut env, 500)?;
    assert_eq!(q.values().greedy().expected_return(&env, 100)?, -13.0);
    let mut env = walk()?;
    let mut sarsa = Sarsa::new(&env, 0)?.alpha(0.5).epsilon(0.1);
    let sarsa_mean = train(&mut sarsa, &mut env, 500)?;
    assert!(sarsa.values().greedy().expected_return(&env, 100)? < -13.0, "further from the edge");
    assert!(sarsa_mean > q_mean, "while it still tries, safety pays: {sarsa_mean}, {q_mean}");
    Ok(())
}

/// Sutton & Barto's remark that planning spares experience.
#[test]
fn dreaming_needs_fewer_steps() -> Result<()> {
    let steps = |planning| -> Result<f64> {
        let mut env = CliffWalking::new(CliffWalkingOptions::default())?;
        let mut agent = DynaQ::new(&env, 3, planning)?.alpha(0.5);
        train(&mut agent, &mut env, 30)
    };
    assert!(steps(50)? > steps(0)?);
    Ok(())
}

#[test]
fn planning_finds_the_known_values() -> Result<()> {
    let lake = |map, is_slippery| {
        FrozenLake::new(FrozenLakeOptions { map, is_slippery, ..Default::default() })
    };
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-4, "{a}, expected {b}");
    let small = lake(LakeMap::FourByFour, true)?;
    for (gamma, value) in [(1.0, 0.82353), (0.99, 0.54203), (0.9, 0.06889)] {
        close(value_iteration(&small, gamma, 1e-13)?.values[0], value);
    }
    let by_policy = policy_iteration(&small, 0.99, 1e-13)?;
    close(by_policy.values[0], 0.54203);
    let undiscounted = value_iteration(&small, 1.0, 1e-15)?.policy;
    close(undiscounted.expected_return(&small, 100)?, 0.7402);
    close(finite_horizon(&small, 100)[0], 0.7442);
    let large = lake(LakeMap::EightByEight, true)?;
    close(value_iteration(&large, 0.99, 1e-13)?.values[0], 0.41464);
    close(finite_horizon(&large, 200)[0], 0.9132);
    let dry = value_iteration(&lake(LakeMap::FourByFour, false)?, 0.99, 1e-13)?;
    close(dry.values[0], 0.95099);
    close(value_iteration(&lake(LakeMap::EightByEight, false)?, 0.99, 0.0)?.values[0], 0.87752);
    assert!(value_iteration(&small, 1.5, 1e-9).is_err());
    assert!(Policy::new(vec![0; 3]).expected_return(&small, 1).is_err());
    Ok(())
}

/// A transition of the lake: 14, right, to the goal.
fn goal<'a>(reward: f64, next: &'a i64, terminated: bool) -> Transition<'a, i64> {
    let (observation, action, next_observation) = (&14, 2, next);
    let (truncated, next_mask) = (false, None);
    Transition { observation, action, reward, next_observation, terminated, truncated, next_mask }
}

#[test]
fn nothing_follows_the_end_but_something_follows_a_limit() -> Result<()> {
    let env = FrozenLake::new(FrozenLakeOptions::default())?;
    let mut agent = QLearning::new(&env, 0)?.alpha(0.5).gamma(0.9);
    agent.observe(&goal(1.0, &15, true))?;
    assert_eq!(agent.values().get(14, 2), 0.5);
    // A value that no mask hides would now be bootstrapped from.
    agent.observe(&goal(0.0, &14, true))?;
    assert_eq!(agent.values().get(14, 2), 0.25);
    let cut = Transition { truncated: true, ..goal(0.0, &14, false) };
    agent.observe(&cut)?;
    assert_eq!(agent.values().get(14, 2), 0.25 + 0.5 * (0.9 * 0.25 - 0.25));
    let masked = [true, true, false, true];
    agent.observe(&Transition { next_mask: Some(&masked), ..goal(1.0, &14, false) })?;
    let before = 0.25 + 0.5 * (0.9 * 0.25 - 0.25);
    assert_eq!(agent.values().get(14, 2), before + 0.5 * (1.0 - before), "2 is not allowed there");
    assert_eq!(agent.episodes(), 3);
    let mut agent = QLearning::new(&env, 0)?.alpha(0.5).gamma(0.9).terminal_mask(false);
    agent.observe(&goal(1.0, &14, true))?;
    agent.observe(&goal(1.0, &14, true))?;
    assert_eq!(agent.values().get(14, 2), 0.5 + 0.5 * (1.0 + 0.9 * 0.5 - 0.5));
    assert_eq!(agent.episodes(), 2);
    Ok(())
}

#[test]
fn n_rewards_count_by_hand() -> Result<()> {
    let env = FrozenLake::new(FrozenLakeOptions::default())?;
    let mut agent = NStepSarsa::new(&env, 0, 2)?.alpha(1.0).gamma(0.5).epsilon(0.0);
    let step = |s: &'static i64, n: &'static i64, reward, terminated| Transition {
        observation: s,
        action: 1,
        next_observation: n,
        ..goal(reward, n, terminated)
    };
    agent.observe(&step(&0, &4, 1.0, false))?;
    agent.observe(&step(&4, &8, 2.0, false))?;
    agent.act(&8, None)?; // two rewards are there: 1 + 0.5 * 2 + 0.25 * 0
    assert_eq!(agent.values().get(0, 1), 2.0);
    agent.observe(&step(&8, &12, 4.0, true))?;
    assert_eq!(agent.values().get(4, 1), 2.0 + 0.5 * 4.0);
    assert_eq!(agent.values().get(8, 1), 4.0);
    Ok(())
}

#[test]
fn ties_are_broken_by_the_seed() -> Result<()> {
    let env = FrozenLake::new(FrozenLakeOptions::default())?;
    let draw = |seed| -> Result<Vec<i64>> {
        let mut agent = QLearning::new(&env, seed)?.epsilon(0.0);
        (0..40).map(|_| agent.act(&0, None)).collect()
    };
    let first = draw(1)?;
    assert_eq!(first, draw(1)?);
    assert_ne!(first, draw(2)?);
    assert!((0..4).all(|action| first.contains(&action)), "all are equally good");
    Ok(())
}
