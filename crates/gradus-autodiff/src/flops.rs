//! Counting the work of matrix products and convolutions.

use std::cell::Cell;

use gradus_tensor::Shape;

thread_local! {
    static COUNTED: Cell<u64> = const { Cell::new(0) };
}

/// What `f` returns, and the floating-point operations of the matrix products and convolutions
/// that it asked for on this thread: two for each product of two elements, one to multiply and one
/// to add.
///
/// Everything else, pointwise operations, reductions and pooling, counts as nothing: it is limited
/// by memory. Counted is what was asked for, whether or not it has been computed yet, so shapes
/// alone tell the cost; a backward pass inside `f` counts too.
///
/// ```
/// use gradus_autodiff::{Device, Tensor, count_flops};
/// let cpu = Device::cpu();
/// let (x, w) = (Tensor::zeros([2, 784], &cpu), Tensor::zeros([100, 784], &cpu));
/// let (y, flops) = count_flops(|| x.linear(&w, None)?.relu());
/// assert_eq!((y?.shape().dims(), flops), (&[2, 100][..], 2 * 2 * 784 * 100));
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub fn count_flops<T>(f: impl FnOnce() -> T) -> (T, u64) {
    let before = COUNTED.get();
    let result = f();
    (result, COUNTED.get().wrapping_sub(before))
}

/// Notes that each element of `shape` is a sum of `terms` products.
pub(crate) fn note(shape: &Shape, terms: usize) {
    let products = (shape.numel() as u64).wrapping_mul(terms as u64);
    COUNTED.set(COUNTED.get().wrapping_add(products.wrapping_mul(2)));
}

#[cfg(test)]
mod tests {
    use gradus_tensor::Device;

    use super::*;
    use crate::{ConvOptions, ConvTransposeOptions, Tensor};

    fn zeros(shape: &[usize]) -> Tensor {
        Tensor::zeros(shape, &Device::cpu())
    }

    #[test]
    fn products_count_their_broadcast_batch() {
        let (y, flops) = count_flops(|| zeros(&[5, 1, 2, 3]).matmul(&zeros(&[4, 3, 7])));
        assert_eq!((y.unwrap().numel(), flops), (5 * 4 * 2 * 7, 2 * 5 * 4 * 2 * 3 * 7));
        assert_eq!(count_flops(|| zeros(&[3]).matmul(&zeros(&[3])).unwrap()).1, 6);
        assert_eq!(count_flops(|| zeros(&[9]).exp().unwrap().sum_all().unwrap()).1, 0);
    }

    #[test]
    fn convolutions_count_a_group_alone() {
        let options = ConvOptions::<2>::default().groups(2).padding(1);
        let run = || zeros(&[2, 4, 5, 5]).conv(&zeros(&[6, 2, 3, 3]), None, &options).unwrap();
        assert_eq!(count_flops(run).1, 2 * 2 * 6 * 25 * 2 * 9);
        // Every element of the input is multiplied with every weight of its channel.
        let options = ConvTransposeOptions::<1>::default().stride(2);
        let run = || {
            let (x, w) = (zeros(&[1, 3, 4]), zeros(&[3, 5, 2]));
            x.conv_transpose(&w, None, &options).unwrap()
        };
        assert_eq!(count_flops(run).1, 2 * 3 * 4 * 5 * 2);
    }

    #[test]
    fn a_backward_pass_costs_two_products() {
        let w = zeros(&[4, 3]).requires_grad_(true);
        let x = zeros(&[2, 3]).requires_grad_(true);
        let step = || x.linear(&w, None).unwrap().sum_all().unwrap().backward().unwrap();
        assert_eq!(count_flops(step).1, 3 * 2 * 2 * 3 * 4);
        let (inner, outer) = count_flops(|| count_flops(step).1);
        assert_eq!(inner, outer);
    }
}
