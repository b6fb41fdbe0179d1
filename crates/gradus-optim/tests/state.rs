//! State dicts: saving, loading, going on as if nothing had happened.

use gradus_autodiff::{Array, DType, Kind, Tensor};
use gradus_optim::{Adam, AdamW, Engine, Optimizer, ParamGroup, Rule, Sgd, StateDict};

fn params() -> Vec<Tensor> {
    let wave = |n: usize, shift: usize| -> Vec<f32> {
        (0..n).map(|i| ((i * 7 + shift) as f32).sin()).collect()
    };
    let tensor = |n, shape: &[usize]| Tensor::from_vec(wave(n, n), shape).expect("tensor");
    [tensor(6, &[2, 3]), tensor(3, &[3]), tensor(1, &[])].map(|t| t.requires_grad_(true)).into()
}

fn train<R: Rule>(optimizer: &mut Engine<R>, params: &[Tensor], steps: std::ops::Range<usize>) {
    for t in steps {
        optimizer.zero_grad();
        for (i, p) in params.iter().enumerate() {
            // Parameter 1 rests in every third step, so that step counts differ.
            if i == 1 && t % 3 == 1 {
                continue;
            }
            let loss = p.sin().and_then(|y| y.mul(1.0 + t as f64)?.sum_all());
            loss.and_then(|loss| loss.backward()).expect("backward");
        }
        optimizer.step().expect("step");
    }
}

fn bits(params: &[Tensor]) -> Vec<Vec<u32>> {
    let bits = |p: &Tensor| -> Vec<u32> {
        p.to_vec::<f32>().expect("float32").into_iter().map(f32::to_bits).collect()
    };
    params.iter().map(bits).collect()
}

#[track_caller]
fn check_resume<R: Rule>(make: impl Fn(&[Tensor]) -> Engine<R>) {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("optimizer.safetensors");
    let whole = params();
    let mut optimizer = make(&whole);
    train(&mut optimizer, &whole, 0..20);

    let first = params();
    let mut optimizer = make(&first);
    train(&mut optimizer, &first, 0..8);
    optimizer.save(&path).expect("save");
    let second = params();
    for (p, q) in second.iter().zip(&first) {
        p.set_value(q).expect("same shape");
    }
    // Its own options are replaced by the saved ones.
    let mut resumed = make(&second).with("lr", 123.0);
    resumed.load(&path).expect("load");
    assert_eq!(
        resumed.state_dict().expect("state").metadata,
        optimizer.state_dict().expect("state").metadata
    );
    train(&mut resumed, &second, 8..20);
    assert_eq!(bits(&second), bits(&whole));
}

#[test]
fn a_resumed_run_is_the_uninterrupted_one_bit_for_bit() {
    check_resume(|p| Sgd::new(p, 0.01));
    check_resume(|p| Sgd::new(p, 0.01).momentum(0.9).nesterov(true).weight_decay(0.01));
    check_resume(|p| Adam::new(p, 0.01).amsgrad(true).betas(0.8, 0.95).weight_decay(0.1));
    check_resume(|p| {
        let groups = vec![ParamGroup::new(&p[..2]).lr(0.1 / 3.0), ParamGroup::new(&p[2..])];
        AdamW::groups(groups, 1e-2)
    });
}

#[test]
fn loading_replaces_what_was_there() {
    let params = params();
    let mut optimizer = Adam::new(&params, 0.01);
    train(&mut optimizer, &params, 0..3);
    let state = optimizer.state_dict().expect("state");
    let values = bits(&params);
    let copies: Vec<Tensor> = params.iter().map(Tensor::detach).collect();
    train(&mut optimizer, &params, 3..6);
    let after = bits(&params);
    assert_ne!(values, after);
    for (p, copy) in params.iter().zip(&copies) {
        p.set_value(copy).expect("same shape");
    }
    optimizer.load_state_dict(&state).expect("load");
    train(&mut optimizer, &params, 3..6);
    assert_eq!(bits(&params), after);
}

#[test]
fn names_are_pytorchs() {
    let params = params();
    let mut optimizer = Adam::new(&params[..1], 0.01);
    let fresh = optimizer.state_dict().expect("state");
    assert!(fresh.tensors.is_empty());
    train(&mut optimizer, &params[..1], 0..2);
    let state = optimizer.state_dict().expect("state");
    let names: Vec<&str> = state.tensors.keys().map(String::as_str).collect();
    assert_eq!(names, ["state.0.exp_avg", "state.0.exp_avg_sq", "state.0.step"]);
    assert_eq!(state.tensors["state.0.step"].to_vec::<i32>().expect("int"), [2]);
    assert_eq!(state.tensors["state.0.exp_avg"].shape().dims(), [2, 3]);
    let options: Vec<String> = state.metadata.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let expected = "optimizer=adam param_groups.0.amsgrad=0 param_groups.0.beta1=0.9 \
         param_groups.0.beta2=0.999 param_groups.0.decoupled_weight_decay=0 \
         param_groups.0.eps=0.00000001 param_groups.0.lr=0.01 param_groups.0.maximize=0 \
         param_groups.0.params=1 param_groups.0.weight_decay=0";
    assert_eq!(options.join(" "), expected);
    // A fresh state forgets what was accumulated.
    optimizer.load_state_dict(&fresh).expect("load");
    assert!(optimizer.state_dict().expect("state").tensors.is_empty());
}

