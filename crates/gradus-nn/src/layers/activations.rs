//! The pointwise activations as layers, under PyTorch's names and with its defaults.

use gradus_autodiff::Tensor;
use gradus_tensor::Result;

use crate::Module;
use crate::layer::Layer;

/// Layers of tensor methods without options.
macro_rules! unit_layers {
    ($($name:ident $method:ident $torch:literal;)*) => {$(
        #[doc = concat!("[`Tensor::", stringify!($method), "`] as a layer. PyTorch: ", $torch, ".")]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Module)]
        pub struct $name;

        impl Layer for $name {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                x.$method()
            }
        }
    )*};
}
unit_layers! {
    Relu relu "`nn.ReLU`";
    Sigmoid sigmoid "`nn.Sigmoid`";
    Tanh tanh "`nn.Tanh`";
    Silu silu "`nn.SiLU`";
    Mish mish "`nn.Mish`";
    Softsign softsign "`nn.Softsign`";
    Relu6 relu6 "`nn.ReLU6`";
    Hardswish hardswish "`nn.Hardswish`";
    Hardsigmoid hardsigmoid "`nn.Hardsigmoid`";
    LogSigmoid logsigmoid "`nn.LogSigmoid`";
    Selu selu "`nn.SELU`";
    Tanhshrink tanhshrink "`nn.Tanhshrink`";
    Step step "none; the perceptron's activation, whose gradient is zero";
}

/// Layers of tensor methods whose options are numbers, in the method's order.
macro_rules! option_layers {
    ($($name:ident $method:ident $torch:literal {
        $($field:ident = $default:literal $doc:literal),*
    };)*) => {$(
        #[doc = concat!("[`Tensor::", stringify!($method), "`] as a layer. PyTorch: ", $torch, ".")]
        #[derive(Clone, Copy, Debug, PartialEq, Module)]
        pub struct $name {
            $(
                #[doc = $doc]
                pub $field: f64,
            )*
        }

        impl $name {
            /// The layer with these options.
            pub fn new($($field: f64),*) -> Self {
                $name { $($field),* }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $($field: $default),* }
            }
        }

        impl Layer for $name {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                x.$method($(self.$field),*)
            }
        }
    )*};
}
option_layers! {
    LeakyRelu leaky_relu "`nn.LeakyReLU`" { negative_slope = 0.01 "Slope below zero." };
    Elu elu "`nn.ELU`" { alpha = 1.0 "Minus the limit far below zero." };
    Celu celu "`nn.CELU`" { alpha = 1.0 "Minus the limit far below zero; not 0." };
    Softplus softplus_with "`nn.Softplus`" {
        beta = 1.0 "Sharpness of the bend.",
        threshold = 20.0 "Where `beta · x` is larger, the result is x."
    };
    Hardtanh hardtanh "`nn.Hardtanh`" { min = -1.0 "Lower limit.", max = 1.0 "Upper limit." };
    Hardshrink hardshrink "`nn.Hardshrink`" { lambd = 0.5 "Half the width of the zero zone." };
    Softshrink softshrink "`nn.Softshrink`" { lambd = 0.5 "Half the width of the zero zone." };
    Threshold threshold "`nn.Threshold`, which has no defaults" {
        threshold = 0.0 "Where x is larger, the result is x.",
        value = 0.0 "The result elsewhere."
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values at -2, -0.25 and 3 that PyTorch 2 gives with its defaults.
    #[test]
    fn every_activation_has_pytorchs_values_and_defaults() {
        let table: Vec<(&str, Box<dyn Layer>, [f64; 3])> = vec![
            ("relu", Box::new(Relu), [0.0, 0.0, 3.0]),
            ("sigmoid", Box::new(Sigmoid), [0.119203, 0.437823, 0.952574]),
            ("tanh", Box::new(Tanh), [-0.964028, -0.244919, 0.995055]),
            ("silu", Box::new(Silu), [-0.238406, -0.109456, 2.857722]),
            ("mish", Box::new(Mish), [-0.252501, -0.129927, 2.986535]),
            ("softsign", Box::new(Softsign), [-0.666667, -0.2, 0.75]),
            ("relu6", Box::new(Relu6), [0.0, 0.0, 3.0]),
            ("hardswish", Box::new(Hardswish), [-0.333333, -0.114583, 3.0]),
            ("hardsigmoid", Box::new(Hardsigmoid), [0.166667, 0.458333, 1.0]),
            ("logsigmoid", Box::new(LogSigmoid), [-2.126928, -0.825939, -0.048587]),
            ("selu", Box::new(Selu), [-1.520166, -0.388890, 3.152103]),
            ("tanhshrink", Box::new(Tanhshrink), [-1.035972, -0.005081, 2.004945]),
            ("step", Box::new(Step), [0.0, 0.0, 1.0]),
            ("leaky_relu", Box::new(LeakyRelu::default()), [-0.02, -0.0025, 3.0]),
            ("elu", Box::new(Elu::default()), [-0.864665, -0.221199, 3.0]),
            ("celu", Box::new(Celu::new(2.0)), [-1.264241, -0.235006, 3.0]),
            ("softplus", Box::new(Softplus::default()), [0.126928, 0.575939, 3.048587]),
            ("hardtanh", Box::new(Hardtanh::default()), [-1.0, -0.25, 1.0]),
            ("hardshrink", Box::new(Hardshrink::default()), [-2.0, 0.0, 3.0]),
            ("softshrink", Box::new(Softshrink::default()), [-1.5, 0.0, 2.5]),
            ("threshold", Box::new(Threshold::new(-1.0, 9.0)), [9.0, -0.25, 3.0]),
        ];
        let x = Tensor::from_vec(vec![-2.0f32, -0.25, 3.0], [3]).unwrap();
        for (name, layer, expected) in table {
            let got = layer.forward(&x).unwrap().to_vec::<f32>().unwrap();
            for (g, e) in got.iter().zip(expected) {
                assert!((f64::from(*g) - e).abs() < 2e-6, "{name}: {got:?}, not {expected:?}");
            }
        }
    }
}
