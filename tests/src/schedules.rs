//! Learning rates and momenta of schedules with two groups, against PyTorch's.

use gradus_autodiff::Tensor;
use gradus_optim::{
    Adam, Anneal, ChainedScheduler, ConstantLr, CosineAnnealingLr, CosineAnnealingWarmRestarts,
    CyclicLr, CyclicMode, ExponentialLr, LambdaLr, LinearLr, LrScheduler, MultiStepLr,
    MultiplicativeLr, OneCycleLr, Optimizer, ParamGroup, PlateauMode, PolynomialLr,
    ReduceLrOnPlateau, ScaleMode, Schedule, Scheduler, SequentialLr, Sgd, StepLr, SwaLr,
    ThresholdMode,
};
use serde_json::Value as Json;

use crate::support::{assert_close, message};

fn rows() -> Vec<Json> {
    serde_json::from_str(include_str!("../cases/optim_runs/schedules.json")).expect("JSON")
}

fn numbers(list: &Json) -> Vec<f64> {
    let number = |v: &Json| v.as_f64().expect("a number");
    list.as_array().expect("a list").iter().map(number).collect()
}

/// The schedules of `optim.py`.
fn schedule(name: &str) -> Box<dyn Schedule> {
    let halves = |t: u64| 1.0 / (1 + t) as f64;
    match name {
        "lambda" => {
            Box::new(LambdaLr::each(vec![Box::new(|t| 0.9f64.powf(t as f64)), Box::new(halves)]))
        }
        "multiplicative" => Box::new(MultiplicativeLr::new(|t| if t % 3 == 0 { 1.1 } else { 0.8 })),
        "step" => Box::new(StepLr::new(4).gamma(0.3)),
        "multi_step_twice" => Box::new(MultiStepLr::new([3, 7, 3]).gamma(0.5)),
        "linear_down" => {
            Box::new(LinearLr::default().start_factor(1.0).end_factor(0.25).total_iters(7))
        }
        "polynomial" => Box::new(PolynomialLr::default().total_iters(11).power(0.5)),
        "cosine_twice" => Box::new(CosineAnnealingLr::new(6).eta_min(0.003)),
        "warm_restarts" => Box::new(CosineAnnealingWarmRestarts::new(3).eta_min(0.001)),
        "one_cycle_momentum" => Box::new(OneCycleLr::new([1.0, 0.5], 24)),
        "one_cycle_three_phase" => {
            let schedule = OneCycleLr::new(1.0, 24).three_phase(true).pct_start(0.4);
            Box::new(schedule.anneal_strategy(Anneal::Linear))
        }
        "cyclic_momentum" => {
            Box::new(CyclicLr::new([0.01, 0.02], 0.5).step_size_up(3).step_size_down(5))
        }
        "cyclic_triangular2" => Box::new(cyclic(4).mode(CyclicMode::Triangular2)),
        "cyclic_exp_range" => Box::new(cyclic(4).mode(CyclicMode::ExpRange).gamma(0.95)),
        "cyclic_scale_fn" => {
            Box::new(cyclic(3).scale_fn(|x| 1.0 / (5.0 + x), ScaleMode::Iterations))
        }
        "swa_cos" => Box::new(SwaLr::new([0.05, 0.02]).anneal_epochs(8)),
        "swa_linear" => Box::new(SwaLr::new(0.05).anneal_epochs(5).anneal_strategy(Anneal::Linear)),
        "swa_at_once" => Box::new(SwaLr::new(0.05).anneal_epochs(0)),
        "chained" => Box::new(ChainedScheduler::new(vec![
            Box::new(ConstantLr::default().factor(0.1).total_iters(4)),
            Box::new(ExponentialLr::new(0.9)),
            Box::new(CosineAnnealingLr::new(9).eta_min(0.001)),
        ])),
        "sequential" => {
            let rise = LinearLr::default().start_factor(0.1);
            let fall = CosineAnnealingLr::new(8).eta_min(0.01);
            let end = ExponentialLr::new(0.8);
            Box::new(SequentialLr::new(
                vec![Box::new(rise), Box::new(fall), Box::new(end)],
                [5, 15],
            ))
        }
        "sequential_multiplicative" => {
            let restarts = CosineAnnealingWarmRestarts::new(4).t_mult(2);
            Box::new(SequentialLr::new(
                vec![
                    Box::new(ExponentialLr::new(0.9)),
                    Box::new(MultiplicativeLr::new(|_| 0.7)),
                    Box::new(restarts),
                ],
                [4, 9],
            ))
        }
        "sequential_one_part_at_once" => {
            let first = ConstantLr::default().factor(0.5).total_iters(3);
            let second = StepLr::new(2).gamma(0.5);
            Box::new(SequentialLr::new(vec![Box::new(first), Box::new(second)], [0]))
        }
        other => panic!("`optim.py` has a schedule that is not here: {other}"),
    }
}

