//! Whole layers beside what PyTorch computed for them: outputs, gradients of inputs and
//! parameters, running estimates. `cases/layers.py` writes the cases.

use std::collections::BTreeMap;
use std::path::Path;

use gradus_autodiff::{Device, Result, Tensor, backward};
use gradus_nn::{
    AttentionMasks, BatchNorm2d, BatchNormOptions, Gru, GruCell, InstanceNorm2d,
    InstanceNormOptions, Layer, LayerNorm, LocalResponseNorm, Lstm, LstmCell, Module,
    MultiheadAttention, MultiheadAttentionOptions, RecurrentOptions, Rnn, RnnCell, RnnNonlinearity,
    StateDict, TransformerActivation, TransformerDecoder, TransformerDecoderLayer,
    TransformerEncoder, TransformerEncoderLayer, TransformerOptions,
};
use gradus_testkit::{Attrs, Case, Group};

use crate::support::{assert_close, devices, values};

type Named = BTreeMap<String, Tensor>;

/// A case with its inputs on a device.
struct Given<'a> {
    attrs: &'a Attrs,
    inputs: Named,
    parameters: StateDict,
    device: Device,
}

impl Given<'_> {
    fn input(&self, name: &str) -> &Tensor {
        self.inputs.get(name).expect(name)
    }

    fn flag(&self, name: &'static str) -> bool {
        self.attrs.flag(name, false).expect(name)
    }

    fn count(&self, name: &'static str) -> usize {
        self.attrs.count(name, 1).expect(name)
    }

    /// A layer with the case's parameters, on its device.
    fn loaded<M: Module>(&self, module: Result<M>) -> Result<M> {
        let module = module?;
        module.load_state_dict(&self.parameters)?;
        module.to(&self.device)
    }

    fn masks(&self) -> AttentionMasks<'_> {
        AttentionMasks {
            key_padding_mask: self.inputs.get("key_padding_mask"),
            attn_mask: self.inputs.get("attn_mask"),
            is_causal: self.flag("causal"),
        }
    }
}

fn named<const N: usize>(outputs: [(&str, Tensor); N]) -> Named {
    outputs.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect()
}

/// Outputs of a case, and the layer's parameters.
type Ran = (Named, Vec<(String, Tensor)>);

fn attention(given: &Given<'_>) -> Result<Ran> {
    let options = MultiheadAttentionOptions {
        bias: given.parameters.contains_key("in_proj_bias"),
        batch_first: given.flag("batch_first"),
        ..Default::default()
    };
    let layer = given.loaded(MultiheadAttention::with(6, given.count("heads"), options))?;
    let q = given.input("q");
    let [k, v] = ["k", "v"].map(|name| given.inputs.get(name).unwrap_or(q));
    let average = given.attrs.flag("average", true)?;
    let (y, weights) = layer.forward_with_weights(q, k, v, &given.masks(), average)?;
    let bare = layer.forward(q, k, v, &given.masks())?;
    Ok((named([("y", y), ("weights", weights), ("bare", bare)]), layer.named_parameters()))
}

fn transformer(given: &Given<'_>, op: &str) -> Result<Ran> {
    let options = TransformerOptions {
        dim_feedforward: given.count("dim_feedforward"),
        dropout: 0.0,
        activation: match given.attrs.text("activation", "relu")? {
            "gelu" => TransformerActivation::Gelu,
            _ => TransformerActivation::Relu,
        },
        batch_first: given.flag("batch_first"),
        norm_first: given.flag("norm_first"),
        ..Default::default()
    };
    let heads = given.count("heads");
    let masks = given.masks();
    let causal = AttentionMasks { is_causal: true, ..Default::default() };
    let norm = || LayerNorm::new([6]);
    let (y, parameters) = match op {
        "encoder_layer" => {
            let layer = given.loaded(TransformerEncoderLayer::new(6, heads, options))?;
            (layer.forward_masked(given.input("src"), &masks)?, layer.named_parameters())
        }
        "encoder" => {
            let stack = TransformerEncoder::new(6, heads, 2, options).map(|s| s.norm(norm()));
            let stack = given.loaded(stack)?;
            (stack.forward_masked(given.input("src"), &masks)?, stack.named_parameters())
        }
        "decoder_layer" => {
            let layer = given.loaded(TransformerDecoderLayer::new(6, heads, options))?;
            let (tgt, memory) = (given.input("tgt"), given.input("memory"));
            (layer.forward(tgt, memory, &causal, &masks)?, layer.named_parameters())
        }
        _ => {
            let stack = TransformerDecoder::new(6, heads, 2, options).map(|s| s.norm(norm()));
            let stack = given.loaded(stack)?;
            let (tgt, memory) = (given.input("tgt"), given.input("memory"));
            (stack.forward(tgt, memory, &causal, &masks)?, stack.named_parameters())
        }
    };
    Ok((named([("y", y)]), parameters))
}

