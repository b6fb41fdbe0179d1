//! Environments, wrappers and vectors: errors, semantics, saving.

use gradus_agent::envs::*;
use gradus_agent::spaces::{BoxSpace, Space};
use gradus_agent::vector::{AutoresetMode, SyncVectorEnv, ThreadedVectorEnv, VectorEnv};
use gradus_agent::wrappers::*;
use gradus_agent::{Env, Info, Kind, Result, check_env, rng::Pcg64};

#[test]
fn every_environment_passes_the_check() -> Result<()> {
    check_env(&mut FrozenLake::make(FrozenLakeOptions::default())?)?;
    check_env(&mut CliffWalking::new(CliffWalkingOptions { is_slippery: true })?)?;
    check_env(&mut Taxi::make(TaxiOptions { fickle_passenger: true, ..Default::default() })?)?;
    check_env(&mut Blackjack::new(BlackjackOptions::default()))?;
    check_env(&mut CartPole::make(CartPoleOptions::default()))?;
    check_env(&mut MountainCar::make(MountainCarOptions::default()))?;
    check_env(&mut Acrobot::make())?;
    check_env(&mut Pendulum::make(PendulumOptions::default()))?;
    check_env(&mut Pendulum::discrete(PendulumOptions::default(), 5)?)
}

#[test]
fn every_wrapper_passes_the_check() -> Result<()> {
    let cart = || CartPole::make(CartPoleOptions::default());
    check_env(&mut RecordEpisodeStatistics::new(cart()))?;
    check_env(&mut OneHot::new(FrozenLake::make(FrozenLakeOptions::default())?)?)?;
    check_env(&mut OneHot::new(Blackjack::new(BlackjackOptions::default()))?)?;
    check_env(&mut FrameStack::new(cart(), 4)?)?;
    check_env(&mut ActionRepeat::new(cart(), 2)?)?;
    check_env(&mut ClipReward::new(cart(), 0.0, 0.5)?)?;
    check_env(&mut TransformReward::new(cart(), |r| r - 1.0))?;
    let space = BoxSpace::new([f32::NEG_INFINITY], [f32::INFINITY])?;
    check_env(&mut TransformObservation::new(cart(), space, |o: [f32; 4]| [o[0] + o[1]]))
}

/// An environment that does what a user's might.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Space,
    Reward,
    Seed,
    Saving,
}

#[derive(Debug)]
struct Faulty {
    fault: Fault,
    walk: CliffWalking,
    steps: u64,
}

impl gradus_agent::persist::Persist for Faulty {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        if self.fault != Fault::Saving {
            self.walk.save(out)?;
        }
        Ok(())
    }

    fn load(&mut self, from: &mut gradus_agent::persist::Source<'_>) -> Result<()> {
        if self.fault == Fault::Saving { Ok(()) } else { self.walk.load(from) }
    }
}

impl Env for Faulty {
    type Observation = i64;
    type Action = i64;
    type ObservationSpace = gradus_agent::spaces::Discrete;
    type ActionSpace = gradus_agent::spaces::Discrete;
    type Info = Probability;
    type Options = ();

    fn observation_space(&self) -> &Self::ObservationSpace {
        self.walk.observation_space()
    }

    fn action_space(&self) -> &Self::ActionSpace {
        self.walk.action_space()
    }

    fn reset_with(&mut self, seed: Option<u64>, (): &()) -> Result<(i64, Probability)> {
        let seed = if self.fault == Fault::Seed { None } else { seed };
        self.walk.reset(seed)
    }

    fn step(&mut self, action: i64) -> Result<gradus_agent::Step<i64, Probability>> {
        self.steps += 1;
        let mut step = self.walk.step(action)?;
        match self.fault {
            Fault::Space if self.steps == 7 => step.observation = 48,
            Fault::Reward if self.steps == 7 => step.reward = f64::NAN,
            _ => {}
        }
        Ok(step)
    }
}

