//! Modules as a user writes them: derive, names, state dicts, files, modes, devices.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use gradus_nn::{
    Buffer, DType, Device, Dropout, Embedding, Kind, Layer, Linear, LinearOptions, Mode, Module,
    PRelu, Parameter, Part, Relu, Result, Sequential, StateDict, Tensor, Visit, WithinLayer, walk,
};

fn leaf(values: &[f32]) -> Tensor {
    Tensor::from_slice(values, [values.len()]).unwrap()
}

fn names(module: &impl Module) -> Vec<String> {
    module.state_dict().unwrap().into_keys().collect()
}

#[derive(Clone, Debug, Module)]
struct Norm {
    weight: Parameter,
    running_mean: Buffer,
    eps: f64,
    mode: Mode,
}

impl Norm {
    fn new() -> Self {
        Norm {
            weight: leaf(&[1.0, 1.0]).into(),
            running_mean: leaf(&[0.0, 0.0]).into(),
            eps: 1e-5,
            mode: Mode::default(),
        }
    }
}

#[derive(Module)]
struct Everything<T> {
    scale: Parameter,
    layers: Vec<Linear>,
    shortcut: Option<Linear>,
    missing: Option<Linear>,
    head: Box<dyn Layer>,
    shared: Arc<dyn Layer>,
    norms: [Norm; 2],
    pair: (Norm, Linear),
    by_name: BTreeMap<String, Linear>,
    generic: T,
    marker: PhantomData<fn() -> u8>,
    name: String,
    label: &'static str,
    sizes: Vec<usize>,
    bias: bool,
    dtype: DType,
    #[module(skip)]
    cache: Tensor,
    #[module(rename = "fc.out")]
    out: Linear,
    #[module(flatten)]
    inner: Norm,
    r#type: Parameter,
}

fn linear() -> Linear {
    Linear::with(2, 2, LinearOptions { bias: false, ..Default::default() }).unwrap()
}

fn everything() -> Everything<(Norm,)> {
    Everything {
        scale: leaf(&[1.0]).into(),
        layers: vec![linear(), linear()],
        shortcut: Some(linear()),
        missing: None,
        head: Box::new(Sequential::new().push(Relu).push(linear())),
        shared: Arc::new(linear()),
        norms: [Norm::new(), Norm::new()],
        pair: (Norm::new(), linear()),
        by_name: BTreeMap::from([("a".to_owned(), linear())]),
        generic: (Norm::new(),),
        marker: PhantomData,
        name: String::new(),
        label: "",
        sizes: vec![1],
        bias: true,
        dtype: DType::F32,
        cache: leaf(&[0.0]),
        out: linear(),
        inner: Norm::new(),
        r#type: leaf(&[2.0]).into(),
    }
}

#[test]
fn every_kind_of_field_has_its_name() {
    let model = everything();
    let found: Vec<String> = model.named_parameters().into_iter().map(|(name, _)| name).collect();
    let expected = [
        "scale",
        "layers.0.weight",
        "layers.1.weight",
        "shortcut.weight",
        "head.1.weight",
        "shared.weight",
        "norms.0.weight",
        "norms.1.weight",
        "pair.0.weight",
        "pair.1.weight",
        "by_name.a.weight",
        "generic.0.weight",
        "fc.out.weight",
        "weight",
        "type",
    ];
    assert_eq!(found, expected);
    let buffers: Vec<String> = model.named_buffers().into_iter().map(|(name, _)| name).collect();
    let expected = [
        "norms.0.running_mean",
        "norms.1.running_mean",
        "pair.0.running_mean",
        "generic.0.running_mean",
        "running_mean",
    ];
    assert_eq!(buffers, expected);
    assert_eq!(model.num_parameters(), 2 + 8 * 4 + 5 * 2);
    let (scalars, settings) = (model.cache.numel() + model.sizes[0], model.name.len());
    assert!(model.bias && model.missing.is_none() && model.label.is_empty());
    assert_eq!((scalars, settings, model.dtype, model.marker), (2, 0, DType::F32, PhantomData));
}

