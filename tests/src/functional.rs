//! Functional models beside the same networks written by hand: outputs and gradients, on every
//! device.

use gradus_autodiff::{Device, Result, Tensor, cat};
use gradus_nn::keras::{
    Add, BatchNormalization, Bidirectional, Call, Concatenate, Conv2D, Conv2DTranspose, Dense,
    Dropout, Flatten, GRU, MaxPooling2D, Model, MultiHeadAttention, PReLU, SeparableConv2D,
    TimeDistributed, input,
};
use gradus_nn::{Conv2d, Layer, Linear, Losses, Module, Padding};

use crate::support::{assert_close, devices, values};

/// Two inputs through one shared layer, joined, and two outputs.
fn functional() -> Result<Model> {
    let (a, b) = (input([6]), input([6]));
    let eye = Dense::new(5).activation("tanh").name("eye");
    let both = Concatenate::new().call([&eye.call(&a)?, &eye.call(&b)?])?;
    let class = Dense::new(3).name("class").call(&both)?;
    let again = eye.call(&Add::new().call([&a, &b])?)?;
    let depth = Dense::new(1).name("depth").call(&again)?;
    Model::new([&a, &b], [&class, &depth])
}

/// The same by hand.
#[derive(Module)]
struct ByHand {
    eye: Linear,
    class: Linear,
    depth: Linear,
}

impl ByHand {
    fn new() -> Result<Self> {
        let (eye, class) = (Linear::new(6, 5)?, Linear::new(10, 3)?);
        Ok(ByHand { eye, class, depth: Linear::new(5, 1)? })
    }

    fn forward(&self, a: &Tensor, b: &Tensor) -> Result<[Tensor; 2]> {
        let eye = |x: &Tensor| self.eye.forward(x)?.tanh();
        let class = self.class.forward(&cat(&[&eye(a)?, &eye(b)?], -1)?)?;
        Ok([class, self.depth.forward(&eye(&a.add(b)?)?)?])
    }
}

fn noise(shape: &[usize], seed: u64, device: &Device) -> Tensor {
    let n = shape.iter().product();
    let values: Vec<f32> = crate::support::normal(n, seed).into_iter().map(|v| v as f32).collect();
    Tensor::from_vec(values, shape).and_then(|x| x.to(device)).expect("it fits")
}

#[test]
fn gradients_through_shared_layers_are_those_of_the_network_by_hand() {
    for device in devices() {
        let model = functional().and_then(|model| model.to(&device)).expect("a model");
        let by_hand = ByHand::new().and_then(|model| model.to(&device)).expect("a network");
        let dict = model.state_dict().expect("its state");
        by_hand.load_state_dict(&dict).expect("the names are the same");
        let (a, b) = (noise(&[4, 6], 1, &device), noise(&[4, 6], 2, &device));
        let labels = Tensor::from_vec(vec![0i32, 2, 1, 1], [4]).and_then(|y| y.to(&device));
        let labels = labels.expect("labels");
        let learn = |outputs: &[Tensor]| -> Result<()> {
            let loss = outputs[0].cross_entropy(&labels)?;
            loss.add(&outputs[1].square()?.mean_all()?)?.backward()
        };
        let ours = model.forward_many(&[&a, &b]).expect("outputs");
        let theirs = by_hand.forward(&a, &b).expect("outputs");
        learn(&ours).expect("gradients");
        learn(&theirs).expect("gradients");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_close("output", &values(ours), &values(theirs), 1e-6, 1e-6);
        }
        let named: Vec<_> = by_hand.named_parameters();
        assert_eq!(model.named_parameters().len(), named.len());
        for (name, parameter) in model.named_parameters() {
            let (_, other) = named.iter().find(|(other, _)| *other == name).expect("its name");
            let (got, expected) = (parameter.grad(), other.grad());
            let (got, expected) = (got.expect("a gradient"), expected.expect("a gradient"));
            assert!(values(&expected).iter().any(|v| v.abs() > 1e-4), "{name} is trained");
            assert_close(&name, &values(&got), &values(&expected), 1e-5, 1e-6);
        }
    }
}

