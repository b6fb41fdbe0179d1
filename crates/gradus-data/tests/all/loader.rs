//! Laws of the data loader: every sample once, the same order for the same seed, no thread left.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use gradus_data::{DataLoader, Dataset, Loader, TensorDataset};
use gradus_tensor::{Array, Device, Error, Kind, Result};
use proptest::prelude::*;

fn numbered(n: usize) -> TensorDataset {
    let x: Vec<f32> = (0..2 * n).map(|v| v as f32 / 2.0).collect();
    let y: Vec<i32> = (0..n as i32).collect();
    let x = Array::from_vec(x, [n, 2]).expect("shape");
    TensorDataset::pair(x, Array::from_vec(y, [n]).expect("shape")).expect("sizes")
}

/// The labels of each batch of the loader's next epoch.
fn epoch(loader: &DataLoader) -> Vec<Vec<i32>> {
    let batches = loader.iter().map(|batch| {
        let (x, y) = batch.expect("valid");
        let (x, y) = (x.to_vec::<f32>().expect("x"), y.to_vec::<i32>().expect("y"));
        // Columns of a batch belong together.
        let pairs: Vec<f32> = y.iter().flat_map(|&v| [v as f32, v as f32 + 0.5]).collect();
        assert_eq!(x, pairs);
        y
    });
    batches.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_sample_comes_exactly_once(
        n in 0usize..70, size in 1usize..20, drop_last: bool, seed in any::<Option<u64>>(),
        prefetch in 0usize..4,
    ) {
        let mut loader =
            DataLoader::new(&numbered(n)).batch_size(size).drop_last(drop_last).prefetch(prefetch);
        if let Some(seed) = seed {
            loader = loader.shuffle(seed);
        }
        let batches = epoch(&loader);
        prop_assert_eq!(batches.len(), loader.len());
        prop_assert_eq!(loader.samples(), n);
        let full = n / size;
        prop_assert!(batches[..full].iter().all(|b| b.len() == size));
        let kept = if drop_last { full * size } else { n };
        let mut seen = batches.concat();
        prop_assert_eq!(seen.len(), kept);
        seen.sort_unstable();
        seen.dedup();
        prop_assert_eq!(seen.len(), kept);
        prop_assert!(seen.iter().all(|&v| (v as usize) < n));
    }

    #[test]
    fn the_order_is_seed_and_epoch(
        n in 20usize..60, size in 1usize..9, seed: u64, number in 0u64..1000, a in 0usize..5,
        b in 0usize..5,
    ) {
        let data = numbered(n);
        let loader =
            |depth| DataLoader::new(&data).batch_size(size).shuffle(seed).prefetch(depth);
        let (first, second) = (loader(a).epoch(number), loader(b).epoch(number));
        let batches = epoch(&first);
        prop_assert_eq!(&batches, &epoch(&second));
        // The next iteration is the next epoch, wherever it is started from.
        let next = epoch(&first);
        prop_assert_ne!(&batches, &next);
        prop_assert_eq!(next, epoch(&loader(2).epoch(number + 1)));
    }
}

#[test]
fn three_thousand_samples_make_47_batches_of_64() {
    let loader = DataLoader::new(&numbered(3000)).batch_size(64).shuffle(1);
    assert_eq!(loader.len(), 47);
    let sizes: Vec<usize> = epoch(&loader).iter().map(Vec::len).collect();
    assert_eq!(sizes, [vec![64; 46], vec![56]].concat());
}

#[test]
fn the_defaults_are_single_samples_in_order() {
    let batches = epoch(&DataLoader::new(&numbered(3)));
    assert_eq!(batches, [[0], [1], [2]]);
}

#[test]
fn batches_are_put_on_the_device_and_into_the_type() {
    struct Wrapped(Array);
    impl From<Array> for Wrapped {
        fn from(array: Array) -> Self {
            Wrapped(array)
        }
    }
    let loader: Loader<Wrapped> = Loader::new(&numbered(5)).batch_size(5).to(&Device::cpu());
    for batch in loader {
        let (x, y) = batch.expect("valid");
        assert_eq!((x.0.device(), y.0.shape().dims()), (Device::cpu(), &[5][..]));
    }
}

