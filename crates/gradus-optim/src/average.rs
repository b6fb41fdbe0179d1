//! `AveragedModel`: averages of weights over training, exponential (EMA) or plain (SWA).

use std::collections::BTreeMap;

use gradus_autodiff::Tensor;
use gradus_tensor::{Array, Error, Kind, Result};

use crate::engine::Engine;
use crate::flat::Flat;
use crate::group::ParamGroup;
use crate::optimizer::{Optimizer, StateDict};
use crate::rule::{Domain, Rule, Setting, StepContext};

const OP: &str = "averaged_model";
const MODULE: &str = "module.";
const COUNT: &str = "n_averaged";

/// Averages of a model's parameters over the course of training.
///
/// *Formula*: the first update copies; then `a += (p - a) / (n + 1)` after n updates, or with a
/// decay `a += (1 - decay) (p - a)`.
///
/// *Source*: `torch.optim.swa_utils.AveragedModel` (arXiv:1803.05407), its `get_ema_avg_fn` and
/// `get_swa_avg_fn`. One kernel updates all averages.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::AveragedModel;
/// let w = Tensor::from_vec(vec![1.0f32], [1])?.requires_grad_(true);
/// let named = [("w".to_owned(), w.clone())];
/// let mut averaged = AveragedModel::new(named, []).ema(0.75);
/// averaged.update_parameters()?; // 1
/// w.set_value(&Tensor::from_vec(vec![5.0f32], [1])?)?;
/// averaged.update_parameters()?; // 1 + 0.25 · (5 - 1)
/// assert_eq!(averaged.with_averages(|| w.to_vec::<f32>())?, [2.0]);
/// assert_eq!(w.to_vec::<f32>()?, [5.0]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
#[derive(Debug)]
pub struct AveragedModel {
    entries: Vec<Entry>,
    engine: Engine<AverageRule>,
    n_averaged: u64,
    use_buffers: bool,
}

/// A parameter or buffer of the model, and its average.
#[derive(Debug)]
struct Entry {
    name: String,
    live: Tensor,
    average: Tensor,
    is_buffer: bool,
}

impl Entry {
    /// Whether the entry is averaged, and not only copied.
    fn is_averaged(&self, use_buffers: bool) -> bool {
        self.live.dtype().is_float() && (use_buffers || !self.is_buffer)
    }
}

/// The formula of [`AveragedModel`]: what takes the place of a gradient is the live value.
#[derive(Clone, Copy, Debug)]
struct AverageRule;

impl Rule for AverageRule {
    fn name(&self) -> &'static str {
        OP
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[
            Setting::new("decay", 0.999, Domain::Unit),
            Setting::new("ema", 0.0, Domain::Flag),
            Setting::new(COUNT, 0.0, Domain::NonNegative),
        ];
        SETTINGS
    }

    fn states(&self, _: &ParamGroup) -> &'static [&'static str] {
        &[]
    }

    fn update(&self, cx: &StepContext<'_>, average: &Flat, live: &Flat, _: &[Flat]) -> Vec<Flat> {
        let n = cx.get(COUNT);
        vec![match cx.flag("ema") {
            _ if n == 0.0 => live.clone(),
            true => average.lerp(live, 1.0 - cx.get("decay")),
            false => average + (live - average) / (n + 1.0),
        }]
    }
}

impl AveragedModel {
    /// Averages of a module's `named_parameters` and `named_buffers`, plain ones unless
    /// [`AveragedModel::ema`] is called. They begin as copies.
    pub fn new(
        parameters: impl IntoIterator<Item = (String, Tensor)>,
        buffers: impl IntoIterator<Item = (String, Tensor)>,
    ) -> Self {
        let entry = |is_buffer| {
            move |(name, live): (String, Tensor)| {
                let average = live.detach();
                Entry { name, live, average, is_buffer }
            }
        };
        let parameters = parameters.into_iter().map(entry(false));
        let entries: Vec<Entry> = parameters.chain(buffers.into_iter().map(entry(true))).collect();
        let engine = engine(&entries, false);
        AveragedModel { entries, engine, n_averaged: 0, use_buffers: false }
    }

    /// Averages exponentially: `decay` of an average is kept at every update.
    #[must_use]
    pub fn ema(mut self, decay: f64) -> Self {
        self.engine = self.engine.with("ema", 1.0).with("decay", decay);
        self
    }

