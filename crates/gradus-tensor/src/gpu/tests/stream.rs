//! Order of commands, parameters, failures.

use super::super::*;
use super::support::{AddKernel, default, open, read_words, words};
use crate::error::Kind;

#[test]
fn an_upload_never_overtakes_recorded_commands() {
    let Some(gpu) = default() else { return };
    let kernel = AddKernel::new(&gpu, 1);
    let mut results = Vec::new();
    let mut reused_later = false;
    for round in 0..60u32 {
        // Freed at the end of the round, while the launch that reads it is not submitted yet.
        let x = words(&gpu, &[round * 100; 64]);
        let y = gpu.alloc(256).expect("memory");
        let batch = gpu.current_batch();
        assert!(x.last_batch() < batch, "a write would run before commands that name its buffer");
        reused_later |= x.last_batch() > 0;
        kernel.run(&x, &y, round, 0);
        assert_eq!(x.last_batch(), batch);
        results.push(y);
        if round % 20 == 19 {
            gpu.flush().expect("device");
        }
    }
    assert!(reused_later, "after a submit the buffers serve again");
    for (round, y) in results.iter().enumerate() {
        assert_eq!(read_words(y, 64), [round as u32 * 101; 64], "round {round}");
    }
}

#[test]
fn an_upload_into_memory_that_a_recorded_launch_wrote_comes_after_it() {
    let Some(gpu) = default() else { return };
    let kernel = AddKernel::new(&gpu, 1);
    let x = words(&gpu, &[1; 64]);
    let scratch = gpu.alloc(256).expect("memory");
    kernel.run(&x, &scratch, 7, 0);
    drop(scratch);
    let fresh = words(&gpu, &[5; 64]);
    let y = gpu.alloc(256).expect("memory");
    kernel.run(&fresh, &y, 1, 0);
    assert_eq!(read_words(&y, 64), [6; 64]);
    assert_eq!(read_words(&fresh, 64), [5; 64]);
}

#[test]
fn copies_and_launches_run_in_the_order_recorded() {
    let Some(gpu) = default() else { return };
    let kernel = AddKernel::new(&gpu, 1);
    let x = words(&gpu, &[1; 64]);
    let (y, z) = (gpu.alloc(256).expect("memory"), gpu.alloc(256).expect("memory"));
    let submits = gpu.stats().submits;
    kernel.run(&x, &y, 1, 0); // y = 2
    gpu.copy(&y, 0, &z, 0, 256).expect("copy"); // z = 2
    kernel.run(&z, &y, 10, 0); // y = 12
    gpu.copy(&y, 4, &x, 128, 8).expect("copy");
    assert_eq!(gpu.stats().submits, submits, "nothing asked for a submit");
    assert_eq!(read_words(&z, 64), [2; 64]);
    let mut expected = [1; 64];
    expected[32..34].fill(12);
    assert_eq!(read_words(&x, 64), expected);
    for (from, to, bytes) in [(1, 0, 4), (0, 2, 4), (0, 0, 3), (0, 0, 260), (u64::MAX - 3, 0, 4)] {
        let error = gpu.copy(&x, from, &z, to, bytes).expect_err("misaligned or outside");
        assert!(matches!(error.kind(), Kind::Argument { .. }), "{error}");
    }
    assert!(gpu.copy(&x, 0, &x, 128, 4).is_err(), "the driver refuses a copy within a buffer");
    gpu.clear(&x, 132, 8).expect("clear");
    expected[33..35].fill(0);
    assert_eq!(read_words(&x, 64), expected);
    assert!(gpu.clear(&x, 2, 4).is_err() && gpu.clear(&x, 0, 260).is_err());
    gpu.synchronize().expect("refusals poison nothing");
}

#[test]
fn parameters_arrive_by_immediates_and_by_uniforms() {
    let options = [
        (GpuOptions::default(), None),
        (GpuOptions { immediates: false, ..Default::default() }, Some(ParamsMode::Uniform)),
        (GpuOptions { web_limits: true, ..Default::default() }, Some(ParamsMode::Uniform)),
    ];
    for (options, mode) in options {
        let Some(gpu) = open(&options) else { return };
        assert!(mode.is_none_or(|mode| gpu.params_mode(1) == mode), "{options:?}");
        // 256 words exceed any adapter's immediates but a uniform slot's size.
        for count in [1, 5, 32, 33, 256] {
            let kernel = AddKernel::new(&gpu, count);
            let mut x = words(&gpu, &[0; 64]);
            // More launches than the ring has slots.
            for _ in 0..700 {
                let y = gpu.alloc(256).expect("memory");
                kernel.run(&x, &y, 3, 4);
                x = y;
            }
            let mut expected = [2100; 64];
            if count > 1 {
                expected[63] = 4900;
            } else {
                expected.fill(4900);
            }
            assert_eq!(read_words(&x, 64), expected, "{count} words, {options:?}");
        }
    }
}

