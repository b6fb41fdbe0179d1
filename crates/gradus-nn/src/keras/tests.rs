//! Functional models beside what they stand for, and the mistakes they name.

use gradus_autodiff::{DType, Device, Tensor};
use gradus_tensor::rng::manual_seed;

use super::*;
use crate::{BatchNorm1d, Layer, Linear, Module, Relu, Sequential, Softmax};

fn ramp(shape: &[usize]) -> Tensor {
    let n: usize = shape.iter().product();
    Tensor::from_vec((0..n).map(|i| i as f32).collect(), shape).unwrap()
}

fn values(x: &Tensor) -> Vec<f32> {
    x.to_vec().unwrap()
}

fn model_of(x: &Symbol, layer: &impl Call) -> Model {
    Model::new(x, &layer.call(x).unwrap()).unwrap()
}

/// What a layer gives for a tensor.
fn run(layer: &impl Call, x: &Tensor) -> Vec<f32> {
    let symbol = input(&x.shape()[1..]);
    values(&model_of(&symbol, layer).forward(x).unwrap())
}

fn message(result: gradus_tensor::Result<impl Sized>) -> String {
    result.err().expect("it is a mistake").to_string()
}

#[test]
fn the_lectures_network_has_the_lectures_numbers() {
    let x = input([784]);
    let h = Dense::new(100).activation("sigmoid").call(&x).unwrap();
    let h = Dense::new(30).activation("sigmoid").call(&h).unwrap();
    let model = Model::new(&x, &Dense::new(10).activation("softmax").call(&h).unwrap()).unwrap();
    let expected = "\
Model: \"functional\"
Layer (type)              Output shape  Params    FLOPs
-------------------------------------------------------
input_layer (InputLayer)  (None, 784)        0        0
dense (Dense)             (None, 100)   78,500  156,800
dense_1 (Dense)           (None, 30)     3,030    6,000
dense_2 (Dense)           (None, 10)       310      600
-------------------------------------------------------
Total params: 81,840 (319.69 KB)
Trainable params: 81,840
Non-trainable params: 0
FLOPs of a sample: 163,400
";
    assert_eq!(model.summary().to_string(), expected);
    let plain = Sequential::new()
        .push(Linear::new(784, 100).unwrap())
        .push(Linear::new(100, 30).unwrap())
        .push(Linear::new(30, 10).unwrap());
    let summary = plain.summary([784]).unwrap();
    let params: Vec<usize> = summary.rows.iter().map(|row| row.params).collect();
    assert_eq!((params, summary.params()), (vec![78_500, 3_030, 310], 81_840));
}

#[test]
fn a_shared_layer_is_one_row_with_what_it_reads() {
    let (a, b) = (input([4]), input([4]));
    let shared = Dense::new(3).name("eye");
    let both = [&shared.call(&a).unwrap(), &shared.clone().call(&b).unwrap()];
    let y = Add::new().call(both).unwrap();
    let model = Model::new([&a, &b], &y).unwrap().name("siamese");
    let expected = "\
Model: \"siamese\"
Layer (type)                Output shape  Params  FLOPs  Connected to
--------------------------------------------------------------------------------
input_layer (InputLayer)    (None, 4)          0      0
input_layer_1 (InputLayer)  (None, 4)          0      0
eye (Dense)                 (None, 3)         15     48  input_layer, input_layer_1
add (Add)                   (None, 3)          0      0  eye, eye
--------------------------------------------------------------------------------
Total params: 15 (60 B)
Trainable params: 15
Non-trainable params: 0
FLOPs of a sample: 48
";
    let text = model.summary().to_string();
    let lines = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with('-')).map(str::to_owned).collect()
    };
    assert_eq!(lines(&text), lines(expected));
    assert_eq!(model.sub_model("eye").unwrap().output_specs().len(), 2);
    // An option that is set on a copy makes another layer.
    let y = Add::new()
        .call([&shared.call(&a).unwrap(), &shared.use_bias(false).name("other").call(&b).unwrap()]);
    assert_eq!(Model::new([&a, &b], &y.unwrap()).unwrap().num_parameters(), 15 + 12);
}

