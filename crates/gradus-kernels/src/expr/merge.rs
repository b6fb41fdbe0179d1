//! The index space of a GPU kernel: a plan's dimensions with neighbours merged wherever every
//! leaf allows it, so that most kernels divide by nothing.

use gradus_tensor::Layout;
use smallvec::SmallVec;

use super::plan::{LeafWindow, Plan};
use super::value::Leaf;

/// Merged dimensions and which of the plan's dimensions each stands for.
pub(crate) struct Merged {
    pub(crate) sizes: SmallVec<[usize; 6]>,
    /// The last (fastest) of the plan's dimensions in each merged one.
    last: SmallVec<[usize; 6]>,
    leaf_strides: SmallVec<[SmallVec<[isize; 6]>; 8]>,
}

/// Merges the dimensions of a plan.
pub(crate) fn merged(plan: &Plan) -> Merged {
    let strided: SmallVec<[&Layout; 8]> = plan
        .leaves
        .iter()
        .filter(|slot| match slot.leaf {
            Leaf::Array(_) | Leaf::Iota(_) | Leaf::Random(..) => {
                slot.window.is_some() || !slot.layout.is_dense()
            }
            Leaf::Const(_) | Leaf::Concat(_) => false,
        })
        .map(|slot| &slot.layout)
        .collect();
    let mut out =
        Merged { sizes: SmallVec::new(), last: SmallVec::new(), leaf_strides: SmallVec::new() };
    if !strided.is_empty() {
        for (d, &size) in plan.shape.iter().enumerate() {
            if size == 1 && !is_windowed(plan, d) {
                continue;
            }
            let joins = out.last.last().is_some_and(|&before| {
                !is_windowed(plan, before)
                    && !is_windowed(plan, d)
                    && strided.iter().all(|layout| {
                        layout.strides()[before] == layout.strides()[d] * size as isize
                    })
            });
            match (joins, out.sizes.last_mut(), out.last.last_mut()) {
                (true, Some(merged), Some(last)) => (*merged, *last) = (*merged * size, d),
                _ => {
                    out.sizes.push(size);
                    out.last.push(d);
                }
            }
        }
    }
    for slot in &plan.leaves {
        let strides = out.last.iter().map(|&d| slot.layout.strides().get(d).copied());
        out.leaf_strides.push(strides.map(|s| s.unwrap_or(0)).collect());
    }
    out
}

/// Whether some window sees only part of dimension `d`.
fn is_windowed(plan: &Plan, d: usize) -> bool {
    plan.leaves
        .iter()
        .filter_map(|slot| slot.window.as_ref())
        .any(|window| window.ranges[d] != (0, plan.shape[d]))
}

impl Merged {
    /// Strides of leaf `i` along the merged dimensions.
    pub(crate) fn strides(&self, i: usize) -> SmallVec<[isize; 6]> {
        self.leaf_strides[i].clone()
    }

    /// Ranges of a window along the merged dimensions.
    pub(crate) fn ranges(&self, window: &LeafWindow, layout: &Layout) -> Vec<(usize, usize)> {
        let shape = layout.shape();
        let empty = window.ranges.iter().any(|(low, high)| low >= high);
        self.last
            .iter()
            .zip(&self.sizes)
            .map(|(&d, &size)| match window.ranges[d] {
                _ if empty => (0, 0),
                range if range == (0, shape[d]) => (0, size),
                range => range,
            })
            .collect()
    }
}
