//! Every row of the tables: the GPU's result beside the CPU's.

use gradus_autodiff::{DType, Device, Tensor};
use gradus_kernels::{
    BINARY, Binary, COMPARE, Compare, REDUCE, Reduce, UNARY, Unary, Value, matmul, reduce, softmax,
};
use gradus_tensor::Array;
use gradus_tensor::rng::Generator;

use crate::support::{assert_close, smooth_values, values};

/// Rounding of two implementations of a function, in the middle of its domain.
const RTOL: f64 = 2e-6;
const ATOL: f64 = 5e-7;

/// Ends of the range, where functions may overflow but must not differ in kind.
const ENDS: &[f32] = &[
    0.0,
    -0.0,
    1e-30,
    -1e-30,
    1e-3,
    20.0,
    -20.0,
    88.0,
    -88.0,
    200.0,
    -200.0,
    1e10,
    -1e10,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
];

/// Functions whose argument is reduced by a period: far from zero only the reduction is compared,
/// which is not promised.
const PERIODIC: &[&str] = &["sin", "cos", "tan"];

/// Parameters that keep kinks at multiples of 0.5.
pub(crate) fn parameters(op: Unary) -> [f64; 2] {
    match op {
        Unary::leaky_relu => [0.25, 0.0],
        Unary::elu | Unary::celu => [1.5, 0.0],
        Unary::softplus_with => [1.5, 20.0],
        Unary::clamp => [-1.0, 1.5],
        Unary::hardshrink | Unary::softshrink => [0.5, 0.0],
        Unary::threshold => [0.5, -2.0],
        Unary::pow_scalar => [2.5, 0.0],
        _ => [0.0; 2],
    }
}

/// Every op of the one-operand table, found by its row.
pub(crate) fn unary_ops() -> impl Iterator<Item = Unary> {
    macro_rules! all {
        ($($name:ident [$($p:ident),*] ($x:ident -> $y:ident) = $f:expr; d = $d:expr;
            on = $lo:expr, $hi:expr; torch = $torch:literal; doc = $doc:literal;)*) => {
            [$(Unary::$name),*]
        };
    }
    gradus_kernels::unary_ops!(all).into_iter()
}

/// Every op of the two-operand table.
pub(crate) fn binary_ops() -> impl Iterator<Item = Binary> {
    macro_rules! all {
        ($($name:ident ($a:ident, $b:ident -> $y:ident) = $f:expr; da = $da:expr; db = $db:expr;
            on = $lo:expr, $hi:expr; on_b = $lo_b:expr, $hi_b:expr;
            torch = $torch:literal; doc = $doc:literal;)*) => {
            [$(Binary::$name),*]
        };
    }
    gradus_kernels::binary_ops!(all).into_iter()
}

const COMPARES: [Compare; 6] =
    [Compare::eq, Compare::ne, Compare::lt, Compare::le, Compare::gt, Compare::ge];
const REDUCES: [Reduce; 4] = [Reduce::sum, Reduce::prod, Reduce::amax, Reduce::amin];

fn on(device: &Device, data: &[f32]) -> Value {
    let array = Array::from_slice(data, data.len()).expect("it fills");
    Value::from(array.to(device).expect("room"))
}

fn numbers(value: Value) -> Vec<f64> {
    values(&Tensor::from(value))
}

#[test]
fn every_row_is_visited() {
    assert_eq!(unary_ops().count(), UNARY.len());
    assert_eq!(binary_ops().count(), BINARY.len());
    assert_eq!((COMPARES.len(), REDUCES.len()), (COMPARE.len(), REDUCE.len()));
}

#[test]
fn one_operand() {
    let Some(gpu) = gradus_testkit::gpu() else { return };
    for (i, op) in unary_ops().enumerate() {
        let def = op.def();
        let mut data: Vec<f32> =
            smooth_values(301, def.domain, i as u64).into_iter().map(|v| v as f32).collect();
        let run = |device: &Device, data: &[f32]| {
            numbers(Value::unary(op, &on(device, data), parameters(op)).expect("pointwise"))
        };
        let expected = run(&Device::cpu(), &data);
        assert_close(def.name, &run(&gpu, &data), &expected, RTOL, ATOL);
        if PERIODIC.contains(&def.name) {
            continue;
        }
        data = ENDS.to_vec();
        let expected = run(&Device::cpu(), &data);
        let what = format!("{} at the ends of the range", def.name);
        assert_close(&what, &run(&gpu, &data), &expected, 1e-5, ATOL);
    }
}