#[test]
fn the_check_finds_what_is_wrong() -> Result<()> {
    for (fault, found) in [
        (Fault::Space, "observation is 48 at step 7"),
        (Fault::Reward, "reward is NaN at step 6"),
        (Fault::Seed, "one episode for one seed"),
        (Fault::Saving, "all that the future depends on"),
    ] {
        let walk = CliffWalking::new(CliffWalkingOptions { is_slippery: true })?;
        let error = check_env(&mut Faulty { fault, walk, steps: 0 }).expect_err("a fault");
        assert!(error.to_string().contains(found), "{fault:?}: {error}");
    }
    Ok(())
}

#[test]
fn wrong_calls_are_typed_errors() -> Result<()> {
    fn check<E: Env<Action = i64>>(mut env: E, outside: i64) -> Result<()> {
        let early = env.step(0).expect_err("no reset yet");
        assert!(matches!(early.kind(), Kind::Order { .. }), "{early}");
        env.reset(1)?;
        for action in [-1, outside] {
            let error = env.step(action).expect_err("no such action");
            assert!(matches!(error.kind(), Kind::Argument { name: "action", .. }), "{error}");
        }
        env.step(0).map(drop)
    }
    check(FrozenLake::make(FrozenLakeOptions::default())?, 4)?;
    check(CliffWalking::new(CliffWalkingOptions::default())?, 4)?;
    check(Taxi::make(TaxiOptions::default())?, 6)?;
    check(Blackjack::new(BlackjackOptions::default()), 2)?;
    check(CartPole::make(CartPoleOptions::default()), 2)?;
    check(MountainCar::make(MountainCarOptions::default()), 3)?;
    check(Acrobot::make(), 3)?;
    check(Pendulum::discrete(PendulumOptions::default(), 3)?, 3)?;

    let map = LakeMap::desc(["FF", "FG"]);
    assert!(FrozenLake::new(FrozenLakeOptions { map, ..Default::default() }).is_err());
    let map = LakeMap::desc(["SF", "G"]);
    assert!(FrozenLake::new(FrozenLakeOptions { map, ..Default::default() }).is_err());
    let success_rate = f64::NAN;
    assert!(FrozenLake::new(FrozenLakeOptions { success_rate, ..Default::default() }).is_err());
    assert!(generate_random_map(1, 0.5, 0).is_err() && generate_random_map(4, 0.0, 0).is_err());
    let bounds = ResetBounds { low: Some(1.0), high: Some(0.0) };
    assert!(CartPole::new(CartPoleOptions::default()).reset_with(None, &bounds).is_err());
    Ok(())
}

#[test]
fn every_environment_draws_a_picture() -> Result<()> {
    fn check<E: Env>(mut env: E) -> Result<()> {
        assert!(env.render().is_none(), "nothing yet");
        env.reset(3)?;
        let first = env.render().expect("a picture");
        let colours: std::collections::BTreeSet<_> = first.rgb().chunks(3).collect();
        assert!(colours.len() >= 3, "{} colours", colours.len());
        let mut rng = Pcg64::new(0);
        let moved = (0..20).any(|_| {
            env.step(env.action_space().sample(&mut rng)).is_ok()
                && env.render().is_some_and(|picture| picture != first)
        });
        assert!(moved, "the picture follows the state");
        Ok(())
    }
    check(FrozenLake::make(FrozenLakeOptions::default())?)?;
    check(CliffWalking::new(CliffWalkingOptions::default())?)?;
    check(Taxi::make(TaxiOptions::default())?)?;
    check(Blackjack::new(BlackjackOptions::default()))?;
    check(CartPole::make(CartPoleOptions::default()))?;
    check(MountainCar::make(MountainCarOptions::default()))?;
    check(Acrobot::make())?;
    check(Pendulum::make(PendulumOptions::default()))
}

#[test]
fn a_mask_says_what_changes_the_state() -> Result<()> {
    let mut env = Taxi::make(TaxiOptions::default())?;
    let (mut state, mut info) = env.reset(8)?;
    let mut rng = Pcg64::new(1);
    for _ in 0..300 {
        let mask = info.action_mask().expect("a mask").to_vec();
        let outcomes = env.inner().transitions();
        for (action, allowed) in mask.iter().enumerate() {
            let changes = outcomes.outcomes(state as usize, action)[0].next != state as usize;
            assert_eq!(*allowed, changes, "state {state}, action {action}");
        }
        let step = env.step(env.action_space().sample_allowed(&mask, &mut rng)?)?;
        (state, info) = if step.done() { env.reset(None)? } else { (step.observation, step.info) };
    }
    Ok(())
}

