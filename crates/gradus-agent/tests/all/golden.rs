//! Gymnasium's own traces, step by step: `tests/golden/generate.py` made them.

use gradus_agent::envs::*;
use gradus_agent::rng::Pcg64;
use gradus_agent::spaces::{BoxSpace, Discrete, MultiBinary, MultiDiscrete, Space};
use gradus_agent::wrappers::TimeLimit;
use gradus_agent::{Env, Result};
use gradus_io::npz_from_bytes;
use gradus_tensor::Array;

/// The arrays of the file.
fn arrays() -> impl Fn(&str) -> Array {
    let bytes = include_bytes!("../golden/traces.npz");
    let all = npz_from_bytes("traces.npz", bytes).expect("a readable file");
    move |name| {
        all.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("no `{name}`")).1.clone()
    }
}

/// How an observation is stored, and how far it may be from Gymnasium's.
trait Seen {
    fn check(&self, expected: &[f64], place: &str);
}

impl Seen for i64 {
    fn check(&self, expected: &[f64], place: &str) {
        assert_eq!(*self as f64, expected[0], "{place}");
    }
}

impl Seen for (i64, i64, i64) {
    fn check(&self, expected: &[f64], place: &str) {
        assert_eq!([self.0, self.1, self.2].map(|v| v as f64), expected, "{place}");
    }
}

impl<const N: usize> Seen for [f32; N] {
    /// To the last bit with the C library that made the traces. Others differ in the last bits of
    /// sines, which rarely survive the rounding to single precision.
    fn check(&self, expected: &[f64], place: &str) {
        for (own, expected) in self.iter().zip(expected) {
            let expected = *expected as f32;
            let apart = own.to_bits().abs_diff(expected.to_bits());
            let most = if cfg!(all(target_os = "linux", target_env = "gnu")) { 0 } else { 1 };
            assert!(apart <= most, "{place}: {self:?}, expected {expected}");
        }
    }
}

fn rows(array: &Array) -> (Vec<f64>, usize) {
    let width = array.shape().dims().get(1).copied().unwrap_or(1);
    let values = match array.dtype() {
        gradus_tensor::DType::F32 => {
            array.to_vec::<f32>().expect("f32").into_iter().map(f64::from).collect()
        }
        gradus_tensor::DType::F64 => array.to_vec::<f64>().expect("f64"),
        _ => array.to_vec::<i64>().expect("i64").into_iter().map(|v| v as f64).collect(),
    };
    (values, width)
}

/// Replays every trace of a case.
fn replay<E>(name: &str, mut env: E) -> Result<()>
where
    E: Env<Action = i64>,
    E::Observation: Seen,
{
    let array = arrays();
    for number in 0..3 {
        let get = |key: &str| array(&format!("{name}/{number}/{key}"));
        let seed = get("seed").to_vec::<f64>()?[0] as u64;
        let actions = get("actions").to_vec::<i64>()?;
        let (observations, width) = rows(&get("observations"));
        let (rewards, flags) = (get("rewards").to_vec::<f64>()?, get("flags").to_vec::<i64>()?);
        let mut expected = observations.chunks(width);
        let mut next = || expected.next().expect("an observation");
        env.reset(seed)?.0.check(next(), &format!("{name} {number} reset"));
        for (i, action) in actions.into_iter().enumerate() {
            let place = format!("{name} {number} step {i}");
            let step = env.step(action)?;
            step.observation.check(next(), &place);
            let apart = (step.reward - rewards[i]).abs();
            // The pendulum's cost is a sum of squares, which NumPy takes with `pow`.
            assert!(apart <= 4.0 * f64::EPSILON * rewards[i].abs(), "{place}: {}", step.reward);
            let flag = i64::from(step.terminated) + 2 * i64::from(step.truncated);
            assert_eq!(flag, flags[i], "{place}");
            if step.done() {
                env.reset(None)?.0.check(next(), &format!("{place}, reset"));
            }
        }
        assert!(expected.next().is_none(), "{name} {number}: all observations were compared");
    }
    Ok(())
}

/// The table of transitions, entry by entry and bit by bit.
fn table(name: &str, env: &impl Tabular) {
    let (expected, width) = rows(&arrays()(&format!("{name}/table")));
    let law = env.transitions();
    let mut expected = expected.chunks(width);
    for state in 0..law.states() {
        for action in 0..law.actions() {
            for o in law.outcomes(state, action) {
                let terminated = f64::from(o.terminated);
                let own = [
                    state as f64,
                    action as f64,
                    o.probability,
                    o.next as f64,
                    o.reward,
                    terminated,
                ];
                assert_eq!(expected.next().expect("an entry"), own, "{name}");
            }
        }
    }
    assert!(expected.next().is_none(), "{name}");
}

fn both<E: Tabular>(name: &str, env: E) -> Result<()> {
    table(name, &env);
    replay(name, env)
}

