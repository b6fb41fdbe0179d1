//! Many environments, divided among threads.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use gradus_tensor::{Kind, Result};

use super::slot::{Slot, SlotStep, check_actions};
use super::{AutoresetMode, VectorEnv, VectorReset, VectorStep, VectorSteps};
use crate::env::{Env, Reset};

const OP: &str = "threaded_vector_env";

/// Environments that step in threads: for users' environments whose steps take long. The results
/// are those of [`SyncVectorEnv`](super::SyncVectorEnv). Gymnasium: `AsyncVectorEnv`.
///
/// ```
/// use gradus_agent::{envs::Acrobot, vector::{AutoresetMode, ThreadedVectorEnv, VectorEnv}};
/// let envs = (0..4).map(|_| Acrobot::make());
/// let mut envs = ThreadedVectorEnv::new(envs, AutoresetMode::NextStep, 2)?;
/// envs.reset(Some(1))?;
/// assert_eq!(envs.step(&[0, 1, 2, 1])?.rewards, [-1.0; 4]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Debug)]
pub struct ThreadedVectorEnv<E: Env> {
    workers: Vec<Worker<E>>,
    num_envs: usize,
}

enum Order<E: Env> {
    Reset(Option<u64>),
    Step(Vec<E::Action>),
}

enum Answer<E: Env> {
    Reset(Vec<Reset<E::Observation, E::Info>>),
    Step(Vec<SlotStep<E::Observation, E::Info>>),
}

#[derive(Debug)]
struct Worker<E: Env> {
    /// `None` tells the thread to end.
    orders: Option<Sender<Order<E>>>,
    answers: Receiver<Result<Answer<E>>>,
    slots: usize,
    thread: Option<JoinHandle<()>>,
}

impl<E> ThreadedVectorEnv<E>
where
    E: Env + Send + 'static,
    E::Action: Send,
    E::Observation: Send,
    E::Info: Send,
{
    /// Divides the environments among threads, at least one.
    ///
    /// # Errors
    /// `Kind::Io` when the system starts no thread.
    pub fn new(
        envs: impl IntoIterator<Item = E>,
        mode: AutoresetMode,
        threads: usize,
    ) -> Result<Self> {
        let mut slots = Slot::all(envs, mode);
        let num_envs = slots.len();
        let chunk = num_envs.div_ceil(threads.max(1)).max(1);
        let mut workers = Vec::new();
        while !slots.is_empty() {
            let rest = slots.split_off(chunk.min(slots.len()));
            workers.push(Worker::start(std::mem::replace(&mut slots, rest))?);
        }
        Ok(ThreadedVectorEnv { workers, num_envs })
    }
}

impl<E> Worker<E>
where
    E: Env + Send + 'static,
    E::Action: Send,
    E::Observation: Send,
    E::Info: Send,
{
    fn start(mut slots: Vec<Slot<E>>) -> Result<Self> {
        let (orders, inbox) = channel();
        let (outbox, answers) = channel();
        let n = slots.len();
        let work = move || {
            while let Ok(order) = inbox.recv() {
                let answer = match order {
                    Order::Reset(seed) => {
                        let starts = slots.iter_mut().map(|slot| slot.reset(seed));
                        starts.collect::<Result<_>>().map(Answer::Reset)
                    }
                    Order::Step(actions) => {
                        let steps = slots.iter_mut().zip(actions).map(|(s, a)| s.step(a));
                        steps.collect::<Result<_>>().map(Answer::Step)
                    }
                };
                if outbox.send(answer).is_err() {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new().name("gradus-env".to_owned()).spawn(work);
        let thread = thread.map_err(|error| gradus_tensor::Error::io("thread", error))?;
        Ok(Worker { orders: Some(orders), answers, slots: n, thread: Some(thread) })
    }
}

/// An environment that panicked took its thread along.
fn lost() -> gradus_tensor::Error {
    Kind::Order { op: OP, rule: "a thread ended: one of its environments panicked" }.into()
}

impl<E: Env> ThreadedVectorEnv<E> {
    /// Gives each worker its order, then waits for all: an error leaves no answer behind.
    fn ask(&mut self, mut order: impl FnMut(usize, usize) -> Order<E>) -> Result<Vec<Answer<E>>> {
        let mut begin = 0;
        for worker in &self.workers {
            let sent = worker.orders.as_ref().map(|o| o.send(order(begin, worker.slots)).is_ok());
            begin += worker.slots;
            if sent != Some(true) {
                return Err(lost());
            }
        }
        let answers: Vec<_> =
            self.workers.iter().map(|w| w.answers.recv().map_err(|_| lost())).collect();
        answers.into_iter().map(|answer| answer.and_then(|answer| answer)).collect()
    }
}

impl<E: Env> VectorEnv for ThreadedVectorEnv<E> {
    type Env = E;

    fn num_envs(&self) -> usize {
        self.num_envs
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<VectorReset<E>> {
        let answers = self.ask(|_, _| Order::Reset(seed))?;
        let starts = answers.into_iter().flat_map(|answer| match answer {
            Answer::Reset(starts) => starts,
            Answer::Step(_) => Vec::new(),
        });
        Ok(starts.unzip())
    }

    fn step(&mut self, actions: &[E::Action]) -> Result<VectorSteps<E>> {
        check_actions(actions.len(), self.num_envs)?;
        let answers = self.ask(|at, n| Order::Step(actions[at..at + n].to_vec()))?;
        let mut all = VectorStep::with_capacity(self.num_envs);
        for answer in answers {
            if let Answer::Step(steps) = answer {
                steps.into_iter().for_each(|step| all.push(step));
            }
        }
        Ok(all)
    }
}

impl<E: Env> Drop for ThreadedVectorEnv<E> {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            worker.orders = None;
            if let Some(thread) = worker.thread.take() {
                // A panic inside has been reported as an error.
                let _ = thread.join();
            }
        }
    }
}
