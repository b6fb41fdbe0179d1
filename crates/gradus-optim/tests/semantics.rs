//! What a step may and may not touch, and what it reports.

use gradus_autodiff::{Device, Kind, Result, Tensor};
use gradus_optim::{
    Adam, AdamW, Domain, Engine, Flat, Optimizer, ParamGroup, Rule, Setting, Sgd, StepContext,
    clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm,
};

fn leaf(values: &[f64], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape).expect("tensor").requires_grad_(true)
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    tensor.to_vec().expect("float64")
}

#[track_caller]
fn check_close(got: &[f64], expected: &[f64]) {
    let close = |(g, e): (&f64, &f64)| (g - e).abs() <= 1e-12 * e.abs().max(1.0);
    assert!(
        got.len() == expected.len() && got.iter().zip(expected).all(close),
        "{got:?}, expected {expected:?}"
    );
}

/// Six steps: `a` has no gradient in steps 1 and 3, `b` none in steps 0 and 1, `c` never.
///
/// The expected numbers come from PyTorch 2.15 in float64:
/// ```python
/// for t in range(6):
///     o.zero_grad()
///     loss = (c * 0.0).detach().sum()
///     if t not in (1, 3): loss = loss + (a * a * a).sum()
///     if t >= 2: loss = loss + (b * b).sum() * (t + 1)
///     if loss.requires_grad: loss.backward()
///     o.step()
/// ```
#[track_caller]
fn check_gaps<O: Optimizer>(make: impl Fn([&Tensor; 3]) -> O, a_end: [f64; 3], b_end: [f64; 2]) {
    let a = leaf(&[1.0, -2.0, 0.5], &[3]);
    let b = leaf(&[0.25, 4.0], &[2, 1]);
    let c = leaf(&[7.0], &[1]);
    let mut optimizer = make([&a, &b, &c]);
    for t in 0..6 {
        optimizer.zero_grad();
        if t != 1 && t != 3 {
            a.pow_scalar(3.0).and_then(|y| y.sum_all()?.backward()).expect("backward");
        }
        if t >= 2 {
            let loss = b.square().and_then(|y| y.sum_all()?.mul(f64::from(t + 1)));
            loss.and_then(|loss| loss.backward()).expect("backward");
        }
        optimizer.step().expect("step");
    }
    check_close(&numbers(&a), &a_end);
    check_close(&numbers(&b), &b_end);
    assert_eq!(numbers(&c), [7.0]);
    let state = optimizer.state_dict().expect("state");
    let step = |i: usize| {
        let array = state.tensors.get(&format!("state.{i}.step"));
        array.map(|array| array.to_vec::<i32>().expect("step")[0])
    };
    assert_eq!([step(0), step(1), step(2)], [Some(4), Some(4), None]);
}

#[test]
fn parameters_without_gradients_rest() {
    check_gaps(
        |p| Adam::new(p, 0.1).amsgrad(true),
        [0.610132834470109, -2.401161272900253, 0.13167263877336938],
        [-0.09767835329927264, 3.6001290526361984],
    );
    check_gaps(
        |p| AdamW::new(p, 0.1).weight_decay(0.3),
        [0.5178082848533812, -2.153635138954145, 0.09838014309268585],
        [-0.09916875874956321, 3.158358108836076],
    );
    check_gaps(
        |p| Sgd::new(p, 0.01).momentum(0.9).dampening(0.5).weight_decay(0.1),
        [0.8166418870113484, -2.8268556348982616, 0.45142450637840975],
        [0.14060957336128124, 2.2497531737805],
    );
}

