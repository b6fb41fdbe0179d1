//! Pooling layers.

use gradus_autodiff::{AvgPoolOptions, MaxPoolOptions, Sizes, Tensor};
use gradus_tensor::Result;

use crate::Module;
use crate::layer::Layer;

/// What layers of sliding windows share.
macro_rules! windows {
    ($name:ident $options:ident $d:literal) => {
        impl $name {
            /// Windows of this size side by side, or of these options.
            pub fn new(kernel_size: impl Into<$options<$d>>) -> Self {
                $name { options: kernel_size.into() }
            }

            /// Sets how far a window is from the next.
            #[must_use]
            pub fn stride(mut self, stride: impl Into<Sizes<$d>>) -> Self {
                self.options = self.options.stride(stride);
                self
            }

            /// Sets the positions around the elements.
            #[must_use]
            pub fn padding(mut self, padding: impl Into<Sizes<$d>>) -> Self {
                self.options = self.options.padding(padding);
                self
            }

            /// Sets whether a last window may reach over the end.
            #[must_use]
            pub fn ceil_mode(mut self, ceil_mode: bool) -> Self {
                self.options = self.options.ceil_mode(ceil_mode);
                self
            }

            /// The windows.
            pub fn options(&self) -> &$options<$d> {
                &self.options
            }
        }
    };
}

macro_rules! max_pools {
    ($($d:literal $name:ident $method:ident $with_indices:ident
        $unpool:ident $unmethod:ident;)*) => {$(
        #[doc = concat!("Maxima of windows, [`Tensor::", stringify!($method), "`] as a layer. \
            PyTorch: `nn.", stringify!($name), "`.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Module)]
        pub struct $name {
            #[module(skip)]
            options: MaxPoolOptions<$d>,
        }

        windows!($name MaxPoolOptions $d);

        impl $name {
            /// Sets how far an element of a window is from the next.
            #[must_use]
            pub fn dilation(mut self, dilation: impl Into<Sizes<$d>>) -> Self {
                self.options = self.options.dilation(dilation);
                self
            }

            #[doc = concat!("The maxima and their positions, which [`", stringify!($unpool), "`] \
                takes. PyTorch: `return_indices=True`.")]
            ///
            /// # Errors
            /// As the layer's.
            pub fn forward_with_indices(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
                x.$with_indices(self.options)
            }
        }

        impl Layer for $name {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                x.$method(self.options)
            }
        }

        #[doc = concat!("Maxima back to where they were, zeros elsewhere: the partial inverse of \
            [`", stringify!($name), "`] with the same windows. PyTorch: `nn.", stringify!($unpool),
            "`.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Module)]
        pub struct $unpool {
            #[module(skip)]
            options: MaxPoolOptions<$d>,
        }

        windows!($unpool MaxPoolOptions $d);

        impl $unpool {
            /// The elements of `x` at `indices`; `output_size` settles which of the sizes that pool
            /// to the same one.
            ///
            /// # Errors
            #[doc = concat!("As [`Tensor::", stringify!($unmethod), "`].")]
            pub fn forward(
                &self,
                x: &Tensor,
                indices: &Tensor,
                output_size: Option<Sizes<$d>>,
            ) -> Result<Tensor> {
                x.$unmethod(indices, self.options, output_size)
            }
        }
    )*};
}
max_pools! {
    1 MaxPool1d max_pool1d max_pool1d_with_indices MaxUnpool1d max_unpool1d;
    2 MaxPool2d max_pool2d max_pool2d_with_indices MaxUnpool2d max_unpool2d;
    3 MaxPool3d max_pool3d max_pool3d_with_indices MaxUnpool3d max_unpool3d;
}

macro_rules! avg_pools {
    ($($d:literal $name:ident $method:ident;)*) => {$(
        #[doc = concat!("Averages of windows, [`Tensor::", stringify!($method), "`] as a layer. \
            PyTorch: `nn.", stringify!($name), "`.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Module)]
        pub struct $name {
            #[module(skip)]
            options: AvgPoolOptions<$d>,
        }

        windows!($name AvgPoolOptions $d);

        impl $name {
            /// Sets whether the zeros of the padding count.
            #[must_use]
            pub fn count_include_pad(mut self, count_include_pad: bool) -> Self {
                self.options = self.options.count_include_pad(count_include_pad);
                self
            }

            /// Sets what sums are divided by.
            #[must_use]
            pub fn divisor_override(mut self, divisor: usize) -> Self {
                self.options = self.options.divisor_override(divisor);
                self
            }
        }

        impl Layer for $name {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                x.$method(self.options)
            }
        }
    )*};
}
avg_pools! {
    1 AvgPool1d avg_pool1d;
    2 AvgPool2d avg_pool2d;
    3 AvgPool3d avg_pool3d;
}