#[derive(Module)]
struct Tuple(Linear, usize, #[module(skip)] fn(f32) -> f32);

#[derive(Module)]
struct Unit;

#[derive(Module)]
struct Chain<T> {
    own: T,
    next: Option<Box<Chain<T>>>,
}

#[test]
fn tuple_unit_and_recursive_structs() {
    let tuple = Tuple(linear(), 3, f32::abs);
    assert_eq!(names(&tuple), ["0.weight"]);
    assert_eq!((tuple.1, (tuple.2)(-1.0)), (3, 1.0));
    assert!(names(&Unit).is_empty());
    let chain = Chain { own: linear(), next: Some(Box::new(Chain { own: linear(), next: None })) };
    assert_eq!(names(&chain), ["next.own.weight", "own.weight"]);
}

/// PyTorch: `nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 3), nn.PReLU()),
/// nn.Embedding(2, 2))`.
#[test]
fn sequential_has_pytorchs_names() {
    let inner = Sequential::new().push(Linear::new(3, 3).unwrap()).push(PRelu::default());
    let model = Sequential::new()
        .push(Linear::new(2, 3).unwrap())
        .push(inner)
        .push(Embedding::new(2, 2).unwrap());
    let expected = ["0.bias", "0.weight", "1.0.bias", "1.0.weight", "1.1.weight", "2.weight"];
    assert_eq!(names(&model), expected);
}

#[test]
fn a_shared_parameter_counts_once_and_is_saved_under_both_names() {
    #[derive(Module)]
    struct Tied {
        encoder: Linear,
        decoder: Linear,
    }
    let encoder = linear();
    let tied = Tied { decoder: encoder.clone(), encoder };
    assert_eq!(tied.parameters().len(), 1);
    assert_eq!(tied.num_parameters(), 4);
    assert_eq!(names(&tied), ["decoder.weight", "encoder.weight"]);
    assert!(tied.encoder.weight.is_same(&tied.decoder.weight));
}

#[test]
fn train_and_eval_reach_every_mode() {
    let model = everything();
    let modes = |model: &Everything<_>| {
        let mut all = Vec::new();
        walk(model, &mut |_, part| {
            if let Part::Mode(mode) = part {
                all.push(mode.is_training());
            }
        });
        all
    };
    assert_eq!(modes(&model), [true; 5]);
    model.eval();
    assert_eq!(modes(&model), [false; 5]);
    assert!(!model.inner.mode.is_training());
    model.train();
    assert_eq!(modes(&model), [true; 5]);
    assert!(model.inner.eps > 0.0);
}

#[test]
fn gradients_are_forgotten_and_parameters_frozen() {
    let model = Sequential::new().push(Linear::new(2, 2).unwrap());
    let x = Tensor::ones([1, 2], &Device::cpu());
    model.forward(&x).unwrap().sum_all().unwrap().backward().unwrap();
    assert!(model.parameters().iter().all(|p| p.grad().is_some()));
    model.zero_grad();
    assert!(model.parameters().iter().all(|p| p.grad().is_none()));
    model.requires_grad_(false);
    assert!(!model.forward(&x).unwrap().requires_grad());
    assert_eq!(model.parameters().len(), 2);
    model.requires_grad_(true);
    assert!(model.forward(&x).unwrap().requires_grad());
}

fn net(hidden: usize) -> Sequential {
    Sequential::new()
        .push(Linear::new(3, hidden).unwrap())
        .push(Dropout::new(0.5).unwrap())
        .push(Linear::new(hidden, 2).unwrap())
}

fn values(model: &impl Module) -> Vec<Vec<f32>> {
    model.parameters().iter().map(|p| p.to_vec().unwrap()).collect()
}

#[test]
fn a_state_dict_goes_into_another_model() {
    let (a, b) = (net(4), net(4));
    assert_ne!(values(&a), values(&b));
    b.load_state_dict(&a.state_dict().unwrap()).unwrap();
    assert_eq!(values(&a), values(&b));
    assert!(b.parameters().iter().all(|p| p.requires_grad() && p.is_leaf()));
    // They share no memory that a step of one could change for the other.
    let p = &a.parameters()[0];
    p.set_value(&p.detach().mul(0.0).unwrap()).unwrap();
    assert_ne!(values(&a), values(&b));
}

#[test]
fn a_strict_load_lists_every_name_that_differs() {
    let model = net(4);
    let mut dict = model.state_dict().unwrap();
    let array = dict.remove("0.bias").unwrap();
    dict.insert("0.biass".into(), array.clone());
    dict.insert("3.weight".into(), array);
    let before = values(&model);
    let error = model.load_state_dict(&dict).unwrap_err();
    match error.kind() {
        Kind::StateDict { missing, unexpected } => {
            assert_eq!(missing, &["0.bias"]);
            assert_eq!(unexpected, &["0.biass", "3.weight"]);
        }
        other => panic!("{other}"),
    }
    assert_eq!(values(&model), before);
    let mismatch = model.load_state_dict_partial(&dict).unwrap();
    assert_eq!(mismatch.missing, ["0.bias"]);
    assert_eq!(mismatch.unexpected, ["0.biass", "3.weight"]);
}

#[test]
fn a_wrong_shape_names_the_key_and_changes_nothing() {
    let (model, other) = (net(4), net(5));
    let before = values(&model);
    // The last tensor does not fit: those before it must not have been stored.
    let mut dict = model.state_dict().unwrap();
    for array in dict.values_mut() {
        let zeros = Tensor::zeros(array.shape(), &Device::cpu());
        *array = zeros.array().unwrap();
    }
    dict.insert("2.weight".into(), other.state_dict().unwrap()["2.weight"].clone());
    let text = model.load_state_dict(&dict).unwrap_err().to_string();
    assert!(text.ends_with("given [2, 5], model [2, 4]; in 2.weight"), "{text}");
    assert_eq!(values(&model), before);
}

#[test]
fn float_types_are_converted_and_others_refused() {
    let model = Norm::new();
    let wide = Tensor::from_vec(vec![0.5f64, 0.25], [2]).unwrap().array().unwrap();
    let mut dict = StateDict::from([("weight".to_owned(), wide.clone())]);
    dict.insert("running_mean".into(), wide);
    model.load_state_dict(&dict).unwrap();
    assert_eq!(model.weight.to_vec::<f32>().unwrap(), [0.5, 0.25]);
    assert_eq!(model.running_mean.dtype(), DType::F32);
    let whole = Tensor::from_vec(vec![1i32, 2], [2]).unwrap().array().unwrap();
    dict.insert("weight".into(), whole);
    let error = model.load_state_dict(&dict).unwrap_err();
    assert!(matches!(error.kind(), Kind::DType { .. }), "{error}");
    assert!(error.to_string().ends_with("in weight"), "{error}");
}

#[test]
fn a_file_holds_a_model() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    let (a, b) = (net(4), net(4));
    a.save(&path).unwrap();
    b.load(&path).unwrap();
    assert_eq!(values(&a), values(&b));
    let text = net(3).load(&path).unwrap_err().to_string();
    assert!(text.contains("in 0.weight") && text.contains("model.safetensors"), "{text}");
    let missing = a.load(dir.path().join("none")).unwrap_err();
    assert!(matches!(missing.kind(), Kind::Io { .. }), "{missing}");
}

