//! A network that others trained and published: the voice detector of PyPI's `silero-vad`, loaded
//! from its safetensors file, beside what onnxruntime computes with the package's ONNX graph.
//!
//! The package ships two sets of weights for the same network: those in its ONNX files, and those
//! in the safetensors file. The graph runs with both, as `cases/silero.py` says; so does this.
//!
//! All of it comes from PyPI, so this runs only where `GRADUS_FETCH=1` is set, and needs a
//! `python3` with pip. Anything that is missing is a printed skip. What was fetched stays in the
//! target directory.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gradus_autodiff::{Device, Result, Tensor, no_grad, stack};
use gradus_nn::{Conv1d, ConvLayerOptions, Layer, Lstm, LstmCell, Module, StateDict};
use gradus_tensor::Array;
use gradus_tensor::rng::Generator;

use crate::support::{assert_close, devices, values};

const FETCH: &str = "GRADUS_FETCH";
/// A newer release may have another network.
const PACKAGE: &str = "silero-vad==6.2.3";
const WEIGHTS: &str = "silero_vad/data/silero_vad_16k.safetensors";
const RUNTIME: [&str; 3] = ["onnxruntime", "onnx", "safetensors"];
const FETCH_LIMIT: Duration = Duration::from_secs(300);
const RUN_LIMIT: Duration = Duration::from_secs(60);
const TOLERANCE: f64 = 1e-4;

const RATE: f64 = 16_000.0;
/// Samples that the network judges at a time, after the last samples of those before.
const CHUNK: usize = 512;
const CONTEXT: usize = 64;
const CHUNKS: usize = 48;
/// Frequencies of the short-time Fourier transform, the network's first convolution.
const BANDS: usize = 129;

/// The network, its fields named as the tensors of the file.
#[derive(Module)]
struct Silero {
    stft_conv: Conv1d,
    conv1: Conv1d,
    conv2: Conv1d,
    conv3: Conv1d,
    conv4: Conv1d,
    lstm_cell: LstmCell,
    final_conv: Conv1d,
}

impl Silero {
    fn new() -> Result<Self> {
        let no_bias = ConvLayerOptions { bias: false, ..Default::default() };
        Ok(Silero {
            stft_conv: Conv1d::with(1, 2 * BANDS, 256, no_bias)?.stride(128),
            conv1: Conv1d::new(BANDS, 128, 3)?.padding(1),
            conv2: Conv1d::new(128, 64, 3)?.padding(1).stride(2),
            conv3: Conv1d::new(64, 64, 3)?.padding(1).stride(2),
            conv4: Conv1d::new(64, 128, 3)?.padding(1),
            lstm_cell: LstmCell::new(128, 128)?,
            final_conv: Conv1d::new(128, 1, 1)?,
        })
    }

    /// Features `[N, 128]` of chunks with their contexts, `[N, 576]`.
    fn features(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.pad_mode(&[0, CONTEXT as i64], "reflect")?.unsqueeze(1)?;
        let waves = self.stft_conv.forward(&x)?;
        let real = waves.narrow(1, 0, BANDS)?.square()?;
        let imaginary = waves.narrow(1, BANDS, BANDS)?.square()?;
        let mut x = real.add(&imaginary)?.sqrt()?;
        for conv in [&self.conv1, &self.conv2, &self.conv3, &self.conv4] {
            x = conv.forward(&x)?.relu()?;
        }
        x.squeeze(-1)
    }

    /// Probabilities of speech `[N]` from hidden states `[N, 128]`.
    fn probabilities(&self, h: &Tensor) -> Result<Tensor> {
        let x = self.final_conv.forward(&h.relu()?.unsqueeze(-1)?)?;
        x.sigmoid()?.flatten(0, -1)
    }
}

/// Probabilities of all chunks, and the last hidden and cell state.
type Heard = [Vec<f64>; 3];

/// The chunks one after the other, as a live recording comes.
fn streamed(model: &Silero, chunks: &Tensor) -> Result<Heard> {
    let (mut state, mut probabilities) = (None::<(Tensor, Tensor)>, Vec::new());
    for i in 0..CHUNKS {
        let x = model.features(&chunks.narrow(0, i, 1)?)?;
        let (h, c) = model.lstm_cell.forward(&x, state.as_ref().map(|(h, c)| (h, c)))?;
        probabilities.extend(values(&model.probabilities(&h)?));
        state = Some((h, c));
    }
    let (h, c) = state.expect("there are chunks");
    Ok([probabilities, values(&h), values(&c)])
}

