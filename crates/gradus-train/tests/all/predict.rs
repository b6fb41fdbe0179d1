//! Predictions: batches, order, the missing batch dimension.

use gradus_nn::{Flatten, Identity, Linear, Sequential, Tensor};
use gradus_tensor::Device;
use gradus_train::{PredictOptions, Trainer};

use crate::support::{network, points, quiet};

#[test]
fn outputs_keep_the_order_of_inputs_over_many_batches() {
    let n = 1000;
    let x = Tensor::from_vec((0..n).map(|v| v as f32).collect(), [n, 1]).unwrap();
    let mut trainer = Trainer::new(Identity);
    for batch_size in [3, 1, 1000, 4096] {
        let options = PredictOptions { batch_size, ..Default::default() };
        let y = trainer.predict(&x, options).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), x.to_vec::<f32>().unwrap(), "{batch_size}");
    }
    let options = PredictOptions { batch_size: 0, ..Default::default() };
    assert!(trainer.predict(&x, options).is_err());
    let none = Tensor::zeros([0, 1], &Device::cpu());
    assert!(trainer.predict(&none, PredictOptions::default()).is_err());
}

#[test]
fn dropout_is_off() {
    let mut trainer = network(&Device::cpu());
    let x = Tensor::ones([4, 2], &Device::cpu());
    let predict = |t: &mut crate::support::Net| {
        t.predict(&x, PredictOptions::default()).unwrap().to_vec::<f32>().unwrap()
    };
    assert_eq!(predict(&mut trainer), predict(&mut trainer));
}

#[test]
fn a_missing_batch_dimension_is_named_with_its_cure() {
    let data = points(20);
    let mut trainer = network(&Device::cpu());
    trainer.fit(&data, quiet(1, Vec::new())).unwrap();
    let one = Tensor::ones([2], &Device::cpu());
    let error = trainer.predict(&one, PredictOptions::default()).unwrap_err().to_string();
    assert!(error.contains("`predict_one`"), "{error}");
    assert!(error.ends_with("x [2], sample [2]"), "{error}");
    assert_eq!(trainer.predict_one(&one).unwrap().shape().dims(), [3]);
    let other = Tensor::ones([4, 3], &Device::cpu());
    let error = trainer.predict(&other, PredictOptions::default()).unwrap_err().to_string();
    assert!(error.contains("another shape than the model was trained on"), "{error}");
}

#[test]
fn an_image_alone_is_refused_before_a_flatten_layer_misreads_it() {
    let model = Sequential::new().push(Flatten::default()).push(Linear::new(784, 10).unwrap());
    let mut trainer = Trainer::new(model).input_shape([28, 28]);
    let image = Tensor::zeros([28, 28], &Device::cpu());
    let error = trainer.predict(&image, PredictOptions::default()).unwrap_err().to_string();
    assert!(error.starts_with("predict: x has no batch dimension"), "{error}");
    let batch = image.unsqueeze(0).unwrap();
    let y = trainer.predict(&batch, PredictOptions::default()).unwrap();
    assert_eq!(y.shape().dims(), [1, 10]);
    assert_eq!(trainer.predict_one(&image).unwrap().shape().dims(), [10]);
}

#[test]
fn an_untrained_model_hints_at_the_missing_batch_dimension() {
    let model = Sequential::new().push(Flatten::default()).push(Linear::new(784, 10).unwrap());
    let image = Tensor::zeros([28, 28], &Device::cpu());
    let error = Trainer::new(model).predict(&image, PredictOptions::default()).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("linear: x has 28 features, weight expects 784"), "{text}");
    assert!(text.ends_with("for one sample call `predict_one`"), "{text}");
}