#[test]
fn a_state_that_has_not_begun_is_saved_as_such() {
    let params = params();
    let mut optimizer = Sgd::new(&params, 0.1);
    train(&mut optimizer, &params, 0..2);
    optimizer.param_groups_mut()[0].set("momentum", 0.5);
    let state = optimizer.state_dict().expect("state");
    assert_eq!(state.metadata["state.2.momentum_buffer"], "pending");
    let mut other = Sgd::new(&params, 0.1);
    other.load_state_dict(&state).expect("load");
    let before = params[2].item().expect("scalar");
    params[2].set_grad(Some(Tensor::scalar(1.0)));
    other.step().expect("step");
    assert!((params[2].item().expect("scalar") - (before - 0.1)).abs() < 1e-6);
}

#[track_caller]
fn check_refused(change: impl Fn(&mut StateDict), is: fn(&Kind) -> bool, text: &str) {
    let params = params();
    let mut optimizer = Adam::new(&params, 0.01);
    train(&mut optimizer, &params, 0..2);
    let good = optimizer.state_dict().expect("state");
    let mut bad = good.clone();
    change(&mut bad);
    let error = optimizer.load_state_dict(&bad).expect_err("a wrong state");
    assert!(is(error.kind()) && error.to_string() == text, "{error}");
    let after = optimizer.state_dict().expect("state");
    assert_eq!(after.metadata, good.metadata);
    for (name, array) in &good.tensors {
        assert_eq!(array.to_bytes().ok(), after.tensors[name].to_bytes().ok(), "{name}");
    }
}

#[test]
fn a_state_that_does_not_fit_is_refused_whole() {
    let named = |kind: &Kind| matches!(kind, Kind::StateDict { .. });
    let argument = |kind: &Kind| matches!(kind, Kind::Argument { .. });
    check_refused(
        |s| {
            s.tensors.remove("state.1.exp_avg");
            s.tensors.insert("state.9.step".into(), Array::from_slice(&[1i32], ()).expect("i32"));
        },
        named,
        "load_state_dict: missing [\"state.1.exp_avg\"], unexpected [\"state.9.step\"]",
    );
    check_refused(
        |s| drop(s.tensors.remove("state.2.step")),
        named,
        "load_state_dict: missing [], \
         unexpected [\"state.2.exp_avg\", \"state.2.exp_avg_sq\"]",
    );
    check_refused(
        |s| {
            let wrong = Array::from_slice(&[0.0f32; 4], [2, 2]).expect("array");
            s.tensors.insert("state.0.exp_avg".into(), wrong);
        },
        |kind| matches!(kind, Kind::Shape { .. }),
        "load_state_dict: a state has its parameter's shape; parameter [2, 3], state [2, 2]; \
         in state.0.exp_avg",
    );
    check_refused(
        |s| {
            let wrong = Array::alloc(&Default::default(), [3], DType::F64).expect("array");
            s.tensors.insert("state.1.exp_avg_sq".into(), wrong);
        },
        |kind| matches!(kind, Kind::DType { .. }),
        "load_state_dict: got float64, expected the parameter's type; in state.1.exp_avg_sq",
    );
    check_refused(
        |s| drop(s.metadata.insert("optimizer".into(), "sgd".into())),
        argument,
        "load_state_dict: optimizer is sgd for adam, expected the optimizer that was saved",
    );
    check_refused(
        |s| drop(s.metadata.insert("param_groups.0.params".into(), "2".into())),
        argument,
        "load_state_dict: params is 3 parameters in group 0, 2 in the state, \
         expected as many parameters as were saved",
    );
    check_refused(
        |s| drop(s.metadata.insert("param_groups.0.beta1".into(), "1.5".into())),
        argument,
        "adam: beta1 is 1.5, expected in [0, 1)",
    );
    check_refused(
        |s| drop(s.metadata.insert("param_groups.0.lr".into(), "fast".into())),
        argument,
        "load_state_dict: lr is fast, expected a number; in param_groups.0.lr",
    );
    check_refused(
        |s| drop(s.metadata.remove("param_groups.0.lr")),
        named,
        "load_state_dict: missing [\"param_groups.0.lr\"], unexpected []",
    );
}