#[test]
fn the_layers_compute_what_those_of_the_crate_do() {
    manual_seed(3);
    let x = input([5]);
    let h = Dense::new(4).activation("relu").call(&x).unwrap();
    let model = Model::new(&x, &Dense::new(3).activation("softmax").call(&h).unwrap()).unwrap();
    let plain = Sequential::new()
        .push(Linear::new(5, 4).unwrap())
        .push(Relu)
        .push(Linear::new(4, 3).unwrap())
        .push(Softmax::default());
    let dict = model.state_dict().unwrap();
    let names = [("dense.", "0."), ("dense_1.", "2.")];
    let renamed = dict.into_iter().map(|(key, array)| {
        let (old, new) = names.iter().find(|(old, _)| key.starts_with(old)).unwrap();
        (key.replacen(old, new, 1), array)
    });
    plain.load_state_dict(&renamed.collect()).unwrap();
    let batch = ramp(&[2, 5]);
    let (ours, theirs) = (model.forward(&batch).unwrap(), plain.forward(&batch).unwrap());
    assert_eq!(values(&ours), values(&theirs));
    // Through the names of a functional model the intermediate outputs are those of the layers.
    let inner = model.output_of("dense", &[&batch]).unwrap();
    let functional = plain.functional(&input([5])).unwrap();
    assert_eq!(values(&inner[0]), values(&functional.output_of("1", &[&batch]).unwrap()[0]));
    assert!(functional.state_dict().unwrap().keys().eq(plain.state_dict().unwrap().keys()));
}

#[test]
fn calling_leaves_modes_and_estimates_as_they_are() {
    let norm = BatchNorm1d::new(3);
    let y = Apply::new(norm.clone()).call(&input([3])).unwrap();
    assert_eq!(y.to_string(), "(None, 3)");
    assert_eq!(norm.num_batches_tracked.as_ref().unwrap().item().unwrap(), 0.0);
    // It still trains: a batch moves the estimates.
    norm.forward(&ramp(&[2, 3])).unwrap();
    assert_eq!(norm.num_batches_tracked.as_ref().unwrap().item().unwrap(), 1.0);
    norm.eval();
    Apply::new(norm.clone()).call(&input([3])).unwrap();
    norm.forward(&ramp(&[2, 3])).unwrap();
    assert_eq!(norm.num_batches_tracked.as_ref().unwrap().item().unwrap(), 1.0);
}

#[test]
fn pooling_pads_as_keras_does() {
    // Keras's rule by hand: what is outside takes part in neither maximum nor average.
    let x = ramp(&[1, 1, 5]);
    assert_eq!(run(&MaxPooling1D::new(2), &x), [1.0, 3.0]);
    assert_eq!(run(&MaxPooling1D::new(2).padding("same"), &x), [1.0, 3.0, 4.0]);
    assert_eq!(run(&MaxPooling1D::new(3).strides(2).padding("same"), &x), [1.0, 3.0, 4.0]);
    assert_eq!(run(&AveragePooling1D::new(2).padding("same"), &x), [0.5, 2.5, 4.0]);
    assert_eq!(
        run(&AveragePooling1D::new(3).strides(1).padding("same"), &x),
        [0.5, 1.0, 2.0, 3.0, 3.5]
    );
    let negative = x.sub(9.0).unwrap();
    assert_eq!(run(&MaxPooling1D::new(2).padding("same"), &negative), [-8.0, -6.0, -5.0]);
    let image = ramp(&[1, 1, 3, 3]);
    let pooled = run(&AveragePooling2D::new(2).padding("same"), &image);
    assert_eq!(pooled, [2.0, 3.5, 6.5, 8.0]);
    assert_eq!(run(&MaxPooling2D::new((3, 2)).padding("same"), &image), [7.0, 8.0]);
    let cube = ramp(&[1, 1, 2, 2, 2]);
    assert_eq!(run(&MaxPooling3D::new(2), &cube), [7.0]);
    assert_eq!(run(&AveragePooling3D::new(2).padding("same"), &cube), [3.5]);
    assert_eq!(run(&GlobalAveragePooling2D::new(), &image), [4.0]);
    assert_eq!(run(&GlobalMaxPooling1D::new(), &x), [4.0]);
    let y = GlobalMaxPooling3D::new().keepdims(true).call(&input([2, 3, 4, 5])).unwrap();
    assert_eq!(y.to_string(), "(None, 2, 1, 1, 1)");
}