fn cyclic(up: u64) -> CyclicLr {
    CyclicLr::new(0.01, 0.5).step_size_up(up).cycle_momentum(false)
}

fn optimizer(momentum: &str) -> Box<dyn Optimizer> {
    let leaf = || Tensor::from_slice(&[0f32], [1]).expect("a tensor").requires_grad_(true);
    let groups = vec![ParamGroup::new([&leaf()]).lr(0.4), ParamGroup::new([&leaf()]).lr(0.1)];
    match momentum {
        "momentum" => Box::new(Sgd::groups(groups, 1.0).momentum(0.9)),
        _ => Box::new(Adam::groups(groups, 1.0)),
    }
}

fn options(optimizer: &dyn Optimizer, name: &str) -> Vec<f64> {
    let groups = optimizer.param_groups().iter();
    groups.map(|group| group.get(name).expect("an option")).collect()
}

#[test]
fn schedules_are_pytorchs() {
    let mut checked = 0;
    for row in rows().iter().filter(|row| row["schedule"] != "plateau") {
        let (name, momentum) = (row["schedule"].as_str(), row["momentum"].as_str());
        let (name, momentum) = (name.expect("a name"), momentum.expect("a name"));
        let mut optimizer = optimizer(momentum);
        let mut scheduler = Scheduler::new(&mut *optimizer, schedule(name)).expect("it begins");
        let curves = scheduler.preview(24).expect("all steps exist");
        let rates = row["rates"].as_array().expect("a list");
        let momenta = row["momenta"].as_array().expect("a list");
        for (step, (rates, momenta)) in rates.iter().zip(momenta).enumerate() {
            let what = format!("{name} with {momentum}, step {step}");
            if step > 0 {
                scheduler.step(&mut *optimizer).expect("a step");
            }
            let (rates, momenta) = (numbers(rates), numbers(momenta));
            assert_close(&what, &options(&*optimizer, "lr"), &rates, 1e-12, 1e-14);
            assert_close(&what, scheduler.get_last_lr(), &rates, 1e-12, 1e-14);
            assert_close(&what, &options(&*optimizer, momentum), &momenta, 1e-12, 1e-14);
            let previewed: Vec<f64> = curves.iter().map(|curve| curve[step]).collect();
            assert_close(&what, &previewed, &rates, 1e-12, 1e-14);
        }
        checked += 1;
    }
    assert_eq!(checked, 2 * 21);
}

#[test]
fn schedules_go_on_from_a_state_dict() {
    for row in rows().iter().filter(|row| row["schedule"] != "plateau") {
        let name = row["schedule"].as_str().expect("a name");
        let mut straight = optimizer("momentum");
        let mut scheduler = Scheduler::new(&mut *straight, schedule(name)).expect("it begins");
        let (mut saved, mut rates) = (None, Vec::new());
        for step in 1..20 {
            scheduler.step(&mut *straight).expect("a step");
            if step == 7 {
                let state = straight.state_dict().expect("a state dict");
                saved = Some((state, scheduler.state_dict()));
            }
            rates.push(scheduler.get_last_lr().to_vec());
        }
        let (state, schedule_state) = saved.expect("saved at step 7");
        let mut resumed = optimizer("momentum");
        let mut scheduler = Scheduler::new(&mut *resumed, schedule(name)).expect("it begins");
        resumed.load_state_dict(&state).expect("it fits");
        scheduler.load_state_dict(&schedule_state).expect("it fits");
        assert_eq!(scheduler.last_epoch(), 7);
        for expected in &rates[7..] {
            scheduler.step(&mut *resumed).expect("a step");
            assert_eq!(scheduler.get_last_lr(), expected, "{name}");
        }
    }
}

