//! Taking a trainer's state apart into a checkpoint, and putting it back.

use std::collections::BTreeMap;
use std::path::Path;

use gradus_autodiff::Tensor;
use gradus_nn::{LayerGenerator, Mode, Module, Part, walk};
use gradus_optim::StateDict;
use gradus_tensor::rng::{self, Generator};
use gradus_tensor::{Array, Error, Result};
use serde_json::{Value, json};

use super::files::{Content, Files};
use crate::callback::{Callback, CallbackState};
use crate::exact;
use crate::history::History;
use crate::learner::Learner;
use crate::logs::Logs;
use crate::trainer::Trainer;

/// Where a training stands: the next batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) epoch: usize,
    pub(crate) batch: usize,
}

/// Arguments that decide which batches come: a run with others cannot go on.
const SAME: [&str; 7] =
    ["batch_size", "shuffle", "seed", "drop_last", "samples", "steps_per_epoch", "accumulate"];

const OPTIMIZER: &str = "optimizer.";
const GRAD: &str = "grad.";

impl<L: Learner> Trainer<L> {
    /// Writes a checkpoint: weights, optimizer, random numbers, metrics, history. During a
    /// training, [`Context::save_checkpoint`](crate::Context::save_checkpoint) adds the position
    /// in the data and the callbacks.
    ///
    /// # Errors
    /// `Kind::Io` when a file cannot be written, `Kind::DeviceLost`.
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let epoch = self.run.history.epochs().last().map_or(0, |epoch| epoch + 1);
        self.checkpoint(path.as_ref(), Position { epoch, batch: 0 }, &mut [])
    }

    /// Takes weights, optimizer and random numbers from a checkpoint, and returns the number of
    /// the epoch that follows it, for `initial_epoch`. To go on in the middle of an epoch and
    /// with the callbacks' states, set [`FitOptions::resume`](crate::FitOptions::resume) instead.
    ///
    /// # Errors
    /// `Kind::Io` for a missing file, `Kind::Format` for a damaged one, `Kind::StateDict`,
    /// `Kind::Shape` and `Kind::Argument` for a checkpoint of another model or optimizer.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<usize> {
        let files = Files::at(path);
        let content = files.read()?;
        self.restore_model(&content).map_err(|e| e.within(place(&files)))?;
        exact::count(&content.state["position"]["epoch"]).ok_or_else(|| damaged(&files, "position"))
    }

    pub(crate) fn checkpoint(
        &mut self,
        path: &Path,
        position: Position,
        callbacks: &mut [&mut dyn Callback],
    ) -> Result<()> {
        let mut tensors = BTreeMap::new();
        let optimizer = match &self.optimizer {
            None => Value::Null,
            Some(optimizer) => {
                let state = optimizer.state_dict()?;
                let named = |(name, array)| (format!("{OPTIMIZER}{name}"), array);
                tensors.extend(state.tensors.into_iter().map(named));
                json!(state.metadata)
            }
        };
        let trackers = self.trackers.save(&mut tensors)?;
        let mut kept = Vec::new();
        for (i, callback) in callbacks.iter_mut().enumerate() {
            let state = callback.state()?;
            kept.push(json!([callback.name(), state.value]));
            let named = |(name, array)| (format!("callback.{i}.{name}"), array);
            tensors.extend(state.tensors.into_iter().map(named));
        }
        if self.run.accumulating {
            for (name, parameter) in self.learner.module().named_parameters() {
                if let Some(grad) = parameter.grad() {
                    tensors.insert(format!("{GRAD}{name}"), grad.array()?);
                }
            }
        }
        let module = Inventory::of(self.learner.module());
        let run = &self.run;
        let generators: Vec<_> =
            module.generators.iter().map(|own| own.with(|g| g.state())).collect();
        let state = json!({
            "position": { "epoch": position.epoch, "batch": position.batch },
            "iteration": run.iteration,
            "accumulating": run.accumulating,
            "stop": run.stop,
            "history": run.history.to_json(),
            "logs": run.logs.to_json(),
            "random": rng::with_default(|g| g.state()),
            "generators": generators,
            "training": module.modes.iter().map(Mode::is_training).collect::<Vec<_>>(),
            "frozen": module.frozen,
            "optimizer": optimizer,
            "trackers": trackers,
            "callbacks": kept,
            "arguments": run.arguments,
        });
        let weights = self.learner.module().state_dict()?;
        Files::at(path).write(Content { weights, tensors, state })
    }

    /// Goes on from a checkpoint; returns where.
    pub(crate) fn restore(
        &mut self,
        files: &Files,
        callbacks: &mut [&mut dyn Callback],
    ) -> Result<Position> {
        let content = files.read()?;
        self.restore_run(&content, files, callbacks).map_err(|error| error.within(place(files)))
    }

    fn restore_run(
        &mut self,
        content: &Content,
        files: &Files,
        callbacks: &mut [&mut dyn Callback],
    ) -> Result<Position> {
        let state = &content.state;
        for name in SAME {
            let (saved, own) = (&state["arguments"][name], &self.run.arguments[name]);
            if saved != own {
                let value = format!("{own}, but {saved} in the checkpoint");
                let expected = "the arguments of the training that goes on";
                return Err(Error::argument("fit", name, value, expected));
            }
        }
        let position = || {
            let place = &state["position"];
            let (epoch, batch) = (exact::count(&place["epoch"])?, exact::count(&place["batch"])?);
            Some(Position { epoch, batch })
        };
        let position = position().ok_or_else(|| damaged(files, "position"))?;
        let history = History::from_json(&state["history"]);
        self.run.history = history.ok_or_else(|| damaged(files, "history"))?;
        self.run.logs = Logs::from_json(&state["logs"]).ok_or_else(|| damaged(files, "logs"))?;
        self.run.stop = state["stop"].as_str().map(str::to_owned);
        self.restore_model(content)?;
        self.run.accumulating = state["accumulating"] == json!(true);
        for (name, parameter) in self.learner.module().named_parameters() {
            let grad = content.tensors.get(&format!("{GRAD}{name}"));
            let grad = grad.map(|grad| grad.to(&parameter.device())).transpose()?;
            parameter.set_grad(grad.map(Tensor::from));
        }
        if !self.trackers.restore(&state["trackers"], &content.tensors) {
            let expected = "the metrics that were saved";
            return Err(Error::argument("fit", "metrics", "other ones", expected));
        }
        restore_callbacks(content, callbacks)?;
        // Last: restoring may draw.
        restore_random(&state["random"]).ok_or_else(|| damaged(files, "random"))?;
        Ok(position)
    }

    /// Weights, optimizer, generators, modes, frozen parameters.
    fn restore_model(&mut self, content: &Content) -> Result<()> {
        let state = &content.state;
        let module = self.learner.module();
        module.load_state_dict(&content.weights)?;
        let inventory = Inventory::of(module);
        inventory.restore(state);
        self.run.iteration = state["iteration"].as_u64().unwrap_or(0);
        if let Some(optimizer) = &mut self.optimizer {
            let mut dict = StateDict::default();
            for (name, array) in &content.tensors {
                if let Some(name) = name.strip_prefix(OPTIMIZER) {
                    dict.tensors.insert(name.to_owned(), array.clone());
                }
            }
            for (name, value) in state["optimizer"].as_object().into_iter().flatten() {
                let value = value.as_str().unwrap_or_default();
                dict.metadata.insert(name.clone(), value.to_owned());
            }
            optimizer.load_state_dict(&dict)?;
        }
        let _ = restore_random(&state["random"]);
        Ok(())
    }
}