fn recurrent(given: &Given<'_>, op: &str) -> Result<Ran> {
    let options = RecurrentOptions {
        num_layers: given.count("num_layers"),
        bias: given.flag("bias"),
        batch_first: given.flag("batch_first"),
        dropout: 0.0,
        bidirectional: given.flag("bidirectional"),
    };
    let (input, hidden) = (given.count("input_size"), given.count("hidden_size"));
    let lengths = given.attrs.counts("lengths")?;
    let lengths = Some(&lengths[..]).filter(|lengths| !lengths.is_empty());
    let (x, h0) = (given.input("x"), given.input("h0"));
    match op {
        "rnn" => {
            let relu = given.attrs.text("nonlinearity", "tanh")? == "relu";
            let how = if relu { RnnNonlinearity::Relu } else { RnnNonlinearity::Tanh };
            let layer = given.loaded(Rnn::with(input, hidden, how, options))?;
            let (y, h) = match lengths {
                Some(lengths) => layer.forward_packed(x, Some(h0), lengths)?,
                None => layer.forward(x, Some(h0))?,
            };
            Ok((named([("y", y), ("h", h)]), layer.named_parameters()))
        }
        "gru" => {
            let layer = given.loaded(Gru::with(input, hidden, options))?;
            let (y, h) = match lengths {
                Some(lengths) => layer.forward_packed(x, Some(h0), lengths)?,
                None => layer.forward(x, Some(h0))?,
            };
            Ok((named([("y", y), ("h", h)]), layer.named_parameters()))
        }
        _ => {
            let layer = given.loaded(Lstm::with(input, hidden, options))?;
            let state = Some((h0, given.input("c0")));
            let (y, (h, c)) = match lengths {
                Some(lengths) => layer.forward_packed(x, state, lengths)?,
                None => layer.forward(x, state)?,
            };
            Ok((named([("y", y), ("h", h), ("c", c)]), layer.named_parameters()))
        }
    }
}

fn cell(given: &Given<'_>, op: &str) -> Result<Ran> {
    let (input, hidden) = (given.count("input_size"), given.count("hidden_size"));
    let (x, h) = (given.input("x"), given.input("h0"));
    match op {
        "rnn_cell" => {
            let cell = given.loaded(RnnCell::new(input, hidden))?;
            Ok((named([("y", cell.forward(x, Some(h))?)]), cell.named_parameters()))
        }
        "gru_cell" => {
            let cell = given.loaded(GruCell::new(input, hidden))?;
            Ok((named([("y", cell.forward(x, Some(h))?)]), cell.named_parameters()))
        }
        _ => {
            let cell = given.loaded(LstmCell::new(input, hidden))?;
            let (y, c) = cell.forward(x, Some((h, given.input("c0"))))?;
            Ok((named([("y", y), ("c", c)]), cell.named_parameters()))
        }
    }
}

/// Several batches in training, the last again in evaluation.
fn running<L: Layer>(given: &Given<'_>, layer: &L) -> Result<Ran> {
    let mut y = None;
    for x in given.inputs.values() {
        y = Some(layer.forward(x)?);
    }
    layer.eval();
    let last = given.inputs.values().next_back().expect("batches");
    let mut outputs = named([("y", y.expect("batches")), ("evaluated", layer.forward(last)?)]);
    for (name, buffer) in layer.named_buffers() {
        outputs.insert(format!("buffer.{name}"), buffer);
    }
    Ok((outputs, layer.named_parameters()))
}

