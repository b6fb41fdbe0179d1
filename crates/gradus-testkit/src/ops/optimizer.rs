//! Rows of optimizers: parameters after every step, and clipping.

use gradus_autodiff::{Error, Result, Tensor};
use gradus_optim::{Adam, AdamW, Optimizer, ParamGroup, Sgd, clip_grad_norm_};

use crate::call::{Call, Outputs, Row, row};

pub(crate) const ROWS: &[Row] = &[
    row("sgd", run),
    row("adam", run),
    row("adamw", run),
    row("clip_grad_norm", |c| {
        let mut outputs = Outputs::new();
        let params: Vec<Tensor> = c.inputs.values().map(with_gradient).collect();
        let norm = clip_grad_norm_(&params, c.attrs.float("max_norm", 1.0)?)?;
        outputs.insert("norm".to_owned(), norm);
        for (name, param) in c.inputs.keys().zip(&params) {
            let grad = param.grad().unwrap_or_else(|| param.clone());
            outputs.insert(name.clone(), grad);
        }
        Ok(outputs)
    }),
];

/// Numbers and switches that optimizers take under PyTorch's names; `betas` are two.
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
];
const SWITCHES: &[&str] = &["nesterov", "amsgrad", "maximize", "centered"];

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
            group.set(switch, f64::from(u8::from(c.attrs.flag(switch, false)?)));
        }
    }
    if c.attrs.has("betas") {
        let (beta1, beta2) = c.attrs.pair("betas", (0.9, 0.999))?;
        group.set("beta1", beta1);
        group.set("beta2", beta2);
    }
    let groups = vec![group];
    // The group's learning rate, if the case has one, comes before this default of PyTorch's.
    Ok(match name {
        "sgd" => Box::new(Sgd::groups(groups, 1e-3)),
        "adam" => Box::new(Adam::groups(groups, 1e-3)),
        "adamw" => Box::new(AdamW::groups(groups, 1e-3)),
        _ => return Err(Error::argument("case", "optimizer", name, "sgd, adam or adamw")),
    })
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