#[test]
fn shapes_and_parameters_are_kerass() {
    let image = input([3, 9, 9]);
    let words = input_with([7], InputOptions { dtype: DType::I32, name: None });
    let sequence = input([7, 4]);
    let table: Vec<(&str, Model, &str, usize)> = vec![
        (
            "conv",
            model_of(&image, &Conv2D::new(8, 3).strides(2).padding("same")),
            "(None, 8, 5, 5)",
            8 * 27 + 8,
        ),
        (
            "dilated",
            model_of(&image, &Conv2D::new(6, 3).dilation_rate(2).groups(3).use_bias(false)),
            "(None, 6, 5, 5)",
            6 * 9,
        ),
        ("conv1d", model_of(&sequence, &Conv1D::new(5, 2)), "(None, 5, 3)", 5 * 14 + 5),
        ("embedding", model_of(&words, &Embedding::new(50, 6)), "(None, 7, 6)", 300),
        // Gates · units · (features + units + biases), of which a GRU has two.
        ("lstm", model_of(&sequence, &LSTM::new(5)), "(None, 5)", 200),
        ("gru", model_of(&sequence, &GRU::new(5)), "(None, 5)", 165),
        ("rnn", model_of(&sequence, &SimpleRNN::new(5).return_sequences(true)), "(None, 7, 5)", 50),
        ("norm", model_of(&image, &BatchNormalization::new()), "(None, 3, 9, 9)", 12),
        ("layer norm", model_of(&sequence, &LayerNormalization::new()), "(None, 7, 4)", 8),
        ("dropout", model_of(&sequence, &Dropout::new(0.5).seed(1)), "(None, 7, 4)", 0),
        ("zeros", model_of(&image, &ZeroPadding2D::new((1, 0, 2, 0))), "(None, 3, 11, 10)", 0),
        ("larger", model_of(&image, &UpSampling2D::new(2.0)), "(None, 3, 18, 18)", 0),
    ];
    for (name, model, shape, params) in table {
        assert_eq!(model.output_specs()[0].to_string(), shape, "{name}");
        assert_eq!(model.summary().params(), params, "{name}");
        assert_eq!(model.summary().rows.len(), 2, "{name}");
    }
}

