//! Laws of resampling: sizes, membership, and where made samples lie.

use std::collections::BTreeMap;

use gradus_data::{
    RandomOverSampler, RandomUnderSampler, Smote, Strategy, class_counts, class_weights,
};
use gradus_tensor::{Array, DType, Kind};
use proptest::prelude::*;

fn labels(values: &[i32]) -> Array {
    Array::from_vec(values.to_vec(), [values.len()]).expect("labels")
}

fn classes() -> impl proptest::strategy::Strategy<Value = Vec<i32>> {
    prop::collection::vec(0i32..4, 8..60)
}

fn sizes(y: impl IntoIterator<Item = i32>) -> BTreeMap<i32, usize> {
    let mut sizes = BTreeMap::new();
    y.into_iter().for_each(|class| *sizes.entry(class).or_default() += 1);
    sizes
}

proptest! {
    #[test]
    fn over_sampling_makes_all_as_large_as_the_largest(y in classes(), seed: u64) {
        let indices = RandomOverSampler::new(seed).indices(&labels(&y)).expect("labels");
        prop_assert_eq!(&indices[..y.len()], &(0..y.len()).collect::<Vec<_>>());
        let most = sizes(y.clone()).into_values().max();
        let now = sizes(indices.iter().map(|&i| y[i]));
        prop_assert!(now.values().all(|&size| Some(size) == most));
        prop_assert_eq!(now.len(), sizes(y).len());
    }

    #[test]
    fn under_sampling_makes_all_as_small_as_the_smallest(y in classes(), seed: u64) {
        let indices = RandomUnderSampler::new(seed).indices(&labels(&y)).expect("labels");
        prop_assert!(indices.windows(2).all(|pair| pair[0] < pair[1]));
        let least = sizes(y.clone()).into_values().min();
        let now = sizes(indices.iter().map(|&i| y[i]));
        prop_assert!(now.values().all(|&size| Some(size) == least));
        prop_assert_eq!(now.len(), sizes(y).len());
    }

    #[test]
    fn made_samples_lie_between_neighbours(
        small in 4usize..12, large in 12usize..30, k in 1usize..4, seed: u64,
    ) {
        let n = small + large;
        let y: Vec<i32> = (0..n).map(|i| i32::from(i < small)).collect();
        let values = gradus_tensor::rng::Generator::new(seed).normal(n * 3);
        let x = Array::from_vec(values.clone(), [n, 3]).expect("shape");
        let smote = Smote::new(seed).k_neighbors(k);
        let (new_x, new_y) = smote.fit_resample(&x, &labels(&y)).expect("classes");
        prop_assert_eq!(new_x.shape().dims(), &[2 * large, 3]);
        let new_y = new_y.to_vec::<i32>().expect("labels");
        prop_assert_eq!(&new_y[..n], &y[..]);
        prop_assert!(new_y[n..].iter().all(|&class| class == 1));
        let new_x = new_x.to_vec::<f32>().expect("numbers");
        prop_assert_eq!(&new_x[..3 * n], &values[..]);
        let row = |i: usize| -> Vec<f64> {
            values[3 * i..3 * i + 3].iter().map(|&v| f64::from(v)).collect()
        };
        let distance = |a: &[f64], b: &[f64]| -> f64 {
            a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
        };
        for made in new_x[3 * n..].chunks(3) {
            let made: Vec<f64> = made.iter().map(|&v| f64::from(v)).collect();
            // On the line between a sample and one of its k nearest: the detour is nothing.
            let between = (0..small).any(|i| {
                let mut others: Vec<usize> = (0..small).filter(|&j| j != i).collect();
                others.sort_by(|&a, &b| {
                    distance(&row(i), &row(a)).total_cmp(&distance(&row(i), &row(b)))
                });
                others[..k].iter().any(|&j| {
                    let (a, b) = (row(i), row(j));
                    distance(&a, &made) + distance(&made, &b) - distance(&a, &b) < 1e-5
                })
            });
            prop_assert!(between, "{:?}", made);
        }
    }
}

#[test]
fn strategies_say_other_sizes() {
    let y = labels(&[0, 0, 0, 0, 0, 0, 1, 1]);
    let counts = |pairs: &[(i64, usize)]| Strategy::Counts(pairs.iter().copied().collect());
    let over = |strategy| RandomOverSampler::new(0).strategy(strategy).indices(&y);
    let under = |strategy| RandomUnderSampler::new(0).strategy(strategy).indices(&y);
    assert_eq!(over(Strategy::Ratio(0.5)).expect("ratio").len(), 6 + 3);
    assert_eq!(under(Strategy::Ratio(0.5)).expect("ratio").len(), 4 + 2);
    assert_eq!(over(counts(&[(1, 5)])).expect("counts").len(), 6 + 5);
    assert_eq!(under(counts(&[(0, 1)])).expect("counts").len(), 1 + 2);
    for refused in [
        over(counts(&[(0, 5)])),
        over(counts(&[(7, 5)])),
        over(Strategy::Ratio(0.1)),
        over(Strategy::Ratio(1.5)),
        under(counts(&[(1, 3)])),
    ] {
        let error = refused.expect_err("refused");
        assert!(matches!(error.kind(), Kind::Argument { .. }), "{error}");
    }
    let three = labels(&[0, 1, 2]);
    assert!(RandomOverSampler::new(0).strategy(Strategy::Ratio(0.5)).indices(&three).is_err());
}

#[test]
fn smote_keeps_shape_and_type_and_refuses_small_classes() {
    let x = Array::from_vec((0..24).map(f64::from).collect(), [6, 2, 2]).expect("shape");
    let y = labels(&[0, 0, 0, 0, 1, 1]);
    let (x1, _) = Smote::new(0).k_neighbors(1).fit_resample(&x, &y).expect("classes");
    assert_eq!((x1.shape().dims(), x1.dtype()), (&[8, 2, 2][..], DType::F64));
    assert_eq!(
        Smote::new(0).k_neighbors(2).fit_resample(&x, &y).unwrap_err().to_string(),
        "smote: k_neighbors is 2 for 2 of class 1, expected at least 1 and less than the class \
         has samples"
    );
    let error = Smote::new(0).fit_resample(&x, &labels(&[0, 1])).unwrap_err();
    assert!(matches!(error.kind(), Kind::Shape { .. }), "{error}");
}

#[test]
fn labels_out_of_range_are_refused() {
    let error = class_counts(&labels(&[0, 5]), 3).unwrap_err();
    assert_eq!(error.to_string(), "class_counts: index 5 at position 1 is outside 0..3");
    assert!(matches!(class_counts(&labels(&[-1]), 3).unwrap_err().kind(), Kind::Index { .. }));
    let error = class_weights(&labels(&[0, 2]), 3).unwrap_err();
    assert!(error.to_string().contains("none of class 1"), "{error}");
    let floats = Array::from_vec(vec![0.0f32], [1]).expect("array");
    assert!(matches!(class_counts(&floats, 3).unwrap_err().kind(), Kind::DType { .. }));
    let wide = Array::from_vec(vec![0i32; 4], [2, 2]).expect("array");
    assert!(matches!(class_counts(&wide, 3).unwrap_err().kind(), Kind::Shape { .. }));
}
