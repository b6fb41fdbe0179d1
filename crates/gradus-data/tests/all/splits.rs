//! Laws of splits: disjoint, complete, of the sizes and shares asked for.

use gradus_data::{KFold, StratifiedKFold, TrainTestSplit, train_test_split};
use gradus_tensor::{Array, Kind};
use proptest::prelude::*;

fn labels(values: &[i32]) -> Array {
    Array::from_vec(values.to_vec(), [values.len()]).expect("labels")
}

fn together(a: &[usize], b: &[usize]) -> Vec<usize> {
    let mut all = [a, b].concat();
    all.sort_unstable();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn train_and_test_are_disjoint_and_complete(
        n in 2usize..200, share in 0.01f64..0.99, seed: u64, shuffle: bool,
    ) {
        let n_test = (share * n as f64).ceil() as usize;
        prop_assume!(n_test < n);
        let options =
            TrainTestSplit { test_size: Some(share.into()), seed, shuffle, ..Default::default() };
        let (train, test) = train_test_split(n, &options).expect("sizes");
        prop_assert_eq!(test.len(), n_test);
        prop_assert_eq!(together(&train, &test), (0..n).collect::<Vec<_>>());
        prop_assert_eq!((train, test), train_test_split(n, &options).expect("sizes"));
    }

    #[test]
    fn stratified_parts_have_the_shares(
        sizes in prop::collection::vec(2usize..40, 1..5), share in 0.2f64..0.8, seed: u64,
    ) {
        let classes = sizes.iter().enumerate();
        let y: Vec<i32> = classes.flat_map(|(class, &n)| vec![class as i32; n]).collect();
        let n = y.len();
        let n_test = (share * n as f64).ceil() as usize;
        prop_assume!(n_test >= sizes.len() && n - n_test >= sizes.len());
        let options = TrainTestSplit {
            test_size: Some(share.into()), seed, stratify: Some(labels(&y)), ..Default::default()
        };
        let (train, test) = train_test_split(n, &options).expect("sizes");
        prop_assert_eq!(together(&train, &test), (0..n).collect::<Vec<_>>());
        prop_assert_eq!(test.len(), n_test);
        for (class, &size) in sizes.iter().enumerate() {
            let got = test.iter().filter(|&&i| y[i] as usize == class).count() as f64;
            prop_assert!((got - size as f64 * n_test as f64 / n as f64).abs() < 1.0);
        }
    }

    #[test]
    fn each_sample_is_tested_in_one_fold(
        n in 2usize..100, splits in 2usize..9, seed in any::<Option<u64>>(),
    ) {
        prop_assume!(splits <= n);
        let folds = match seed {
            Some(seed) => KFold::new(splits).shuffle(seed),
            None => KFold::new(splits),
        };
        let folds = folds.split(n).expect("sizes");
        let mut tested: Vec<usize> = Vec::new();
        for fold in &folds {
            prop_assert_eq!(together(&fold.train, &fold.test), (0..n).collect::<Vec<_>>());
            prop_assert!(fold.test.len() == n / splits || fold.test.len() == n / splits + 1);
            tested.extend(&fold.test);
        }
        tested.sort_unstable();
        prop_assert_eq!(tested, (0..n).collect::<Vec<_>>());
    }

    #[test]
    fn stratified_folds_have_the_shares(
        sizes in prop::collection::vec(1usize..40, 1..5), splits in 2usize..6,
        seed in any::<Option<u64>>(), step in 1usize..50,
    ) {
        prop_assume!(sizes.iter().max() >= Some(&splits));
        let classes = sizes.iter().enumerate();
        let y: Vec<i32> = classes.flat_map(|(class, &n)| vec![class as i32; n]).collect();
        // Another order of the samples.
        let n = y.len();
        let y: Vec<i32> = (0..n).map(|i| y[(i * step + i / 3) % n]).collect();
        let size = |class: i32| y.iter().filter(|&&v| v == class).count();
        prop_assume!((0..4).any(|class| size(class) >= splits));
        let folds = match seed {
            Some(seed) => StratifiedKFold::new(splits).shuffle(seed),
            None => StratifiedKFold::new(splits),
        };
        let mut tested: Vec<usize> = Vec::new();
        for fold in folds.split(&labels(&y)).expect("sizes") {
            prop_assert_eq!(together(&fold.train, &fold.test), (0..n).collect::<Vec<_>>());
            for class in 0..4 {
                let got = fold.test.iter().filter(|&&i| y[i] == class).count();
                prop_assert!(got.abs_diff(size(class) / splits) <= 1);
            }
            tested.extend(&fold.test);
        }
        tested.sort_unstable();
        prop_assert_eq!(tested, (0..n).collect::<Vec<_>>());
    }
}

#[test]
fn other_seeds_give_other_parts() {
    let part = |seed| {
        train_test_split(50, &TrainTestSplit { seed, ..Default::default() }).expect("sizes").1
    };
    assert_ne!(part(0), part(1));
    let options = TrainTestSplit { shuffle: false, ..Default::default() };
    let (train, test) = train_test_split(8, &options).expect("sizes");
    assert_eq!((train, test), ((0..6).collect(), vec![6, 7]));
    let options = TrainTestSplit {
        train_size: Some(3.into()),
        test_size: Some(0.5.into()),
        ..Default::default()
    };
    let (train, test) = train_test_split(9, &options).expect("sizes");
    assert_eq!((train.len(), test.len()), (3, 5));
}

#[test]
fn impossible_splits_are_refused() {
    let refused = |samples, options: TrainTestSplit| {
        let error = train_test_split(samples, &options).expect_err("refused");
        assert!(matches!(error.kind(), Kind::Argument { .. }), "{error}");
        error.to_string()
    };
    let sized = |size: f64| TrainTestSplit { test_size: Some(size.into()), ..Default::default() };
    assert_eq!(
        refused(10, sized(1.5)),
        "train_test_split: test_size is 1.5, expected above 0 and below 1, or a number of samples"
    );
    refused(10, sized(f64::NAN));
    refused(1, sized(0.5));
    refused(10, TrainTestSplit { test_size: Some(11.into()), ..Default::default() });
    let stratified = |y: &[i32]| TrainTestSplit { stratify: Some(labels(y)), ..sized(0.5) };
    assert!(refused(3, stratified(&[0, 0, 1])).contains("one of class 1"));
    assert!(refused(3, stratified(&[0, 0])).contains("2 for 3 samples"));
    refused(4, TrainTestSplit { shuffle: false, ..stratified(&[0, 0, 1, 1]) });
    let few = TrainTestSplit { test_size: Some(1.into()), ..stratified(&[0, 0, 1, 1]) };
    assert!(refused(4, few).contains("test_size is 1 for 2 classes"));
    assert!(KFold::new(1).split(5).is_err() && KFold::new(6).split(5).is_err());
    assert!(StratifiedKFold::new(3).split(&labels(&[0, 0, 1, 1])).is_err());
}