#[test]
fn a_schedule_constructed_after_an_epoch_goes_on_as_one_that_never_stopped() {
    let mut checked = 0;
    for row in rows().iter().filter(|row| row["schedule"] != "plateau") {
        let name = row["schedule"].as_str().expect("a name");
        let rates: Vec<_> = row["rates"].as_array().expect("a list").iter().map(numbers).collect();
        for last_epoch in [0, 3, 7] {
            let mut optimizer = optimizer("momentum");
            for (group, rate) in optimizer.param_groups_mut().iter_mut().zip(&rates[last_epoch]) {
                group.set("lr", *rate);
            }
            let last = last_epoch as u64;
            let mut scheduler =
                Scheduler::with_last_epoch(&mut *optimizer, schedule(name), last, [0.4, 0.1])
                    .expect("it goes on");
            for (step, expected) in rates.iter().enumerate().skip(last_epoch + 1) {
                let what = format!("{name} after {last_epoch}, step {step}");
                assert_eq!(scheduler.last_epoch(), step as u64, "{what}");
                assert_close(&what, &options(&*optimizer, "lr"), expected, 1e-12, 1e-14);
                if step + 1 < rates.len() {
                    scheduler.step(&mut *optimizer).expect("a step");
                }
            }
        }
        checked += 1;
    }
    assert_eq!(checked, 2 * 21);
    let mut optimizer = optimizer("momentum");
    let start = Scheduler::with_last_epoch(&mut *optimizer, StepLr::new(2), 3, [0.4; 3]);
    assert!(message(start.map(|_| ())).contains("base_lrs is 3 numbers for 2 groups"));
}

#[test]
fn warm_restarts_between_epochs_are_pytorchs() {
    let text = include_str!("../cases/optim_runs/restarts.json");
    let rows: Vec<Json> = serde_json::from_str(text).expect("JSON");
    for row in &rows {
        let whole = |name: &str| row[name].as_u64().expect("a whole number");
        let schedule = || {
            let schedule = CosineAnnealingWarmRestarts::new(whole("t_0")).t_mult(whole("t_mult"));
            schedule.eta_min(row["eta_min"].as_f64().expect("a number"))
        };
        let mut optimizer = optimizer("momentum");
        let mut scheduler = Scheduler::new(&mut *optimizer, schedule()).expect("it begins");
        let rates = row["rates"].as_array().expect("a list").iter().map(numbers);
        for (time, expected) in row["times"].as_array().expect("a list").iter().zip(rates) {
            match time.as_f64() {
                Some(time) => scheduler.step_at(&mut *optimizer, time),
                None => scheduler.step(&mut *optimizer),
            }
            .expect("a step");
            let what = format!("{row:?} at {time}");
            assert_close(&what, scheduler.get_last_lr(), &expected, 1e-12, 1e-14);
            // What a state dict does not hold would be missing from here on.
            let state = scheduler.state_dict();
            scheduler = Scheduler::new(&mut *self::optimizer("momentum"), schedule()).expect("new");
            scheduler.load_state_dict(&state).expect("it fits");
        }
    }
    assert_eq!(rows.len(), 3);
    let mut optimizer = optimizer("momentum");
    let mut steps = Scheduler::new(&mut *optimizer, StepLr::new(2)).expect("it begins");
    let error = message(steps.step_at(&mut *optimizer, 2.5));
    assert!(error.contains("StepLR") && error.contains("call `step`"), "{error}");
    let restarts = CosineAnnealingWarmRestarts::new(2);
    let mut restarts = Scheduler::new(&mut *optimizer, restarts).expect("it begins");
    for time in [-0.5, f64::NAN, f64::INFINITY] {
        let error = message(restarts.step_at(&mut *optimizer, time));
        assert!(error.contains("epoch is"), "{error}");
    }
    assert_eq!(restarts.last_epoch(), 0);
}