#[test]
fn optimizers_reach_the_minimum() {
    let descend = |optimizer: &mut dyn Optimizer, loss: &dyn Fn() -> Result<Tensor>, n: usize| {
        for _ in 0..n {
            optimizer.zero_grad();
            loss().and_then(|loss| loss.backward()).expect("backward");
            optimizer.step().expect("step");
        }
    };
    type Make = fn(&Tensor, f64) -> Box<dyn Optimizer>;
    let make: [(Make, [f64; 2], usize); 4] = [
        (|p, lr| Box::new(Sgd::new([p], lr)), [0.1, 1e-3], 10_000),
        (|p, lr| Box::new(Sgd::new([p], lr).momentum(0.9).nesterov(true)), [0.05, 5e-4], 3_000),
        (|p, lr| Box::new(Adam::new([p], lr).amsgrad(true)), [0.1, 0.02], 3_000),
        (|p, lr| Box::new(AdamW::new([p], lr).weight_decay(0.0)), [0.1, 0.02], 3_000),
    ];
    for (make, [parabola_lr, rosenbrock_lr], n) in make {
        let p = leaf(&[3.0, -2.0], &[2]);
        let loss = || (&p - 1.0)?.square()?.sum_all();
        descend(&mut *make(&p, parabola_lr), &loss, 500);
        assert!(numbers(&p).iter().all(|x| (x - 1.0).abs() < 1e-3), "{p}");

        let p = leaf(&[-1.2, 1.0], &[2]);
        let loss = || {
            let (x, y) = (p.narrow(0, 0, 1)?, p.narrow(0, 1, 1)?);
            let valley = (&y - &x.square()?)?.square()?.mul(100.0)?;
            (valley + &(1.0 - &x)?.square()?)?.sum_all()
        };
        descend(&mut *make(&p, rosenbrock_lr), &loss, n);
        assert!(numbers(&p).iter().all(|x| (x - 1.0).abs() < 0.1), "{p}");
    }
}

#[test]
fn tensors_computed_before_a_step_keep_the_old_values() {
    let (w, v) = (leaf(&[1.0, 2.0], &[2]), leaf(&[5.0], &[1]));
    let mut optimizer = Sgd::new([&w, &v], 1.0).momentum(0.5);
    for _ in 0..2 {
        let (early, snapshot) = ((&w * 10.0).expect("lazy"), w.detach());
        let before = numbers(&w);
        let state = optimizer.state_dict().expect("state");
        let momentum = |state: &gradus_optim::StateDict| {
            state.tensors.get("state.0.momentum_buffer").map(|m| m.to_vec::<f64>().expect("f64"))
        };
        let momentum_before = momentum(&state);
        for p in [&w, &v] {
            p.set_grad(Some(Tensor::from_vec(vec![1.0f64; p.numel()], p.shape()).expect("grad")));
        }
        optimizer.step().expect("step");
        assert_ne!(numbers(&w), before);
        assert_eq!(numbers(&snapshot), before);
        assert_eq!(numbers(&early), before.iter().map(|x| x * 10.0).collect::<Vec<_>>());
        assert_eq!(momentum(&state), momentum_before);
    }
    assert_eq!(numbers(&w), [1.0 - 1.0 - 1.5, 2.0 - 1.0 - 1.5]);
    assert_eq!(numbers(&v), [5.0 - 1.0 - 1.5]);
}

#[test]
fn a_gradient_that_is_the_parameter_itself_is_safe() {
    for n in [1, 2] {
        let params: Vec<Tensor> = (0..n).map(|_| leaf(&[1.0, -2.0], &[2])).collect();
        let mut optimizer = Sgd::new(&params, 0.5);
        for _ in 0..3 {
            params.iter().for_each(|p| p.set_grad(Some(p.detach())));
            optimizer.step().expect("step");
        }
        assert!(params.iter().all(|p| numbers(p) == [0.125, -0.25]));
        assert_eq!(numbers(&params[0].grad().expect("grad")), [0.25, -0.5]);
    }
}