/// All chunks at once: the convolutions take them as a batch, an [`Lstm`] as a sequence.
fn whole(model: &Silero, chunks: &Tensor) -> Result<Heard> {
    let lstm = Lstm::new(128, 128)?.to(&chunks.device())?;
    let cell = model.lstm_cell.state_dict()?;
    let renamed: StateDict = cell.into_iter().map(|(k, v)| (format!("{k}_l0"), v)).collect();
    lstm.load_state_dict(&renamed)?;
    let (h, (last, c)) = lstm.forward(&model.features(chunks)?.unsqueeze(1)?, None)?;
    Ok([values(&model.probabilities(&h.squeeze(1)?)?), values(&last), values(&c)])
}

/// Noise with two sounds in it: a voice that glides between two vowels, and a rising whistle.
fn recording() -> Vec<f32> {
    use std::f64::consts::TAU;
    // Resonances of the mouth: frequency, width and height in hertz, hertz and one.
    const AH: [[f64; 3]; 3] = [[700.0, 90.0, 1.0], [1220.0, 110.0, 0.5], [2600.0, 160.0, 0.25]];
    const EE: [[f64; 3]; 3] = [[300.0, 60.0, 1.0], [2200.0, 120.0, 0.4], [3000.0, 160.0, 0.3]];
    let mouth = |shape: &[[f64; 3]; 3], f: f64| -> f64 {
        shape.iter().map(|[at, width, height]| height / (1.0 + ((f - at) / width).powi(2))).sum()
    };
    let noise = Generator::new(16).normal(CHUNKS * CHUNK);
    let mut turns = 0.0;
    let sample = |(i, noise): (usize, f32)| {
        let t = i as f64 / RATE;
        turns += (120.0 + 30.0 * (TAU * 0.7 * t).sin()) / RATE;
        let sound = match i / CHUNK {
            8..30 => {
                let mix = 0.5 + 0.5 * (TAU * 2.0 * t).sin();
                let overtone = |k: i32| {
                    let (k, f) = (f64::from(k), f64::from(k) * 120.0);
                    (mix * mouth(&AH, f) + (1.0 - mix) * mouth(&EE, f)) * (TAU * k * turns).sin()
                };
                let syllable = (TAU * 4.0 * t).sin().max(0.0);
                0.15 * syllable * (1..=30).map(overtone).sum::<f64>()
            }
            36..44 => 0.3 * (TAU * (200.0 + 1500.0 * t) * t).sin(),
            _ => 0.0,
        };
        (sound + 0.02 * f64::from(noise)) as f32
    };
    noise.into_iter().enumerate().map(sample).collect()
}

/// Every chunk after the last samples of the one before, `[CHUNKS, CONTEXT + CHUNK]`.
fn with_context(audio: &[f32], device: &Device) -> Result<Tensor> {
    let padded = [&[0.0; CONTEXT][..], audio].concat();
    let windows: Result<Vec<Tensor>> = (0..CHUNKS)
        .map(|i| Tensor::from_slice(&padded[i * CHUNK..][..CONTEXT + CHUNK], [CONTEXT + CHUNK]))
        .collect();
    stack(&windows?.iter().collect::<Vec<_>>(), 0)?.to(device)
}

/// Runs a command to its end and gives back what it printed, or says what went wrong.
fn run(command: &mut Command, log: &Path, limit: Duration) -> std::result::Result<String, String> {
    let name = format!("{command:?}");
    let file = || File::create(log).and_then(|out| Ok((out.try_clone()?, out)));
    let (out, errors) = file().map_err(|e| format!("{}: {e}", log.display()))?;
    command.stdin(Stdio::null()).stdout(out).stderr(errors);
    let mut child = command.spawn().map_err(|e| format!("{name}: {e}"))?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|e| format!("{name}: {e}"))? {
            Some(status) => break status,
            None if start.elapsed() < limit => std::thread::sleep(Duration::from_millis(50)),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{name}: not done after {} s", limit.as_secs()));
            }
        }
    };
    let said = fs::read_to_string(log).unwrap_or_default();
    if status.success() { Ok(said) } else { Err(format!("{name}: {status}\n{said}")) }
}

