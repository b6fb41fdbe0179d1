//! Matrix products of any shape and layout against a triple loop, and the adjoint identity.

use gradus_autodiff::{Device, Tensor};
use proptest::prelude::*;

use crate::support::{Naive, assert_close, cases, devices, values};

/// How an operand lies in memory.
#[derive(Clone, Copy, Debug)]
enum Lie {
    Dense,
    Transposed,
    Narrowed,
    Stepped,
    Flipped,
}

/// A tensor of the naive array's elements whose storage lies as told.
fn lay(naive: &Naive, lie: Lie, device: &Device) -> Tensor {
    let rank = naive.shape.len();
    let (rows, columns) = (naive.shape[rank - 2], naive.shape[rank - 1]);
    let inside = |row: usize, column: usize, index: &[usize]| {
        let mut index = index.to_vec();
        (index[rank - 2], index[rank - 1]) = (row, column);
        if row < rows && column < columns { naive.at(&index) } else { 99.0 }
    };
    let mut shape = naive.shape.clone();
    let tensor = match lie {
        Lie::Dense => Ok(naive.tensor(device)),
        Lie::Transposed => {
            shape.swap(rank - 2, rank - 1);
            let stored = Naive::build(&shape, |i| inside(i[rank - 1], i[rank - 2], i));
            stored.tensor(device).t()
        }
        Lie::Narrowed => {
            shape[rank - 1] += 3;
            let stored =
                Naive::build(&shape, |i| inside(i[rank - 2], i[rank - 1].wrapping_sub(2), i));
            stored.tensor(device).narrow(-1, 2, columns)
        }
        Lie::Stepped => {
            shape[rank - 2] *= 2;
            let stored = Naive::build(&shape, |i| match i[rank - 2] % 2 {
                0 => inside(i[rank - 2] / 2, i[rank - 1], i),
                _ => 99.0,
            });
            stored.tensor(device).slice(-2, 0, i64::MAX, 2)
        }
        Lie::Flipped => {
            let stored =
                Naive::build(&shape, |i| inside(i[rank - 2], columns - 1 - i[rank - 1], i));
            stored.tensor(device).flip(&[-1])
        }
    };
    tensor.expect("a view of what was stored")
}

fn product(a: &Naive, b: &Naive, batch: &[usize]) -> Naive {
    let (ra, rb) = (a.shape.len(), b.shape.len());
    let (m, k, n) = (a.shape[ra - 2], a.shape[ra - 1], b.shape[rb - 1]);
    let shape: Vec<usize> = batch.iter().copied().chain([m, n]).collect();
    Naive::build(&shape, |index| {
        let (i, j) = (index[batch.len()], index[batch.len() + 1]);
        let at = |row, column| -> Vec<usize> {
            index[..batch.len()].iter().copied().chain([row, column]).collect()
        };
        // Matrices broadcast; rows and columns of size 1 only meet index 0.
        (0..k).map(|p| a.broadcast_at(&at(i, p)) * b.broadcast_at(&at(p, j))).sum()
    })
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![
        1 => Just(0usize),
        2 => Just(1usize),
        4 => 2..9usize,
        3 => prop::sample::select(&[13usize, 16, 17, 31, 32, 33, 64, 67][..]),
    ]
}

fn lies() -> impl Strategy<Value = Lie> {
    use Lie::{Dense, Flipped, Narrowed, Stepped, Transposed};
    prop::sample::select(&[Dense, Transposed, Narrowed, Stepped, Flipped][..])
}

/// Batch sizes of both operands; 0 is no batch dimension.
const BATCHES: &[(usize, usize)] = &[(0, 0), (3, 3), (3, 1), (1, 2), (2, 0), (0, 3)];

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn any_product_is_a_triple_loop(
        (m, k, n) in (sizes(), sizes(), sizes()),
        batch in prop::sample::select(BATCHES),
        (lie_a, lie_b) in (lies(), lies()),
        seed in any::<u32>(),
    ) {
        let with = |batch: usize, rows: usize, columns: usize| match batch {
            0 => vec![rows, columns],
            _ => vec![batch, rows, columns],
        };
        let common: Vec<usize> = match batch.0.max(batch.1) { 0 => vec![], size => vec![size] };
        let a = Naive::whole(&with(batch.0, m, k), u64::from(seed));
        let b = Naive::whole(&with(batch.1, k, n), u64::from(seed) + 1);
        let expected = product(&a, &b, &common);
        for device in devices() {
            let (x, y) = (lay(&a, lie_a, &device), lay(&b, lie_b, &device));
            let got = x.matmul(&y).expect("the inner sizes agree");
            prop_assert_eq!(got.shape().to_vec(), expected.shape.clone());
            // Whole numbers: every order of the sum is exact.
            prop_assert_eq!(values(&got), expected.data.clone(), "{}", &device);
        }
    }
}

#[test]
fn vectors_of_any_length_lying_anyhow_have_exact_products() {
    // Around the four rows and sixteen lanes that are taken together.
    const LENGTHS: [usize; 7] = [2, 3, 4, 5, 16, 37, 70];
    let device = Device::cpu();
    for (long, wide) in LENGTHS.iter().flat_map(|&long| LENGTHS.map(|wide| (long, wide))) {
        for [m, k, n] in [[1, long, wide], [wide, long, 1], [long, 1, wide], [1, long, 1]] {
            let (a, b) = (Naive::whole(&[m, k], 1), Naive::whole(&[k, n], 2));
            let expected = product(&a, &b, &[]);
            for lie_a in [Lie::Dense, Lie::Transposed, Lie::Stepped] {
                for lie_b in [Lie::Dense, Lie::Transposed, Lie::Flipped] {
                    let (x, y) = (lay(&a, lie_a, &device), lay(&b, lie_b, &device));
                    let got = x.matmul(&y).expect("the inner sizes agree");
                    assert_eq!(values(&got), expected.data, "{m} by {k} by {n}");
                }
            }
        }
    }
}

#[test]
fn the_gradient_is_the_adjoint() {
    for device in devices() {
        for (m, k, n) in [(1, 1, 1), (5, 7, 3), (33, 17, 65), (1, 300, 2), (64, 1, 64)] {
            let a = Naive::whole(&[m, k], 1).tensor(&device).requires_grad_(true);
            let b = Naive::whole(&[k, n], 2).tensor(&device).requires_grad_(true);
            let g = Naive::whole(&[m, n], 3).tensor(&device);
            let inner = |x: &Tensor, y: &Tensor| {
                x.mul(y).and_then(|xy| xy.sum_all()).and_then(|sum| sum.item()).expect("a number")
            };
            let y = a.matmul(&b).expect("sizes agree");
            let all = inner(&y, &g);
            gradus_autodiff::backward(&[y], Some(&[g])).expect("differentiable");
            // <ab, g> = <a, da> = <b, db>
            for x in [&a, &b] {
                let got = inner(x, &x.grad().expect("a leaf"));
                assert_close("adjoint", &[got], &[all], 1e-5, 1e-2);
            }
        }
    }
}
