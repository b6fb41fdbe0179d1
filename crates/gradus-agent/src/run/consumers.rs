//! Consumers of events that need nothing but the standard library.

use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};

use gradus_tensor::{Error, Result};

use super::checkpoint::save_state;
use super::event::{EpisodeEnd, Event};
use crate::persist::Persist;

/// Moving means over the last episodes.
///
/// ```
/// use gradus_agent::{envs::CartPole, run::{Run, Statistics}};
/// # use gradus_agent::{envs::FrozenLake, tabular::QLearning};
/// # let mut env = FrozenLake::make(Default::default())?;
/// # let mut agent = QLearning::new(&env, 0)?;
/// let mut statistics = Statistics::new(100);
/// for event in Run::new(&mut agent, &mut env, 0).episodes(200) {
///     statistics.take(&event?);
/// }
/// assert_eq!((statistics.episodes(), statistics.window().len()), (200, 100));
/// let success_rate = statistics.mean_reward();
/// assert!((0.0..=1.0).contains(&success_rate));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Statistics {
    size: usize,
    last: VecDeque<EpisodeEnd>,
    episodes: u64,
    updates: u64,
    loss: Option<f64>,
}

impl Statistics {
    /// Over so many episodes, at least 1.
    pub fn new(size: usize) -> Self {
        let last = VecDeque::new();
        Statistics { size: size.max(1), last, episodes: 0, updates: 0, loss: None }
    }

    /// Takes an event in.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Step { .. } => {}
            Event::Update { updates, loss, .. } => {
                self.updates += *updates as u64;
                self.loss = loss.or(self.loss);
            }
            Event::Episode(end) => {
                if self.last.len() == self.size {
                    self.last.pop_front();
                }
                self.last.push_back(*end);
                self.episodes += 1;
            }
        }
    }

    /// Episodes that ended.
    pub fn episodes(&self) -> u64 {
        self.episodes
    }

    /// Updates that were done.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The loss of the last update.
    pub fn loss(&self) -> Option<f64> {
        self.loss
    }

    /// The last episodes, oldest first.
    pub fn window(&self) -> &VecDeque<EpisodeEnd> {
        &self.last
    }

    fn mean(&self, f: impl Fn(&EpisodeEnd) -> f64) -> f64 {
        self.last.iter().map(f).sum::<f64>() / self.last.len() as f64
    }

    /// The mean return of the last episodes; NaN before the first. Where the only reward is 1 at
    /// the goal, it is the success rate.
    pub fn mean_reward(&self) -> f64 {
        self.mean(|end| end.reward)
    }

    /// The mean length of the last episodes.
    pub fn mean_length(&self) -> f64 {
        self.mean(|end| end.length as f64)
    }
}

/// A CSV file with a line for every episode: `step,episode,reward,length,terminated,loss`.
#[derive(Debug)]
pub struct CsvLog {
    path: PathBuf,
    file: std::io::BufWriter<std::fs::File>,
    loss: Option<f64>,
}

impl CsvLog {
    /// To this file, which is overwritten.
    ///
    /// # Errors
    /// `Kind::Io`.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let file = std::fs::File::create(&path).map_err(|error| Error::io(&path, error))?;
        let mut log = CsvLog { path, file: std::io::BufWriter::new(file), loss: None };
        log.line("step,episode,reward,length,terminated,loss")?;
        Ok(log)
    }

    fn line(&mut self, line: &str) -> Result<()> {
        writeln!(self.file, "{line}").map_err(|error| Error::io(&self.path, error))
    }

    /// Takes an event in.
    ///
    /// # Errors
    /// `Kind::Io`.
    pub fn take(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::Step { .. } => Ok(()),
            Event::Update { loss, .. } => {
                self.loss = loss.or(self.loss);
                Ok(())
            }
            Event::Episode(end) => {
                let EpisodeEnd { step, episode, reward, length, terminated } = end;
                let loss = self.loss.map_or_else(|| "NA".to_owned(), |loss| loss.to_string());
                self.line(&format!("{step},{episode},{reward},{length},{terminated},{loss}"))
            }
        }
    }

    /// Writes out what is held back.
    ///
    /// # Errors
    /// `Kind::Io`.
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(|error| Error::io(&self.path, error))
    }
}

/// Keeps the best of what it is shown, as a file.
///
/// A run may end worse than it was: networks that learn from themselves collapse.
#[derive(Clone, Debug)]
pub struct BestKeeper {
    path: PathBuf,
    best: Option<f64>,
}

impl BestKeeper {
    /// In this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        BestKeeper { path: path.into(), best: None }
    }

    /// Keeps `value` if its score is better than all before, NaN never being so; whether it was.
    ///
    /// # Errors
    /// As [`save_state`].
    pub fn offer(&mut self, score: f64, value: &impl Persist) -> Result<bool> {
        let better = !score.is_nan() && self.best.is_none_or(|best| score > best);
        if better {
            save_state(&self.path, value)?;
            self.best = Some(score);
        }
        Ok(better)
    }

    /// The best score.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
