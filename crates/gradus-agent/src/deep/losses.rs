//! What the agents minimise, as functions of tensors.
//!
//! Shapes: `N` transitions, `A` actions, `K` atoms or quantiles. Targets carry no gradients.

use gradus_autodiff::{Device, Tensor, arange};
use gradus_nn::{Reduction, huber_loss};
use gradus_tensor::{Error, Result};

/// What a value should be: `reward + discount · next_value`. All `[N]`.
///
/// # Errors
/// `Kind::Shape`.
pub fn td_target(rewards: &Tensor, discounts: &Tensor, next_values: &Tensor) -> Result<Tensor> {
    Ok(rewards.add(&discounts.mul(next_values)?)?.detach())
}

/// The values of the actions that were taken: `values: [N, A]`, `actions: [N, 1]`; `[N]`.
///
/// *Gradient*: reaches the taken actions alone.
///
/// # Errors
/// `Kind::Shape`, `Kind::Index`.
pub fn taken(values: &Tensor, actions: &Tensor) -> Result<Tensor> {
    values.gather(1, actions)?.squeeze(1)
}

/// As [`taken`], for distributions: `values: [N, A, K]`; `[N, K]`.
///
/// # Errors
/// As [`taken`].
pub fn taken_rows(values: &Tensor, actions: &Tensor) -> Result<Tensor> {
    let (shape, actions) = (values.shape(), actions.unsqueeze(2)?);
    let [n, _, k] = [0, 1, 2].map(|dim| shape.dims().get(dim).copied().unwrap_or(0) as i64);
    values.gather(1, &actions.expand(&[n, 1, k])?)?.squeeze(1)
}

/// The best actions, `[N, 1]`, of `values: [N, A]`; `allowed: [N, A]` is 0 where an action is, and
/// far below where it is not.
///
/// # Errors
/// `Kind::Shape`.
pub fn best_actions(values: &Tensor, allowed: Option<&Tensor>) -> Result<Tensor> {
    match allowed {
        Some(allowed) => values.add(allowed)?.argmax(Some(1), true),
        None => values.argmax(Some(1), true),
    }
}

/// The atoms of a categorical distribution: `K` values from `v_min` to `v_max`.
///
/// # Errors
/// `Kind::Argument` for fewer than 2.
pub fn atoms(v_min: f64, v_max: f64, k: usize, device: &Device) -> Result<Tensor> {
    if k < 2 {
        return Err(Error::argument("atoms", "k", k, "2 or more"));
    }
    let step = (v_max - v_min) / (k - 1) as f64;
    arange(0.0, k as f64, 1.0, device)?.mul(step)?.add(v_min)
}

/// The distribution of `reward + discount · Z` brought back onto the atoms of Z.
///
/// *Shapes*: `probabilities: [N, K]`, `rewards, discounts: [N]`; `[N, K]`.
/// *Source*: Bellemare, Dabney & Munos 2017, arXiv:1707.06887, equation 7.
///
/// # Errors
/// `Kind::Shape`; `Kind::Argument` for fewer than 2 atoms.
pub fn categorical_projection(
    probabilities: &Tensor,
    rewards: &Tensor,
    discounts: &Tensor,
    [v_min, v_max]: [f64; 2],
) -> Result<Tensor> {
    let k = probabilities.shape().dims().last().copied().unwrap_or(0);
    let z = atoms(v_min, v_max, k, &probabilities.device())?;
    let step = (v_max - v_min) / (k - 1) as f64;
    let moved = rewards.unsqueeze(1)?.add(&discounts.unsqueeze(1)?.mul(&z)?)?; // [N, K]
    let moved = moved.clamp(v_min, v_max)?.unsqueeze(1)?; // [N, 1, K]
    // Each moved atom is shared by the two atoms around it: a triangle of one step's width.
    let apart = moved.sub(&z.unsqueeze(1)?)?.abs()?.div(step)?; // [N, K, K]
    let share = apart.neg()?.add(1.0)?.clamp_min(0.0)?;
    Ok(share.mul(&probabilities.unsqueeze(1)?)?.sum(&[2], false)?.detach())
}

/// The cross entropy of a target distribution and logits, both `[N, K]`; `[N]`.
///
/// # Errors
/// `Kind::Shape`.
pub fn categorical_loss(logits: &Tensor, target: &Tensor) -> Result<Tensor> {
    logits.log_softmax(1)?.mul(target)?.sum(&[1], false)?.neg()
}

