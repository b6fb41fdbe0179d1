//! Laws of samplers: who comes, how often, and in which share.

use std::collections::HashSet;

use gradus_data::{
    DataLoader, DistributedSampler, RandomSampler, Sampler, SequentialSampler, StratifiedSampler,
    SubsetRandomSampler, TensorDataset, WeightedRandomSampler, sample_weights,
};
use gradus_tensor::Array;
use proptest::prelude::*;

fn labels(values: &[i32]) -> Array {
    Array::from_vec(values.to_vec(), [values.len()]).expect("labels")
}

fn sorted(mut indices: Vec<usize>) -> Vec<usize> {
    indices.sort_unstable();
    indices
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn samplers_without_replacement_visit_each_once(
        n in 0usize..80, seed: u64, epoch in 0u64..5, classes in 1i32..5,
    ) {
        let y: Vec<i32> = (0..n as i32).map(|i| i * i % classes).collect();
        let all: Vec<usize> = (0..n).collect();
        let stratified = StratifiedSampler::new(&labels(&y), seed).expect("labels");
        let samplers: [Box<dyn Sampler>; 4] = [
            Box::new(SequentialSampler::new(n)),
            Box::new(RandomSampler::new(n, seed)),
            Box::new(SubsetRandomSampler::new(&all, seed)),
            Box::new(stratified),
        ];
        for sampler in samplers {
            let indices = sampler.indices(epoch);
            prop_assert_eq!(indices.len(), sampler.len());
            prop_assert!(!sampler.repeats());
            prop_assert_eq!(&sorted(indices.clone()), &all);
            prop_assert_eq!(indices, sampler.indices(epoch));
        }
    }

    #[test]
    fn every_start_of_a_stratified_epoch_has_the_shares(
        sizes in prop::collection::vec(1usize..40, 1..7), seed: u64, epoch in 0u64..3,
    ) {
        let classes = sizes.iter().enumerate();
        let y: Vec<i32> = classes.flat_map(|(class, &n)| vec![class as i32; n]).collect();
        let sampler = StratifiedSampler::new(&labels(&y), seed).expect("labels");
        let mut seen = vec![0usize; sizes.len()];
        for (place, index) in sampler.indices(epoch).into_iter().enumerate() {
            seen[y[index] as usize] += 1;
            for (class, &size) in sizes.iter().enumerate() {
                let share = (place + 1) as f64 * size as f64 / y.len() as f64;
                prop_assert!((seen[class] as f64 - share).abs() < 1.0, "{:?} at {}", seen, place);
            }
        }
    }

    #[test]
    fn replicas_share_the_samples(
        n in 0usize..60, replicas in 1usize..7, seed in any::<Option<u64>>(), drop_last: bool,
    ) {
        let shares: Vec<Vec<usize>> = (0..replicas).map(|rank| {
            let sampler = DistributedSampler::new(n, replicas, rank).expect("rank");
            let sampler = sampler.drop_last(drop_last);
            match seed {
                Some(seed) => sampler.shuffle(seed).indices(3),
                None => sampler.indices(3),
            }
        }).collect();
        let expected = if drop_last { n / replicas } else { n.div_ceil(replicas) };
        prop_assert!(shares.iter().all(|share| share.len() == expected));
        let distinct: HashSet<usize> = shares.concat().into_iter().collect();
        prop_assert_eq!(distinct.len(), if drop_last { expected * replicas } else { n });
        prop_assert!(distinct.iter().all(|&i| i < n));
    }
}

#[test]
fn balanced_weights_draw_classes_equally() {
    let y: Vec<i32> = (0..1000).map(|i| (i % 20 == 0).into()).collect();
    let weights = sample_weights(&labels(&y)).expect("labels");
    let sampler = WeightedRandomSampler::new(&weights, 10_000, true, 5).expect("weights");
    let rare = sampler.indices(0).into_iter().filter(|&i| y[i] == 1).count();
    // Half of ten thousand; five standard deviations are 250.
    assert!((4750..5250).contains(&rare), "{rare}");
    assert!(sampler.repeats());
    assert_ne!(sampler.indices(0), sampler.indices(1));
}

#[test]
fn draws_with_replacement_reach_everyone() {
    let indices = RandomSampler::new(10, 3).with_replacement(1000).indices(0);
    let counts: Vec<usize> =
        (0..10).map(|i| indices.iter().filter(|&&index| index == i).count()).collect();
    // A hundred each; five standard deviations are 47.
    assert!(counts.iter().all(|count| (53..147).contains(count)), "{counts:?}");
    assert!(RandomSampler::new(0, 3).with_replacement(5).is_empty());
}

#[test]
fn a_loader_refuses_samples_that_its_dataset_lacks() {
    let data = TensorDataset::new(vec![labels(&[1, 2, 3])]).expect("data");
    let loader = DataLoader::new(&data).sampler(SubsetRandomSampler::new(&[0, 3], 0));
    let error = loader.batches().next().expect("an item").expect_err("no sample 3").to_string();
    assert!(error.starts_with("sampler: index 3 at position"), "{error}");
    let error = DistributedSampler::new(5, 2, 2).expect_err("rank").to_string();
    assert_eq!(
        error,
        "distributed_sampler: rank is 2 of 2 replicas, expected below the number of replicas"
    );
}
