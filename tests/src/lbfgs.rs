//! L-BFGS against PyTorch, with both step lengths.

use gradus_autodiff::{Result, Tensor};
use gradus_optim::{Lbfgs, LineSearch, Optimizer};
use serde_json::Value as Json;

use crate::support::{assert_close, devices, message, values};

/// The problems of `optim.py`.
fn loss(problem: &str, x: &Tensor) -> Result<Tensor> {
    let n = x.numel();
    match problem {
        "rosenbrock" => {
            let (a, b) = (x.narrow(0, 0, n - 1)?, x.narrow(0, 1, n - 1)?);
            let valley = ((&b - &a.square()?)?.square()? * 20.0)?;
            ((1.0 - &a)?.square()? + valley)?.sum_all()
        }
        "quartic" => {
            let weights = Tensor::from_slice(&[1.0, 10.0, 100.0], [3])?.to_dtype(x.dtype())?;
            let bowl = ((x - 1.0)?.square()? * weights.to(&x.device())?)?;
            (x.square()?.square()? + bowl)?.sum_all()
        }
        other => panic!("`optim.py` has a problem that is not here: {other}"),
    }
}

fn start(problem: &str) -> Tensor {
    let x: &[f64] = match problem {
        "rosenbrock" => &[-1.2, 1.0, 0.5, -0.7],
        _ => &[2.0, -3.0, 1.5],
    };
    Tensor::from_slice(x, [x.len()]).expect("a tensor").requires_grad_(true)
}

fn lbfgs(params: &[Tensor], options: &Json) -> Lbfgs {
    let number = |name: &str| options[name].as_u64();
    let mut optimizer = Lbfgs::new(params, options["lr"].as_f64().unwrap_or(1.0));
    optimizer = match number("max_iter") {
        Some(n) => optimizer.max_iter(n),
        None => optimizer,
    };
    optimizer = match number("max_eval") {
        Some(n) => optimizer.max_eval(n),
        None => optimizer,
    };
    optimizer = match number("history_size") {
        Some(n) => optimizer.history_size(n),
        None => optimizer,
    };
    match options["line_search_fn"].is_string() {
        true => optimizer.line_search_fn(LineSearch::StrongWolfe),
        false => optimizer,
    }
}

fn step(optimizer: &mut Lbfgs, problem: &str, params: &[Tensor]) -> f64 {
    let closure = || {
        params.iter().for_each(Tensor::zero_grad);
        let all: Vec<&Tensor> = params.iter().collect();
        let loss = loss(problem, &gradus_autodiff::cat(&all, 0)?)?;
        loss.backward()?;
        Ok(loss)
    };
    optimizer.step_with(closure).and_then(|loss| loss.item()).expect("a step")
}

fn rows() -> Vec<Json> {
    serde_json::from_str(include_str!("../cases/optim_runs/lbfgs.json")).expect("JSON")
}

#[test]
fn steps_are_pytorchs_and_go_on_from_a_state_dict() {
    let rows = rows();
    assert_eq!(rows.len(), 10);
    for row in rows {
        let problem = row["problem"].as_str().expect("a name");
        let x = start(problem);
        // Two parameters make one vector.
        let n = x.numel();
        let part = |from, len| {
            let part = x.narrow(0, from, len).expect("within");
            Tensor::from(part.array().expect("elements")).requires_grad_(true)
        };
        let params = [part(0, 1), part(1, n - 1)];
        let mut optimizer = lbfgs(&params, &row["options"]);
        for i in 0..4 {
            let what = format!("{problem} {} step {i}", row["options"]);
            let got = step(&mut optimizer, problem, &params);
            let expected = row["losses"][i].as_f64().expect("a number");
            assert_close(&what, &[got], &[expected], 1e-6, 1e-9);
            let point: Vec<f64> = params.iter().flat_map(values).collect();
            let expected: Vec<f64> = row["points"][i]
                .as_array()
                .expect("a list")
                .iter()
                .map(|v| v.as_f64().expect("a number"))
                .collect();
            assert_close(&what, &point, &expected, 1e-6, 1e-7);
            // What a state dict does not hold would be missing from here on.
            let state = optimizer.state_dict().expect("a state dict");
            optimizer = lbfgs(&params, &row["options"]);
            optimizer.load_state_dict(&state).expect("it fits");
        }
        let state = optimizer.state_dict().expect("a state dict");
        for count in ["n_iter", "func_evals"] {
            let array = state.tensors[&format!("state.0.{count}")].to_vec::<f64>();
            assert_eq!(array.expect("a number")[0], row[count].as_f64().expect("a number"));
        }
    }
}

#[test]
fn it_reaches_the_minimum_on_every_device() {
    for device in devices() {
        let x = start("rosenbrock").to_dtype(gradus_autodiff::DType::F32).expect("cast");
        let x = x.to(&device).expect("room").detach().requires_grad_(true);
        let params = [x];
        let mut optimizer = Lbfgs::new(&params, 1.0).line_search_fn(LineSearch::StrongWolfe);
        for _ in 0..4 {
            step(&mut optimizer, "rosenbrock", &params);
        }
        assert_close(&format!("{device}"), &values(&params[0]), &[1.0; 4], 0.0, 2e-3);
    }
}

#[test]
fn what_is_wrong_is_named_and_changes_nothing() {
    let params = [start("quartic")];
    let mut optimizer =
        Lbfgs::new(&params, 1.0).max_iter(2).line_search_fn(LineSearch::StrongWolfe);
    assert!(message(optimizer.step()).contains("step_with"));
    step(&mut optimizer, "quartic", &params);
    let (before, state) = (values(&params[0]), optimizer.state_dict().expect("a state dict"));
    let mut calls = 0;
    let error = message(optimizer.step_with(|| {
        calls += 1;
        if calls == 2 {
            return Err(gradus_autodiff::Error::argument("test", "call", calls, "the first"));
        }
        params[0].zero_grad();
        let loss = loss("quartic", &params[0])?;
        loss.backward()?;
        Ok(loss)
    }));
    assert!(error.contains("test"), "{error}");
    assert_eq!(values(&params[0]), before);
    let after = optimizer.state_dict().expect("a state dict");
    assert!(after.tensors.keys().eq(state.tensors.keys()));

    let error = message(Lbfgs::new(&params, -1.0).step_with(|| loss("quartic", &params[0])));
    assert!(error.contains("lbfgs") && error.contains("lr"), "{error}");
    let mut other = Lbfgs::new([start("rosenbrock")], 1.0);
    let error = message(other.load_state_dict(&state));
    assert!(error.contains("parameters"), "{error}");
}
