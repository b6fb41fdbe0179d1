//! Datasets made of others, and of files.

use std::collections::BTreeMap;
use std::sync::Arc;

use gradus_data::{
    Cached, Collated, Concat, Dataset, Items, Mapped, Subset, TensorDataset, WindowOptions,
    Windowed, pad_collate,
};
use gradus_io::{write_npy, write_safetensors};
use gradus_tensor::{Array, DType, Kind, Result};
use proptest::prelude::*;

fn numbered(from: i32, n: usize) -> TensorDataset {
    let y: Vec<i32> = (from..from + n as i32).collect();
    let x: Vec<f32> = y.iter().flat_map(|&v| [v as f32, v as f32 + 0.5]).collect();
    let x = Array::from_vec(x, [n, 2]).expect("shape");
    TensorDataset::pair(x, Array::from_vec(y, [n]).expect("shape")).expect("sizes")
}

/// The labels of some samples, whose `x` belong to them.
fn labels(data: &dyn Dataset, indices: &[usize]) -> Vec<i32> {
    let columns = data.fetch(indices).expect("valid");
    let y = columns[1].to_vec::<i32>().expect("y");
    let pairs: Vec<f32> = y.iter().flat_map(|&v| [v as f32, v as f32 + 0.5]).collect();
    assert_eq!(columns[0].to_vec::<f32>().expect("x"), pairs);
    y
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn wrappers_deliver_the_samples_asked_for(
        a in 0usize..9, b in 0usize..9, c in 1usize..9,
        wanted in prop::collection::vec(0usize..30, 0..12),
    ) {
        let parts = [numbered(0, a), numbered(a as i32, b), numbered((a + b) as i32, c)];
        let all = Concat::new(&parts);
        prop_assert_eq!(all.len(), a + b + c);
        let wanted: Vec<usize> = wanted.into_iter().map(|i| i % all.len()).collect();
        let expected: Vec<i32> = wanted.iter().map(|&i| i as i32).collect();
        prop_assert_eq!(labels(&all, &wanted), &expected[..]);
        let cached = Cached::new(&all);
        prop_assert_eq!(labels(&cached, &wanted), &expected[..]);
        prop_assert_eq!(labels(&cached, &wanted), &expected[..]);
        let back: Vec<usize> = (0..all.len()).rev().collect();
        let subset = Subset::new(&cached, &back).expect("valid");
        let last = all.len() - 1;
        let mirrored: Vec<usize> = wanted.iter().map(|&i| last - i).collect();
        prop_assert_eq!(labels(&subset, &mirrored), expected);
    }

    #[test]
    fn windows_are_stretches_of_the_series(
        steps in 1usize..40, length in 1usize..6, stride in 1usize..4, rate in 1usize..4,
        start in 0usize..5, horizon in 1usize..4,
    ) {
        prop_assume!(start <= steps);
        let series = Array::from_vec((0..steps as i32).collect(), [steps]).expect("shape");
        let options = WindowOptions {
            sequence_stride: stride,
            sampling_rate: rate,
            start_index: start,
            ..WindowOptions::new(length)
        };
        let reach = |count: usize| (count - 1) * rate;
        let data = Windowed::new(&series, None, options).expect("options");
        // Keras: the starts of range(start, end - reach) in steps of the stride.
        let starts: Vec<usize> = (start..(steps - start).saturating_sub(reach(length)) + start)
            .step_by(stride)
            .collect();
        prop_assert_eq!(data.len(), starts.len());
        let all: Vec<usize> = (0..data.len()).collect();
        let x = data.fetch(&all).expect("valid")[0].to_vec::<i32>().expect("x");
        for (window, &start) in x.chunks(length).zip(&starts) {
            let expected: Vec<i32> = (0..length).map(|i| (start + i * rate) as i32).collect();
            prop_assert_eq!(window, &expected[..]);
        }
        let data = Windowed::forecast(&series, horizon, options).expect("options");
        for at in 0..data.len() {
            let batch = data.fetch(&[at]).expect("valid");
            let joined: Vec<i32> =
                [batch[0].to_vec::<i32>().expect("x"), batch[1].to_vec().expect("y")].concat();
            let first = start + at * stride;
            let expected: Vec<i32> =
                (0..length + horizon).map(|i| (first + i * rate) as i32).collect();
            prop_assert_eq!(joined, expected);
        }
        let possible = (steps - start).saturating_sub(reach(length + horizon));
        prop_assert_eq!(data.len(), possible.div_ceil(stride));
    }
}

