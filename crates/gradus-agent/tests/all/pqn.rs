//! PQN: returns by hand, borders of episodes, saving in the middle.

use gradus_agent::deep::losses::lambda_returns;
use gradus_agent::deep::{Pqn, PqnOptions};
use gradus_agent::envs::*;
use gradus_agent::run::{Event, Run, VectorRun, evaluate, load_state, save_state};
use gradus_agent::vector::{AutoresetMode, SyncVectorEnv, ThreadedVectorEnv};
use gradus_agent::wrappers::{OneHot, TimeLimit};
use gradus_agent::{Error, Result, Schedule};

type Carts = SyncVectorEnv<TimeLimit<CartPole>>;

fn small(seed: u64) -> PqnOptions {
    PqnOptions {
        learning_rate: Schedule::linear(1e-3, 0.0, 1_000),
        num_envs: 3,
        num_steps: 10,
        num_minibatches: 2,
        update_epochs: 2,
        exploration: Schedule::linear(1.0, 0.1, 200),
        net_arch: vec![16],
        seed,
        ..PqnOptions::default()
    }
}

fn carts(mode: AutoresetMode) -> Carts {
    SyncVectorEnv::new(vec![CartPole::make(CartPoleOptions::default()); 3], mode)
}

fn agent(seed: u64) -> Result<Pqn<<CartPole as gradus_agent::Env>::ObservationSpace>> {
    Pqn::new(&CartPole::make(CartPoleOptions::default()), small(seed))
}

/// Two environments, three steps each, by the formula's recursion, once along each environment.
#[test]
fn returns_by_hand() -> Result<()> {
    let (gamma, lambda) = (0.9, 0.6);
    let rewards = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let values = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0];
    // The first environment ends at its second step, the second is cut there.
    let terminated = [false, false, true, false, false, false];
    let ended = [false, false, true, true, false, false];
    let returns = lambda_returns(&rewards, &values, (&terminated, &ended), 2, gamma, lambda)?;
    let (last_a, last_b) = (5.0 + 0.9 * 50.0, 6.0 + 0.9 * 60.0);
    let (middle_a, middle_b) = (3.0, 4.0 + 0.9 * 40.0);
    let first_a = 1.0 + 0.9 * (0.6 * middle_a + 0.4 * 10.0);
    let first_b = 2.0 + 0.9 * (0.6 * middle_b + 0.4 * 20.0);
    let expected = [first_a, first_b, middle_a, middle_b, last_a, last_b];
    for (value, expected) in returns.iter().zip(expected) {
        assert!((value - expected).abs() < 1e-5, "{returns:?}");
    }
    assert!(lambda_returns(&rewards, &values[1..], (&terminated, &ended), 2, 0.9, 0.6).is_err());
    Ok(())
}

#[test]
fn a_round_goes_on_exactly_where_it_was() -> Result<()> {
    let dir = tempfile::tempdir().map_err(|error| Error::io("temp", error))?;
    let path = dir.path().join("run.state");
    let (mut pqn, mut envs) = (agent(3)?, carts(AutoresetMode::SameStep));
    let mut run = VectorRun::new(&mut pqn, &mut envs, 5).steps(400);
    run.by_ref().take(200).collect::<Result<Vec<_>>>()?;
    save_state(&path, &run)?;
    let rest = run.collect::<Result<Vec<_>>>()?;
    assert!(rest.iter().any(|event| matches!(event, Event::Update { loss: Some(_), .. })));
    assert!(rest.len() > 200, "{} events", rest.len());

    let (mut pqn, mut envs) = (agent(99)?, carts(AutoresetMode::SameStep));
    let mut run = VectorRun::new(&mut pqn, &mut envs, 1).steps(400);
    run.by_ref().take(7).collect::<Result<Vec<_>>>()?;
    load_state(&path, &mut run)?;
    assert_eq!(run.collect::<Result<Vec<_>>>()?, rest);
    Ok(())
}

#[test]
fn threads_change_nothing() -> Result<()> {
    let (mut one, mut two) = (agent(3)?, agent(3)?);
    let mut sync = carts(AutoresetMode::SameStep);
    let envs = vec![CartPole::make(CartPoleOptions::default()); 3];
    let mut threaded = ThreadedVectorEnv::new(envs, AutoresetMode::SameStep, 2)?;
    let a: Vec<_> = VectorRun::new(&mut one, &mut sync, 0).steps(120).collect::<Result<_>>()?;
    let b: Vec<_> = VectorRun::new(&mut two, &mut threaded, 0).steps(120).collect::<Result<_>>()?;
    assert_eq!(a, b);
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() -> Result<()> {
    let (mut pqn, mut envs) = (agent(0)?, carts(AutoresetMode::NextStep));
    let mut run = VectorRun::new(&mut pqn, &mut envs, 0).steps(1_000);
    let error = run.find_map(Result::err).expect("another mode");
    assert!(error.to_string().contains("SameStep"), "{error}");
    let mut env = CartPole::make(CartPoleOptions::default());
    let error = Run::new(&mut pqn, &mut env, 0).steps(10).find_map(Result::err);
    assert!(error.expect("one environment for three").to_string().contains("num_envs"));
    let bad = [
        PqnOptions { num_minibatches: 0, ..small(0) },
        PqnOptions { q_lambda: 1.5, ..small(0) },
        PqnOptions { net_arch: vec![0], ..small(0) },
    ];
    assert!(bad.into_iter().all(|options| Pqn::new(&env, options).is_err()));
    Ok(())
}

/// With one environment an ordinary run trains it.
#[test]
fn pqn_crosses_the_dry_lake() -> Result<()> {
    let lake = FrozenLakeOptions { is_slippery: false, ..Default::default() };
    let mut env = OneHot::new(FrozenLake::make(lake)?)?;
    let fresh = env.clone();
    let options = PqnOptions {
        learning_rate: Schedule::linear(2e-3, 0.0, 20_000),
        num_envs: 1,
        exploration: Schedule::linear(1.0, 0.1, 12_000),
        net_arch: vec![32],
        ..PqnOptions::default()
    };
    let mut pqn = Pqn::new(&env, options)?;
    for event in Run::new(&mut pqn, &mut env, 0).steps(20_000) {
        event?;
    }
    assert_eq!(evaluate(&pqn, &fresh, 1, 0)?.mean(), 1.0);
    Ok(())
}
