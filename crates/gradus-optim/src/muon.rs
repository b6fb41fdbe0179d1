//! Muon: a momentum whose matrix is made orthogonal.

use gradus_autodiff::Tensor;
use gradus_tensor::{Error, Problem, Result, Shape};

use crate::engine::Engine;
use crate::flat::Flat;
use crate::group::ParamGroup;
use crate::rule::{Domain, Rule, Setting, StepContext};

/// Muon (Jordan et al. 2024), for the weight matrices of hidden layers; train biases, embeddings
/// and the like with another optimizer.
///
/// *Formula*: `b += (1 - momentum) (g - b)`; by Nesterov `u = g + momentum (b - g)`, else `u = b`;
/// `p = (1 - lr · weight_decay) p - lr · adjusted · O(u)`. O makes a matrix of norm 1 nearly
/// orthogonal: `ns_steps` times `X = a X + (b X Xᵀ + c (X Xᵀ)²) X`.
///
/// *Source*: `torch.optim.Muon`: same defaults. PyTorch rounds the steps of O to bfloat16; here
/// they have the parameters' type.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_optim::{Muon, Optimizer};
/// let w = Tensor::from_vec(vec![1.0f32, 1.0], [1, 2])?.requires_grad_(true);
/// let mut optimizer = Muon::new([&w], 0.1).weight_decay(0.0).ns_coefficients(1.5, -0.5, 0.0);
/// let slope = Tensor::from_vec(vec![3.0f32, 4.0], [1, 2])?;
/// w.mul(&slope)?.sum_all()?.backward()?;
/// optimizer.step()?; // a row becomes one of length 1
/// let got = w.to_vec::<f32>()?;
/// assert!((got[0] - 0.94).abs() < 1e-6 && (got[1] - 0.92).abs() < 1e-6);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
///
/// # Errors
/// A step reports `Kind::Shape` for a parameter that is no matrix.
pub type Muon = Engine<MuonRule>;

/// The formula of [`Muon`].
#[derive(Clone, Copy, Debug)]
pub struct MuonRule;

/// How Muon's learning rate depends on the shape of a matrix, by rows r and columns c.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdjustLr {
    /// √max(1, r / c), as in Jordan's implementation.
    #[default]
    Original,
    /// 0.2 √max(r, c): steps as large as AdamW's (arXiv:2502.16982).
    MatchRmsAdamW,
    /// √(r / c).
    SpectralUnclamped,
}

impl AdjustLr {
    const ALL: [AdjustLr; 3] =
        [AdjustLr::Original, AdjustLr::MatchRmsAdamW, AdjustLr::SpectralUnclamped];

    fn factor(self, rows: f64, columns: f64) -> f64 {
        match self {
            AdjustLr::Original => (rows / columns).max(1.0).sqrt(),
            AdjustLr::MatchRmsAdamW => 0.2 * rows.max(columns).sqrt(),
            AdjustLr::SpectralUnclamped => (rows / columns).sqrt(),
        }
    }
}