fn run(given: &Given<'_>, op: &str) -> Result<Ran> {
    let affine = given.parameters.contains_key("weight");
    match op {
        "multihead_attention" => attention(given),
        "encoder_layer" | "encoder" | "decoder_layer" | "decoder" => transformer(given, op),
        "rnn" | "lstm" | "gru" => recurrent(given, op),
        "rnn_cell" | "lstm_cell" | "gru_cell" => cell(given, op),
        "batch_norm" => {
            let has = given.attrs.has("momentum");
            let momentum = has.then(|| given.attrs.float("momentum", 0.1)).transpose()?;
            let options = BatchNormOptions { momentum, affine, ..Default::default() };
            let layer = BatchNorm2d::with(given.count("channels"), options);
            running(given, &given.loaded(Ok(layer))?)
        }
        "instance_norm" => {
            let momentum = given.attrs.float("momentum", 0.1)?;
            let options = InstanceNormOptions {
                momentum,
                affine,
                track_running_stats: true,
                ..Default::default()
            };
            let layer = InstanceNorm2d::with(given.count("channels"), options);
            running(given, &given.loaded(Ok(layer))?)
        }
        "local_response_norm" => {
            let number = |name| given.attrs.float(name, f64::NAN);
            let (alpha, beta, k) = (number("alpha")?, number("beta")?, number("k")?);
            let layer = LocalResponseNorm { size: given.count("size"), alpha, beta, k };
            Ok((named([("y", layer.forward(given.input("x"))?)]), Vec::new()))
        }
        _ => panic!("no layer for {op}"),
    }
}

fn judge(group: &Group, case: &Case, device: &Device) -> Result<()> {
    let (mut inputs, mut parameters) = (Named::new(), StateDict::new());
    for name in &case.inputs {
        let array = group.tensor(case, "in", name)?;
        match name.strip_prefix("param.") {
            Some(key) => drop(parameters.insert(key.to_owned(), array.clone())),
            None => {
                let wanted = case.grads.contains(name);
                let tensor = Tensor::from(array.to(device)?).requires_grad_(wanted);
                inputs.insert(name.clone(), tensor);
            }
        }
    }
    let given = Given { attrs: &case.attrs, inputs, parameters, device: device.clone() };
    let (outputs, parameters) = run(&given, &case.op)?;
    let near = |part: &str, name: &str, got: &Tensor| -> Result<()> {
        let what = format!("{device}: {}: {part} {name}", case.name);
        let expected = Tensor::from(group.tensor(case, part, name)?.clone());
        assert_eq!(got.shape(), expected.shape(), "{what}");
        assert_close(&what, &values(got), &values(&expected), case.rtol, case.atol);
        Ok(())
    };
    for name in &case.outputs {
        near("out", name, outputs.get(name).expect(name))?;
    }
    if !case.cotangents.is_empty() {
        let cotangent = Tensor::from(group.tensor(case, "cotangent", "y")?.to(device)?);
        backward(std::slice::from_ref(&outputs["y"]), Some(&[cotangent]))?;
    }
    let mut seen = 0;
    for name in &case.grads {
        let leaf = match name.strip_prefix("param.") {
            None => given.input(name),
            Some(key) => &parameters.iter().find(|(own, _)| own == key).expect(key).1,
        };
        near("grad", name, &leaf.grad().expect(name))?;
        seen += 1;
    }
    assert!(seen > 0, "{}: nothing was differentiated", case.name);
    Ok(())
}

#[test]
fn layers_compute_what_pytorchs_compute() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/layers/layers.json");
    let group = Group::read(&path).expect("the cases can be read");
    assert!(group.cases.len() >= 45, "{}", group.cases.len());
    for device in devices() {
        for case in &group.cases {
            if let Err(error) = judge(&group, case, &device) {
                panic!("{device}: {}: {error}", case.name);
            }
        }
    }
}