#[test]
fn replaced_values_are_taken_up_and_the_state_goes_on() {
    let (w, v) = (leaf(&[1.0, 2.0], &[2]), leaf(&[4.0], &[1]));
    let mut optimizer = Sgd::new([&w, &v], 1.0).momentum(0.5);
    let mut step = || {
        for p in [&w, &v] {
            p.set_grad(Some(Tensor::from_vec(vec![1.0f64; p.numel()], p.shape()).expect("grad")));
        }
        optimizer.step().expect("step");
    };
    step();
    w.set_value(&leaf(&[10.0, 20.0], &[2])).expect("same shape");
    step();
    assert_eq!((numbers(&w), numbers(&v)), (vec![8.5, 18.5], vec![4.0 - 2.5]));
    // A view of other memory, transposed and offset.
    let other = leaf(&[0.0, 7.0, 0.0, 9.0], &[2, 2]).narrow(1, 1, 1).expect("view");
    w.set_value(&other.reshape(&[2]).expect("view").detach()).expect("same shape");
    step();
    assert_eq!((numbers(&w), numbers(&v)), (vec![5.25, 7.25], vec![-0.25]));
    assert_eq!(numbers(&other), [7.0, 9.0]);
}

#[test]
fn two_optimizers_may_share_parameters() {
    let (w, v) = (leaf(&[1.0], &[1]), leaf(&[1.0], &[1]));
    let (mut both, mut one) = (Sgd::new([&w, &v], 1.0), Sgd::new([&w], 10.0));
    for p in [&w, &v] {
        p.set_grad(Some(Tensor::from_vec(vec![1.0f64], [1]).expect("grad")));
    }
    for _ in 0..2 {
        both.step().expect("step");
        one.step().expect("step");
    }
    assert_eq!((numbers(&w), numbers(&v)), (vec![-21.0], vec![-1.0]));
}

#[test]
fn groups_have_options_of_their_own() {
    let (w, v, u) = (leaf(&[1.0], &[1]), leaf(&[1.0], &[1]), leaf(&[1.0], &[1]));
    let groups = vec![ParamGroup::new([&w]), ParamGroup::new([&v]).lr(2.0).weight_decay(0.5)];
    let mut optimizer = Sgd::groups(groups, 1.0).weight_decay(0.25);
    for p in [&w, &v, &u] {
        p.set_grad(Some(Tensor::from_vec(vec![1.0f64], [1]).expect("grad")));
    }
    optimizer.step().expect("step");
    assert_eq!((numbers(&w), numbers(&v)), (vec![1.0 - 1.25], vec![1.0 - 2.0 * 1.5]));
    optimizer.param_groups_mut()[0].set("lr", 0.0);
    optimizer.add_param_group(ParamGroup::new([&u]));
    optimizer.step().expect("step");
    assert_eq!(numbers(&w), [-0.25]);
    assert_eq!(numbers(&v), [-2.0]); // g = 1 + 0.5 · -2 = 0
    assert_eq!(numbers(&u), [1.0 - 1.25]);
    assert_eq!(optimizer.param_groups()[2].get("lr"), Some(1.0));
}

#[test]
fn maximize_climbs_and_empty_parameters_are_fine() {
    let (w, empty) = (leaf(&[1.0, 1.0], &[2]), leaf(&[], &[0, 3]));
    for p in [&w, &empty] {
        p.set_grad(Some(Tensor::from_vec(vec![1.0f64; p.numel()], p.shape()).expect("grad")));
    }
    let mut optimizer = Adam::new([&empty, &w], 0.5).maximize(true).eps(0.0);
    optimizer.step().expect("step");
    check_close(&numbers(&w), &[1.5, 1.5]);
    Adam::new([&empty], 0.5).step().expect("step");
    assert_eq!(empty.shape().dims(), [0, 3]);
}

/// Descends, but with a broken formula on the second step.
struct Fails;