macro_rules! adaptive_pools {
    ($($d:literal $name:ident $method:ident;)*) => {$(
        #[doc = concat!("[`Tensor::", stringify!($method), "`] as a layer. PyTorch: `nn.",
            stringify!($name), "`.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Module)]
        pub struct $name {
            #[module(skip)]
            output_size: Sizes<$d>,
        }

        impl $name {
            /// Pools to this size whatever the input's.
            pub fn new(output_size: impl Into<Sizes<$d>>) -> Self {
                $name { output_size: output_size.into() }
            }
        }

        impl Layer for $name {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                x.$method(self.output_size)
            }
        }
    )*};
}
adaptive_pools! {
    1 AdaptiveAvgPool1d adaptive_avg_pool1d;
    2 AdaptiveAvgPool2d adaptive_avg_pool2d;
    3 AdaptiveAvgPool3d adaptive_avg_pool3d;
    1 AdaptiveMaxPool1d adaptive_max_pool1d;
    2 AdaptiveMaxPool2d adaptive_max_pool2d;
    3 AdaptiveMaxPool3d adaptive_max_pool3d;
}

macro_rules! global_pools {
    ($($name:ident $method:ident $what:literal $keras:literal;)*) => {$(
        #[doc = concat!("The ", $what, " of every plane: `[N, C, H, W] → [N, C]`. Keras: `", $keras,
            "`; PyTorch has none.")]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Module)]
        pub struct $name {
            /// Whether the two dimensions stay, with size 1; false by default.
            pub keepdims: bool,
        }

        impl Layer for $name {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                let y = x.$method(1)?;
                if self.keepdims { Ok(y) } else { y.squeeze(-1)?.squeeze(-1) }
            }
        }
    )*};
}
global_pools! {
    GlobalAvgPool2d adaptive_avg_pool2d "average" "GlobalAveragePooling2D";
    GlobalMaxPool2d adaptive_max_pool2d "maximum" "GlobalMaxPooling2D";
}

