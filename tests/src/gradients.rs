//! Gradients of every row of the op tables, in float64 against central differences.

use gradus_autodiff::{GradCheck, Result, Tensor, gradcheck, gradgradcheck};
use gradus_kernels::{Binary, Unary, binary_ops, unary_ops};

use crate::support::smooth_values;
use crate::twins::parameters;

/// What differences of step 1e-5 in float64 resolve.
pub(crate) const TOLERANCE: f64 = 1e-7;
/// The same for gradients of gradients, which are larger.
pub(crate) const SECOND_TOLERANCE: f64 = 1e-6;

/// Panics unless a check succeeded.
#[track_caller]
pub(crate) fn assert_slopes(name: &str, check: Result<GradCheck>, tolerance: f64) {
    match check {
        Ok(check) => assert!(check.is_ok(tolerance), "{name}: {check:?}"),
        Err(error) => panic!("{name}: {error}"),
    }
}

/// The method of a row, called by its name.
fn unary(op: Unary, x: &Tensor) -> Result<Tensor> {
    let mut next = parameters(op).into_iter();
    let mut parameter = || next.next().unwrap_or(0.0);
    macro_rules! call {
        ($($name:ident [$($p:ident),*] ($x:ident -> $y:ident) = $f:expr; d = $d:expr;
            on = $lo:expr, $hi:expr; torch = $torch:literal; doc = $doc:literal;)*) => {
            match op {
                $(Unary::$name => {
                    $(let $p = parameter();)*
                    x.$name($($p),*)
                })*
            }
        };
    }
    unary_ops!(call)
}

fn binary(op: Binary, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    macro_rules! call {
        ($($name:ident ($a:ident, $b:ident -> $y:ident) = $f:expr; da = $da:expr; db = $db:expr;
            on = $lo:expr, $hi:expr; on_b = $lo_b:expr, $hi_b:expr;
            torch = $torch:literal; doc = $doc:literal;)*) => {
            match op { $(Binary::$name => a.$name(b),)* }
        };
    }
    binary_ops!(call)
}

fn sample(shape: &[usize], domain: (f64, f64), seed: u64) -> Tensor {
    let n = shape.iter().product();
    Tensor::from_vec(smooth_values(n, domain, seed), shape).expect("it fills")
}

#[test]
fn one_operand() {
    for (i, op) in crate::twins::unary_ops().enumerate() {
        let def = op.def();
        let x = sample(&[3, 7], def.domain, i as u64);
        let check = gradcheck(|x| unary(op, &x[0]), &[x], 1);
        assert_slopes(def.name, check, TOLERANCE);
    }
}

#[test]
fn one_operand_twice() {
    for (i, op) in crate::twins::unary_ops().enumerate() {
        let def = op.def();
        let x = sample(&[11], def.domain, i as u64);
        // A product, so that piecewise linear rows have a second derivative too.
        let check = gradgradcheck(|x| unary(op, &x[0])?.mul(&x[0]), &[x], 2);
        assert_slopes(def.name, check, SECOND_TOLERANCE);
    }
}

#[test]
fn two_operands() {
    for (i, op) in crate::twins::binary_ops().enumerate() {
        let def = op.def();
        for (shape_a, shape_b) in [([2, 5], [2, 5]), ([2, 1], [1, 5]), ([2, 5], [1, 1])] {
            let seed = 2 * i as u64;
            let a = sample(&shape_a, def.domains[0], seed);
            let b = sample(&shape_b, def.domains[1], seed + 1);
            let inputs = [a, b];
            let check = gradcheck(|x| binary(op, &x[0], &x[1]), &inputs, 3);
            assert_slopes(def.name, check, TOLERANCE);
            let check = gradgradcheck(|x| binary(op, &x[0], &x[1])?.mul(&x[0]), &inputs, 4);
            assert_slopes(def.name, check, SECOND_TOLERANCE);
        }
    }
}

#[test]
fn the_same_tensor_on_both_sides() {
    for (i, op) in crate::twins::binary_ops().enumerate() {
        let def = op.def();
        // Equal operands are a kink of the extremes.
        if matches!(op, Binary::maximum | Binary::minimum) {
            continue;
        }
        let low = def.domains[0].0.max(def.domains[1].0);
        let high = def.domains[0].1.min(def.domains[1].1);
        let x = sample(&[6], (low, high), i as u64);
        let check = gradcheck(|x| binary(op, &x[0], &x[0]), &[x], 5);
        assert_slopes(def.name, check, TOLERANCE);
    }
}