impl Rule for Fails {
    fn name(&self) -> &'static str {
        "fails"
    }
    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[Setting::new("kind", 0.0, Domain::Number)];
        SETTINGS
    }
    fn states(&self, options: &ParamGroup) -> &'static [&'static str] {
        if options.get("kind") == Some(0.0) { &["count"] } else { &["count", "late"] }
    }
    fn init(&self, _: &StepContext<'_>, state: &'static str, p: &Flat) -> Flat {
        if state == "count" { p.full_like(5.0) } else { p * 100.0 }
    }
    fn update(&self, cx: &StepContext<'_>, p: &Flat, g: &Flat, s: &[Flat]) -> Vec<Flat> {
        let count = &s[0] + 1.0;
        match cx.get("kind") {
            0.0 => vec![p - g, count],
            2.0 => vec![p.gt(0.0), count, s[1].clone()],
            3.0 => vec![p - g],
            _ => vec![s[1].clone(), count, p.clone()],
        }
    }
}

#[test]
fn a_failed_step_changes_nothing() {
    let (w, v) = (leaf(&[1.0, 2.0], &[2]), leaf(&[3.0], &[1]));
    let mut optimizer = Engine::with_rule(Fails, vec![ParamGroup::new([&w, &v])]);
    for p in [&w, &v] {
        p.set_grad(Some(Tensor::from_vec(vec![1.0f64; p.numel()], p.shape()).expect("grad")));
    }
    optimizer.step().expect("step");
    for kind in [2.0, 3.0] {
        optimizer.param_groups_mut()[0].set("kind", kind);
        let error = optimizer.step().expect_err("the formula is broken");
        assert!(error.to_string().ends_with("in a step of fails"), "{error}");
        assert_eq!((numbers(&w), numbers(&v)), (vec![0.0, 1.0], vec![2.0]));
        let state = optimizer.state_dict().expect("state");
        let get = |key: &str| state.tensors.get(key).map(|a| a.to_vec::<f64>().expect("f64"));
        assert_eq!(get("state.0.count"), Some(vec![6.0, 6.0]));
        assert_eq!(get("state.0.late"), None);
        assert_eq!(state.tensors["state.1.step"].to_vec::<i32>().expect("i32"), [1]);
    }
    optimizer.param_groups_mut()[0].set("kind", 4.0);
    optimizer.step().expect("step");
    assert_eq!((numbers(&w), numbers(&v)), (vec![0.0, 100.0], vec![200.0]));
}

#[track_caller]
fn check_error(mut optimizer: impl Optimizer, is: fn(&Kind) -> bool, text: &str) {
    let error = optimizer.step().expect_err("a mistake");
    assert!(is(error.kind()) && error.to_string() == text, "{error}");
}