#[test]
fn other_column_counts_need_batches() {
    let x = Array::from_vec(vec![1.0f32, 2.0], [2]).expect("shape");
    let data = TensorDataset::new(vec![x.clone(), x.clone(), x]).expect("sizes");
    let loader = DataLoader::new(&data);
    let rows: Vec<usize> = loader.batches().map(|b| b.expect("valid").len()).collect();
    assert_eq!(rows, [3, 3]);
    let mut pairs = loader.iter();
    let error = pairs.next().expect("an item").expect_err("three columns");
    assert_eq!(
        error.to_string(),
        "data_loader: number of columns is 3, expected 2; `batches` gives any number of columns"
    );
    assert!(pairs.next().is_none());
}

#[test]
fn a_batch_size_of_zero_is_an_error() {
    let loader = DataLoader::new(&numbered(3)).batch_size(0);
    assert_eq!(loader.len(), 0);
    let mut pairs = loader.iter();
    let error = pairs.next().expect("an item").expect_err("no batches");
    assert_eq!(error.to_string(), "data_loader: batch_size is 0, expected at least 1");
    assert!(pairs.next().is_none());
}

/// Calls a function on each fetch.
struct Probe<F>(F);

impl<F: Fn(&[usize]) -> Result<()> + Send + Sync> Dataset for Probe<F> {
    fn len(&self) -> usize {
        100
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
        (self.0)(indices)?;
        numbered(100).fetch(indices)
    }
}

fn check_stop(depth: usize, says: &str, fail: impl Fn() -> Result<()> + Send + Sync + 'static) {
    let data = Arc::new(Probe(move |i: &[usize]| if i.contains(&50) { fail() } else { Ok(()) }));
    let mut batches = DataLoader::new(&data).batch_size(10).prefetch(depth).into_iter();
    for _ in 0..5 {
        batches.next().expect("a batch").expect("valid");
    }
    let error = batches.next().expect("an item").expect_err("fails");
    assert!(error.to_string().contains(says), "{error}");
    assert!(error.to_string().ends_with("in batch 5 of the data loader"), "{error}");
    assert!(batches.next().is_none());
    assert_eq!(Arc::strong_count(&data), 1, "the thread has gone");
}

#[test]
fn errors_and_panics_of_a_fetch_reach_the_consumer() {
    for depth in [0, 1, 2, 9] {
        check_stop(depth, "x: idx: bad", || Err(Error::format("x", "idx", None, "bad")));
        // Quiet: the message of the panic hook is expected here.
        check_stop(depth, "one that panics: boom 7", || panic!("boom {}", 7));
    }
}

#[test]
fn dropping_an_iterator_stops_its_thread() {
    for taken in 0..4 {
        let fetched = Arc::new(AtomicUsize::new(0));
        let count = fetched.clone();
        let data = Arc::new(Probe(move |_: &[usize]| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }));
        let loader = DataLoader::new(&data).prefetch(3);
        let mut batches = loader.iter();
        for _ in 0..taken {
            batches.next().expect("a batch").expect("valid");
        }
        drop((batches, loader));
        assert_eq!(Arc::strong_count(&data), 1, "nothing holds the dataset");
        // Three ahead of what was taken, and one that the thread may have begun.
        assert!(fetched.load(Ordering::SeqCst) <= taken + 4);
    }
}

#[test]
fn batches_are_fetched_while_the_consumer_works() {
    // The consumer meets the fetch of the next batch: it deadlocks unless both run at once.
    let meet = Arc::new(Barrier::new(2));
    let met = meet.clone();
    let data = Arc::new(Probe(move |i: &[usize]| {
        if i[0] == 50 {
            met.wait();
        }
        Ok(())
    }));
    let mut batches = DataLoader::new(&data).batch_size(50).prefetch(1).into_iter();
    batches.next().expect("a batch").expect("valid");
    meet.wait();
    batches.next().expect("a batch").expect("valid");
}

#[test]
fn a_dataset_that_returns_other_rows_is_refused() {
    #[derive(Clone)]
    struct Short;
    impl Dataset for Short {
        fn len(&self) -> usize {
            4
        }
        fn fetch(&self, _: &[usize]) -> Result<Vec<Array>> {
            numbered(2).fetch(&[0, 1])
        }
    }
    let error = DataLoader::new(&Short).batch_size(4).iter().next().expect("an item");
    assert!(matches!(error.expect_err("two rows for four").kind(), Kind::Shape { .. }));
}
