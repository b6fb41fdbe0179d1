//! Transitions as tensors.

use gradus_autodiff::{Device, Tensor};
use gradus_tensor::{Error, Result};

use crate::replay::Replay;

/// Drawn transitions.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[N, D]`.
    pub observations: Tensor,
    /// `[N, 1]`, integers.
    pub actions: Tensor,
    /// `[N]`.
    pub rewards: Tensor,
    /// `[N, D]`.
    pub next_observations: Tensor,
    /// `[N]`: γⁿ, or 0 where nothing follows.
    pub discounts: Tensor,
    /// `[N, A]`: 0 where an action is allowed next, far below where not; none where all are.
    pub allowed: Option<Tensor>,
}

/// Added to the values of actions that are not allowed. Finite, so that 0 times it is 0.
const FORBIDDEN: f32 = -1e9;

impl Batch {
    /// The transitions at these places.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`, `Kind::DeviceLost`.
    pub fn of(replay: &Replay, places: &[usize], device: &Device) -> Result<Self> {
        let (n, width) = (places.len(), replay.width());
        let on = |tensor: Tensor| tensor.to(device);
        let mut seen = Vec::with_capacity(n * width);
        let mut following = Vec::with_capacity(n * width);
        for &place in places {
            seen.extend_from_slice(replay.observation(place));
            following.extend_from_slice(replay.next_observation(place));
        }
        let numbers = |f: &dyn Fn(usize) -> f32| -> Vec<f32> {
            places.iter().map(|&place| f(place)).collect()
        };
        let actions: Vec<i64> = places.iter().map(|&p| i64::from(replay.action(p))).collect();
        let masks: Vec<f32> = places
            .iter()
            .filter_map(|&place| replay.next_mask(place))
            .flat_map(|mask| mask.iter().map(|&ok| if ok { 0.0 } else { FORBIDDEN }))
            .collect();
        let allowed = match masks.len() {
            0 => None,
            length => Some(on(Tensor::from_vec(masks, [n, length / n])?)?),
        };
        Ok(Batch {
            observations: on(Tensor::from_vec(seen, [n, width])?)?,
            actions: on(Tensor::from_vec(actions, [n, 1])?)?,
            rewards: on(Tensor::from_vec(numbers(&|p| replay.reward(p)), [n])?)?,
            next_observations: on(Tensor::from_vec(following, [n, width])?)?,
            discounts: on(Tensor::from_vec(numbers(&|p| replay.discount(p)), [n])?)?,
            allowed,
        })
    }

    /// The tensors, for [`Batch::again`].
    pub(super) fn parts(&self) -> Vec<&Tensor> {
        let Batch { observations, actions, rewards, next_observations, discounts, allowed } = self;
        let mut parts = vec![observations, actions, rewards, next_observations, discounts];
        parts.extend(allowed);
        parts
    }

    /// A batch of other tensors in the order of [`Batch::parts`].
    ///
    /// # Errors
    /// `Kind::Argument` for fewer than this one has.
    pub(super) fn again(&self, parts: &mut impl Iterator<Item = Tensor>) -> Result<Self> {
        let mut next = |name| {
            let missing = || Error::argument("batch", "parts", format!("no {name}"), "all of them");
            parts.next().ok_or_else(missing)
        };
        Ok(Batch {
            observations: next("observations")?,
            actions: next("actions")?,
            rewards: next("rewards")?,
            next_observations: next("next_observations")?,
            discounts: next("discounts")?,
            allowed: self.allowed.as_ref().map(|_| next("allowed")).transpose()?,
        })
    }
}
