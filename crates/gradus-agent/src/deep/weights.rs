//! Networks and optimizers among what persists.

use std::path::Path;

use gradus_autodiff::{Tensor, no_grad};
use gradus_nn::Module;
use gradus_optim::Optimizer;
use gradus_tensor::{Result, SafeTensorsFile};

use super::network::QNetwork;
use crate::persist::{Persist, Source, read};

/// A safetensors file within the bytes; what cannot be computed any more is written as nothing,
/// and then refused by the reader.
fn save(file: Result<SafeTensorsFile>, out: &mut Vec<u8>) {
    let bytes = file.and_then(|file| file.to_bytes()).unwrap_or_default();
    bytes.save(out);
}

fn load(from: &mut Source<'_>) -> Result<SafeTensorsFile> {
    let bytes: Vec<u8> = read(from)?;
    SafeTensorsFile::from_bytes(Path::new("state"), &bytes)
}

impl Persist for QNetwork {
    fn save(&self, out: &mut Vec<u8>) {
        let file = self.state_dict().map(|tensors| {
            let metadata = std::collections::BTreeMap::new();
            SafeTensorsFile { tensors, metadata }
        });
        save(file, out);
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        self.load_state_dict(&load(from)?.tensors)
    }
}

pub(super) fn save_optimizer(optimizer: &impl Optimizer, out: &mut Vec<u8>) {
    save(optimizer.state_dict(), out);
}

pub(super) fn load_optimizer(optimizer: &mut impl Optimizer, from: &mut Source<'_>) -> Result<()> {
    optimizer.load_state_dict(&load(from)?)
}

/// Moves a network's parameters towards another's: `p += τ (q - p)`.
pub(super) fn polyak(target: &[Tensor], online: &[Tensor], tau: f64) -> Result<()> {
    no_grad(|| {
        for (target, online) in target.iter().zip(online) {
            let new = match tau == 1.0 {
                true => online.detach(),
                false => target.detach().lerp(&online.detach(), tau)?.computed()?,
            };
            target.set_value(&new)?;
        }
        Ok(())
    })
}
