//! A check of environments that users write.

use gradus_tensor::{Error, Result};

use super::Env;
use crate::persist::Source;
use crate::rng::Pcg64;
use crate::spaces::Space;

const OP: &str = "check_env";
/// Steps of each of the walks below.
const STEPS: usize = 200;
const SEED: u64 = 123;

/// Walks through an environment and reports the first thing that an agent would stumble over:
/// an observation outside its space, a reward that is no number, a step before a reset that goes
/// through, a seed that does not determine the episode, a state that does not survive saving.
/// Gymnasium: `utils.env_checker.check_env`.
///
/// ```
/// use gradus_agent::{check_env, envs::{CartPole, Taxi}};
/// check_env(&mut CartPole::new(Default::default()))?;
/// check_env(&mut Taxi::new(Default::default())?)?;
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Argument` that names what is wrong; whatever the environment reports.
pub fn check_env<E: Env>(env: &mut E) -> Result<()> {
    let first = walk(env, true)?;
    if walk(env, false)? != first {
        let found = "two walks that differ";
        return Err(Error::argument(OP, "reset(seed)", found, "one episode for one seed"));
    }
    saved(env)
}

/// What an agent sees on a walk.
type Seen<E> = Vec<(<E as Env>::Observation, u64, bool)>;

fn walk<E: Env>(env: &mut E, check_space: bool) -> Result<Seen<E>> {
    let mut actions = Pcg64::new(SEED);
    let (mut observation, _) = env.reset(SEED)?;
    let mut seen = vec![(observation.clone(), 0, false)];
    for number in 0..STEPS {
        if check_space && !env.observation_space().contains(&observation) {
            let value = format!("{observation:?} at step {number}");
            return Err(Error::argument(OP, "observation", value, "in the observation space"));
        }
        let step = env.step(env.action_space().sample(&mut actions))?;
        if !step.reward.is_finite() {
            let value = format!("{} at step {number}", step.reward);
            return Err(Error::argument(OP, "reward", value, "a finite number"));
        }
        let done = step.done();
        seen.push((step.observation.clone(), step.reward.to_bits(), done));
        observation = if done { env.reset(None)?.0 } else { step.observation };
    }
    Ok(seen)
}

/// Saves in the middle of an episode, goes on, and goes on again from what was saved.
fn saved<E: Env>(env: &mut E) -> Result<()> {
    let mut actions = Pcg64::new(SEED);
    env.reset(SEED)?;
    for _ in 0..3 {
        if env.step(env.action_space().sample(&mut actions))?.done() {
            env.reset(None)?;
        }
    }
    let mut bytes = Vec::new();
    env.save(&mut bytes)?;
    let on = |env: &mut E| -> Result<Seen<E>> {
        let mut actions = actions.clone();
        let mut seen = Vec::new();
        for _ in 0..STEPS {
            let step = env.step(env.action_space().sample(&mut actions))?;
            let done = step.done();
            seen.push((step.observation, step.reward.to_bits(), done));
            if done {
                env.reset(None)?;
            }
        }
        Ok(seen)
    };
    let first = on(env)?;
    let mut source = Source::new(&bytes);
    env.load(&mut source)?;
    source.finish()?;
    if on(env)? != first {
        let found = "another episode after loading";
        return Err(Error::argument(OP, "persist", found, "all that the future depends on"));
    }
    Ok(())
}
