//! Mistakes of a caller: each message names the op, what is wrong, and all shapes.

use gradus_autodiff::{DType, Device, Kind, Tensor, cat, embedding, stack, where_};
use gradus_nn::{Layer, Linear, Losses, Module, Relu, Sequential};

use crate::support::message;

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape, &Device::cpu())
}

fn labels(values: &[i32]) -> Tensor {
    Tensor::from_slice(values, values.len()).expect("it fills")
}

#[test]
fn shapes_that_do_not_fit() {
    let (a, b) = (zeros(&[2, 3]), zeros(&[4, 5]));
    let found = [
        message(a.add(&b)),
        message(a.matmul(&b)),
        message(a.reshape(&[4, -1])),
        message(a.narrow(1, 2, 2)),
        message(a.permute(&[0, 0])),
        message(a.sum(&[2], false)),
        message(a.squeeze(5)),
        message(cat(&[&a, &b], 0)),
        message(stack(&[&a, &b], 0)),
        message(a.linear(&b, None)),
        message(where_(&a.gt(0.0).expect("pointwise"), &b, 0.0)),
        message(Tensor::from_vec(vec![1.0f32; 5], [2, 3])),
    ];
    assert_eq!(found, EXPECTED_SHAPES);
}

const EXPECTED_SHAPES: [&str; 12] = [
    "add: shapes do not broadcast; a [2, 3], b [4, 5]",
    "matmul: a has 3 columns, b expects 4; a [2, 3], b [4, 5]",
    "reshape: cannot become [4, -1]: the element counts differ; x [2, 3]",
    "narrow: range 2..4 lies outside dimension 1 of size 3; x [2, 3]",
    "permute: dimension 0 is named twice; x [2, 3]",
    "sum: dimension 2 does not exist in 2 dimensions; x [2, 3]",
    "squeeze: dimension 5 does not exist in 2 dimensions; x [2, 3]",
    "cat: sizes must agree in every other dimension; first [2, 3], other [4, 5]",
    "cat: sizes must agree in every other dimension; first [1, 2, 3], other [1, 4, 5]",
    "linear: x has 3 features, weight expects 5; x [2, 3], weight [4, 5]",
    "where: shapes do not broadcast; a [2, 3], b [4, 5]",
    "from_slice: 5 values do not fill 6 elements; shape [2, 3]",
];

#[test]
fn types_that_do_not_fit() {
    let (x, i) = (zeros(&[2]), labels(&[0, 1]));
    let found = [
        message(x.matmul(&i)),
        message(x.logical_and(&x)),
        message(i.mean_all()),
        message(i.softmax(0)),
        message(where_(&x, &x, 0.0)),
        message(zeros(&[2, 2]).index_select(0, &x)),
        message(x.to_vec::<i32>()),
    ];
    assert_eq!(found, EXPECTED_TYPES);
}

const EXPECTED_TYPES: [&str; 7] = [
    "matmul: got float32 and int32, expected one float type; cast with `to_dtype`",
    "logical_and: got float32 and float32, expected bool; compare with a number to make one",
    "mean: got int32, expected a float type; cast with `float()`",
    "softmax: got int32, expected a float type; cast with `to_dtype`",
    "where: got float32, expected bool; compare with a number to make one",
    "index_select: got float32, expected an integer type for indices",
    "to_vec: got float32, expected int32",
];

#[test]
fn indices_outside_their_range() {
    let x = zeros(&[3, 4]);
    let found = [
        message(x.index_select(0, &labels(&[0, 3])).and_then(|y| y.to_vec::<f32>())),
        message(embedding(&labels(&[-1]), &x).and_then(|y| y.to_vec::<f32>())),
        message(x.select(0, 3)),
        message(x.cross_entropy(&labels(&[0, 1, 4])).and_then(|y| y.item())),
        message(x.topk(5, 1, true)),
    ];
    assert_eq!(found, EXPECTED_INDICES);
}

const EXPECTED_INDICES: [&str; 5] = [
    "index_select: index 3 at position 1 is outside 0..3",
    "index_select: index -1 at position 0 is outside 0..3",
    "select: range 3..4 lies outside dimension 0 of size 3; x [3, 4]",
    "cross_entropy: index 4 at position 2 is outside 0..4",
    "topk: k is 5, expected at most the size of the dimension",
];

#[test]
fn layers_say_where() {
    let body = Sequential::new().push(Linear::new(4, 8).expect("ok")).push(Relu);
    let model = Sequential::new().push(body).push(Linear::new(9, 3).expect("ok"));
    let dict = Sequential::new().push(Linear::new(4, 8).expect("ok")).state_dict().expect("ok");
    let found = [
        message(model.forward(&zeros(&[2, 5]))),
        message(model.forward(&zeros(&[2, 4]))),
        message(model.load_state_dict(&dict)),
    ];
    assert_eq!(found, EXPECTED_LAYERS);
}

const EXPECTED_LAYERS: [&str; 3] = [
    "linear: x has 5 features, weight expects 4; x [2, 5], weight [8, 4]; in 0.0",
    "linear: x has 8 features, weight expects 9; x [2, 8], weight [3, 9]; in 1",
    "load_state_dict: missing [\"0.0.weight\", \"0.0.bias\", \"1.weight\", \"1.bias\"], \
     unexpected [\"0.bias\", \"0.weight\"]",
];

#[test]
fn gradients_that_cannot_be() {
    let x = zeros(&[2]).requires_grad_(true);
    let y = x.square().expect("pointwise");
    let found = [
        message(y.backward()),
        message(x.detach().sum_all().and_then(|y| y.backward())),
        message(y.set_value(&x)),
        message(zeros(&[3]).set_value(&x)),
    ];
    assert_eq!(found, EXPECTED_GRADIENTS);
}

const EXPECTED_GRADIENTS: [&str; 4] = [
    "backward: needs a single element; call it on a scalar such as a mean or sum; output [2]",
    "backward: nothing here requires gradients; mark a leaf with `requires_grad_`",
    "set_value: only a leaf can be changed; `detach` makes one",
    "set_value: shape and type must stay the same; x [3], value [2]",
];

#[test]
fn two_devices_do_not_mix() {
    let Some(gpu) = gradus_testkit::gpu() else { return };
    let (here, there) = (zeros(&[2, 2]), Tensor::zeros([2, 2], &gpu));
    for (op, result) in [("add", here.add(&there)), ("matmul", there.matmul(&here))] {
        let error = result.expect_err("two devices");
        assert!(matches!(error.kind(), Kind::Device { .. }), "{error}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("{op}: ")), "{text}");
        assert!(text.contains("cpu") && text.contains(&gpu.to_string()), "{text}");
    }
}

#[test]
fn the_gpu_has_no_float64() {
    let Some(gpu) = gradus_testkit::gpu() else { return };
    let x = Tensor::from_vec(vec![1.0f64], [1]).expect("it fills");
    for error in [
        x.to(&gpu).expect_err("float64"),
        Tensor::zeros([1], &gpu).to_dtype(DType::F64).expect_err("float64"),
    ] {
        assert!(matches!(error.kind(), Kind::Unsupported { .. }), "{error}");
    }
}
