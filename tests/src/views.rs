//! Views: any chain of them against an index walk.

use gradus_autodiff::{Result, Tensor};
use proptest::prelude::*;

use crate::support::{Naive, cases, devices, values};

/// One view with numbers that are fitted to the shape it meets.
#[derive(Clone, Debug)]
enum View {
    Transpose(usize, usize),
    Narrow(usize, usize, usize),
    Slice(usize, usize, usize),
    Flip(usize),
    Unsqueeze(usize),
    Squeeze(usize),
    Expand(usize, usize),
    Flatten(usize),
    Split(usize),
    /// Not a view: makes the elements be computed through the strides so far.
    Negate,
}

fn view() -> impl Strategy<Value = View> {
    let n = || 0..7usize;
    prop_oneof![
        (n(), n()).prop_map(|(a, b)| View::Transpose(a, b)),
        (n(), n(), n()).prop_map(|(d, start, len)| View::Narrow(d, start, len)),
        (n(), n(), 1..4usize).prop_map(|(d, start, step)| View::Slice(d, start, step)),
        n().prop_map(View::Flip),
        n().prop_map(View::Unsqueeze),
        n().prop_map(View::Squeeze),
        (n(), 1..4usize).prop_map(|(d, size)| View::Expand(d, size)),
        n().prop_map(View::Flatten),
        n().prop_map(View::Split),
        Just(View::Negate),
    ]
}

/// Applies a view to both; a view that has no sense for the shape does nothing.
fn apply(view: &View, x: &Tensor, naive: &Naive) -> Result<(Tensor, Naive)> {
    let shape = naive.shape.clone();
    let rank = shape.len();
    let same = || Ok((x.clone(), naive.clone()));
    if rank == 0 && !matches!(view, View::Unsqueeze(_) | View::Negate) {
        return same();
    }
    let dim = |d: usize| d % rank;
    Ok(match *view {
        View::Transpose(a, b) => {
            let (a, b) = (dim(a), dim(b));
            let mut to = shape.clone();
            to.swap(a, b);
            let moved = Naive::build(&to, |index| {
                let mut index = index.to_vec();
                index.swap(a, b);
                naive.at(&index)
            });
            (x.transpose(a as i64, b as i64)?, moved)
        }
        View::Narrow(d, start, len) => {
            let d = dim(d);
            let start = start % (shape[d] + 1);
            let len = len.min(shape[d] - start);
            (x.narrow(d as i64, start, len)?, naive.strided(d, start, 1, len))
        }
        View::Slice(d, start, step) => {
            let d = dim(d);
            let start = start % (shape[d] + 1);
            let len = (shape[d] - start).div_ceil(step);
            let sliced = x.slice(d as i64, start as i64, i64::MAX, step)?;
            (sliced, naive.strided(d, start, step, len))
        }
        View::Flip(d) => {
            let d = dim(d);
            let flipped = Naive::build(&shape, |index| {
                let mut index = index.to_vec();
                index[d] = shape[d] - 1 - index[d];
                naive.at(&index)
            });
            (x.flip(&[d as i64])?, flipped)
        }
        View::Negate => {
            let data = naive.data.iter().map(|v| -v).collect();
            (x.neg()?, Naive { shape, data })
        }
        _ => return resize(view, x, naive),
    })
}

/// The views that only change the sizes.
fn resize(view: &View, x: &Tensor, naive: &Naive) -> Result<(Tensor, Naive)> {
    let shape = naive.shape.clone();
    let rank = shape.len();
    let dim = |d: usize| d % rank;
    let same = || Ok((x.clone(), naive.clone()));
    Ok(match *view {
        View::Unsqueeze(d) => {
            let d = d % (rank + 1);
            (x.unsqueeze(d as i64)?, naive.reshaped(|to| to.insert(d, 1)))
        }
        View::Squeeze(d) => {
            let d = dim(d);
            if shape[d] != 1 {
                return same();
            }
            (
                x.squeeze(d as i64)?,
                naive.reshaped(|to| {
                    to.remove(d);
                }),
            )
        }
        View::Expand(d, size) => {
            let d = dim(d);
            if shape[d] != 1 {
                return same();
            }
            let mut to = shape.clone();
            to[d] = size;
            let sizes: Vec<i64> = to.iter().map(|&s| s as i64).collect();
            (x.expand(&sizes)?, Naive::build(&to, |index| naive.broadcast_at(index)))
        }
        View::Flatten(d) => {
            let d = dim(d);
            let flat = naive.reshaped(|to| {
                let merged = to.drain(d..).product();
                to.push(merged);
            });
            (x.flatten(d as i64, -1)?, flat)
        }
        View::Split(d) => {
            let d = dim(d);
            if !shape[d].is_multiple_of(2) {
                return same();
            }
            let split = naive.reshaped(|to| {
                to[d] /= 2;
                to.insert(d + 1, 2);
            });
            let sizes: Vec<i64> = split.shape.iter().map(|&s| s as i64).collect();
            (x.reshape(&sizes)?, split)
        }
        _ => return same(),
    })
}

impl Naive {
    fn strided(&self, d: usize, start: usize, step: usize, len: usize) -> Naive {
        let mut to = self.shape.clone();
        to[d] = len;
        Naive::build(&to, |index| {
            let mut index = index.to_vec();
            index[d] = start + step * index[d];
            self.at(&index)
        })
    }

    fn reshaped(&self, change: impl FnOnce(&mut Vec<usize>)) -> Naive {
        let mut to = self.clone();
        change(&mut to.shape);
        to
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn any_chain_of_views_is_an_index_walk(
        shape in prop::collection::vec(prop_oneof![6 => 1..6usize, 1 => Just(0usize)], 0..4),
        chain in prop::collection::vec(view(), 1..7),
        seed in any::<u32>(),
    ) {
        let start = Naive::whole(&shape, u64::from(seed));
        for device in devices() {
            let (mut x, mut naive) = (start.tensor(&device), start.clone());
            for view in &chain {
                (x, naive) = apply(view, &x, &naive).expect("the view fits the shape");
                prop_assert_eq!(x.shape().to_vec(), naive.shape.clone(), "{:?}", view);
            }
            prop_assert_eq!(values(&x), naive.data, "{}", &device);
        }
    }

    #[test]
    fn the_gradient_of_views_counts_how_often_an_element_is_seen(
        shape in prop::collection::vec(1..5usize, 1..4),
        chain in prop::collection::vec(view(), 1..6),
        seed in any::<u32>(),
    ) {
        let start = Naive::whole(&shape, u64::from(seed));
        // Elements are their own positions, so that the result tells what was seen.
        let data = (0..start.data.len()).map(|i| 1.0 + i as f64).collect();
        let places = Naive { data, ..start };
        let mut expected = vec![0.0; places.data.len()];
        let (mut x, mut seen) = (places.tensor(&Default::default()), places.clone());
        for view in &chain {
            (x, seen) = apply(view, &x, &seen).expect("the view fits");
        }
        for place in &seen.data {
            expected[place.abs() as usize - 1] += place.signum();
        }
        for device in devices() {
            let leaf = places.tensor(&device).requires_grad_(true);
            let (mut y, mut naive) = (leaf.clone(), places.clone());
            for view in &chain {
                (y, naive) = apply(view, &y, &naive).expect("the view fits");
            }
            y.sum_all().and_then(|sum| sum.backward()).expect("differentiable");
            prop_assert_eq!(values(&leaf.grad().expect("a leaf")), expected.clone(), "{}", &device);
        }
        prop_assert_eq!(x.numel(), seen.data.len());
    }
}
