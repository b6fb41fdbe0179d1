//! Keras's merging layers: several tensors to one.

use gradus_autodiff::{Dim, Tensor, cat};
use gradus_tensor::{Error, Problem, Result};

use super::call::Combine;
use super::symbol::Spec;
use crate::Module;

/// Folds tensors of one rank from the left.
#[derive(Module)]
struct Folded {
    #[module(skip)]
    op: &'static str,
    #[module(skip)]
    pair: fn(&Tensor, &Tensor) -> Result<Tensor>,
    /// Whether the result is divided by the number of tensors.
    mean: bool,
}

impl Combine for Folded {
    fn combine(&self, xs: &[Tensor]) -> Result<Tensor> {
        let [first, rest @ ..] = xs else {
            return Err(Error::argument(self.op, "inputs", "empty", "at least one tensor"));
        };
        let mut y = first.clone();
        for x in rest {
            if x.rank() != first.rank() {
                let rule = "tensors that are merged must have as many dimensions";
                let operands = [("a", &first.shape()), ("b", &x.shape())];
                return Err(Error::shape(self.op, Problem::Rule { rule }, &operands));
            }
            y = (self.pair)(&y, x)?;
        }
        if self.mean { y.div(xs.len() as f64) } else { Ok(y) }
    }
}

macro_rules! merges {
    ($($name:ident $kind:literal $op:literal $most:expr, $mean:literal $pair:expr; $what:literal
        $sample:literal;)*) => {$(
        super::layer! {
            #[doc = concat!($what, " of tensors, element by element; sizes of 1 are repeated. \
                Keras: `", $kind, "`.")]
            ///
            /// ```
            #[doc = concat!("use gradus_nn::keras::{Call, ", $kind, ", Model, input};")]
            /// use gradus_nn::Tensor;
            /// let (a, b) = (input([2]), input([2]));
            #[doc = concat!("let y = ", $kind, "::new().call([&a, &b])?;")]
            /// let model = Model::new([&a, &b], &y)?;
            /// let xs = [[1.0f32, 4.0], [3.0, 2.0]].map(|x| Tensor::from_slice(&x, [1, 2]));
            /// let [a, b] = xs;
            /// let y = model.forward_many(&[&a?, &b?])?;
            #[doc = concat!("assert_eq!(y[0].to_vec::<f32>()?, ", $sample, ");")]
            /// # Ok::<(), gradus_nn::Error>(())
            /// ```
            $name => $kind; {} with {}
        }

        impl $name {
            fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
                if inputs.len() < 2 || inputs.len() > $most {
                    let expected = if $most == 2 { "two symbols" } else { "at least two symbols" };
                    return Err(Error::argument($op, "inputs", inputs.len(), expected));
                }
                Ok(Box::new(Folded { op: $op, pair: $pair, mean: $mean }))
            }
        }
    )*};
}
merges! {
    Add "Add" "add" usize::MAX, false |a, b| a.add(b); "Sums" "[4.0, 6.0]";
    Subtract "Subtract" "subtract" 2, false |a, b| a.sub(b); "The difference" "[-2.0, 2.0]";
    Multiply "Multiply" "multiply" usize::MAX, false |a, b| a.mul(b); "Products" "[3.0, 8.0]";
    Average "Average" "average" usize::MAX, true |a, b| a.add(b); "Averages" "[2.0, 3.0]";
    Maximum "Maximum" "maximum" usize::MAX, false |a, b| a.maximum(b); "Maxima" "[3.0, 4.0]";
    Minimum "Minimum" "minimum" usize::MAX, false |a, b| a.minimum(b); "Minima" "[1.0, 2.0]";
}

#[derive(Module)]
struct Joined {
    axis: Dim,
}

impl Combine for Joined {
    fn combine(&self, xs: &[Tensor]) -> Result<Tensor> {
        cat(&xs.iter().collect::<Vec<_>>(), self.axis)
    }
}

