//! Networks and optimizers among what persists.

use std::path::Path;

use gradus_io::SafeTensorsFile;
use gradus_nn::Module;
use gradus_optim::{Domain, Engine, Flat, Optimizer, ParamGroup, Rule, Setting, StepContext};
use gradus_tensor::Result;

use super::network::QNetwork;
use crate::persist::{Persist, Source, read};

/// A safetensors file within the bytes.
fn save(file: &SafeTensorsFile, out: &mut Vec<u8>) -> Result<()> {
    file.to_bytes()?.save(out)
}

fn load(from: &mut Source<'_>) -> Result<SafeTensorsFile> {
    let bytes: Vec<u8> = read(from)?;
    SafeTensorsFile::from_bytes(Path::new("state"), &bytes)
}

pub(super) fn save_module(module: &impl Module, out: &mut Vec<u8>) -> Result<()> {
    let (tensors, metadata) = (module.state_dict()?, std::collections::BTreeMap::new());
    save(&SafeTensorsFile { tensors, metadata }, out)
}

pub(super) fn load_module(module: &impl Module, from: &mut Source<'_>) -> Result<()> {
    module.load_state_dict(&load(from)?.tensors)
}

impl Persist for QNetwork {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        save_module(self, out)
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        load_module(self, from)
    }
}

pub(super) fn save_optimizer(optimizer: &impl Optimizer, out: &mut Vec<u8>) -> Result<()> {
    save(&optimizer.state_dict()?, out)
}

pub(super) fn load_optimizer(optimizer: &mut impl Optimizer, from: &mut Source<'_>) -> Result<()> {
    optimizer.load_state_dict(&load(from)?)
}

/// Moves parameters towards others: `p += lr (q - p)`, where q takes the place of a gradient.
#[derive(Clone, Copy, Debug)]
pub(super) struct Towards;

impl Rule for Towards {
    fn name(&self) -> &'static str {
        "target_network"
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[Setting::new("lr", 1.0, Domain::Unit)];
        SETTINGS
    }

    fn states(&self, _: &ParamGroup) -> &'static [&'static str] {
        &[]
    }

    fn update(&self, cx: &StepContext<'_>, p: &Flat, q: &Flat, _: &[Flat]) -> Vec<Flat> {
        vec![match cx.get("lr") {
            1.0 => q.clone(),
            tau => p.lerp(q, tau),
        }]
    }
}

/// A target network's way behind the online one: one kernel, in place, so that what was recorded
/// with the target's memory stays good.
#[derive(Debug)]
pub(super) struct Follower {
    engine: Engine<Towards>,
    tau: f64,
    /// The online network's updates at the last copy.
    at: Option<u64>,
}

impl Follower {
    pub(super) fn new(target: &QNetwork, tau: f64) -> Self {
        let group = ParamGroup::new(target.parameters()).lr(tau);
        Follower { engine: Engine::with_rule(Towards, vec![group]), tau, at: None }
    }

    /// One step of the target towards the online network, which had so many updates.
    pub(super) fn step(
        &mut self,
        target: &QNetwork,
        online: &QNetwork,
        updates: u64,
    ) -> Result<()> {
        if self.tau == 1.0 && self.at == Some(updates) {
            return Ok(());
        }
        for (target, online) in target.parameters().iter().zip(online.parameters()) {
            target.set_grad(Some(online.detach()));
        }
        let result = self.engine.step();
        self.engine.zero_grad();
        self.at = result.is_ok().then_some(updates);
        result
    }

    /// The networks were changed from outside.
    pub(super) fn forget(&mut self) {
        self.at = None;
    }
}
