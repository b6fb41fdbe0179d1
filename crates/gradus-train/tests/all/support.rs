//! A small problem, a model for it, and callbacks that script what is monitored.

use gradus_data::TensorDataset;
use gradus_nn::{CrossEntropyLoss, Dropout, Linear, Module, Relu, Sequential};
use gradus_optim::Adam;
use gradus_tensor::rng::{Generator, manual_seed};
use gradus_tensor::{Array, Device, Result};
use gradus_train::{Accuracy, Callback, Context, FitOptions, Supervised, Trainer, Verbose};

pub type Net = Trainer<Supervised<Sequential>>;

/// Points of the plane in three classes.
pub fn points(n: usize) -> TensorDataset {
    let x: Vec<f32> = Generator::new(5).uniform(2 * n).iter().map(|u| 4.0 * u - 2.0).collect();
    let class = |p: &[f32]| if p[0] > p[1] { 0 } else { 1 + i32::from(p[0] + p[1] > 0.0) };
    let y: Vec<i32> = x.chunks(2).map(class).collect();
    let x = Array::from_vec(x, [n, 2]).unwrap();
    TensorDataset::pair(x, Array::from_vec(y, [n]).unwrap()).unwrap()
}

/// A classifier with dropout of both kinds: by the thread's generator and by its own.
pub fn network(device: &Device) -> Net {
    manual_seed(11);
    let model = Sequential::new()
        .push(Linear::new(2, 16).unwrap())
        .push(Relu)
        .push(Dropout::new(0.2).unwrap())
        .push(Linear::new(16, 16).unwrap())
        .push(Relu)
        .push(Dropout::new(0.2).unwrap().seed(3))
        .push(Linear::new(16, 3).unwrap())
        .to(device)
        .unwrap();
    let optimizer = Adam::new(model.parameters(), 1e-2);
    Trainer::new(model)
        .optimizer(optimizer)
        .loss(CrossEntropyLoss::default())
        .metric(Accuracy::default())
}

/// Options that print nothing.
pub fn quiet<'a>(epochs: usize, callbacks: Vec<&'a mut dyn Callback>) -> FitOptions<'a> {
    FitOptions { epochs, verbose: Verbose::Silent, callbacks, ..Default::default() }
}

/// The weights as bits.
pub fn bits(model: &dyn Module) -> Vec<u32> {
    let named = model.named_parameters();
    let values = named.iter().flat_map(|(_, tensor)| tensor.to_vec::<f32>().unwrap());
    values.map(f32::to_bits).collect()
}

/// Logs `score` from a list, one number an epoch.
pub struct Script(pub Vec<f64>);

impl Callback for Script {
    fn name(&self) -> &'static str {
        "script"
    }

    fn on_epoch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let value = self.0[cx.epoch()];
        cx.log("score", value);
        Ok(())
    }
}