    /// Whether buffers are averaged, too; else they are copied, as integers always are.
    #[must_use]
    pub fn use_buffers(mut self, use_buffers: bool) -> Self {
        let options: Vec<(&'static str, f64)> =
            self.engine.param_groups().iter().flat_map(ParamGroup::options).collect();
        self.engine = engine(&self.entries, use_buffers);
        for (name, value) in options {
            self.engine = self.engine.with(name, value);
        }
        self.use_buffers = use_buffers;
        self
    }

    /// Takes the model's present parameters into the averages.
    ///
    /// # Errors
    /// `Kind::Argument` for a decay outside [0, 1], `Kind::OutOfMemory`.
    pub fn update_parameters(&mut self) -> Result<()> {
        for group in self.engine.param_groups_mut() {
            group.set(COUNT, self.n_averaged as f64);
        }
        let (averaged, copied): (Vec<&Entry>, Vec<&Entry>) =
            self.entries.iter().partition(|entry| entry.is_averaged(self.use_buffers));
        for entry in &averaged {
            let live = entry.live.detach().to(&entry.average.device())?;
            entry.average.set_grad(Some(live));
        }
        let result = if averaged.is_empty() { Ok(()) } else { self.engine.step() };
        self.engine.zero_grad();
        result?;
        for entry in copied {
            entry.average.set_value(&entry.live.detach().to(&entry.average.device())?)?;
        }
        self.n_averaged += 1;
        Ok(())
    }

    /// How many updates there were.
    pub fn n_averaged(&self) -> u64 {
        self.n_averaged
    }

    /// Runs `f`, an evaluation for instance, while the model has the averages as its parameters
    /// and buffers.
    ///
    /// # Errors
    /// What `f` reports; the model has its own parameters again then.
    pub fn with_averages<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        let before: Vec<Tensor> = self.entries.iter().map(|entry| entry.live.detach()).collect();
        let lend =
            |entry: &Entry| entry.live.set_value(&entry.average.detach().to(&entry.live.device())?);
        let result = self.entries.iter().try_for_each(lend).and_then(|()| f());
        for (entry, value) in self.entries.iter().zip(&before) {
            entry.live.set_value(value)?;
        }
        result
    }

    /// Exchanges averages and live values: the model has the averages until the next exchange.
    /// What [`AveragedModel::with_averages`] does where a closure does not fit. While they are
    /// exchanged, updates and snapshots would see the wrong ones.
    ///
    /// ```
    /// use gradus_autodiff::Tensor;
    /// use gradus_optim::AveragedModel;
    /// let w = Tensor::from_vec(vec![1.0f32], [1])?.requires_grad_(true);
    /// let averaged = AveragedModel::new([("w".to_owned(), w.clone())], []);
    /// w.set_value(&Tensor::from_vec(vec![5.0f32], [1])?)?;
    /// averaged.swap()?;
    /// assert_eq!(w.to_vec::<f32>()?, [1.0]);
    /// averaged.swap()?;
    /// assert_eq!(w.to_vec::<f32>()?, [5.0]);
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::OutOfMemory`, where the two are on different devices.
    pub fn swap(&self) -> Result<()> {
        for entry in &self.entries {
            let (live, average) = (entry.live.detach(), entry.average.detach());
            entry.live.set_value(&average)?;
            entry.average.set_value(&live)?;
        }
        Ok(())
    }

    /// The averages by the model's names, to load into a model.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn module_state_dict(&self) -> Result<BTreeMap<String, Array>> {
        self.entries.iter().map(|e| Ok((e.name.clone(), e.average.array()?))).collect()
    }

    /// The averages and their count, by PyTorch's names: `module.<name>` and `n_averaged`.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn state_dict(&self) -> Result<StateDict> {
        let mut state = StateDict::default();
        for (name, array) in self.module_state_dict()? {
            state.tensors.insert(format!("{MODULE}{name}"), array);
        }
        let count = i32::try_from(self.n_averaged).unwrap_or(i32::MAX);
        state.tensors.insert(COUNT.to_owned(), Array::from_slice(&[count], ())?);
        Ok(state)
    }

    /// Goes on where the averages that made `state` were.
    ///
    /// # Errors
    /// `Kind::StateDict` for missing or surplus names, `Kind::Shape` and `Kind::DType` for what
    /// does not fit its parameter. Then nothing has changed.
    pub fn load_state_dict(&mut self, state: &StateDict) -> Result<()> {
        let names: Vec<String> =
            self.entries.iter().map(|e| format!("{MODULE}{}", e.name)).collect();
        let known = |key: &String| key == COUNT || names.contains(key);
        let unexpected: Vec<String> =
            state.tensors.keys().filter(|key| !known(key)).cloned().collect();
        let wanted = names.iter().map(String::as_str).chain([COUNT]);
        let missing: Vec<String> =
            wanted.filter(|name| !state.tensors.contains_key(*name)).map(str::to_owned).collect();
        if !missing.is_empty() || !unexpected.is_empty() {
            return Err(Kind::StateDict { missing, unexpected }.into());
        }
        let count = crate::state::wide(&state.tensors[COUNT])?;
        let &[count] = &count[..] else {
            return Err(Error::argument(OP, COUNT, format!("{count:?}"), "one number"));
        };
        for (entry, name) in self.entries.iter().zip(&names) {
            let fits = crate::state::fits(&state.tensors[name], &entry.average);
            fits.map_err(|error| error.within(name.clone()))?;
        }
        for (entry, name) in self.entries.iter().zip(&names) {
            let array = state.tensors[name].to(&entry.average.device())?;
            entry.average.set_value(&Tensor::from(array))?;
        }
        self.n_averaged = count as u64;
        Ok(())
    }
}

/// What updates the averages.
fn engine(entries: &[Entry], use_buffers: bool) -> Engine<AverageRule> {
    let averaged = entries.iter().filter(|entry| entry.is_averaged(use_buffers));
    Engine::with_rule(AverageRule, vec![ParamGroup::new(averaged.map(|entry| &entry.average))])
}