#[test]
fn frozen_lake() -> Result<()> {
    both("frozen_lake", FrozenLake::make(FrozenLakeOptions::default())?)?;
    let map = LakeMap::EightByEight;
    both("frozen_lake_8x8", FrozenLake::make(FrozenLakeOptions { map, ..Default::default() })?)?;
    let dry = FrozenLakeOptions { is_slippery: false, ..Default::default() };
    both("frozen_lake_dry", FrozenLake::make(dry)?)?;
    let options = FrozenLakeOptions {
        map: LakeMap::desc(["SFHF", "FFFS", "HFFG"]),
        success_rate: 0.7,
        reward_schedule: [10.0, -3.0, -1.0],
        ..Default::default()
    };
    both("frozen_lake_options", FrozenLake::make(options)?)
}

#[test]
fn cliff_walking() -> Result<()> {
    let make = |is_slippery| CliffWalking::new(CliffWalkingOptions { is_slippery });
    both("cliff", TimeLimit::new(make(false)?, 100))?;
    both("cliff_slippery", TimeLimit::new(make(true)?, 100))
}

#[test]
fn taxi() -> Result<()> {
    both("taxi", Taxi::make(TaxiOptions::default())?)?;
    let rainy = TaxiOptions { is_rainy: true, ..Default::default() };
    both("taxi_rainy", Taxi::make(rainy)?)?;
    let fickle = TaxiOptions {
        fickle_passenger: true,
        rainy_probability: 0.6,
        fickle_probability: 0.9,
        ..rainy
    };
    both("taxi_fickle", Taxi::make(fickle)?)
}

#[test]
fn blackjack() -> Result<()> {
    replay("blackjack", Blackjack::new(BlackjackOptions::default()))?;
    replay("blackjack_natural", Blackjack::new(BlackjackOptions { natural: true, sab: false }))
}

#[test]
fn control() -> Result<()> {
    replay("cart_pole", CartPole::make(CartPoleOptions::default()))?;
    replay("cart_pole_book", CartPole::make(CartPoleOptions { sutton_barto_reward: true }))?;
    replay("mountain_car", MountainCar::make(MountainCarOptions::default()))?;
    replay("acrobot", Acrobot::make())?;
    replay("pendulum", Pendulum::discrete(PendulumOptions::default(), 7)?)
}

#[test]
fn random_maps() -> Result<()> {
    let array = arrays();
    for size in [4, 6, 8] {
        for seed in 0..5 {
            let letters = array(&format!("map/{size}/{seed}")).to_vec::<u8>()?;
            let own = generate_random_map(size, 0.7, seed)?.concat();
            assert_eq!(own.into_bytes(), letters, "size {size}, seed {seed}");
        }
    }
    Ok(())
}

#[test]
fn draws_of_spaces() -> Result<()> {
    let array = arrays();
    let check = |name: &str, draw: &mut dyn FnMut() -> Vec<f64>| {
        let (expected, width) = rows(&array(&format!("space/{name}")));
        for row in expected.chunks(width) {
            assert_eq!(draw(), row, "{name}");
        }
    };
    let mut rng = Pcg64::new(11);
    let space = Discrete::with_start(7, -3)?;
    check("discrete", &mut || vec![space.sample(&mut rng) as f64]);
    let mut rng = Pcg64::new(11);
    let space = BoxSpace::new([-1.0, 0.0, 5.0], [1.0, 2.0, 9.0])?;
    check("box", &mut || space.sample(&mut rng).map(f64::from).to_vec());
    let mut rng = Pcg64::new(11);
    let space = MultiDiscrete::new([3, 5, 11])?;
    check("multi_discrete", &mut || space.sample(&mut rng).iter().map(|&v| v as f64).collect());
    let mut rng = Pcg64::new(11);
    let space = MultiBinary::new(6);
    check("multi_binary", &mut || space.sample(&mut rng).iter().map(|&v| f64::from(v)).collect());
    let mut rng = Pcg64::new(5);
    let (space, mask) = (Discrete::new(6)?, [false, true, false, true, true, false]);
    check("masked", &mut || vec![space.sample_allowed(&mask, &mut rng).expect("a mask") as f64]);
    Ok(())
}

#[test]
fn texts_for_terminals() -> Result<()> {
    let array = arrays();
    let check = |name: &str, text: String| {
        let expected = array(&format!("text/{name}")).to_vec::<u8>().expect("bytes");
        assert_eq!(text, String::from_utf8_lossy(&expected), "{name}");
    };
    fn shown<E: Env<Action = i64>>(mut env: E, seed: u64, actions: [i64; 2]) -> Result<String> {
        env.reset(seed)?;
        let mut text = env.render_text().expect("a text");
        for action in actions {
            env.step(action)?;
            text += &env.render_text().expect("a text");
        }
        Ok(text)
    }
    let lake = FrozenLake::new(FrozenLakeOptions::default())?;
    check("frozen_lake", shown(lake, 3, [1, 2])?);
    check("cliff", shown(CliffWalking::new(CliffWalkingOptions::default())?, 0, [0, 1])?);
    check("taxi", shown(Taxi::new(TaxiOptions::default())?, 4, [0, 4])?);
    Ok(())
}