impl Rule for MuonRule {
    fn name(&self) -> &'static str {
        "muon"
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[
            Setting::new("lr", 1e-3, Domain::NonNegative),
            Setting::new("weight_decay", 0.1, Domain::NonNegative),
            Setting::new("momentum", 0.95, Domain::NonNegative),
            Setting::new("nesterov", 1.0, Domain::Flag),
            Setting::new("ns_a", 3.4445, Domain::Number),
            Setting::new("ns_b", -4.775, Domain::Number),
            Setting::new("ns_c", 2.0315, Domain::Number),
            Setting::new("eps", 1e-7, Domain::NonNegative),
            Setting::new("ns_steps", 5.0, Domain::NonNegative),
            Setting::new("adjust_lr_fn", 0.0, Domain::NonNegative),
        ];
        SETTINGS
    }

    fn check(&self, options: &ParamGroup) -> Result<()> {
        let whole = |name, end: usize, expected| {
            let value = options.get(name).unwrap_or(0.0);
            if value.fract() == 0.0 && value < end as f64 {
                return Ok(());
            }
            Err(Error::argument("muon", name, value, expected))
        };
        whole("ns_steps", 100, "a whole number below 100")?;
        whole("adjust_lr_fn", AdjustLr::ALL.len(), "the number of an `AdjustLr`")
    }

    fn states(&self, _: &ParamGroup) -> &'static [&'static str] {
        &["momentum_buffer"]
    }

    fn is_per_parameter(&self) -> bool {
        true
    }

    fn check_param(&self, param: &Tensor) -> Result<()> {
        if param.shape().rank() == 2 {
            return Ok(());
        }
        let problem = Problem::Rule { rule: "muon trains matrices only" };
        Err(Error::shape(self.name(), problem, &[("parameter", &param.shape())]))
    }

    fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, states: &[Flat]) -> Vec<Flat> {
        let (lr, momentum) = (cx.get("lr"), cx.get("momentum"));
        let buffer = states[0].lerp(g, 1.0 - momentum);
        let direction = match cx.flag("nesterov") {
            true => g.lerp(&buffer, momentum),
            false => buffer.clone(),
        };
        let &[rows, columns] = cx.shape().dims() else {
            return Vec::new(); // `check_param` has seen that it is a matrix
        };
        let adjust = AdjustLr::ALL.get(cx.get("adjust_lr_fn") as usize).copied();
        let factor = adjust.unwrap_or_default().factor(rows as f64, columns as f64);
        let p = p * (1.0 - lr * cx.get("weight_decay"));
        vec![p - orthogonal(cx, &direction, rows, columns) * (lr * factor), buffer]
    }
}

/// The nearly orthogonal matrix with a matrix's singular vectors, by Newton and Schulz.
fn orthogonal(cx: &StepContext<'_>, flat: &Flat, rows: usize, columns: usize) -> Flat {
    let (a, b, c) = (cx.get("ns_a"), cx.get("ns_b"), cx.get("ns_c"));
    let x = flat.reshape(&Shape::from([rows, columns]));
    // The smaller Gram matrix.
    let x = if rows > columns { x.t() } else { x };
    let norm = x.norm();
    let mut x = x / norm.maximum(&norm.full_like(cx.get("eps")));
    for _ in 0..cx.get("ns_steps") as usize {
        let gram = x.matmul(&x.t());
        let factor = &gram * b + gram.matmul(&gram) * c;
        x = &x * a + factor.matmul(&x);
    }
    let x = if rows > columns { x.t() } else { x };
    x.reshape(&Shape::from([rows * columns]))
}

impl Engine<MuonRule> {
    /// Descends on matrices with learning rate `lr`, PyTorch's default being 1e-3.
    pub fn new<P: Into<Tensor>>(params: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Muon::groups(vec![ParamGroup::new(params)], lr)
    }

    /// As [`Muon::new`], for groups with options of their own.
    pub fn groups(groups: Vec<ParamGroup>, lr: f64) -> Self {
        Engine::with_rule(MuonRule, groups).with("lr", lr)
    }

    /// How much of the last direction is kept; 0.95 unless set.
    #[must_use]
    pub fn momentum(self, momentum: f64) -> Self {
        self.with("momentum", momentum)
    }

    /// Whether the momentum looks one step ahead; on unless set.
    #[must_use]
    pub fn nesterov(self, nesterov: bool) -> Self {
        self.with("nesterov", f64::from(nesterov))
    }

    /// The coefficients a, b and c; 3.4445, -4.775 and 2.0315 unless set.
    #[must_use]
    pub fn ns_coefficients(self, a: f64, b: f64, c: f64) -> Self {
        self.with("ns_a", a).with("ns_b", b).with("ns_c", c)
    }

    /// The least norm that is divided by; 1e-7 unless set.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        self.with("eps", eps)
    }

    /// How many steps make a matrix orthogonal; 5 unless set.
    #[must_use]
    pub fn ns_steps(self, ns_steps: usize) -> Self {
        self.with("ns_steps", ns_steps as f64)
    }

    /// How the learning rate depends on the shape.
    #[must_use]
    pub fn adjust_lr_fn(self, adjust: AdjustLr) -> Self {
        self.with("adjust_lr_fn", f64::from(adjust as u8))
    }
}
