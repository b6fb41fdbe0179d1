//! Rows of optimizers: parameters after every step, and clipping.

use gradus_autodiff::{Error, Result, Tensor};
use gradus_optim::{AdjustLr, Optimizer, ParamGroup, clip_grad_norm_};

use crate::call::{Call, Outputs, Row, row};

/// Makes an optimizer of groups that have chosen their options.
pub type MakeOptimizer = fn(Vec<ParamGroup>) -> Box<dyn Optimizer>;

/// Declares the optimizers: one line each makes its conformance cases run and enters it into the
/// tests over all optimizers.
macro_rules! optimizers {
    ($($name:literal $type:ident $lr:literal;)*) => {
        /// Every optimizer made of groups, by its name in cases and state dicts, at PyTorch's
        /// default learning rate.
        pub const OPTIMIZERS: &[(&str, MakeOptimizer)] =
            &[$(($name, |groups| Box::new(gradus_optim::$type::groups(groups, $lr)))),*];

        pub(crate) const ROWS: &[Row] =
            &[$(row($name, run),)* row("clip_grad_norm", clip)];
    };
}

optimizers! {
    "sgd" Sgd 1e-3;
    "adam" Adam 1e-3;
    "adamw" AdamW 1e-3;
    "adagrad" Adagrad 1e-2;
    "rmsprop" RmsProp 1e-2;
    "adadelta" Adadelta 1.0;
    "adamax" Adamax 2e-3;
    "nadam" NAdam 2e-3;
    "radam" RAdam 1e-3;
    "rprop" Rprop 1e-2;
    "asgd" Asgd 1e-2;
    "lion" Lion 1e-4;
    "lamb" Lamb 1e-3;
    "muon" Muon 1e-3;
}

/// Numbers and switches that optimizers take under PyTorch's names.
const OPTIONS: &[&str] = &[
    "lr",
    "momentum",
    "dampening",
    "weight_decay",
    "eps",
    "lr_decay",
    "alpha",
    "rho",
    "initial_accumulator_value",
    "momentum_decay",
    "lambd",
    "t0",
    "ns_steps",
];
const SWITCHES: &[&str] =
    &["nesterov", "amsgrad", "maximize", "centered", "decoupled_weight_decay"];
/// Pairs of PyTorch's that are two options each.
const PAIRS: &[(&str, [&str; 2])] = &[
    ("betas", ["beta1", "beta2"]),
    ("etas", ["etaminus", "etaplus"]),
    ("step_sizes", ["step_size_min", "step_size_max"]),
];

/// The optimizer called `name` over `params`, with the case's options.
pub(crate) fn optimizer(c: &Call<'_>, name: &str, params: &[Tensor]) -> Result<Box<dyn Optimizer>> {
    let mut group = ParamGroup::new(params);
    for option in OPTIONS {
        if c.attrs.has(option) {
            group.set(option, c.attrs.float(option, 0.0)?);
        }
    }
    for switch in SWITCHES {
        if c.attrs.has(switch) {
            group.set(switch, f64::from(c.attrs.flag(switch, false)?));
        }
    }
    for (pair, [first, second]) in PAIRS {
        if c.attrs.has(pair) {
            let values = c.attrs.pair(pair, (0.0, 0.0))?;
            group.set(first, values.0);
            group.set(second, values.1);
        }
    }
    if c.attrs.has("ns_coefficients") {
        let values = c.attrs.floats("ns_coefficients")?;
        for (name, value) in ["ns_a", "ns_b", "ns_c"].into_iter().zip(values) {
            group.set(name, value);
        }
    }
    match c.attrs.text("adjust_lr_fn", "")? {
        "" => {}
        "original" => group.set("adjust_lr_fn", f64::from(AdjustLr::Original as u8)),
        "match_rms_adamw" => group.set("adjust_lr_fn", f64::from(AdjustLr::MatchRmsAdamW as u8)),
        _ => group.set("adjust_lr_fn", f64::from(AdjustLr::SpectralUnclamped as u8)),
    }
    match OPTIMIZERS.iter().find(|(known, _)| *known == name) {
        // The group's learning rate, if the case has one, comes before the default.
        Some((_, make)) => Ok(make(vec![group])),
        None => Err(Error::argument("case", "optimizer", name, "an optimizer that exists")),
    }
}

fn clip(c: &Call<'_>) -> Result<Outputs> {
    let mut outputs = Outputs::new();
    let params: Vec<Tensor> = c.inputs.values().map(with_gradient).collect();
    let norm = clip_grad_norm_(&params, c.attrs.float("max_norm", 1.0)?)?;
    outputs.insert("norm".to_owned(), norm);
    for (name, param) in c.inputs.keys().zip(&params) {
        let grad = param.grad().unwrap_or_else(|| param.clone());
        outputs.insert(name.clone(), grad);
    }
    Ok(outputs)
}

fn with_gradient(grad: &Tensor) -> Tensor {
    let param = Tensor::zeros(grad.shape(), &grad.device()).requires_grad_(true);
    param.set_grad(Some(grad.clone()));
    param
}

/// Steps with given gradients: `g<step>_p<i>` in, `step<step>_p<i>` out.
fn run(c: &Call<'_>) -> Result<Outputs> {
    let mut params = Vec::new();
    while let Some(p) = c.optional(&format!("p{}", params.len())) {
        params.push(p.detach().requires_grad_(true));
    }
    let mut optimizer = optimizer(c, c.op, &params)?;
    let mut outputs = Outputs::new();
    let mut step = 0;
    while c.optional(&format!("g{step}_p0")).is_some() {
        for (i, p) in params.iter().enumerate() {
            p.set_grad(c.optional(&format!("g{step}_p{i}")).cloned());
        }
        optimizer.step()?;
        for (i, p) in params.iter().enumerate() {
            // Read at the end: later steps must not change what was taken here.
            outputs.insert(format!("step{step}_p{i}"), p.detach());
        }
        step += 1;
    }
    Ok(outputs)
}