fn plateau(optimizer: &dyn Optimizer, given: &Json) -> ReduceLrOnPlateau {
    let number = |name: &str, default| given[name].as_f64().unwrap_or(default);
    let threshold_mode = match given["threshold_mode"].as_str() {
        Some("abs") => ThresholdMode::Abs,
        _ => ThresholdMode::Rel,
    };
    let scheduler = ReduceLrOnPlateau::new(optimizer)
        .mode(match given["mode"].as_str() {
            Some("max") => PlateauMode::Max,
            _ => PlateauMode::Min,
        })
        .factor(number("factor", 0.1))
        .patience(number("patience", 10.0) as u64)
        .cooldown(number("cooldown", 0.0) as u64)
        .threshold(number("threshold", 1e-4), threshold_mode)
        .eps(number("eps", 1e-8));
    match given["min_lr"].is_array() {
        true => scheduler.min_lr(numbers(&given["min_lr"])),
        false => scheduler,
    }
}

#[test]
fn plateaus_are_pytorchs_and_go_on_from_a_state_dict() {
    let mut checked = 0;
    for row in rows().iter().filter(|row| row["schedule"] == "plateau") {
        let mut optimizer = optimizer("momentum");
        let mut scheduler = plateau(&*optimizer, &row["options"]);
        let rates = row["rates"].as_array().expect("a list");
        for (step, metric) in numbers(&row["metrics"]).into_iter().enumerate() {
            scheduler.step(&mut *optimizer, metric).expect("a step");
            let what = format!("{} step {step}", row["options"]);
            assert_close(&what, scheduler.get_last_lr(), &numbers(&rates[step]), 1e-14, 0.0);
            // What a state dict does not hold would be missing from here on.
            let state = scheduler.state_dict();
            scheduler = plateau(&*optimizer, &row["options"]);
            scheduler.load_state_dict(&state).expect("it fits");
        }
        checked += 1;
    }
    assert_eq!(checked, 5);
}

#[test]
fn bad_schedules_are_refused_and_change_nothing() {
    let mut optimizer = optimizer("momentum");
    let before = options(&*optimizer, "lr");
    let wrong: [(Box<dyn Schedule>, &str); 10] = [
        (Box::new(StepLr::new(0)), "step_size"),
        (Box::new(ConstantLr::default().factor(1.5)), "factor"),
        (Box::new(LinearLr::default().start_factor(0.0)), "start_factor"),
        (Box::new(CosineAnnealingLr::new(0)), "t_max"),
        (Box::new(CosineAnnealingWarmRestarts::new(2).t_mult(0)), "t_mult"),
        (Box::new(OneCycleLr::new([1.0; 3], 5)), "max_lr"),
        (Box::new(CyclicLr::new(0.1, 0.2).step_size_up(0)), "step_size_up"),
        (Box::new(LambdaLr::each(Vec::new())), "lr_lambda"),
        (Box::new(SequentialLr::new(vec![Box::new(StepLr::new(1))], [3])), "milestones"),
        (Box::new(ChainedScheduler::new(Vec::new())), "schedulers"),
    ];
    for (schedule, option) in wrong {
        let error = message(Scheduler::new(&mut *optimizer, schedule).map(|_| ()));
        assert!(error.contains(option), "{error}");
        assert_eq!(options(&*optimizer, "lr"), before);
    }
    let plain = Tensor::from_slice(&[0f32], [1]).expect("a tensor").requires_grad_(true);
    let mut rprop = gradus_optim::Rprop::new([&plain], 0.1);
    let error = message(Scheduler::new(&mut rprop, OneCycleLr::new(1.0, 5)).map(|_| ()));
    assert!(error.contains("cycle_momentum"), "{error}");

    let schedule = OneCycleLr::new(1.0, 3);
    let mut scheduler = Scheduler::new(&mut *optimizer, schedule).expect("it begins");
    (0..3).for_each(|_| scheduler.step(&mut *optimizer).expect("within the cycle"));
    let before = options(&*optimizer, "lr");
    let error = message(scheduler.step(&mut *optimizer));
    assert!(error.contains("OneCycleLR") && error.contains("total_steps"), "{error}");
    assert_eq!((options(&*optimizer, "lr"), scheduler.last_epoch()), (before, 3));

    let other = Scheduler::new(&mut rprop, StepLr::new(2)).expect("it begins").state_dict();
    let error = message(scheduler.load_state_dict(&other));
    assert!(error.contains("StepLR for OneCycleLR"), "{error}");
    let error = message(ReduceLrOnPlateau::new(&rprop).factor(1.0).step(&mut rprop, 0.0));
    assert!(error.contains("factor"), "{error}");
}
