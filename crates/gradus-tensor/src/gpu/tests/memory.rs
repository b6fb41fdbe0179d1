//! Pool, budget, bind group cache.

use super::super::*;
use super::support::{AddKernel, default, open, read_words, words};
use crate::error::Kind;

#[test]
fn a_dropped_buffer_serves_the_next_request_of_its_class() {
    let Some(gpu) = default() else { return };
    let first = gpu.alloc(1000).expect("memory");
    assert!(first.size() >= 1000 && first.size().is_multiple_of(4));
    let id = first.id();
    drop(first);
    let second = gpu.alloc(1010).expect("memory");
    assert_eq!(second.id(), id);
    assert_ne!(gpu.alloc(1010).expect("memory").id(), id);
    assert!(gpu.alloc(0).expect("memory").size() > 0, "zero-sized bindings are illegal");
    let stats = gpu.stats().pool;
    assert_eq!((stats.reuses, stats.live_buffers), (1, 1));
}

#[test]
fn a_budget_is_kept_and_free_memory_is_given_back_before_an_error() {
    let options = GpuOptions { budget_bytes: Some(1 << 20), ..Default::default() };
    let Some(gpu) = open(&options) else { return };
    let first = gpu.alloc(600 << 10).expect("inside the budget");
    let error = gpu.alloc(600 << 10).expect_err("above the budget");
    let Kind::OutOfMemory { requested_bytes, in_use_bytes, limit_bytes, .. } = *error.kind() else {
        panic!("{error}");
    };
    assert_eq!((requested_bytes, limit_bytes), (600 << 10, 1 << 20));
    assert_eq!(in_use_bytes, first.size());
    drop(first);
    let second = gpu.alloc(900 << 10).expect("the free buffer makes room");
    assert_eq!(gpu.stats().pool.in_use_bytes, second.size());
    assert_eq!(gpu.stats().pool.free_bytes, 0);
    gpu.synchronize().expect("an allocation error poisons nothing");
}

#[test]
fn more_than_one_binding_can_span_is_an_error() {
    let options = GpuOptions { web_limits: true, ..Default::default() };
    let Some(gpu) = open(&options) else { return };
    assert_eq!(gpu.profile().max_binding_bytes, 128 << 20);
    let error = gpu.alloc((128 << 20) + 1).expect_err("above the web limit");
    assert!(matches!(error.kind(), Kind::OutOfMemory { .. }), "{error}");
    assert!(gpu.alloc(usize::MAX / 2).is_err());
}

#[test]
fn bind_groups_are_found_again_and_let_go_of_dead_buffers() {
    let Some(gpu) = default() else { return };
    let layout = gpu.bind_layout(&[Access::Read, Access::ReadWrite]);
    let (a, b) = (gpu.alloc(64).expect("memory"), gpu.alloc(64).expect("memory"));
    let made = || gpu.stats().bind_groups_created;
    gpu.bind_group(&layout, &[&a, &b]).expect("fits");
    gpu.bind_group(&layout, &[&a, &b]).expect("fits");
    assert_eq!(made(), 1);
    gpu.bind_group(&layout, &[&b, &a]).expect("fits");
    assert_eq!(made(), 2);
    let error = gpu.bind_group(&layout, &[&a, &a]).expect_err("read and written at once");
    assert!(error.to_string().contains("bound twice"), "{error}");
    assert!(gpu.bind_group(&layout, &[&a]).is_err());
    let reads = gpu.bind_layout(&[Access::Read, Access::Read]);
    gpu.bind_group(&reads, &[&a, &a]).expect("reading twice is legal");
    drop((a, b));
    gpu.reclaim().expect("device");
    let keys = gpu.groups.lock().forget(&[]).len();
    assert_eq!((keys, gpu.groups.lock().len()), (0, 0), "no group outlives its buffers");
    gpu.check().expect("refusals poison nothing");
}

#[test]
fn the_bind_group_cache_is_bounded() {
    let Some(gpu) = default() else { return };
    let layout = gpu.bind_layout(&[Access::Read, Access::Read]);
    let buffers: Vec<_> = (0..80).map(|_| gpu.alloc(16).expect("memory")).collect();
    for a in &buffers {
        for b in &buffers {
            gpu.bind_group(&layout, &[a, b]).expect("fits");
        }
    }
    assert_eq!(gpu.groups.lock().len(), 4096);
    assert_eq!(gpu.stats().bind_groups_created, 80 * 80);
}

#[test]
fn free_buffers_stay_in_the_hundreds() {
    let Some(gpu) = default() else { return };
    let live: Vec<_> = (0..2000).map(|_| gpu.alloc(256).expect("memory")).collect();
    drop(live);
    let free = gpu.stats().pool.free_bytes / 256;
    assert!((400..=512).contains(&free), "{free} free buffers");
}

#[test]
fn ten_thousand_launches_keep_memory_flat_and_submit_rarely() {
    let Some(gpu) = default() else { return };
    let kernel = AddKernel::new(&gpu, 2);
    let mut x = words(&gpu, &[0; 64]);
    let step = |x: &mut std::sync::Arc<GpuBuffer>| {
        let y = gpu.alloc(256).expect("memory");
        kernel.run(x, &y, 1, 0);
        *x = y;
    };
    (0..10).for_each(|_| step(&mut x));
    let before = gpu.stats();
    (0..10_000).for_each(|_| step(&mut x));
    let after = gpu.stats();
    assert_eq!(after.pool.fresh_allocations, before.pool.fresh_allocations);
    assert_eq!(after.pool.peak_bytes, before.pool.peak_bytes);
    assert_eq!(after.bind_groups_created, before.bind_groups_created);
    assert_eq!(after.dispatches - before.dispatches, 10_000);
    let submits = after.submits - before.submits;
    assert!(submits <= 10_000 / 256 + 1, "{submits} submits");
    assert_eq!(read_words(&x, 64), [10_010; 64]);
}