/// An expression is computed inside the kernel that needs it; each kind of kernel must bring the
/// functions that a row calls.
#[test]
fn one_operand_inside_other_kernels() {
    let Some(gpu) = gradus_testkit::gpu() else { return };
    for (i, op) in unary_ops().enumerate() {
        let def = op.def();
        let data: Vec<f32> =
            smooth_values(35, def.domain, i as u64).into_iter().map(|v| v as f32).collect();
        let run = |device: &Device| {
            let x = on(device, &data).reshape(&[5, 7]).expect("the same count");
            let y = || Value::unary(op, &x, parameters(op)).expect("pointwise");
            let other = Value::transpose(&x, 0, 1).expect("a matrix");
            let left = matmul(&y(), &other).expect("sizes agree");
            let right = matmul(&other, &y()).expect("sizes agree");
            let sum = reduce(Reduce::sum, &y(), &[1], false).expect("reduces");
            let soft = softmax(&y(), 1, false).expect("a float");
            [left, right, sum, soft].map(numbers).concat()
        };
        assert_close(def.name, &run(&gpu), &run(&Device::cpu()), 1e-4, 1e-4);
    }
}

#[test]
fn two_operands() {
    let Some(gpu) = gradus_testkit::gpu() else { return };
    for (i, op) in binary_ops().enumerate() {
        let def = op.def();
        let sample = |side: usize| -> Vec<f32> {
            let values = smooth_values(301, def.domains[side], (2 * i + side) as u64);
            values.into_iter().map(|v| v as f32).collect()
        };
        let (a, b) = (sample(0), sample(1));
        let run = |device: &Device| {
            numbers(Value::binary(op, &on(device, &a), &on(device, &b)).expect("pointwise"))
        };
        assert_close(def.name, &run(&gpu), &run(&Device::cpu()), RTOL, ATOL);
    }
}

#[test]
fn comparisons_of_every_type() {
    let Some(gpu) = gradus_testkit::gpu() else { return };
    let mut random = Generator::new(5);
    let (a, b) = (random.uniform(257), random.uniform(257));
    for dtype in [DType::F32, DType::I32, DType::U32, DType::U8, DType::Bool] {
        for op in COMPARES {
            let run = |device: &Device| {
                let side = |data: &[f32]| {
                    let data: Vec<f32> = data.iter().map(|u| (u * 3.0).floor()).collect();
                    on(device, &data).cast(dtype).expect("a cast")
                };
                numbers(Value::compare(op, &side(&a), &side(&b)).expect("pointwise"))
            };
            let name = op.def().name;
            assert_eq!(run(&gpu), run(&Device::cpu()), "{name} of {dtype}");
        }
    }
}

#[test]
fn comparisons_with_nan() {
    let a = [f32::NAN, f32::NAN, 1.0, f32::INFINITY, f32::NEG_INFINITY, 0.0];
    let b = [f32::NAN, 1.0, f32::NAN, f32::INFINITY, 1.0, -0.0];
    for device in crate::support::devices() {
        for op in COMPARES {
            let got = Value::compare(op, &on(&device, &a), &on(&device, &b)).expect("pointwise");
            let expected: Vec<f64> = a
                .iter()
                .zip(&b)
                .map(|(a, b)| match op {
                    Compare::eq => a == b,
                    Compare::ne => a != b,
                    Compare::lt => a < b,
                    Compare::le => a <= b,
                    Compare::gt => a > b,
                    Compare::ge => a >= b,
                })
                .map(|hit| f64::from(u8::from(hit)))
                .collect();
            assert_eq!(numbers(got), expected, "{} on {device}", op.def().name);
        }
    }
}

#[test]
fn reductions_over_any_dimensions() {
    let Some(gpu) = gradus_testkit::gpu() else { return };
    let shapes: [&[usize]; 7] =
        [&[1], &[7, 13], &[3, 1, 5], &[2, 3, 4, 5], &[1, 1031], &[1031, 2], &[5, 300, 3]];
    let mut random = Generator::new(11);
    for shape in shapes {
        let n = shape.iter().product();
        let data: Vec<f32> = random.uniform(n).iter().map(|u| 0.97 + 0.06 * u).collect();
        for dims in 0..1u32 << shape.len() {
            let dims: Vec<i64> = (0..shape.len() as i64).filter(|d| dims >> d & 1 == 1).collect();
            for op in REDUCES {
                let run = |device: &Device| {
                    let shape: Vec<i64> = shape.iter().map(|&s| s as i64).collect();
                    let x = on(device, &data).reshape(&shape).expect("the same count");
                    // An expression, so that the reduction computes it on the way.
                    let x = Value::unary(Unary::square, &x, [0.0; 2]).expect("pointwise");
                    numbers(reduce(op, &x, &dims, true).expect("reduces"))
                };
                let what = format!("{} of {shape:?} over {dims:?}", op.def().name);
                assert_close(&what, &run(&gpu), &run(&Device::cpu()), 1e-4, 1e-6);
            }
        }
    }
}
