//! Losses of similarity: pairs and triples of vectors.

use gradus_autodiff::{Tensor, where_};
use gradus_tensor::Result;

use super::common::{Loss, must_be_float, one_a_row, same_shape};
use super::reduction::Reduction;

/// PyTorch's guard of squared lengths in [`cosine_embedding_loss`].
const COSINE_EPS: f64 = 1e-12;

/// Similarity of pairs that belong together or not. PyTorch: `nn.CosineEmbeddingLoss`; see
/// [`cosine_embedding_loss`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CosineEmbeddingLoss {
    /// Cosine up to which strangers cost nothing.
    pub margin: f64,
    /// What is made of the rows' losses.
    pub reduction: Reduction,
}

/// Order of pairs of scores. PyTorch: `nn.MarginRankingLoss`; see [`margin_ranking_loss`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MarginRankingLoss {
    /// Distance from which the right order costs nothing.
    pub margin: f64,
    /// What is made of the elements.
    pub reduction: Reduction,
}

/// Distances of pairs that belong together or not. PyTorch: `nn.HingeEmbeddingLoss`; see
/// [`hinge_embedding_loss`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HingeEmbeddingLoss {
    /// Distance from which strangers cost nothing.
    pub margin: f64,
    /// What is made of the elements.
    pub reduction: Reduction,
}

/// An anchor nearer to a positive than to a negative. PyTorch: `nn.TripletMarginLoss`; see
/// [`triplet_margin_loss`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TripletMarginLoss {
    /// How much nearer.
    pub margin: f64,
    /// The norm of the distance.
    pub p: f64,
    /// Added to every difference, so that its norm has a gradient.
    pub eps: f64,
    /// Whether the negative is compared with the positive where that is nearer (Balntas et al.,
    /// BMVC 2016).
    pub swap: bool,
    /// What is made of the rows' losses.
    pub reduction: Reduction,
}

impl Default for HingeEmbeddingLoss {
    fn default() -> Self {
        HingeEmbeddingLoss { margin: 1.0, reduction: Reduction::Mean }
    }
}

impl Default for TripletMarginLoss {
    fn default() -> Self {
        let reduction = Reduction::Mean;
        TripletMarginLoss { margin: 1.0, p: 2.0, eps: 1e-6, swap: false, reduction }
    }
}

impl CosineEmbeddingLoss {
    /// The loss of pairs.
    ///
    /// # Errors
    /// As [`cosine_embedding_loss`].
    pub fn forward(&self, a: &Tensor, b: &Tensor, target: &Tensor) -> Result<Tensor> {
        cosine_embedding_loss(a, b, target, self)
    }
}

impl MarginRankingLoss {
    /// The loss of pairs.
    ///
    /// # Errors
    /// As [`margin_ranking_loss`].
    pub fn forward(&self, a: &Tensor, b: &Tensor, target: &Tensor) -> Result<Tensor> {
        margin_ranking_loss(a, b, target, self)
    }
}

impl Loss for HingeEmbeddingLoss {
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        hinge_embedding_loss(input, target, self)
    }

    fn each(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let each = HingeEmbeddingLoss { reduction: Reduction::None, ..*self };
        each.forward(input, target)
    }
}

impl TripletMarginLoss {
    /// The loss of triples.
    ///
    /// # Errors
    /// As [`triplet_margin_loss`].
    pub fn forward(&self, anchor: &Tensor, positive: &Tensor, negative: &Tensor) -> Result<Tensor> {
        triplet_margin_loss(anchor, positive, negative, self)
    }
}