#[test]
fn an_lstm_begins_by_remembering() {
    let model = model_of(&input([4, 2]), &LSTM::new(2));
    let dict = model.state_dict().unwrap();
    assert!(dict.keys().eq(["lstm.bias_ih_l0", "lstm.weight_hh_l0", "lstm.weight_ih_l0"]));
    let bias = dict["lstm.bias_ih_l0"].to_vec::<f32>().unwrap();
    assert_eq!(bias, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn merging_takes_one_rank_and_dot_contracts_any_axis() {
    let (a, b) = (input([2, 3]), input([3]));
    let text = message(Add::new().call([&a, &b]));
    assert!(text.starts_with("add: tensors that are merged"), "{text}");
    assert!(text.ends_with("in Add, called on (None, 2, 3) and (None, 3)"), "{text}");
    assert!(message(Subtract::new().call([&a, &a, &a])).contains("expected two symbols"));
    assert!(message(Add::new().call(&a)).contains("at least two symbols"));
    assert!(message(Concatenate::new().axis(0).call([&a, &a])).contains("keep the batch"));
    assert!(message(Dot::new((0, 0)).call([&a, &a])).contains("not be the batch"));
    // [N, 2, 3] and [N, 3, 4] over the 3: a matrix product.
    let c = input([3, 4]);
    let model = Model::new([&a, &c], &Dot::new((2, 1)).call([&a, &c]).unwrap()).unwrap();
    let (x, y) = (ramp(&[2, 2, 3]), ramp(&[2, 3, 4]));
    let dot = model.forward_many(&[&x, &y]).unwrap();
    assert_eq!(values(&dot[0]), values(&x.matmul(&y).unwrap()));
    assert_eq!(model.summary().flops(), 2 * 2 * 3 * 4);
    // Over the first axis of both: aᵀ · c for each sample.
    let d = input([2, 4]);
    let model = Model::new([&a, &d], &Dot::new((1, 1)).call([&a, &d]).unwrap()).unwrap();
    let y = ramp(&[2, 2, 4]);
    let dot = model.forward_many(&[&x, &y]).unwrap();
    assert_eq!(values(&dot[0]), values(&x.t().unwrap().matmul(&y).unwrap()));
}

#[test]
fn graphs_that_do_not_close_are_named() {
    let (a, b) = (input([2]), input_with([3], InputOptions::named("b")));
    let y = Concatenate::new().call([&a, &b]).unwrap();
    let text = message(Model::new(&a, &y));
    let expected = "model: inputs is without b (None, 3), on which an output depends, \
                    expected every input of the outputs";
    assert_eq!(text, expected);
    let alone = Dense::new(1).call(&a).unwrap();
    let text = message(Model::new([&a, &b], &alone));
    assert!(text.contains("(None, 3) at position 1, on which no output depends"), "{text}");
    assert!(message(Model::new([&a, &a], &alone)).contains("every input once"));
    assert!(message(Model::new(&a, &Vec::new())).contains("outputs is empty"));
    let same = [Dense::new(1), Dense::new(2)].map(|l| l.name("same").call(&a).unwrap());
    let text = message(Model::new(&a, [&same[0], &same[1]]));
    assert!(text.contains("\"same\" twice"), "{text}");
    let model = Model::new(&a, &alone).unwrap();
    let text = message(model.sub_model("dens"));
    assert!(text.contains("\"dens\", the layers are input_layer, dense"), "{text}");
    assert!(message(model.forward_many(&[])).contains("0 for 1 inputs"));
    let both = Model::new([&a, &b], [&y, &alone]).unwrap();
    assert!(message(both.forward(&ramp(&[1, 2]))).contains("`forward_many`"));
    assert!(message(Dense::new(3).call(&input([0usize; 0]))).contains("axis of features"));
}

#[test]
fn tensors_that_do_not_fit_meet_the_batch() {
    let x = input([784]);
    let model = model_of(&x, &Dense::new(10));
    let text = message(model.forward(&ramp(&[784])));
    let expected = "model: the batch is the first axis: `input` names the shape without it; add \
                    it with `unsqueeze(0)`; x [784]; in input_layer, expected (None, 784)";
    assert_eq!(text, expected);
    let text = message(model.forward(&ramp(&[2, 28, 28])));
    assert!(text.ends_with("x [2, 28, 28]; in input_layer, expected (None, 784)"), "{text}");
    assert!(model.forward(&Tensor::scalar(1.0)).unwrap_err().is_shape());
}

#[test]
fn a_layer_that_refuses_an_input_may_take_another() {
    let pool = MaxPooling2D::new(4);
    assert!(pool.call(&input([1, 3, 3])).is_err());
    assert_eq!(pool.call(&input([1, 8, 8])).unwrap().to_string(), "(None, 1, 2, 2)");
    let dense = Dense::new(2);
    dense.call(&input([5])).unwrap();
    let text = message(dense.call(&input([6])));
    assert!(text.starts_with("linear: x has 6 features, weight expects 5"), "{text}");
    let text = message(Conv2D::new(1, 1).padding("full").call(&input([1, 2, 2])));
    assert!(text.contains("\"full\", expected \"valid\" or \"same\""), "{text}");
    let text = message(Conv::<4>::new(1, 1).call(&input([1, 2, 2, 2, 2])));
    assert!(text.contains("dimensions is 4, expected 1, 2 or 3"), "{text}");
    assert!(message(MaxPooling::<0>::new(1).call(&input([1]))).contains("dimensions is 0"));
    let text = message(Embedding::new(3, 1).call(&input([2])));
    assert!(text.contains("float32, expected integers"), "{text}");
}

#[test]
fn a_model_is_a_layer_of_another_and_may_begin_in_the_middle() {
    let x = input([4]);
    let h = Dense::new(3).name("h").call(&x).unwrap();
    let y = Dense::new(2).name("y").call(&h).unwrap();
    let (front, back) = (Model::new(&x, &h).unwrap(), Model::new(&h, &y).unwrap());
    let whole = Model::new(&x, &y).unwrap();
    let batch = ramp(&[2, 4]);
    let stepwise = back.forward(&front.forward(&batch).unwrap()).unwrap();
    assert_eq!(values(&stepwise), values(&whole.forward(&batch).unwrap()));
    assert_eq!(back.num_parameters(), 3 * 2 + 2);

    let (a, b) = (input([4]), input([4]));
    let encoder = whole.clone().name("encoder");
    let joined =
        Average::new().call([&encoder.call(&a).unwrap(), &encoder.call(&b).unwrap()]).unwrap();
    let outer = Model::new([&a, &b], &joined).unwrap();
    assert_eq!(outer.num_parameters(), whole.num_parameters());
    assert!(outer.state_dict().unwrap().contains_key("encoder.h.weight"));
    let twice = outer.forward_many(&[&batch, &batch]).unwrap();
    assert_eq!(values(&twice[0]), values(&whole.forward(&batch).unwrap()));
    assert_eq!(outer.summary().flops(), 2 * whole.summary().flops());
}

#[test]
fn values_go_when_they_are_read_last() {
    let x = input([2]);
    let y = Multiply::new().call([&x, &x]).unwrap();
    let z = Add::new().call([&y, &x, &y]).unwrap();
    let model = Model::new(&x, [&z, &y]).unwrap();
    let out = model.forward_many(&[&ramp(&[1, 2])]).unwrap();
    assert_eq!((values(&out[0]), values(&out[1])), (vec![0.0, 3.0], vec![0.0, 1.0]));
    let identity = Model::new(&x, &x).unwrap();
    assert_eq!(values(&identity.forward(&ramp(&[1, 2])).unwrap()), [0.0, 1.0]);
}

#[test]
fn frozen_layers_are_not_trainable() {
    let x = input([4]);
    let h = Dense::new(3).call(&x).unwrap();
    let model = Model::new(&x, &Dense::new(2).call(&h).unwrap()).unwrap();
    model.get_layer("dense").unwrap().requires_grad_(false);
    let summary = model.summary();
    assert_eq!((summary.trainable(), summary.non_trainable()), (8, 15));
    assert!(model.get_layer("input_layer").is_none());
    assert_eq!(format!("{model:?}"), "Model(functional: input_layer, dense, dense_1)");
    let moved = model.to(&Device::cpu()).unwrap();
    assert_eq!(moved.layer_names().last(), Some("dense_1"));
}