#[test]
fn a_model_moves_by_value_and_by_reference() {
    let model = net(4).to(&Device::cpu()).unwrap();
    let same = (&model).to(&Device::cpu()).unwrap();
    assert_eq!(same.parameters().len(), 4);
    model.move_to(&Device::cpu()).unwrap();
    let boxed: Box<dyn Layer> = Box::new(model);
    assert_eq!(boxed.to(&Device::cpu()).unwrap().num_parameters(), 26);
}

#[derive(Module)]
struct Deep {
    features: Sequential,
}

impl Layer for Deep {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.features.forward(x).within_layer("features")
    }
}

#[derive(Module)]
struct Block {
    conv: Linear,
}

impl Layer for Block {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.conv.forward(x).within_layer("conv")
    }
}

#[test]
fn errors_carry_the_path_of_the_layer() {
    let block = Block { conv: Linear::new(3, 3).unwrap() };
    let model = Deep { features: Sequential::new().push(Relu).push(block) };
    let text = model.forward(&Tensor::ones([1, 2], &Device::cpu())).unwrap_err().to_string();
    assert_eq!(
        text,
        "linear: x has 2 features, weight expects 3; x [1, 2], weight [3, 3]; in features.1.conv"
    );
}

#[test]
fn a_derived_bound_lets_generic_code_ask_for_parts() {
    fn count<T: Visit>(chain: &Chain<T>) -> usize {
        chain.num_parameters()
    }
    assert_eq!(count(&Chain { own: linear(), next: None }), 4);
}
