//! PyTorch's semantics of the tensor: accumulation, scopes, freeing, orders of derivatives.

use gradus_autodiff::{Tensor, backward, grad, gradcheck, gradgradcheck, no_grad};

fn leaf(values: &[f32]) -> Tensor {
    Tensor::from_slice(values, values.len()).expect("values fill the shape").requires_grad_(true)
}

fn grad_of(x: &Tensor) -> Vec<f32> {
    x.grad().expect("backward ran").to_vec().expect("readable")
}

#[test]
fn gradients_accumulate_until_zeroed() {
    let x = leaf(&[1.0, 2.0]);
    for _ in 0..2 {
        x.square().and_then(|y| y.sum_all()).and_then(|y| y.backward()).expect("scalar");
    }
    assert_eq!(grad_of(&x), [4.0, 8.0]);
    x.zero_grad();
    assert!(x.grad().is_none());
}

#[test]
fn a_non_scalar_says_so() {
    let x = leaf(&[1.0, 2.0]);
    let error = x.square().expect("pointwise").backward().expect_err("two elements");
    assert_eq!(
        error.to_string(),
        "backward: needs a single element; call it on a scalar such as a mean or sum; output [2]"
    );
}

#[test]
fn a_freed_graph_says_so() {
    let x = leaf(&[1.0, 2.0]);
    let y = x.square().and_then(|y| y.sum_all()).expect("scalar");
    y.backward().expect("first pass");
    let error = y.backward().expect_err("freed").to_string();
    assert!(error.contains("freed by an earlier backward"), "{error}");
}

#[test]
fn several_roots_add_up() {
    let x = leaf(&[1.0, 2.0]);
    let (a, b) = (x.square().expect("ok"), x.exp().expect("ok"));
    let ones = Tensor::from_vec(vec![1.0f32, 1.0], 2).expect("ok");
    let tens = Tensor::from_vec(vec![10.0f32, 10.0], 2).expect("ok");
    backward(&[a, b], Some(&[tens, ones])).expect("two roots");
    let expected = [20.0 + 1f32.exp(), 40.0 + 2f32.exp()];
    for (got, want) in grad_of(&x).iter().zip(expected) {
        assert!((got - want).abs() < 1e-5, "{got} {want}");
    }
}

#[test]
fn no_grad_and_detach_cut() {
    let x = leaf(&[1.0, 2.0]);
    assert!(!no_grad(|| x.square()).expect("ok").requires_grad());
    let y = x.detach().mul(&x).and_then(|y| y.sum_all()).expect("ok");
    y.backward().expect("scalar");
    assert_eq!(grad_of(&x), [1.0, 2.0]);
}

#[test]
fn a_graph_keeps_the_elements_it_was_recorded_with() {
    let x = leaf(&[3.0]);
    let y = x.square().and_then(|y| y.sum_all()).expect("ok");
    x.set_value(&Tensor::from_vec(vec![100.0f32], 1).expect("ok")).expect("same shape");
    y.backward().expect("scalar");
    assert_eq!(grad_of(&x), [6.0]);
}

#[test]
fn broadcasting_is_undone() {
    let a = Tensor::from_vec(vec![1.0f32, 2.0, 3.0], [3, 1]).expect("ok").requires_grad_(true);
    let b = leaf(&[10.0, 20.0]);
    (&a * &b).and_then(|y| y.sum_all()).and_then(|y| y.backward()).expect("scalar");
    assert_eq!(grad_of(&a), [30.0, 30.0, 30.0]);
    assert_eq!(grad_of(&b), [6.0, 6.0]);
}

#[test]
fn derivatives_of_any_order() {
    let x = Tensor::from_vec(vec![2.0f64], 1).expect("ok").requires_grad_(true);
    let mut y = x.pow_scalar(5.0).and_then(|y| y.sum_all()).expect("ok");
    for expected in [80.0, 160.0, 240.0, 240.0, 120.0] {
        let g = grad(&[y], std::slice::from_ref(&x), true).expect("differentiable").remove(0);
        y = g.sum_all().expect("ok");
        assert!((y.item().expect("scalar") - expected).abs() < 1e-9);
    }
}

#[test]
fn a_long_chain_is_freed_without_recursion() {
    let x = leaf(&[1.0]);
    let mut y = x.clone();
    for _ in 0..100_000 {
        y = y.add(0.0).expect("pointwise");
    }
    drop(y);
}

#[test]
fn composite_rules_agree_with_differences() {
    let x = |n: usize, seed: u64| {
        let values = gradus_tensor::rng::Generator::new(seed).normal(n);
        values.into_iter().map(f64::from).collect::<Vec<f64>>()
    };
    let a = Tensor::from_vec(x(12, 1), [3, 4]).expect("ok");
    let b = Tensor::from_vec(x(20, 2), [4, 5]).expect("ok");
    let check = gradcheck(|t| t[0].matmul(&t[1])?.tanh(), &[a.clone(), b.clone()], 3).expect("ok");
    assert!(check.is_ok(1e-7), "{check:?}");
    let check = gradgradcheck(|t| t[0].matmul(&t[1])?.tanh(), &[a.clone(), b], 3).expect("ok");
    assert!(check.is_ok(1e-6), "{check:?}");
    for f in [
        |t: &[Tensor]| t[0].softmax(1),
        |t: &[Tensor]| t[0].log_softmax(0),
        |t: &[Tensor]| t[0].var(&[1], 1, true),
        |t: &[Tensor]| t[0].logsumexp(&[0], false),
        |t: &[Tensor]| t[0].norm(2.0, &[1], false),
        |t: &[Tensor]| t[0].prod(1, false),
        |t: &[Tensor]| t[0].cumprod(1),
        |t: &[Tensor]| t[0].amax(&[1], true),
        |t: &[Tensor]| t[0].pad_mode(&[1, 2, 2, 1], "reflect"),
        |t: &[Tensor]| t[0].roll(2, 1),
        |t: &[Tensor]| t[0].slice(1, 1, 4, 2),
        |t: &[Tensor]| t[0].repeat(&[2, 1, 3]),
        |t: &[Tensor]| t[0].tril(-1),
    ] {
        let check = gradcheck(f, std::slice::from_ref(&a), 5).expect("ok");
        assert!(check.is_ok(1e-7), "{check:?}");
        let check = gradgradcheck(|t| f(t)?.sin(), std::slice::from_ref(&a), 5).expect("ok");
        assert!(check.is_ok(1e-5), "{check:?}");
    }
}
