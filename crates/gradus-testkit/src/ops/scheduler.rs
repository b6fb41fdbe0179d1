//! Rows of learning-rate schedules: the rate before the first step and after every one.

use gradus_autodiff::{DType, Error, Result, Tensor};
use gradus_optim::{
    Anneal, ConstantLr, CosineAnnealingLr, CosineAnnealingWarmRestarts, CyclicLr, CyclicMode,
    ExponentialLr, LinearLr, LrScheduler, MultiStepLr, OneCycleLr, PlateauMode, PolynomialLr,
    ReduceLrOnPlateau, Schedule, Scheduler, Sgd, StepLr, ThresholdMode,
};

use crate::attrs::Attrs;
use crate::call::{Call, Outputs, Row, row, y};

pub(crate) const ROWS: &[Row] = &[
    row("step_lr", |c| {
        let schedule = StepLr::new(c.attrs.count("step_size", 1)?);
        run(c, schedule.gamma(c.attrs.float("gamma", 0.1)?))
    }),
    row("multi_step_lr", |c| {
        let milestones = c.attrs.counts("milestones")?.into_iter().map(|m| m as u64);
        run(c, MultiStepLr::new(milestones).gamma(c.attrs.float("gamma", 0.1)?))
    }),
    row("constant_lr", |c| {
        let schedule = ConstantLr::default().factor(c.attrs.float("factor", 1.0 / 3.0)?);
        run(c, schedule.total_iters(count(c.attrs, "total_iters", 5)?))
    }),
    row("linear_lr", |c| {
        let schedule = LinearLr::default()
            .start_factor(c.attrs.float("start_factor", 1.0 / 3.0)?)
            .end_factor(c.attrs.float("end_factor", 1.0)?);
        run(c, schedule.total_iters(count(c.attrs, "total_iters", 5)?))
    }),
    row("exponential_lr", |c| run(c, ExponentialLr::new(c.attrs.float("gamma", 0.1)?))),
    row("polynomial_lr", |c| {
        let schedule = PolynomialLr::default().power(c.attrs.float("power", 1.0)?);
        run(c, schedule.total_iters(count(c.attrs, "total_iters", 5)?))
    }),
    row("cosine_annealing_lr", |c| {
        let schedule = CosineAnnealingLr::new(count(c.attrs, "t_max", 1)?);
        run(c, schedule.eta_min(c.attrs.float("eta_min", 0.0)?))
    }),
    row("cosine_annealing_warm_restarts", |c| {
        let schedule = CosineAnnealingWarmRestarts::new(count(c.attrs, "t_0", 1)?)
            .t_mult(count(c.attrs, "t_mult", 1)?);
        run(c, schedule.eta_min(c.attrs.float("eta_min", 0.0)?))
    }),
    row("one_cycle_lr", one_cycle),
    row("cyclic_lr", cyclic),
    row("reduce_lr_on_plateau", plateau),
];

fn count(attrs: &Attrs, name: &'static str, default: usize) -> Result<u64> {
    Ok(attrs.count(name, default)? as u64)
}

fn one_cycle(c: &Call<'_>) -> Result<Outputs> {
    let total = count(c.attrs, "total_steps", 1)?;
    let schedule = OneCycleLr::new(c.attrs.float("max_lr", 1.0)?, total)
        .pct_start(c.attrs.float("pct_start", 0.3)?)
        .div_factor(c.attrs.float("div_factor", 25.0)?)
        .final_div_factor(c.attrs.float("final_div_factor", 1e4)?)
        .three_phase(c.attrs.flag("three_phase", false)?)
        .anneal_strategy(match c.attrs.text("anneal_strategy", "cos")? {
            "cos" => Anneal::Cos,
            "linear" => Anneal::Linear,
            other => return Err(unknown("anneal_strategy", other)),
        });
    run(c, schedule.cycle_momentum(false))
}

fn cyclic(c: &Call<'_>) -> Result<Outputs> {
    let (base, max) = (c.attrs.float("base_lr", 0.0)?, c.attrs.float("max_lr", 1.0)?);
    let up = count(c.attrs, "step_size_up", 2000)?;
    let schedule = CyclicLr::new(base, max)
        .step_size_up(up)
        .step_size_down(count(c.attrs, "step_size_down", up as usize)?)
        .gamma(c.attrs.float("gamma", 1.0)?)
        .mode(match c.attrs.text("mode", "triangular")? {
            "triangular" => CyclicMode::Triangular,
            "triangular2" => CyclicMode::Triangular2,
            "exp_range" => CyclicMode::ExpRange,
            other => return Err(unknown("mode", other)),
        });
    run(c, schedule.cycle_momentum(false))
}

fn plateau(c: &Call<'_>) -> Result<Outputs> {
    let mut optimizer = sgd(c)?;
    let threshold_mode = match c.attrs.text("threshold_mode", "rel")? {
        "rel" => ThresholdMode::Rel,
        "abs" => ThresholdMode::Abs,
        other => return Err(unknown("threshold_mode", other)),
    };
    let mut scheduler = ReduceLrOnPlateau::new(&optimizer)
        .mode(match c.attrs.text("mode", "min")? {
            "min" => PlateauMode::Min,
            "max" => PlateauMode::Max,
            other => return Err(unknown("mode", other)),
        })
        .factor(c.attrs.float("factor", 0.1)?)
        .patience(count(c.attrs, "patience", 10)?)
        .threshold(c.attrs.float("threshold", 1e-4)?, threshold_mode)
        .cooldown(count(c.attrs, "cooldown", 0)?)
        .min_lr(c.attrs.float("min_lr", 0.0)?);
    let mut rates = Vec::new();
    for metric in c.input("metrics")?.to_dtype(DType::F32)?.to_vec::<f32>()? {
        scheduler.step(&mut optimizer, f64::from(metric))?;
        rates.extend_from_slice(scheduler.get_last_lr());
    }
    y(Tensor::from_slice(&rates, [rates.len()]))
}

fn unknown(name: &'static str, value: &str) -> Error {
    Error::argument("case", name, value, "a choice that exists")
}

fn sgd(c: &Call<'_>) -> Result<Sgd> {
    let param = Tensor::from_slice(&[0f32], [1])?.requires_grad_(true);
    Ok(Sgd::new([&param], c.attrs.float("initial_lr", 1e-3)?))
}

fn run(c: &Call<'_>, schedule: impl Schedule) -> Result<Outputs> {
    let mut optimizer = sgd(c)?;
    let mut scheduler = Scheduler::new(&mut optimizer, schedule)?;
    let mut rates = scheduler.get_last_lr().to_vec();
    for _ in 0..c.attrs.count("steps", 0)? {
        scheduler.step(&mut optimizer)?;
        rates.extend_from_slice(scheduler.get_last_lr());
    }
    y(Tensor::from_slice(&rates, [rates.len()]))
}