fn place(files: &Files) -> String {
    format!("checkpoint {}", files.manifest().display())
}

fn damaged(files: &Files, part: &str) -> Error {
    Error::format(files.manifest(), "checkpoint", None, format!("`{part}` cannot be read"))
}

fn restore_random(state: &Value) -> Option<()> {
    let generator = generator(state)?;
    rng::with_default(|g| *g = generator);
    Some(())
}

fn generator(state: &Value) -> Option<Generator> {
    Some(Generator::from_state((state[0].as_u64()?, state[1].as_u64()?)))
}

fn restore_callbacks(content: &Content, callbacks: &mut [&mut dyn Callback]) -> Result<()> {
    let kept = content.state["callbacks"].as_array().map_or(&[][..], Vec::as_slice);
    let saved: Vec<&str> = kept.iter().filter_map(|entry| entry[0].as_str()).collect();
    let own: Vec<&str> = callbacks.iter().map(|callback| callback.name()).collect();
    if saved != own {
        let value = format!("{own:?}, but {saved:?} in the checkpoint");
        return Err(Error::argument("fit", "callbacks", value, "those that were saved, in order"));
    }
    for (i, (callback, entry)) in callbacks.iter_mut().zip(kept).enumerate() {
        let prefix = format!("callback.{i}.");
        let tensors: BTreeMap<String, Array> = content
            .tensors
            .iter()
            .filter_map(|(name, array)| {
                Some((name.strip_prefix(&prefix)?.to_owned(), array.clone()))
            })
            .collect();
        callback.load_state(CallbackState { value: entry[1].clone(), tensors })?;
    }
    Ok(())
}