#[test]
fn windows_of_rows_have_targets_of_their_first_step() {
    let series = Array::from_vec((0..12).map(|v| v as f32).collect(), [6, 2]).expect("shape");
    let targets = Array::from_vec(vec![10i32, 11, 12, 13], [4]).expect("shape");
    let data = Windowed::new(&series, Some(&targets), WindowOptions::new(2)).expect("options");
    assert_eq!(data.len(), 4);
    let batch = data.fetch(&[3, 0]).expect("valid");
    assert_eq!(batch[0].shape().dims(), [2, 2, 2]);
    assert_eq!(batch[0].to_vec::<f32>().expect("x"), [6.0, 7.0, 8.0, 9.0, 0.0, 1.0, 2.0, 3.0]);
    assert_eq!(batch[1].to_vec::<i32>().expect("y"), [13, 10]);
    for options in [
        WindowOptions::new(0),
        WindowOptions { sequence_stride: 0, ..WindowOptions::new(2) },
        WindowOptions { end_index: Some(7), ..WindowOptions::new(2) },
        WindowOptions { start_index: 7, ..WindowOptions::new(2) },
    ] {
        let error = Windowed::new(&series, None, options).expect_err("refused");
        assert!(matches!(error.kind(), Kind::Argument { .. }), "{error}");
    }
    assert!(Windowed::forecast(&series, 0, WindowOptions::new(2)).is_err());
}

#[test]
fn parts_that_are_not_alike_are_refused() {
    let narrow = TensorDataset::new(vec![Array::from_vec(vec![1.0f32], [1]).expect("shape")]);
    let narrow = narrow.expect("sizes");
    let joined = Concat::new(&[numbered(0, 2), narrow]);
    assert!(matches!(joined.fetch(&[0, 2]).unwrap_err().kind(), Kind::Argument { .. }));
    assert!(matches!(joined.fetch(&[3]).unwrap_err().kind(), Kind::Index { .. }));
    let wide = Array::from_vec(vec![1.0f32; 3], [1, 3]).expect("shape");
    let wide = TensorDataset::pair(wide, Array::from_vec(vec![1i32], [1]).expect("shape"));
    let joined = Concat::new(&[numbered(0, 2), wide.expect("sizes")]);
    let error = joined.fetch(&[0, 2]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "concat: all samples of a column must have one shape; first [1, 2], other [1, 3]"
    );
    assert!(matches!(Subset::new(&numbered(0, 2), &[2]).unwrap_err().kind(), Kind::Index { .. }));
}

#[test]
fn a_cache_keeps_its_limit_and_delivers_what_came() {
    let data = numbered(0, 100);
    let small = Cached::new(&data).max_bytes(100);
    let error = small.fetch(&[1]).unwrap_err();
    assert!(error.to_string().contains("1200 for 100 samples, above 100"), "{error}");
    let mixed: Vec<Arc<dyn Dataset>> = vec![
        Arc::new(numbered(0, 1)),
        Arc::new(Mapped::new(&numbered(1, 1), |c| Ok(vec![c[1].clone(), c[1].clone()]))),
    ];
    let cached = Cached::new(&Concat::new(&mixed));
    cached.fetch(&[0]).expect("the first");
    let error = cached.fetch(&[1]).unwrap_err();
    assert!(error.to_string().contains("of the shapes and types of the first"), "{error}");
    assert_eq!(format!("{cached:?}"), "Cached(1 of 2 samples)");
}

