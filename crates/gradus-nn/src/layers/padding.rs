//! Layers that pad the last dimensions.

use gradus_autodiff::Tensor;
use gradus_tensor::Result;

use crate::Module;
use crate::layer::Layer;

/// Elements to add at the two ends of each padded dimension, the last dimension first: left, right,
/// top, bottom. A number stands for all of them; negative numbers cut where the mode is constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pad<const N: usize>(pub [i64; N]);

impl<const N: usize> From<i64> for Pad<N> {
    fn from(all: i64) -> Self {
        Pad([all; N])
    }
}

impl<const N: usize> From<[i64; N]> for Pad<N> {
    fn from(ends: [i64; N]) -> Self {
        Pad(ends)
    }
}

impl From<(i64, i64)> for Pad<2> {
    fn from((left, right): (i64, i64)) -> Self {
        Pad([left, right])
    }
}

impl From<(i64, i64, i64, i64)> for Pad<4> {
    fn from((left, right, top, bottom): (i64, i64, i64, i64)) -> Self {
        Pad([left, right, top, bottom])
    }
}

macro_rules! pads {
    ($($name:ident $ends:literal $mode:literal $doc:literal;)*) => {$(
        #[doc = concat!($doc, " PyTorch: `nn.", stringify!($name), "`.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Module)]
        pub struct $name {
            #[module(skip)]
            padding: Pad<$ends>,
        }

        impl $name {
            /// The layer with this padding.
            pub fn new(padding: impl Into<Pad<$ends>>) -> Self {
                $name { padding: padding.into() }
            }
        }

        impl Layer for $name {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                match $mode {
                    "zeros" => x.pad(&self.padding.0, 0.0),
                    mode => x.pad_mode(&self.padding.0, mode),
                }
            }
        }
    )*};
}
pads! {
    ZeroPad1d 2 "zeros" "Zeros around the last dimension.";
    ZeroPad2d 4 "zeros" "Zeros around the last two dimensions.";
    ReflectionPad1d 2 "reflect" "The last dimension mirrored at its ends, without the end itself.";
    ReflectionPad2d 4 "reflect" "The last two dimensions mirrored at their ends, without the ends.";
    ReplicationPad1d 2 "replicate" "The ends of the last dimension repeated.";
    ReplicationPad2d 4 "replicate" "The ends of the last two dimensions repeated.";
    CircularPad1d 2 "circular" "The last dimension continued from its other end.";
    CircularPad2d 4 "circular" "The last two dimensions continued from their other ends.";
}

macro_rules! constant_pads {
    ($($name:ident $ends:literal $doc:literal;)*) => {$(
        #[doc = concat!($doc, " PyTorch: `nn.", stringify!($name), "`.")]
        #[derive(Clone, Copy, Debug, PartialEq, Module)]
        pub struct $name {
            #[module(skip)]
            padding: Pad<$ends>,
            value: f64,
        }

        impl $name {
            /// The layer with this padding and value.
            pub fn new(padding: impl Into<Pad<$ends>>, value: f64) -> Self {
                $name { padding: padding.into(), value }
            }
        }

        impl Layer for $name {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                x.pad(&self.padding.0, self.value)
            }
        }
    )*};
}
constant_pads! {
    ConstantPad1d 2 "A value around the last dimension.";
    ConstantPad2d 4 "A value around the last two dimensions.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_has_pytorchs_values() {
        let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0], [1, 1, 3]).unwrap();
        let table: Vec<(Box<dyn Layer>, &[f32])> = vec![
            (Box::new(ZeroPad1d::new((1, 2))), &[0.0, 1.0, 2.0, 3.0, 0.0, 0.0]),
            (Box::new(ZeroPad1d::new((-1, 1))), &[2.0, 3.0, 0.0]),
            (Box::new(ConstantPad1d::new(1, 9.0)), &[9.0, 1.0, 2.0, 3.0, 9.0]),
            (Box::new(ReflectionPad1d::new(2)), &[3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0]),
            (Box::new(ReplicationPad1d::new([2, 0])), &[1.0, 1.0, 1.0, 2.0, 3.0]),
            (Box::new(CircularPad1d::new((1, 2))), &[3.0, 1.0, 2.0, 3.0, 1.0, 2.0]),
        ];
        for (layer, expected) in table {
            assert_eq!(layer.forward(&x).unwrap().to_vec::<f32>().unwrap(), expected);
        }
    }

    #[test]
    fn two_dimensions_are_left_right_top_bottom() {
        let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0], [1, 1, 2, 2]).unwrap();
        let shape = |layer: &dyn Layer| layer.forward(&x).unwrap().shape();
        assert_eq!(shape(&ZeroPad2d::new((1, 2, 3, 4))).dims(), [1, 1, 9, 5]);
        assert_eq!(shape(&ConstantPad2d::new((0, 1, 0, 2), 1.0)).dims(), [1, 1, 4, 3]);
        let y = ReflectionPad2d::new((1, 0, 0, 1)).forward(&x).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), [2.0, 1.0, 2.0, 4.0, 3.0, 4.0, 2.0, 1.0, 2.0]);
        let y = ReplicationPad2d::new((1, 0, 0, 1)).forward(&x).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), [1.0, 1.0, 2.0, 3.0, 3.0, 4.0, 3.0, 3.0, 4.0]);
        let y = CircularPad2d::new((1, 0, 0, 1)).forward(&x).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), [2.0, 1.0, 2.0, 4.0, 3.0, 4.0, 2.0, 1.0, 2.0]);
        let error = ReflectionPad2d::new(2).forward(&x).unwrap_err().to_string();
        assert!(error.contains("no more than the mode allows"), "{error}");
    }
}