/// `1 - cos(a, b)` where the target is 1, `max(cos(a, b) - margin, 0)` where it is -1. PyTorch:
/// `nn.functional.cosine_embedding_loss`.
///
/// *Shapes*: `a`, `b`: `[N, D]` or `[D]`; `target`: `[N]` or `[]`.
///
/// # Errors
/// `Kind::Shape` when the shapes do not fit, `Kind::DType` unless a is a float.
pub fn cosine_embedding_loss(
    a: &Tensor,
    b: &Tensor,
    target: &Tensor,
    options: &CosineEmbeddingLoss,
) -> Result<Tensor> {
    const OP: &str = "cosine_embedding_loss";
    same_shape(OP, ("a", a), ("b", b))?;
    one_a_row(OP, a, target)?;
    let length = |x: &Tensor| -> Result<Tensor> { x.square()?.sum(&[-1], false)?.add(COSINE_EPS) };
    let cosine = a.mul(b)?.sum(&[-1], false)?.div(&length(a)?.mul(&length(b)?)?.sqrt()?)?;
    let near = where_(&target.eq(1.0)?, &cosine.neg()?.add(1.0)?, 0.0)?;
    let far = cosine.sub(options.margin)?.clamp_min(0.0)?;
    let far = where_(&target.eq(-1.0)?, &far, 0.0)?;
    options.reduction.apply(&near.add(&far)?)
}

/// `max(margin - target · (a - b), 0)`: a should be above b where the target is 1, below where it
/// is -1. PyTorch: `nn.functional.margin_ranking_loss`.
///
/// # Errors
/// `Kind::Shape` when the shapes differ, `Kind::DType` unless a is a float.
pub fn margin_ranking_loss(
    a: &Tensor,
    b: &Tensor,
    target: &Tensor,
    options: &MarginRankingLoss,
) -> Result<Tensor> {
    const OP: &str = "margin_ranking_loss";
    same_shape(OP, ("a", a), ("b", b))?;
    same_shape(OP, ("a", a), ("target", target))?;
    let lead = target.mul(&a.sub(b)?)?;
    options.reduction.apply(&lead.neg()?.add(options.margin)?.clamp_min(0.0)?)
}

/// The distance `input` where the target is 1, `max(margin - input, 0)` where it is -1. PyTorch:
/// `nn.functional.hinge_embedding_loss`.
///
/// # Errors
/// `Kind::Shape` when the shapes differ, `Kind::DType` unless the input is a float.
pub fn hinge_embedding_loss(
    input: &Tensor,
    target: &Tensor,
    options: &HingeEmbeddingLoss,
) -> Result<Tensor> {
    same_shape("hinge_embedding_loss", ("input", input), ("target", target))?;
    let far = input.neg()?.add(options.margin)?.clamp_min(0.0)?;
    // As PyTorch: a target that is neither sign counts both.
    let far = where_(&target.ne(1.0)?, &far, 0.0)?;
    let near = where_(&target.ne(-1.0)?, input, 0.0)?;
    options.reduction.apply(&near.add(&far)?)
}

/// `max(‖anchor - positive‖ - ‖anchor - negative‖ + margin, 0)` over the last dimension. PyTorch:
/// `nn.functional.triplet_margin_loss`.
///
/// # Errors
/// `Kind::Shape` when the shapes differ, `Kind::DType` unless the anchor is a float.
pub fn triplet_margin_loss(
    anchor: &Tensor,
    positive: &Tensor,
    negative: &Tensor,
    options: &TripletMarginLoss,
) -> Result<Tensor> {
    const OP: &str = "triplet_margin_loss";
    must_be_float(OP, anchor)?;
    same_shape(OP, ("anchor", anchor), ("positive", positive))?;
    same_shape(OP, ("anchor", anchor), ("negative", negative))?;
    let distance = |a: &Tensor, b: &Tensor| -> Result<Tensor> {
        a.sub(b)?.add(options.eps)?.norm(options.p, &[-1], false)
    };
    let near = distance(anchor, positive)?;
    let mut far = distance(anchor, negative)?;
    if options.swap {
        far = far.minimum(&distance(positive, negative)?)?;
    }
    options.reduction.apply(&near.sub(&far)?.add(options.margin)?.clamp_min(0.0)?)
}