/// What a training step changes beside parameters and optimizer: buffers, modes, random numbers.
pub(crate) struct Extras {
    buffers: Vec<(Tensor, Tensor)>,
    modes: Vec<(Mode, bool)>,
    generators: Vec<(LayerGenerator, Generator)>,
    random: Generator,
}

impl Extras {
    pub(crate) fn of(module: &dyn Module) -> Self {
        let inventory = Inventory::of(module);
        let buffers = module.named_buffers().into_iter().map(|(_, buffer)| {
            let value = buffer.detach();
            (buffer, value)
        });
        let modes = inventory.modes.into_iter().map(|mode| (mode.clone(), mode.is_training()));
        let generators = inventory.generators.into_iter().map(|own| {
            let state = own.with(|g| g.clone());
            (own, state)
        });
        Extras {
            buffers: buffers.collect(),
            modes: modes.collect(),
            generators: generators.collect(),
            random: rng::with_default(|g| g.clone()),
        }
    }

    pub(crate) fn put_back(self) -> Result<()> {
        for (mode, training) in self.modes {
            mode.set_training(training);
        }
        for (own, state) in self.generators {
            own.with(|g| *g = state);
        }
        for (buffer, value) in self.buffers {
            buffer.set_value(&value)?;
        }
        // Last: everything else may draw.
        rng::with_default(|g| *g = self.random);
        Ok(())
    }
}

/// What a module has beside its tensors.
#[derive(Default)]
struct Inventory {
    generators: Vec<LayerGenerator>,
    modes: Vec<Mode>,
    frozen: Vec<String>,
    parameters: Vec<(String, Tensor)>,
}

impl Inventory {
    fn of(module: &dyn Module) -> Self {
        let mut all = Inventory::default();
        walk(module, &mut |path, part| match part {
            Part::Generator(generator) => all.generators.push(generator.clone()),
            Part::Mode(mode) => all.modes.push(mode.clone()),
            Part::Parameter(parameter) => {
                if !parameter.requires_grad() {
                    all.frozen.push(path.to_owned());
                }
                all.parameters.push((path.to_owned(), (**parameter).clone()));
            }
            _ => {}
        });
        all
    }

    fn restore(&self, state: &Value) {
        let list = |name: &str| state[name].as_array().map_or(&[][..], Vec::as_slice).to_vec();
        for (own, saved) in self.generators.iter().zip(list("generators")) {
            if let Some(saved) = generator(&saved) {
                own.with(|g| *g = saved);
            }
        }
        for (own, saved) in self.modes.iter().zip(list("training")) {
            own.set_training(saved.as_bool().unwrap_or(true));
        }
        let frozen = list("frozen");
        for (path, parameter) in &self.parameters {
            let trained = !frozen.iter().any(|name| name.as_str() == Some(path));
            // The flag belongs to the shared tensor; the handle is not needed.
            let _ = parameter.clone().requires_grad_(trained);
        }
    }
}
