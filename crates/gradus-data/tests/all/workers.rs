//! Workers, transforms and resuming change when work is done, never what comes out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use gradus_data::{
    DataLoader, Dataset, Lambda, Position, SampleKey, TensorDataset, ToFloat, Transform,
    WeightedRandomSampler,
};
use gradus_tensor::{Array, DType, Error, Kind, Result};
use proptest::prelude::*;

fn numbered(n: usize) -> TensorDataset {
    let x: Vec<f32> = (0..n).map(|v| v as f32).collect();
    TensorDataset::new(vec![Array::from_vec(x, [n]).expect("shape")]).expect("sizes")
}

/// Adds to each sample random numbers of its own.
fn jitter() -> impl Transform {
    Lambda(|mut columns: Vec<Array>, keys: &[SampleKey]| {
        let x = columns[0].to_vec::<f32>()?;
        let moved = x.iter().zip(keys).map(|(x, key)| x + key.rng().uniform(1)[0]);
        columns[0] = Array::from_vec(moved.collect(), [x.len()])?;
        Ok(columns)
    })
}

fn epoch(loader: &DataLoader) -> Vec<Vec<f32>> {
    loader.batches().map(|batch| batch.expect("valid")[0].to_vec().expect("f32")).collect()
}

/// A dataset whose fetches take times of their own, so that workers overtake each other.
#[derive(Clone)]
struct Uneven(TensorDataset);

impl Dataset for Uneven {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
        thread::sleep(Duration::from_micros((indices[0] * 7 % 5) as u64 * 100));
        self.0.fetch(indices)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn workers_never_change_a_batch(
        n in 1usize..60, size in 1usize..9, seed: u64, number in 0u64..9, workers in 0usize..6,
        prefetch in 0usize..6, drop_last: bool,
    ) {
        let data = Uneven(numbered(n));
        let loader = |workers, prefetch| {
            let loader = DataLoader::new(&data).batch_size(size).shuffle(seed).drop_last(drop_last);
            let loader = loader.transform(jitter()).transform(jitter()).epoch(number);
            epoch(&loader.num_workers(workers).prefetch(prefetch))
        };
        prop_assert_eq!(loader(workers, prefetch), loader(0, 0));
    }

    #[test]
    fn a_sample_is_changed_alike_in_any_batch(
        n in 1usize..40, a in 1usize..9, b in 1usize..9, seed: u64, number in 0u64..9,
    ) {
        let samples = |size| {
            let loader = DataLoader::new(&numbered(n)).batch_size(size).shuffle(seed);
            epoch(&loader.transform(jitter()).epoch(number)).concat()
        };
        prop_assert_eq!(samples(a), samples(b));
    }

    #[test]
    fn a_resumed_epoch_equals_the_uninterrupted_one(
        n in 1usize..60, size in 1usize..9, seed: u64, taken in 0usize..8, workers in 0usize..4,
    ) {
        let data = numbered(n);
        let loader = || {
            let loader = DataLoader::new(&data).batch_size(size).shuffle(seed).epoch(4);
            loader.transform(jitter()).num_workers(workers)
        };
        let whole = epoch(&loader());
        let first = loader();
        let mut batches = first.batches();
        let taken = batches.by_ref().take(taken).count();
        let position = batches.position();
        prop_assert_eq!(position, Position { epoch: 4, batch: taken });
        drop(batches);
        let resumed = loader().resume(position);
        prop_assert_eq!(&epoch(&resumed), &whole[taken..]);
        // The epochs that follow are whole.
        prop_assert_eq!(epoch(&resumed), epoch(&first));
    }
}

#[test]
fn epochs_and_transforms_draw_other_numbers() {
    let loader = DataLoader::new(&numbered(4)).batch_size(4).seed(1).transform(jitter());
    let (first, second) = (epoch(&loader).concat(), epoch(&loader).concat());
    assert_ne!(first, second);
    let twice = DataLoader::new(&numbered(4)).batch_size(4).seed(1);
    let twice = epoch(&twice.transform(jitter()).transform(jitter())).concat();
    for (i, (once, twice)) in first.iter().zip(&twice).enumerate() {
        let (a, b) = (once - i as f32, twice - once);
        assert!((0.0..1.0).contains(&b) && (a - b).abs() > 1e-4, "{a} {b}");
    }
    // A transform on the device draws as one more in the row.
    let split = DataLoader::new(&numbered(4)).batch_size(4).seed(1);
    let split = split.transform(jitter()).transform_on_device(jitter());
    assert_eq!(epoch(&split).concat(), twice);
}