macro_rules! lp_pools {
    ($($d:literal $name:ident $method:ident;)*) => {$(
        #[doc = concat!("`(Σ x^p)^(1/p)` of windows, [`Tensor::", stringify!($method), "`] as a \
            layer. PyTorch: `nn.", stringify!($name), "`.")]
        #[derive(Clone, Copy, Debug, PartialEq, Module)]
        pub struct $name {
            norm_type: f64,
            #[module(skip)]
            kernel_size: Sizes<$d>,
            #[module(skip)]
            stride: Option<Sizes<$d>>,
            ceil_mode: bool,
        }

        impl $name {
            /// Windows side by side.
            pub fn new(norm_type: f64, kernel_size: impl Into<Sizes<$d>>) -> Self {
                let kernel_size = kernel_size.into();
                $name { norm_type, kernel_size, stride: None, ceil_mode: false }
            }

            /// Sets how far a window is from the next.
            #[must_use]
            pub fn stride(mut self, stride: impl Into<Sizes<$d>>) -> Self {
                self.stride = Some(stride.into());
                self
            }

            /// Sets whether a last window may reach over the end.
            #[must_use]
            pub fn ceil_mode(mut self, ceil_mode: bool) -> Self {
                self.ceil_mode = ceil_mode;
                self
            }
        }

        impl Layer for $name {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                x.$method(self.norm_type, self.kernel_size, self.stride, self.ceil_mode)
            }
        }
    )*};
}
lp_pools! {
    1 LPPool1d lp_pool1d;
    2 LPPool2d lp_pool2d;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0, 1, 2 … of a shape.
    fn ramp(shape: &[usize]) -> Tensor {
        let n: usize = shape.iter().product();
        Tensor::from_vec((0..n).map(|i| i as f32).collect(), shape).unwrap()
    }

    fn values(y: &Tensor) -> Vec<f32> {
        y.to_vec().unwrap()
    }

    #[test]
    fn every_layer_has_pytorchs_values() {
        let x = ramp(&[1, 1, 4, 4]);
        // PyTorch 2 on `arange(16.).reshape(1, 1, 4, 4)`.
        let table: Vec<(&str, Box<dyn Layer>, Vec<f32>)> = vec![
            ("max", Box::new(MaxPool2d::new(2)), vec![5.0, 7.0, 13.0, 15.0]),
            (
                "max, padded and dilated",
                Box::new(MaxPool2d::new((2, 3)).stride(2).padding((1, 1)).dilation(2)),
                vec![7.0, 15.0],
            ),
            ("avg", Box::new(AvgPool2d::new(2)), vec![2.5, 4.5, 10.5, 12.5]),
            (
                "avg, padded",
                Box::new(AvgPool2d::new(3).stride(2).padding(1)),
                vec![10.0 / 9.0, 24.0 / 9.0, 51.0 / 9.0, 10.0],
            ),
            (
                "avg of what is inside",
                Box::new(AvgPool2d::new(3).stride(2).padding(1).count_include_pad(false)),
                vec![2.5, 4.0, 8.5, 10.0],
            ),
            (
                "avg with a divisor, ceiled",
                Box::new(AvgPool2d::new(3).ceil_mode(true).divisor_override(2)),
                vec![22.5, 10.5, 19.5, 7.5],
            ),
            ("adaptive avg", Box::new(AdaptiveAvgPool2d::new((1, 2))), vec![6.5, 8.5]),
            ("adaptive max", Box::new(AdaptiveMaxPool2d::new([2, 1])), vec![7.0, 15.0]),
            ("global avg", Box::new(GlobalAvgPool2d::default()), vec![7.5]),
            ("global max", Box::new(GlobalMaxPool2d { keepdims: true }), vec![15.0]),
            ("lp", Box::new(LPPool2d::new(1.0, 3).stride(1)), vec![45.0, 54.0, 81.0, 90.0]),
        ];
        for (name, layer, expected) in table {
            let y = values(&layer.forward(&x).unwrap());
            assert_eq!(y.len(), expected.len(), "{name}");
            for (got, expected) in y.iter().zip(&expected) {
                assert!((got - expected).abs() < 1e-5, "{name}: {y:?}");
            }
            assert_eq!(layer.parameters().len(), 0, "{name}");
        }
    }

    #[test]
    fn one_and_three_dimensions_and_no_batch() {
        let line = ramp(&[1, 6]);
        assert_eq!(values(&MaxPool1d::new(3).forward(&line).unwrap()), [2.0, 5.0]);
        assert_eq!(values(&AvgPool1d::new(3).forward(&line).unwrap()), [1.0, 4.0]);
        assert_eq!(values(&AdaptiveAvgPool1d::new(2).forward(&line).unwrap()), [1.0, 4.0]);
        assert_eq!(values(&AdaptiveMaxPool1d::new(2).forward(&line).unwrap()), [2.0, 5.0]);
        assert_eq!(values(&LPPool1d::new(1.0, 3).forward(&line).unwrap()), [3.0, 12.0]);
        let cube = ramp(&[1, 2, 2, 2]);
        assert_eq!(values(&MaxPool3d::new(2).forward(&cube).unwrap()), [7.0]);
        assert_eq!(values(&AvgPool3d::new(2).forward(&cube).unwrap()), [3.5]);
        assert_eq!(values(&AdaptiveAvgPool3d::new((2, 1, 1)).forward(&cube).unwrap()), [1.5, 5.5]);
        assert_eq!(values(&AdaptiveMaxPool3d::new((2, 1, 1)).forward(&cube).unwrap()), [3.0, 7.0]);
        let planes = ramp(&[2, 2, 2]);
        assert_eq!(values(&GlobalAvgPool2d::default().forward(&planes).unwrap()), [1.5, 5.5]);
    }

    #[test]
    fn unpooling_undoes_pooling() {
        let x = ramp(&[1, 1, 5, 5]);
        let pool = MaxPool2d::new(2);
        let (y, at) = pool.forward_with_indices(&x).unwrap();
        assert_eq!(at.to_vec::<i32>().unwrap(), [6, 8, 16, 18]);
        let unpool = MaxUnpool2d::new(*pool.options());
        let small = unpool.forward(&y, &at, None).unwrap_err().to_string();
        assert!(small.contains("index 16 at position 2 is outside 0..16"), "{small}");
        let back = unpool.forward(&y, &at, Some(5.into())).unwrap();
        assert_eq!(values(&pool.forward(&back).unwrap()), values(&y));
        assert_eq!(values(&back.sum_all().unwrap()), [48.0]);
        let line = ramp(&[1, 4]);
        let (y, at) = MaxPool1d::new(2).forward_with_indices(&line).unwrap();
        let back = MaxUnpool1d::new(2).forward(&y, &at, None).unwrap();
        assert_eq!(values(&back), [0.0, 1.0, 0.0, 3.0]);
        // Two windows whose maximum is the same element.
        let peak = Tensor::from_vec(vec![0.0f32, 3.0, 1.0], [1, 3]).unwrap();
        let both = MaxPool1d::new(2).stride(1);
        let (y, at) = both.forward_with_indices(&peak).unwrap();
        let back = MaxUnpool1d::new(*both.options()).forward(&y, &at, None).unwrap();
        assert_eq!(values(&back), [0.0, 3.0, 0.0]);
        let far = unpool.forward(&y, &at, None).unwrap_err().to_string();
        assert!(far.starts_with("max_unpool2d: x has 2 dimensions"), "{far}");
    }
}