/// How far quantiles are from samples of a target: a Huber loss that pulls each quantile to its
/// share. Summed over quantiles, mean over samples.
///
/// *Shapes*: `quantiles: [N, K]`, `target: [N, M]`; `[N]`.
/// *Source*: Dabney et al. 2017, arXiv:1710.10044, equation 10.
///
/// # Errors
/// `Kind::Shape`.
pub fn quantile_huber_loss(quantiles: &Tensor, target: &Tensor, kappa: f64) -> Result<Tensor> {
    let k = quantiles.shape().dims().last().copied().unwrap_or(0);
    let middles = arange(0.0, k as f64, 1.0, &quantiles.device())?.add(0.5)?.div(k as f64)?;
    let error = target.unsqueeze(1)?.sub(&quantiles.unsqueeze(2)?)?; // [N, K, M]
    let zeros = Tensor::zeros(error.shape(), &error.device());
    let huber = huber_loss(&error, &zeros, kappa, Reduction::None)?.div(kappa)?;
    let below = error.detach().lt(0.0)?.float()?;
    let pull = middles.unsqueeze(1)?.sub(&below)?.abs()?; // [N, K, M]
    pull.mul(&huber)?.mean(&[2], false)?.sum(&[1], false)
}

/// What the transitions of many environments should be worth: rewards as far as they are trusted,
/// then what was expected, `R = r + γ (λ R′ + (1 - λ) v′)`.
///
/// All lists hold a step of each of `envs` environments after another. `next_values` are the
/// values of what followed; `ends` says of each transition whether nothing follows (`R = r`), and
/// whether its episode was over, cut ones included (`R = r + γ v′`). So it is after the last step.
/// *Source*: Daley & Amato 2019, arXiv:1810.09967; Gallici et al. 2024, arXiv:2407.04811.
///
/// ```
/// use gradus_agent::deep::losses::lambda_returns;
/// let (rewards, values) = ([1.0, 1.0, 1.0], [10.0, 20.0, 30.0]);
/// let (terminated, ended) = ([false, false, true], [false, false, true]);
/// let returns = lambda_returns(&rewards, &values, (&terminated, &ended), 1, 0.5, 0.5);
/// assert_eq!(returns?, [1.0 + 0.25 * 6.25 + 2.5, 1.0 + 0.25 * 1.0 + 5.0, 1.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Argument` for lists of different lengths.
pub fn lambda_returns(
    rewards: &[f32],
    next_values: &[f32],
    (terminated, ended): (&[bool], &[bool]),
    envs: usize,
    gamma: f64,
    lambda: f64,
) -> Result<Vec<f32>> {
    let lengths = [rewards.len(), next_values.len(), terminated.len(), ended.len()];
    if lengths != [rewards.len(); 4] {
        let value = format!("{lengths:?} long");
        return Err(Error::argument("lambda_returns", "lists", value, "of one length"));
    }
    let mut returns = vec![0.0f32; rewards.len()];
    for i in (0..rewards.len()).rev() {
        let value = f64::from(next_values[i]);
        let follows = match returns.get(i + envs) {
            _ if terminated[i] => 0.0,
            Some(&later) if !ended[i] => lambda * f64::from(later) + (1.0 - lambda) * value,
            _ => value,
        };
        returns[i] = (f64::from(rewards[i]) + gamma * follows) as f32;
    }
    Ok(returns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor<const N: usize>(values: [f32; N], shape: &[usize]) -> Tensor {
        Tensor::from_slice(&values, shape.to_vec()).unwrap()
    }

    fn close(tensor: &Tensor, expected: &[f32]) {
        let values = tensor.to_vec::<f32>().unwrap();
        assert_eq!(values.len(), expected.len());
        for (a, b) in values.iter().zip(expected) {
            assert!((a - b).abs() < 1e-6, "{values:?}, expected {expected:?}");
        }
    }

    #[test]
    fn targets_by_hand() {
        let (r, d) = (tensor([1.0, -1.0, 2.0], &[3]), tensor([0.9, 0.9, 0.0], &[3]));
        let v = tensor([10.0, 2.0, 5.0], &[3]).requires_grad_(true);
        let target = td_target(&r, &d, &v).unwrap();
        close(&target, &[10.0, 0.8, 2.0]);
        assert!(!target.requires_grad(), "a target is a number");
    }

    #[test]
    fn only_taken_actions_get_gradients() {
        let q = tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3]).requires_grad_(true);
        let actions = Tensor::from_slice(&[2i64, 0], [2, 1]).unwrap();
        let values = taken(&q, &actions).unwrap();
        close(&values, &[3.0, 4.0]);
        values.mul(tensor([10.0, 20.0], &[2])).unwrap().sum_all().unwrap().backward().unwrap();
        close(&q.grad().unwrap(), &[0.0, 0.0, 10.0, 20.0, 0.0, 0.0]);
    }

    #[test]
    fn rows_of_taken_actions() {
        let values: Vec<f32> = (0..12).map(|v| v as f32).collect();
        let z = Tensor::from_slice(&values, [2, 3, 2]).unwrap().requires_grad_(true);
        let actions = Tensor::from_slice(&[1i64, 2], [2, 1]).unwrap();
        let rows = taken_rows(&z, &actions).unwrap();
        assert_eq!(rows.shape().dims(), [2, 2]);
        close(&rows, &[2.0, 3.0, 10.0, 11.0]);
        rows.sum_all().unwrap().backward().unwrap();
        close(&z.grad().unwrap(), &[0., 0., 1., 1., 0., 0., 0., 0., 0., 0., 1., 1.]);
    }

    #[test]
    fn the_best_is_among_the_allowed() {
        let q = tensor([1.0, 5.0, 3.0, 9.0, 2.0, 1.0], &[2, 3]);
        let best = |allowed| best_actions(&q, allowed).unwrap().to_vec::<i64>().unwrap();
        assert_eq!(best(None), [1, 0]);
        let allowed = tensor([0.0, -1e9, 0.0, -1e9, 0.0, 0.0], &[2, 3]);
        assert_eq!(best(Some(&allowed)), [2, 1]);
    }

    /// Atoms -1, 0, 1. A reward of 0.5 without a future is half way between 0 and 1; a reward of 5
    /// is at the upper end; a discount of 0.5 moves -1 to -0.5.
    #[test]
    fn the_projection_by_hand() {
        let p = tensor([0.2, 0.3, 0.5, 0.2, 0.3, 0.5, 1.0, 0.0, 0.0], &[3, 3]);
        let (r, d) = (tensor([0.5, 5.0, 0.0], &[3]), tensor([0.0, 1.0, 0.5], &[3]));
        let projected = categorical_projection(&p, &r, &d, [-1.0, 1.0]).unwrap();
        close(&projected, &[0.0, 0.5, 0.5, 0.0, 0.0, 1.0, 0.5, 0.5, 0.0]);
    }

    #[test]
    fn the_projection_keeps_mass_and_mean() {
        let p = tensor([0.1, 0.2, 0.3, 0.25, 0.15], &[1, 5]);
        let (r, d) = (tensor([0.3], &[1]), tensor([0.7], &[1]));
        let projected = categorical_projection(&p, &r, &d, [-4.0, 4.0]).unwrap();
        let q = projected.to_vec::<f32>().unwrap();
        let mean = |p: &[f32]| p.iter().zip([-4.0, -2.0, 0.0, 2.0, 4.0]).map(|(p, z)| p * z).sum();
        let (before, after): (f32, f32) = (mean(&p.to_vec::<f32>().unwrap()), mean(&q));
        assert!((q.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((after - (0.3 + 0.7 * before)).abs() < 1e-6, "{after}");
    }

    #[test]
    fn the_cross_entropy_by_hand() {
        let logits = tensor([0.0, 0.0, 0.0, (3f32).ln()], &[2, 2]);
        let target = tensor([0.5, 0.5, 0.0, 1.0], &[2, 2]);
        close(&categorical_loss(&logits, &target).unwrap(), &[2f32.ln(), (4f32 / 3.0).ln()]);
    }

    /// Two quantiles 0 and 1 (shares 1/4 and 3/4), one sample 3, κ 1: errors 3 and 2, Huber 2.5
    /// and 1.5; pulled with 1/4 and 3/4. Then a sample of 0.5: errors 0.5 and -0.5, Huber 1/8 each,
    /// pulled with 1/4 and |3/4 - 1|.
    #[test]
    fn the_quantile_loss_by_hand() {
        let quantiles = tensor([0.0, 1.0, 0.0, 1.0], &[2, 2]);
        let target = tensor([3.0, 0.5], &[2, 1]);
        let loss = quantile_huber_loss(&quantiles, &target, 1.0).unwrap();
        close(&loss, &[0.25 * 2.5 + 0.75 * 1.5, 0.25 * 0.125 + 0.25 * 0.125]);
    }

    #[test]
    fn quantiles_settle_where_they_belong() {
        let quantiles = tensor([0.0, 0.0], &[1, 2]).requires_grad_(true);
        let samples: Vec<f32> = (0..100).map(|v| v as f32 / 100.0).collect();
        let target = Tensor::from_slice(&samples, [1, 100]).unwrap();
        for _ in 0..4000 {
            quantiles.zero_grad();
            let loss = quantile_huber_loss(&quantiles, &target, 0.001).unwrap();
            loss.sum_all().unwrap().backward().unwrap();
            let step = quantiles.grad().unwrap().mul(0.01).unwrap();
            quantiles
                .set_value(&quantiles.detach().sub(&step).unwrap().computed().unwrap())
                .unwrap();
        }
        let settled = quantiles.to_vec::<f32>().unwrap();
        assert!(
            (settled[0] - 0.25).abs() < 0.02 && (settled[1] - 0.75).abs() < 0.02,
            "{settled:?}"
        );
    }
}