struct Texts(Vec<Array>);

impl Items for Texts {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, index: usize) -> Result<Vec<Array>> {
        Ok(vec![self.0[index].clone()])
    }
}

#[test]
fn items_are_stacked_or_padded() {
    let a = |v: &[f32]| Array::from_vec(v.to_vec(), [v.len()]).expect("shape");
    let equal = Collated::new(Texts(vec![a(&[1.0, 2.0]), a(&[3.0, 4.0])]));
    let batch = equal.fetch(&[1, 0]).expect("valid");
    assert_eq!(batch[0].shape().dims(), [2, 2]);
    assert_eq!(batch[0].to_vec::<f32>().expect("x"), [3.0, 4.0, 1.0, 2.0]);
    let items = || Collated::new(Texts(vec![a(&[1.0, 2.0]), a(&[]), a(&[3.0])]));
    let error = items().fetch(&[0, 2]).unwrap_err().to_string();
    assert!(error.contains("first [2], other [1]; in sample 1"), "{error}");
    let padded = items().collate(pad_collate(-1.0));
    let batch = padded.fetch(&[0, 1, 2]).expect("valid");
    assert_eq!(batch[0].to_vec::<f32>().expect("x"), [1.0, 2.0, -1.0, -1.0, 3.0, -1.0]);
    assert_eq!(batch[1].to_vec::<i32>().expect("lengths"), [2, 0, 1]);
    assert!(items().fetch(&[]).is_err());
    let whole = Collated::new(Texts(vec![Array::from_vec(vec![1u8], [1]).expect("shape")]));
    assert!(whole.collate(pad_collate(0.5)).fetch(&[0]).is_err(), "no byte is a half");
}

#[test]
fn arrays_in_files_become_columns() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name);
    let x = Array::from_vec(vec![1.0f64, 2.0], [2]).expect("shape");
    let y = Array::from_vec(vec![7u8, 8], [2]).expect("shape");
    write_npy(path("x.npy"), &x).expect("writable");
    write_npy(path("y.npy"), &y).expect("writable");
    let arrays = BTreeMap::from([("a".to_owned(), x), ("b".to_owned(), y)]);
    #[cfg(feature = "npz")]
    gradus_io::write_npz(path("d.npz"), &arrays).expect("writable");
    write_safetensors(path("d.safetensors"), &arrays, &BTreeMap::new()).expect("writable");
    let check = |data: Result<TensorDataset>, first: DType| {
        let columns = data.expect("valid").fetch(&[1]).expect("a sample");
        assert_eq!((columns.len(), columns[0].dtype()), (2, first));
    };
    check(TensorDataset::from_npy(&[path("x.npy"), path("y.npy")]), DType::F64);
    check(TensorDataset::from_safetensors(path("d.safetensors"), &["b", "a"]), DType::U8);
    let from = |names: &[&str]| TensorDataset::from_safetensors(path("d.safetensors"), names);
    let error = from(&["a", "c"]).unwrap_err().to_string();
    assert!(error.contains("`c`") && error.contains("has a, b"), "{error}");
    #[cfg(feature = "npz")]
    {
        let from = |names: &[&str]| TensorDataset::from_npz(path("d.npz"), names);
        check(from(&[]), DType::F64);
        check(from(&["b", "a"]), DType::U8);
        let error = from(&["a", "c"]).unwrap_err().to_string();
        assert!(error.contains("`c`") && error.contains("has a, b"), "{error}");
    }
    std::fs::write(path("x.npy"), "").expect("writable");
    let error = TensorDataset::from_npy(&[path("x.npy")]).unwrap_err();
    assert!(matches!(error.kind(), Kind::Format { .. }), "{error}");
}