/// Steps two vectors of cart-poles and compares everything.
#[test]
fn threads_give_what_one_thread_gives() -> Result<()> {
    for mode in [AutoresetMode::NextStep, AutoresetMode::SameStep] {
        let envs = || (0..5).map(|_| CartPole::make(CartPoleOptions::default()));
        let mut sync = SyncVectorEnv::new(envs(), mode);
        let mut threaded = ThreadedVectorEnv::new(envs(), mode, 2)?;
        assert_eq!(sync.reset(Some(3))?, threaded.reset(Some(3))?);
        let mut rng = Pcg64::new(9);
        let mut ends = 0;
        for _ in 0..200 {
            let actions: Vec<i64> = (0..5).map(|_| rng.below(2) as i64).collect();
            let steps = sync.step(&actions)?;
            assert_eq!(steps, threaded.step(&actions)?);
            ends += steps.terminated.iter().filter(|&&t| t).count();
        }
        assert!(ends > 20, "{ends} episodes");
        assert!(sync.step(&[0]).is_err() && threaded.step(&[0]).is_err());
    }
    Ok(())
}

#[test]
fn an_error_of_one_environment_names_it_and_leaves_the_others_usable() -> Result<()> {
    let envs = (0..4).map(|_| CartPole::make(CartPoleOptions::default()));
    let mut envs = ThreadedVectorEnv::new(envs, AutoresetMode::NextStep, 2)?;
    envs.reset(Some(0))?;
    let error = envs.step(&[0, 0, 9, 0]).expect_err("no such action");
    assert!(error.to_string().ends_with("in environment 2"), "{error}");
    assert_eq!(envs.step(&[0; 4])?.rewards, [1.0; 4]);
    Ok(())
}

#[test]
fn the_modes_of_resetting_are_gymnasiums() -> Result<()> {
    let env = || CartPole::make(CartPoleOptions::default());
    // The lone environment falls after some pushes to one side.
    let mut lone = env();
    lone.reset(5)?;
    let last = loop {
        let step = lone.step(1)?;
        if step.terminated {
            break step.observation;
        }
    };
    let first = lone.reset(None)?.0;

    let run = |mode| -> Result<_> {
        let mut envs = SyncVectorEnv::new([env()], mode);
        envs.reset(Some(5))?;
        loop {
            let steps = envs.step(&[1])?;
            if steps.terminated[0] {
                return Ok((envs, steps));
            }
        }
    };
    let (mut envs, steps) = run(AutoresetMode::NextStep)?;
    assert_eq!((steps.observations[0], &steps.finals[0]), (last, &None));
    let next = envs.step(&[1])?;
    assert_eq!((next.observations[0], next.rewards[0], next.terminated[0]), (first, 0.0, false));

    let (_, steps) = run(AutoresetMode::SameStep)?;
    assert_eq!((steps.observations[0], steps.rewards[0]), (first, 1.0));
    assert_eq!(steps.finals[0].as_ref().map(|f| f.0), Some(last));

    let (mut envs, _) = run(AutoresetMode::Disabled)?;
    assert!(envs.step(&[1])?.terminated[0], "it lies there");
    assert_eq!(envs.reset_where(&[true])?, [Some(first)]);
    Ok(())
}

#[test]
fn composite_spaces_go_through_numbers() -> Result<()> {
    let env = Blackjack::new(BlackjackOptions::default());
    let space = env.observation_space();
    let flat = space.flatten(&(20, 10, 1));
    assert_eq!((flat.len(), flat.iter().sum::<f32>()), (32 + 11 + 2, 3.0));
    assert_eq!(space.unflatten(&flat)?, (20, 10, 1));
    assert!(space.unflatten(&flat[1..]).is_err());
    assert!(space.unflatten(&[0.0; 45]).is_err(), "no choice made");
    Ok(())
}