#[test]
fn convolutions_with_keras_names_are_those_of_the_crate() {
    for device in devices() {
        let x = input([2, 7, 8]);
        let run = || -> Result<(Model, Conv2d)> {
            let conv = Conv2D::new(4, (3, 4)).strides(2).padding("same").activation("relu");
            let y = MaxPooling2D::new(2).call(&conv.call(&x)?)?;
            let model = Model::new(&x, &Flatten::new().call(&y)?)?.to(&device)?;
            let by_hand = Conv2d::new(2, 4, (3, 4))?.stride(2).padding(Padding::Same);
            Ok((model, by_hand.to(&device)?))
        };
        let (model, conv) = run().expect("layers");
        let dict = model.state_dict().expect("its state").into_iter();
        let dict = dict.map(|(key, array)| (key.replace("conv2d.", ""), array)).collect();
        conv.load_state_dict(&dict).expect("the same parameters");
        let batch = noise(&[3, 2, 7, 8], 5, &device);
        let by_hand = || conv.forward(&batch)?.relu()?.max_pool2d(2)?.flatten(1, -1);
        let (ours, theirs) = (model.forward(&batch), by_hand());
        let (ours, theirs) = (ours.expect("an output"), theirs.expect("an output"));
        assert_eq!(ours.shape().dims(), [3, 4 * 2 * 2]);
        assert_close("conv", &values(&ours), &values(&theirs), 1e-6, 1e-6);
    }
}

#[test]
fn modes_reach_the_layers_of_a_model_that_trains() {
    for device in devices() {
        let build = || -> Result<Model> {
            let x = input([8]);
            let h = Dense::new(16).call(&x)?;
            let h = BatchNormalization::new().momentum(0.5).call(&h)?;
            let h = Dropout::new(0.5).seed(3).call(&h)?;
            Model::new(&x, &Dense::new(2).call(&h)?)?.to(&device)
        };
        let model = build().expect("a model");
        let batch = noise(&[16, 8], 9, &device);
        let out = || values(&model.forward(&batch).expect("an output"));
        assert_ne!(out(), out(), "dropout drops");
        model.eval();
        assert_eq!(out(), out());
        let estimates = model.named_buffers();
        let mean = estimates.iter().find(|(name, _)| name == "batch_normalization.running_mean");
        let mean = values(&mean.expect("it is a buffer").1);
        assert!(mean.iter().any(|m| m.abs() > 1e-3), "two batches moved it: {mean:?}");
    }
}

#[test]
fn layers_with_keras_names_compute_the_same_on_every_device() {
    type Build = fn() -> Result<Model>;
    let table: [(&str, Build); 6] = [
        ("transposed", || {
            let x = input([3, 5, 4]);
            let layer = Conv2DTranspose::new(2, (3, 4)).strides(2).padding("same");
            Model::new(&x, &layer.call(&x)?)
        }),
        ("separable", || {
            let x = input([3, 7, 6]);
            let layer = SeparableConv2D::new(4, 3).depth_multiplier(2).strides(2).padding("same");
            Model::new(&x, &layer.call(&x)?)
        }),
        ("steps", || {
            let x = input([5, 2, 6, 6]);
            Model::new(&x, &TimeDistributed::new(Conv2D::new(3, 3)).call(&x)?)
        }),
        ("directions", || {
            let x = input([5, 3]);
            Model::new(&x, &Bidirectional::new(GRU::new(4).return_sequences(true)).call(&x)?)
        }),
        ("attention", || {
            let x = input([5, 6]);
            let layer = MultiHeadAttention::new(3, 2).value_dim(4).use_causal_mask(true);
            Model::new(&x, &layer.call([&x, &x])?)
        }),
        ("slopes", || {
            let x = input([5, 6]);
            Model::new(&x, &PReLU::new().shared_axes([1]).call(&x)?)
        }),
    ];
    for (name, build) in table {
        let mut expected: Option<Vec<Vec<f64>>> = None;
        let dict = build().and_then(|model| model.state_dict()).expect("its state");
        for device in devices() {
            let learn = || -> Result<Vec<Vec<f64>>> {
                let model = build()?.to(&device)?;
                model.load_state_dict(&dict)?;
                let shape = [&[3], &model.input_specs()[0].shape[..]].concat();
                let x = noise(&shape, 4, &device).requires_grad_(true);
                let y = model.forward(&x)?;
                y.square()?.mean_all()?.backward()?;
                let grads = model.parameters().into_iter().chain([x]).map(|p| p.grad());
                let grads = grads.map(|grad| values(&grad.expect("a gradient")));
                Ok([values(&y)].into_iter().chain(grads).collect())
            };
            let found = learn().expect(name);
            let expected = expected.get_or_insert_with(|| found.clone());
            for (found, expected) in found.iter().zip(expected.iter()) {
                assert_close(&format!("{name} on {device}"), found, expected, 1e-4, 1e-5);
            }
            assert!(found[0].iter().any(|v| v.abs() > 1e-3), "{name}");
        }
    }
}