super::layer! {
    /// Tensors one after another along an axis, the last by default. Keras: `Concatenate(axis)`.
    ///
    /// The batch is axis 0, and cannot be joined. Channels are axis 1: feature maps are joined by
    /// `axis(1)`, where Keras's notes leave the default.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, Concatenate, input};
    /// let (a, b) = (input([3, 8, 8]), input([5, 8, 8]));
    /// let y = Concatenate::new().axis(1).call([&a, &b])?;
    /// assert_eq!(y.to_string(), "(None, 8, 8, 8)");
    /// assert!(Concatenate::new().call([&a, &b]).is_err());
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    Concatenate => "Concatenate"; {} with {
        /// Sets the axis, counted with the batch, or from the end if negative.
        axis: Dim [Dim] = -1,
    }
}

impl Concatenate {
    fn make(&self, _: &[Spec]) -> Result<Box<dyn Combine>> {
        Ok(Box::new(Joined { axis: self.axis }))
    }
}

#[derive(Module)]
struct Products {
    axes: (Dim, Dim),
    normalize: bool,
}

impl Combine for Products {
    fn combine(&self, xs: &[Tensor]) -> Result<Tensor> {
        const OP: &str = "dot";
        let [a, b] = xs else {
            return Err(Error::argument(OP, "inputs", xs.len(), "two tensors"));
        };
        let (sa, sb) = (a.shape(), b.shape());
        let (at, bt) = (sa.dim(OP, self.axes.0)?, sb.dim(OP, self.axes.1)?);
        if at == 0 || bt == 0 || sa[at] != sb[bt] {
            let rule = "the two axes must have one size and not be the batch";
            return Err(Error::shape(OP, Problem::Rule { rule }, &[("a", &sa), ("b", &sb)]));
        }
        let unit = |x: &Tensor, dim: usize| match self.normalize {
            true => x.normalize(2.0, dim as Dim, 1e-12),
            false => Ok(x.clone()),
        };
        let others = |rank: usize, but: usize| (1..rank).filter(move |&d| d != but);
        // [N, rest of a, size] times [N, size, rest of b].
        let rest_a: Vec<usize> = others(sa.rank(), at).map(|d| sa[d]).collect();
        let rest_b: Vec<usize> = others(sb.rank(), bt).map(|d| sb[d]).collect();
        let rows: usize = rest_a.iter().product();
        let columns: usize = rest_b.iter().product();
        let (n, size) = (sa[0] as i64, sa[at] as i64);
        let front: Vec<Dim> =
            [0, bt].into_iter().chain(others(sb.rank(), bt)).map(|d| d as Dim).collect();
        let back: Vec<Dim> =
            [0].into_iter().chain(others(sa.rank(), at)).chain([at]).map(|d| d as Dim).collect();
        let left = unit(a, at)?.permute(&back)?.reshape(&[n, rows as i64, size])?;
        let right = unit(b, bt)?.permute(&front)?.reshape(&[sb[0] as i64, size, columns as i64])?;
        let mut shape: Vec<i64> = vec![n];
        shape.extend(rest_a.iter().chain(&rest_b).map(|&d| d as i64));
        if shape.len() == 1 {
            shape.push(1);
        }
        left.matmul(&right)?.reshape(&shape)
    }
}

super::layer! {
    /// Sums of products along an axis of each of two tensors, sample by sample; axes are counted
    /// with the batch. Keras: `Dot(axes)`.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, Dot, Model, input};
    /// use gradus_nn::Tensor;
    /// let (a, b) = (input([2]), input([2]));
    /// let product = Dot::new((1, 1)).call([&a, &b])?;
    /// let cosine = Dot::new((1, 1)).normalize(true).call([&a, &b])?;
    /// let model = Model::new([&a, &b], [&product, &cosine])?;
    /// let a = Tensor::from_vec(vec![3.0f32, 4.0], [1, 2])?;
    /// let b = Tensor::from_vec(vec![4.0f32, 3.0], [1, 2])?;
    /// let y = model.forward_many(&[&a, &b])?;
    /// assert_eq!(y[0].to_vec::<f32>()?, [24.0]);
    /// assert!((y[1].to_vec::<f32>()?[0] - 0.96).abs() < 1e-6);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    Dot => "Dot"; { axes: (Dim, Dim) [(Dim, Dim)] } with {
        /// Sets whether the vectors are divided by their lengths, which gives cosines.
        normalize: bool [bool] = false,
    }
}

impl Dot {
    fn make(&self, _: &[Spec]) -> Result<Box<dyn Combine>> {
        Ok(Box::new(Products { axes: self.axes, normalize: self.normalize }))
    }
}
