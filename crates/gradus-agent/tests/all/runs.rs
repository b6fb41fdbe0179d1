//! Runs and what listens to them.

use gradus_agent::envs::*;
use gradus_agent::run::*;
use gradus_agent::tabular::QLearning;
use gradus_agent::wrappers::RecordEpisodeStatistics;
use gradus_agent::{Agent, Env, Error, Result};

fn temp() -> Result<tempfile::TempDir> {
    tempfile::tempdir().map_err(|error| Error::io("temp", error))
}

#[test]
fn events_come_in_order_and_add_up() -> Result<()> {
    let mut env = RecordEpisodeStatistics::new(FrozenLake::make(FrozenLakeOptions::default())?);
    let mut agent = QLearning::new(&env, 0)?;
    let (mut step, mut reward, mut length, mut returns) = (0, 0.0, 0, Vec::new());
    for event in Run::new(&mut agent, &mut env, 4).episodes(150) {
        match event? {
            Event::Step { step: s, reward: r } => {
                assert_eq!(s, step + 1);
                (step, reward, length) = (s, reward + r, length + 1);
            }
            Event::Update { step: s, updates, loss } => {
                assert_eq!((s, updates), (step, 1));
                assert!(loss.is_some_and(|loss| loss >= 0.0));
            }
            Event::Episode(end) => {
                assert_eq!((end.step, end.reward, end.length), (step, reward, length));
                assert_eq!(end.episode, returns.len() as u64 + 1);
                returns.push(end.reward);
                (reward, length) = (0.0, 0);
            }
        }
    }
    assert_eq!((returns.len(), env.episodes()), (150, 150));
    assert_eq!(env.returns(), &returns[50..], "the wrapper keeps the last 100");
    Ok(())
}

#[test]
fn logs_say_what_happened() -> Result<()> {
    let dir = temp()?;
    let path = dir.path().join("episodes.csv");
    let mut env = CliffWalking::new(CliffWalkingOptions::default())?;
    let mut agent = QLearning::new(&env, 0)?;
    let (mut log, mut statistics) = (CsvLog::create(&path)?, Statistics::new(5));
    for event in Run::new(&mut agent, &mut env, 0).episodes(20) {
        let event = event?;
        log.take(&event)?;
        statistics.take(&event);
    }
    log.flush()?;
    let text = String::from_utf8(gradus_io::read_file(&path)?).expect("text");
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines[0], ["step", "episode", "reward", "length", "terminated", "loss"]);
    assert_eq!(lines.len(), 21);
    let rewards: Vec<f64> = lines[16..].iter().map(|l| l[2].parse().expect("number")).collect();
    assert_eq!(statistics.mean_reward(), rewards.iter().sum::<f64>() / 5.0);
    let steps: u64 = lines[1..].iter().map(|l| l[3].parse::<u64>().expect("number")).sum();
    assert_eq!(steps.to_string(), lines[20][0]);
    Ok(())
}

#[cfg(feature = "deep")]
#[test]
fn tensorboard_gets_every_episode() -> Result<()> {
    let dir = temp()?;
    let mut env = FrozenLake::make(FrozenLakeOptions::default())?;
    let mut agent = QLearning::new(&env, 0)?;
    let mut log = TensorBoardLog::create(dir.path())?;
    for event in Run::new(&mut agent, &mut env, 0).episodes(7) {
        log.take(&event?)?;
    }
    log.scalar(99, "evaluation/reward", 0.5)?;
    log.flush()?;
    let file = std::fs::read_dir(dir.path()).expect("a directory").next().expect("a file");
    let events = gradus_train::read_events(file.expect("readable").path())?;
    let tags: Vec<&str> =
        events.iter().flat_map(|e| &e.values).map(|(tag, _)| tag.as_str()).collect();
    assert_eq!(tags.iter().filter(|tag| **tag == "episode/reward").count(), 7);
    assert_eq!(
        (tags.last(), events.last().map(|e| e.step)),
        (Some(&"evaluation/reward"), Some(99))
    );
    Ok(())
}

#[test]
fn the_best_is_kept() -> Result<()> {
    let dir = temp()?;
    let mut env = FrozenLake::make(FrozenLakeOptions::default())?;
    let mut agent = QLearning::new(&env, 0)?;
    let mut best = BestKeeper::new(dir.path().join("best.state"));
    assert!(!best.offer(f64::NAN, &agent)?);
    assert!(best.offer(0.5, &agent)? && !best.offer(0.5, &agent)?);
    train(&mut agent, &mut env, 200)?;
    assert!(!best.offer(0.1, &agent)?, "it became worse");
    assert!(agent.values().values().iter().any(|&v| v > 0.0));
    load_state(best.path(), &mut agent)?;
    assert!(agent.values().values().iter().all(|&v| v == 0.0), "the one of before");
    assert_eq!(best.best(), Some(0.5));
    Ok(())
}

#[test]
fn judging_changes_neither_agent_nor_environment() -> Result<()> {
    let (mut env, mut agent) = {
        let env = Taxi::make(TaxiOptions::default())?;
        let agent = QLearning::new(&env, 0)?;
        (env, agent)
    };
    train(&mut agent, &mut env, 300)?;
    let bytes = |agent: &QLearning, env: &_| {
        use gradus_agent::persist::Persist;
        let mut out = Vec::new();
        agent.save(&mut out)?;
        Persist::save(env, &mut out)?;
        Ok::<_, Error>(out)
    };
    let before = bytes(&agent, &env)?;
    let first = evaluate(&agent, &env, 10, 3)?;
    assert_eq!(first, evaluate(&agent, &env, 10, 3)?);
    assert_eq!(bytes(&agent, &env)?, before);
    assert_eq!(first.returns.len(), 10);
    // Side by side or one after another: the same episodes.
    for (i, expected) in first.returns.iter().enumerate() {
        let mut alone = env.clone();
        let (mut observation, mut info) = alone.reset(3 + i as u64)?;
        let mut reward = 0.0;
        loop {
            let step = alone.step(agent.best(&observation, Some(&info.action_mask))?)?;
            (observation, info, reward) = (step.observation, step.info, reward + step.reward);
            if step.terminated || step.truncated {
                break;
            }
        }
        assert_eq!(reward, *expected);
    }
    Ok(())
}
