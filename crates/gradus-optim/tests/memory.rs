//! Memory of a training run. Alone in its process: the pool's counters are the process's.

use gradus_autodiff::Tensor;
use gradus_optim::{Adam, Optimizer, Sgd};
use gradus_tensor::CpuPool;

fn model() -> Vec<Tensor> {
    let shapes: [&[usize]; 6] = [&[64, 32], &[32], &[32, 16], &[16], &[16, 10], &[10]];
    let tensor = |shape: &&[usize]| {
        let n = shape.iter().product::<usize>();
        let values = (0..n).map(|i| (i as f32).sin()).collect();
        Tensor::from_vec(values, *shape).expect("tensor").requires_grad_(true)
    };
    shapes.iter().map(tensor).collect()
}

fn requests() -> u64 {
    let stats = CpuPool::stats();
    stats.fresh_allocations + stats.reuses
}

/// One test, so that nothing else takes memory meanwhile.
#[test]
fn steps_take_no_memory() {
    // Gradients that exist already: parameters and states are written in place and nothing
    // between them is stored, so not one buffer is asked for.
    let params = model();
    let mut optimizer = Adam::new(&params, 1e-3).weight_decay(0.1);
    params.iter().for_each(|p| p.set_grad(Some(p.detach().square().expect("gradient"))));
    optimizer.step().expect("step");
    let before = requests();
    for _ in 0..100 {
        optimizer.step().expect("step");
    }
    assert_eq!(requests(), before, "buffers were asked for");
    // A changed learning rate, too.
    optimizer.param_groups_mut()[0].set("lr", 1e-4);
    optimizer.step().expect("step");
    assert_eq!(requests(), before, "buffers were asked for");

    // Training: the same buffers again and again.
    let mut sgd = Sgd::new(&params, 1e-3).momentum(0.9);
    let mut train = |steps: usize| {
        for _ in 0..steps {
            sgd.zero_grad();
            for p in &params {
                p.square().and_then(|y| y.sum_all()?.backward()).expect("backward");
            }
            sgd.step().expect("step");
        }
    };
    train(10);
    let before = CpuPool::stats();
    train(2_000);
    let after = CpuPool::stats();
    assert_eq!(after.fresh_allocations, before.fresh_allocations);
    assert_eq!(after.in_use_bytes, before.in_use_bytes);
}
