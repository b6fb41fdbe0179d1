//! Every step of every optimizer against PyTorch, and clipping.

use gradus_autodiff::{Array, DType, Tensor};
use gradus_optim::{Adam, AdamW, Optimizer, ParamGroup, Sgd, StateDict, clip_grad_norm_};
use serde_json::Value as Json;

/// Rounding differs in the last bits: PyTorch fuses multiplications and additions.
const F64_TOLERANCE: f64 = 1e-13;

fn data() -> (Vec<Json>, StateDict) {
    let cases = serde_json::from_str(include_str!("data/optimizer.json")).expect("JSON");
    let bytes = include_bytes!("data/optimizer.safetensors");
    (cases, StateDict::from_bytes("optimizer.safetensors", bytes).expect("tensors"))
}

fn tensor(tensors: &StateDict, name: &str, dtype: DType) -> Tensor {
    let tensor = Tensor::from(tensors.tensors[name].clone());
    tensor.to_dtype(dtype).expect("cast")
}

/// The optimizer of a case, its attributes set by name.
fn optimizer(case: &Json, params: &[Tensor]) -> Box<dyn Optimizer> {
    let mut group = ParamGroup::new(params);
    for (name, value) in case["attrs"].as_object().expect("attributes") {
        match (name.as_str(), value) {
            ("steps", _) => {}
            ("lr", v) => group.set("lr", v.as_f64().expect("number")),
            ("momentum", v) => group.set("momentum", v.as_f64().expect("number")),
            ("dampening", v) => group.set("dampening", v.as_f64().expect("number")),
            ("weight_decay", v) => group.set("weight_decay", v.as_f64().expect("number")),
            ("eps", v) => group.set("eps", v.as_f64().expect("number")),
            ("nesterov", Json::Bool(on)) => group.set("nesterov", f64::from(*on)),
            ("amsgrad", Json::Bool(on)) => group.set("amsgrad", f64::from(*on)),
            ("betas", v) => {
                group.set("beta1", v[0].as_f64().expect("number"));
                group.set("beta2", v[1].as_f64().expect("number"));
            }
            (name, _) => panic!("unknown attribute {name}"),
        }
    }
    match case["op"].as_str() {
        Some("sgd") => Box::new(Sgd::groups(vec![group], 1e-3)),
        Some("adam") => Box::new(Adam::groups(vec![group], 1e-3)),
        Some("adamw") => Box::new(AdamW::groups(vec![group], 1e-3)),
        other => panic!("unknown optimizer {other:?}"),
    }
}

#[track_caller]
fn check(name: &str, got: &Tensor, expected: &Array, [rtol, atol]: [f64; 2]) {
    let got: Vec<f64> = got.to_dtype(DType::F64).expect("cast").to_vec().expect("floats");
    let expected: Vec<f64> = expected.to_vec().expect("float64");
    assert_eq!(got.len(), expected.len(), "{name}");
    for (i, (g, e)) in got.iter().zip(&expected).enumerate() {
        assert!((g - e).abs() <= atol + rtol * e.abs(), "{name}[{i}]: {g}, expected {e}");
    }
}

fn tolerance(case: &Json, dtype: DType) -> [f64; 2] {
    match dtype {
        DType::F64 => [F64_TOLERANCE; 2],
        _ => [&case["rtol"], &case["atol"]].map(|v| v.as_f64().expect("number")),
    }
}

#[test]
fn every_step_is_pytorchs() {
    let (cases, tensors) = data();
    let mut steps_checked = 0;
    for case in cases.iter().filter(|case| case["op"] != "clip_grad_norm") {
        let name = case["name"].as_str().expect("name");
        for dtype in [DType::F32, DType::F64] {
            let params: Vec<Tensor> = (0..2)
                .map(|i| tensor(&tensors, &format!("{name}/in/p{i}"), dtype))
                .map(|p| p.requires_grad_(true))
                .collect();
            let mut optimizer = optimizer(case, &params);
            for step in 0..case["attrs"]["steps"].as_u64().expect("steps") {
                for (i, p) in params.iter().enumerate() {
                    let grad = tensor(&tensors, &format!("{name}/in/g{step}_p{i}"), dtype);
                    p.set_grad(Some(grad));
                }
                optimizer.step().expect("step");
                for (i, p) in params.iter().enumerate() {
                    let key = format!("{name}/out/step{step}_p{i}");
                    check(&key, p, &tensors.tensors[&key], tolerance(case, dtype));
                }
                steps_checked += 1;
            }
        }
    }
    assert_eq!(steps_checked, 10 * 2 * 8);
}

#[test]
fn clipping_is_pytorchs() {
    let (cases, tensors) = data();
    let case = cases.iter().find(|case| case["op"] == "clip_grad_norm").expect("a case");
    let name = case["name"].as_str().expect("name");
    for dtype in [DType::F32, DType::F64] {
        let grads = [0, 1].map(|i| tensor(&tensors, &format!("{name}/in/g{i}"), dtype));
        let params = grads.clone().map(|g| {
            let p = (&g * 0.0).expect("zeros").detach().requires_grad_(true);
            p.set_grad(Some(g));
            p
        });
        let max_norm = case["attrs"]["max_norm"].as_f64().expect("number");
        let norm = clip_grad_norm_(&params, max_norm).expect("clip");
        let expected = |output: &str| &tensors.tensors[&format!("{name}/out/{output}")];
        check("norm", &norm, expected("norm"), tolerance(case, dtype));
        for (i, p) in params.iter().enumerate() {
            let (grad, output) = (p.grad().expect("gradient"), format!("g{i}"));
            check(&output, &grad, expected(&output), tolerance(case, dtype));
        }
    }
}