#[test]
fn a_sample_that_is_drawn_twice_is_changed_in_two_ways() {
    let sampler = WeightedRandomSampler::new(&[0.0, 1.0], 8, true, 0).expect("weights");
    let loader = DataLoader::new(&numbered(2)).batch_size(3).sampler(sampler).transform(jitter());
    let mut values = epoch(&loader).concat();
    assert_eq!(values.len(), 8);
    values.sort_by(f32::total_cmp);
    assert!(values.windows(2).all(|pair| pair[0] < pair[1]), "{values:?}");
}

#[test]
fn several_workers_fetch_at_once_and_no_more_than_allowed() {
    struct Watched(AtomicUsize, AtomicUsize);
    impl Dataset for Watched {
        fn len(&self) -> usize {
            40
        }
        fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
            let now = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            self.1.fetch_max(now, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(5));
            self.0.fetch_sub(1, Ordering::SeqCst);
            numbered(40).fetch(indices)
        }
    }
    let data = Arc::new(Watched(AtomicUsize::new(0), AtomicUsize::new(0)));
    let loader = DataLoader::new(&data).batch_size(2).num_workers(4);
    assert_eq!(epoch(&loader).concat(), (0..40).map(|v| v as f32).collect::<Vec<_>>());
    let most = data.1.load(Ordering::SeqCst);
    assert!((2..=4).contains(&most), "{most} at once");
}

#[test]
fn the_first_error_in_order_ends_the_epoch() {
    struct Broken;
    impl Dataset for Broken {
        fn len(&self) -> usize {
            30
        }
        fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
            if indices[0] == 5 {
                // Later ones fail first.
                thread::sleep(Duration::from_millis(20));
            }
            if indices[0] >= 5 {
                return Err(Error::format("x", "test", None, format!("sample {}", indices[0])));
            }
            numbered(30).fetch(indices)
        }
    }
    let data = Arc::new(Broken);
    let mut batches = DataLoader::new(&data).num_workers(4).prefetch(8).batches();
    for _ in 0..5 {
        batches.next().expect("a batch").expect("valid");
    }
    let error = batches.next().expect("an item").expect_err("fails").to_string();
    assert!(error.contains("sample 5") && error.ends_with("in batch 5 of the data loader"));
    // The position is that of the batch that failed: it can be tried again.
    assert_eq!(batches.position(), Position { epoch: 0, batch: 5 });
    assert!(batches.next().is_none());
    assert_eq!(Arc::strong_count(&data), 1, "the threads have gone");
}

#[test]
fn a_transform_must_keep_the_samples() {
    let half = Lambda(|columns: Vec<Array>, keys: &[SampleKey]| {
        columns.iter().map(|column| column.narrow(0, 0, keys.len() / 2)).collect()
    });
    let loader = DataLoader::new(&numbered(4)).batch_size(4).transform(half);
    let error = loader.batches().next().expect("an item").expect_err("two of four");
    assert!(matches!(error.kind(), Kind::Shape { .. }), "{error}");
    let boom = Lambda(|_: Vec<Array>, _: &[SampleKey]| -> Result<Vec<Array>> { panic!("boom") });
    let loader = DataLoader::new(&numbered(4)).transform(boom);
    let error = loader.batches().next().expect("an item").expect_err("a panic").to_string();
    assert!(error.contains("one that panics: boom"), "{error}");
}

#[test]
fn bytes_are_converted_after_the_transforms() {
    let x = Array::from_vec(vec![0u8, 255, 51, 102], [2, 1, 2]).expect("shape");
    let data = TensorDataset::new(vec![x]).expect("data");
    let flip = Lambda(|mut columns: Vec<Array>, _: &[SampleKey]| {
        assert_eq!(columns[0].dtype(), DType::U8);
        let flipped = columns[0].layout().flipped(&[2])?;
        columns[0] = columns[0].with_layout(flipped);
        Ok(columns)
    });
    let half = ToFloat::scaled(0.5).expect("finite");
    let loader = DataLoader::new(&data).batch_size(2).transform(flip).convert(0, half.clone());
    assert_eq!(epoch(&loader).concat(), [127.5, 0.0, 51.0, 25.5]);
    let loader = DataLoader::new(&data).convert(1, half);
    let error = loader.batches().next().expect("an item").expect_err("no column 1");
    assert!(matches!(error.kind(), Kind::Index { .. }), "{error}");
}
