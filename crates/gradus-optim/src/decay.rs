//! Which parameters weight decay draws to zero.

use gradus_autodiff::Tensor;

use crate::group::ParamGroup;

/// Two groups: matrices and kernels, with this weight decay, and biases, the scales and shifts of
/// norms and the like, without any. The latter have one dimension or none. A group without
/// parameters is left out.
///
/// ```
/// use gradus_autodiff::{Device, Tensor};
/// use gradus_optim::{AdamW, Optimizer, weight_decay_groups};
/// let (weight, bias) = (Tensor::zeros([4, 3], &Device::cpu()), Tensor::zeros(4, &Device::cpu()));
/// let optimizer = AdamW::groups(weight_decay_groups([&weight, &bias], 0.1), 1e-3);
/// let decay: Vec<_> = optimizer.param_groups().iter().map(|g| g.get("weight_decay")).collect();
/// assert_eq!(decay, [Some(0.1), Some(0.0)]);
/// assert!(optimizer.param_groups()[1].params()[0].is_same(&bias));
/// ```
pub fn weight_decay_groups<P: Into<Tensor>>(
    params: impl IntoIterator<Item = P>,
    weight_decay: f64,
) -> Vec<ParamGroup> {
    let params = params.into_iter().map(Into::into);
    let (decayed, others): (Vec<Tensor>, Vec<Tensor>) = params.partition(|p| p.shape().rank() > 1);
    let groups = [(decayed, weight_decay), (others, 0.0)].into_iter();
    groups
        .filter(|(params, _)| !params.is_empty())
        .map(|(params, decay)| ParamGroup::new(params).weight_decay(decay))
        .collect()
}