#[test]
fn web_limits_are_what_every_browser_grants() {
    let Some(gpu) = open(&GpuOptions { web_limits: true, ..Default::default() }) else { return };
    let profile = *gpu.profile();
    assert_eq!(profile.max_storage_buffers, 8);
    assert_eq!(profile.workgroup_memory, 16 << 10);
    assert_eq!(profile.max_invocations, 256);
    assert_eq!((profile.subgroup, profile.max_immediate_bytes), (None, None));
}

#[test]
fn threads_share_one_stream() {
    let Some(gpu) = default() else { return };
    let kernel = AddKernel::new(&gpu, 1);
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            let (gpu, kernel) = (&gpu, &kernel);
            scope.spawn(move || {
                for round in 0..50 {
                    let x = words(gpu, &[thread * 1000; 64]);
                    let y = gpu.alloc(256).expect("memory");
                    kernel.run(&x, &y, round, 0);
                    assert_eq!(read_words(&y, 64), [thread * 1000 + round; 64]);
                }
            });
        }
    });
}

#[test]
fn a_lost_device_is_a_typed_error_ever_after() {
    let Some(gpu) = default() else { return };
    let kernel = AddKernel::new(&gpu, 1);
    let x = words(&gpu, &[1; 64]);
    let y = gpu.alloc(256).expect("memory");
    kernel.run(&x, &y, 1, 0);
    gpu.device().destroy();
    let error = gpu.read(&y, 0, 4).expect_err("the device is gone");
    assert!(matches!(error.kind(), Kind::DeviceLost { .. }), "{error}");
    for error in [
        gpu.alloc(16).map(|_| ()).expect_err("still gone"),
        gpu.upload_bytes(&[1]).map(|_| ()).expect_err("still gone"),
        gpu.synchronize().expect_err("still gone"),
        pollster::block_on(gpu.read_async(&y, 0, 4)).map(|_| ()).expect_err("still gone"),
    ] {
        assert!(matches!(error.kind(), Kind::DeviceLost { .. }), "{error}");
    }
}

#[test]
fn a_refused_command_poisons_but_a_captured_one_does_not() {
    let Some(gpu) = default() else { return };
    let refused = || {
        let layout = gpu.bind_layout(&[Access::Read]);
        gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: layout.raw(),
            entries: &[],
        })
    };
    let message = gpu.captured(refused).expect_err("an entry is missing");
    assert!(!message.is_empty());
    gpu.synchronize().expect("a captured error poisons nothing");
    refused();
    let error = gpu.alloc(16).expect_err("results can no longer be trusted");
    assert!(matches!(error.kind(), Kind::Device { op: "gpu", .. }), "{error}");
}

#[test]
fn launches_are_timed_one_by_one_and_compute_the_same() {
    let Some(gpu) = default() else { return };
    assert_eq!(gpu.take_times().expect("device"), []);
    let kernel = AddKernel::new(&gpu, 1);
    let (x, y) = (words(&gpu, &[1; 64]), gpu.alloc(256).expect("memory"));
    if let Err(error) = gpu.start_timing() {
        assert!(matches!(error.kind(), Kind::Unsupported { .. }), "{error}");
        return;
    }
    for add in 0..3 {
        kernel.run(&x, &y, add, 0);
    }
    let times = gpu.take_times().expect("device");
    assert_eq!(times.len(), 3);
    assert!(times.iter().all(|t| t.name == "add" && t.ms >= 0.0 && t.bound_bytes == 512));
    assert!(times.iter().map(|t| t.ms).sum::<f64>() > 0.0);
    assert_eq!(read_words(&y, 64), [3; 64]);
    kernel.run(&x, &y, 9, 0);
    assert_eq!(gpu.take_times().expect("device"), [], "timing has ended");
}