/// The directory with both packages: fetched by pip the first time. The error says why it cannot
/// be had.
fn packages() -> std::result::Result<PathBuf, String> {
    if std::env::var(FETCH).as_deref() != Ok("1") {
        let how = format!("{FETCH}=1 cargo test -p gradus-tests published");
        return Err(format!("tests fetch nothing unless told, as `{how}` does"));
    }
    let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (place, part) = (home.join("silero-vad"), home.join("silero-vad.part"));
    if place.is_dir() {
        return Ok(place);
    }
    let _ = fs::remove_dir_all(&part);
    // Without its dependencies, of which PyTorch is one.
    for wanted in [&["--no-deps", PACKAGE][..], &RUNTIME] {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        pip.arg("--target").arg(&part).args(wanted);
        run(&mut pip, &home.join("pip.log"), FETCH_LIMIT)?;
    }
    fs::rename(&part, &place).map_err(|e| format!("{}: {e}", place.display()))?;
    Ok(place)
}

/// Has onnxruntime listen; the directory with what it heard.
fn reference(packages: &Path, audio: &[f32]) -> PathBuf {
    let out = packages.join("run");
    fs::create_dir_all(&out).expect("the target directory can be written");
    let recorded = out.join("audio.npy");
    let array = Array::from_slice(audio, [audio.len()]).expect("the samples fill the shape");
    gradus_io::write_npy(&recorded, &array).expect("the target directory can be written");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/silero.py");
    let mut python = Command::new("python3");
    python.arg(script).args([packages, &recorded, &out]);
    let said = run(&mut python, &out.join("python.log"), RUN_LIMIT);
    eprint!("{}", said.unwrap_or_else(|problem| panic!("{problem}")));
    out
}

/// A set of weights and what onnxruntime hears with it.
fn reading(path: &Path) -> (StateDict, Heard) {
    let mut tensors = gradus_io::read_safetensors(path).expect("the script wrote it").tensors;
    let mut taken = |name| values(&tensors.remove(name).expect(name).into());
    let (probabilities, state) = (taken("probabilities"), taken("state"));
    let (h, c) = state.split_at(state.len() / 2);
    (tensors, [probabilities, h.to_vec(), c.to_vec()])
}

/// Compares what `model` hears in the chunks with what it should hear.
fn judge(what: &str, model: &Silero, chunks: &Tensor, expected: &Heard) {
    let device = chunks.device();
    for (how, hear) in [("streamed", streamed as fn(&_, &_) -> _), ("at once", whole)] {
        let heard: Heard = no_grad(|| hear(model, chunks)).expect("it runs");
        let what = format!("{device}, {what}, {how}");
        let mut largest = [0.0; 3];
        for (i, part) in ["probabilities", "hidden state", "cell state"].iter().enumerate() {
            assert_close(&format!("{what}: {part}"), &heard[i], &expected[i], 0.0, TOLERANCE);
            let pairs = heard[i].iter().zip(&expected[i]);
            largest[i] = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        }
        let [probabilities, h, c] = largest;
        eprintln!("{what}: probabilities within {probabilities:.1e}, h {h:.1e}, c {c:.1e}");
    }
}

#[test]
fn a_published_voice_detector_hears_what_onnxruntime_hears() {
    let packages = match packages() {
        Ok(packages) => packages,
        Err(reason) => {
            // Written past the capture of the test harness, as every skip.
            let _ = writeln!(std::io::stderr(), "skipped the published voice detector: {reason}");
            return;
        }
    };
    let audio = recording();
    let out = reference(&packages, &audio);
    let (graphs, heard) = reading(&out.join("onnx.safetensors"));
    let (_, heard_with_file) = reading(&out.join("file.safetensors"));
    for [probabilities, ..] in [&heard, &heard_with_file] {
        let lowest = probabilities.iter().copied().fold(1.0, f64::min);
        let highest = probabilities.iter().copied().fold(0.0, f64::max);
        assert!(lowest < 0.05 && highest > 0.95, "speech and silence: {lowest} to {highest}");
    }
    for device in devices() {
        let model = Silero::new().and_then(|model| model.to(&device)).expect("it fits");
        let chunks = with_context(&audio, &device).expect("it fits");
        model.load_state_dict(&graphs).expect("the names and shapes are the graph's");
        judge("the graph's weights", &model, &chunks, &heard);
        model.load(packages.join(WEIGHTS)).expect("the names and shapes are the file's");
        judge("the file's weights", &model, &chunks, &heard_with_file);
    }
}