#[test]
fn mistakes_are_typed_errors() {
    let w = leaf(&[1.0, 2.0], &[2]);
    w.set_grad(Some(Tensor::from_vec(vec![1.0f64, 1.0], [2]).expect("grad")));
    let argument = |kind: &Kind| matches!(kind, Kind::Argument { .. });
    check_error(Adam::new([&w], -1.0), argument, "adam: lr is -1, expected 0 or more");
    check_error(Adam::new([&w], f64::NAN), argument, "adam: lr is NaN, expected 0 or more");
    let text = "adamw: beta2 is 1, expected in [0, 1)";
    check_error(AdamW::new([&w], 0.1).betas(0.9, 1.0), argument, text);
    let text = "sgd: nesterov is on, expected used with momentum and without dampening";
    check_error(Sgd::new([&w], 0.1).nesterov(true), argument, text);
    let both = Sgd::new([&w], 0.1).momentum(0.9).dampening(0.1).nesterov(true);
    check_error(both, argument, text);
    let text = "adam: momentum is 0.5, expected an option that exists";
    check_error(Adam::new([&w], 0.1).with("momentum", 0.5), argument, text);
    let nothing: [Tensor; 0] = [];
    let text = "adam: params is empty, expected at least one parameter";
    check_error(Adam::new(nothing, 0.1), argument, text);
    let text = "sgd: params is a list in which parameter 2 is there twice, \
                expected distinct parameters";
    let v = leaf(&[1.0], &[1]);
    let groups = vec![ParamGroup::new([&w, &v]), ParamGroup::new([&w])];
    check_error(Sgd::groups(groups, 0.1), argument, text);

    let result = (&w * 2.0).expect("tensor");
    let text = "sgd: a parameter is the result of an operation; optimize a leaf";
    check_error(Sgd::new([&result], 0.1), |k| matches!(k, Kind::Autograd { .. }), text);
    let index = Tensor::from_vec(vec![1i32], [1]).expect("tensor");
    let text = "sgd: got int32, expected parameters of a float type";
    check_error(Sgd::new([&index], 0.1), |k| matches!(k, Kind::DType { .. }), text);

    v.set_grad(Some(Tensor::from_vec(vec![1.0f64, 2.0], [2]).expect("grad")));
    let text = "sgd: a gradient has its parameter's shape; parameter [1], gradient [2]; \
                in parameter 1";
    check_error(Sgd::new([&w, &v], 0.1), |k| matches!(k, Kind::Shape { .. }), text);
    v.set_grad(Some(Tensor::ones([1], &Device::cpu())));
    let text = "sgd: got float32, expected the parameter's type as gradient; in parameter 1";
    check_error(Sgd::new([&w, &v], 0.1), |k| matches!(k, Kind::DType { .. }), text);
    assert_eq!(numbers(&w), [1.0, 2.0]);
}

#[test]
fn clipping_handles_other_norms_and_gaps() {
    let (a, b, c) = (leaf(&[0.0; 2], &[2]), leaf(&[0.0], &[1]), leaf(&[0.0], &[1]));
    let give = || {
        a.set_grad(Some(leaf(&[1.0, -2.0], &[2]).detach()));
        b.set_grad(Some(leaf(&[5.0], &[1]).detach()));
    };
    let params = [&a, &b, &c];
    let grads = || params.map(|p| p.grad().map(|g| numbers(&g)));
    give();
    let norm = |p| {
        let grads: Vec<Tensor> = params.iter().filter_map(|p| p.grad()).collect();
        get_total_norm(grads, p).expect("norm").item().expect("scalar")
    };
    assert_eq!([norm(1.0), norm(f64::INFINITY)], [8.0, 5.0]);
    check_close(&[norm(2.0), norm(3.0)], &[30f64.sqrt(), 134f64.cbrt()]);
    // A large limit only measures.
    assert!(
        (clip_grad_norm_(params, f64::INFINITY).expect("clip").item().expect("scalar")
            - 30f64.sqrt())
        .abs()
            < 1e-12
    );
    assert_eq!(grads(), [Some(vec![1.0, -2.0]), Some(vec![5.0]), None]);
    let total = Tensor::from_vec(vec![8.0f64], [1]).expect("tensor");
    clip_grads_with_norm_(params, 4.0, &total).expect("clip");
    let k = 4.0 / (8.0 + 1e-6);
    assert_eq!(grads(), [Some(vec![k, -2.0 * k]), Some(vec![5.0 * k]), None]);
    give();
    clip_grad_value_(params, 1.5).expect("clip");
    assert_eq!(grads(), [Some(vec![1.0, -1.5]), Some(vec![1.5]), None]);
    // Clipped gradients are ordinary gradients.
    Sgd::new(params, 1.0).step().expect("step");
    assert_eq!([numbers(&a), numbers(&b)], [vec![-1.0, 1.5], vec![-1.5]]);

    assert_eq!(clip_grad_norm_([&c], 1.0).expect("no gradient").item().expect("scalar"), 0.0);
    assert!(matches!(
        clip_grad_norm_([&a], -1.0).expect_err("negative").kind(),
        Kind::Argument { name: "max_norm", .. }
    ));
    assert!(clip_grad_value_([&a], f64::NAN).is_err());
    assert!(get_total_norm([&a], 0.0).is_err());
}
