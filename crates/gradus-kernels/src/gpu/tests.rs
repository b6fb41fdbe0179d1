//! Launches on whatever adapter there is, and the composing of shader text.

use std::cell::Cell;
use std::sync::Arc;

use gradus_tensor::gpu::{Access, Gpu, GpuBuffer, GpuOptions};
use gradus_tensor::{Kind, Result};

use super::compose::{compose, with_own_params, workgroup};
use super::launch::{Grid, Kernel, Launch, launch};
use super::shaders::{SHADERS, common, shader};

/// Opens a GPU; `None`, said aloud, where there is no adapter and none is required.
pub(super) fn open(options: &GpuOptions) -> Option<Arc<Gpu>> {
    match Gpu::open(options) {
        Ok(gpu) => Some(gpu),
        Err(error) => {
            let required = std::env::var("GRADUS_REQUIRE_GPU").is_ok_and(|v| v == "1");
            assert!(!required, "GRADUS_REQUIRE_GPU=1, but {error}");
            println!("SKIPPED: no GPU adapter ({error})");
            None
        }
    }
}

fn words(buffer: &GpuBuffer, count: usize) -> Vec<u32> {
    let bytes = buffer.gpu().read(buffer, 0, count * 4).expect("read");
    bytemuck::pod_collect_to_vec(&bytes)
}

/// Fills `len` words from `start` on, with workgroups of `wg`.
fn fill(out: &Arc<GpuBuffer>, start: u32, len: u32, bits: u32, wg: u32) -> Result<()> {
    let tune = [("WG", wg)];
    let kernel = Kernel::File { name: "fill", tune: &tune, holes: &[], extra: 0 };
    let params = [start, len, bits];
    let grid = Grid::Threads(len.into());
    launch(out.gpu(), &Launch { kernel, buffers: &[out], params: &params, grid })
}

/// A generated kernel `y[i] = x[i] * w0 + w1`, more words of parameters unused but the last.
fn scale_text(words: usize) -> String {
    let fields: String = (0..words).map(|i| format!("w{i}: u32, ")).collect();
    format!(
        "struct Params {{ {fields} }}
        @group(1) @binding(0) var<uniform> p: Params;
        @group(0) @binding(0) var<storage, read> x: array<u32>;
        @group(0) @binding(1) var<storage, read_write> y: array<u32>;
        @compute @workgroup_size(32) fn main(@builtin(global_invocation_id) id: vec3<u32>) {{
            if (id.x < arrayLength(&x)) {{ y[id.x] = x[id.x] * p.w0 + p.w{}; }}
        }}",
        words - 1
    )
}

const READ_WRITE: &[Access] = &[Access::Read, Access::ReadWrite];

fn generated<'a>(key: &'a [u8], text: &'a dyn Fn() -> String) -> Kernel<'a> {
    Kernel::Generated { key, name: "scale", access: READ_WRITE, workgroup: [32, 1, 1], text }
}

#[test]
fn a_shader_file_runs_in_every_mode_and_past_the_workgroup_limit() {
    let modes = [
        GpuOptions::default(),
        GpuOptions { immediates: false, ..GpuOptions::default() },
        GpuOptions { web_limits: true, ..GpuOptions::default() },
    ];
    for options in modes {
        let Some(gpu) = open(&options) else { return };
        let out = gpu.alloc(4 * 150_000).expect("memory");
        fill(&out, 0, 150_000, 7, 256).expect("launch");
        fill(&out, 3, 5, 9, 64).expect("launch");
        // One invocation per workgroup: more than 65,535 of them.
        fill(&out, 10, 140_001, 11, 1).expect("launch");
        fill(&out, 0, 0, 13, 64).expect("an empty grid is no error");
        let got = words(&out, 150_000);
        let expected = |i: usize| match i {
            3..8 => 9,
            10..140_011 => 11,
            _ => 7,
        };
        let wrong = got.iter().enumerate().find(|&(i, &got)| got != expected(i));
        assert_eq!(wrong, None, "{options:?}");
        assert_eq!(gpu.stats().dispatches, 3);
    }
}

#[test]
fn generated_text_is_built_once_per_key_and_takes_long_parameter_blocks() {
    let Some(gpu) = open(&GpuOptions::default()) else { return };
    let x = gpu.upload_bytes(bytemuck::cast_slice(&[5u32; 64])).expect("memory");
    let y = gpu.alloc(256).expect("memory");
    let built = Cell::new(0);
    // 40 words exceed the immediates of most adapters.
    for (round, count) in [2, 2, 40, 2, 40].into_iter().enumerate() {
        let text = || {
            built.set(built.get() + 1);
            scale_text(count)
        };
        let mut params = vec![0; count];
        params[0] = 10;
        params[count - 1] = round as u32;
        let key = [count as u8];
        let kernel = generated(&key, &text);
        let grid = Grid::Workgroups([2, 1, 1]);
        let l = Launch { kernel, buffers: &[&x, &y], params: &params, grid };
        launch(&gpu, &l).expect("launch");
        assert_eq!(words(&y, 64), [50 + round as u32; 64]);
    }
    assert_eq!(built.get(), 2);
    assert_eq!(gpu.stats().pipelines_created, 2);
    assert_eq!(gpu.stats().bind_groups_created, 1, "kernels of one access pattern share groups");
}

/// Quotients by floats are exact: next to multiples of the divisor, and everywhere else.
#[test]
fn quotients_are_those_of_integers() {
    let Some(gpu) = open(&GpuOptions::default()) else { return };
    const HALF: u32 = i32::MAX as u32;
    let mut divisors: Vec<u32> = (1..=300).collect();
    for power in 3..31 {
        divisors.extend([-1, 0, 1].map(|d| (1u32 << power).saturating_add_signed(d)));
    }
    divisors.extend([784, 3136, 50_176, 16_777_213, 1_431_655_765, HALF - 1, HALF]);
    let mut pairs = Vec::new();
    let mut random = 1u64;
    for &d in &divisors {
        let most = if d <= 1 << 29 { u32::MAX } else { HALF };
        for step in 0..200 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let any = (random >> 32) as u32 >> (step % 32);
            let multiple = any / d * d;
            let behind = multiple.saturating_add(1);
            let near = [multiple.saturating_sub(1), multiple, behind, any, most - any % d];
            pairs.extend(near.into_iter().filter(|&x| x <= most).map(|x| [x, d]));
        }
    }
    let x = gpu.upload_bytes(bytemuck::cast_slice(&pairs)).expect("memory");
    let y = gpu.alloc(pairs.len() * 4).expect("memory");
    let text = || {
        let library = common("index").expect("a file");
        format!(
            "{library}
            struct Params {{ count: u32 }}
            @group(1) @binding(0) var<uniform> p: Params;
            @group(0) @binding(0) var<storage, read> x: array<u32>;
            @group(0) @binding(1) var<storage, read_write> y: array<u32>;
            @compute @workgroup_size(32) fn main(
                @builtin(workgroup_id) group: vec3<u32>,
                @builtin(num_workgroups) groups: vec3<u32>,
                @builtin(local_invocation_index) local: u32,
            ) {{
                let i = (group.x + group.y * groups.x) * 32u + local;
                if (i < p.count) {{ y[i] = quotient(x[2u * i], x[2u * i + 1u]); }}
            }}"
        )
    };
    let params = [pairs.len() as u32];
    let grid = Grid::Threads(pairs.len() as u64);
    let kernel = generated(b"quotient", &text);
    launch(&gpu, &Launch { kernel, buffers: &[&x, &y], params: &params, grid }).expect("launch");
    let got = words(&y, pairs.len());
    let wrong = pairs.iter().zip(got).find(|&(&[x, d], got)| got != x / d);
    assert_eq!(wrong, None, "([x, d], got) of {} pairs", pairs.len());
}

#[test]
fn ten_thousand_launches_make_nothing_new() {
    let Some(gpu) = open(&GpuOptions::default()) else { return };
    let out = gpu.alloc(1024).expect("memory");
    fill(&out, 0, 256, 1, 64).expect("launch");
    gpu.flush().expect("recorded");
    let before = gpu.stats();
    for i in 0..10_000 {
        fill(&out, i % 200, 56, i, 64).expect("launch");
    }
    gpu.flush().expect("recorded");
    let after = gpu.stats();
    assert_eq!(after.pipelines_created, before.pipelines_created);
    assert_eq!(after.bind_groups_created, before.bind_groups_created);
    assert_eq!(after.pool, before.pool);
    assert!(after.submits - before.submits <= 40);
    assert_eq!(words(&out, 256)[199], 9_999);
}

#[test]
fn a_bad_shader_is_an_error_that_names_the_kernel_and_harms_nothing_else() {
    let Some(gpu) = open(&GpuOptions::default()) else { return };
    let (x, y) = (gpu.alloc(256).expect("memory"), gpu.alloc(256).expect("memory"));
    let texts: [&dyn Fn() -> String; 3] =
        [&|| "fn main( {".into(), &|| scale_text(2).replace("x[id.x]", "x[id.x] + 1.5f"), &|| {
            scale_text(2).replace("@binding(1) var<storage", "@binding(7) var<storage")
        }];
    for (at, text) in texts.into_iter().enumerate() {
        let key = [b'b', at as u8];
        let kernel = generated(&key, text);
        let grid = Grid::Threads(64);
        let l = Launch { kernel, buffers: &[&x, &y], params: &[1, 2], grid };
        let error = launch(&gpu, &l).and_then(|()| gpu.synchronize()).expect_err("refused");
        let Kind::Shader { kernel, .. } = error.kind() else { panic!("{error}") };
        assert_eq!(kernel, "scale");
    }
    fill(&x, 0, 64, 1, 64).expect("the GPU still works");
    assert_eq!(words(&x, 64), [1; 64]);
}

#[test]
fn a_launch_that_does_not_fit_its_kernel_is_refused_before_the_driver_sees_it() {
    let Some(gpu) = open(&GpuOptions::default()) else { return };
    let (x, y) = (gpu.alloc(256).expect("memory"), gpu.alloc(256).expect("memory"));
    let file = |name, tune| Kernel::File { name, tune, holes: &[], extra: 0 };
    let text = || scale_text(2);
    type Case<'a> = (Kernel<'a>, &'a [&'a Arc<GpuBuffer>], &'a [u32], &'a str);
    let cases: [Case<'_>; 6] = [
        (file("fill", &[]), &[&x], &[1, 2], "takes 3 parameter words, got 2"),
        (file("fill", &[]), &[&x, &y], &[0, 1, 2], "2 buffers for 1 bindings; in fill"),
        (file("fill", &[("NO", 1)]), &[&x], &[0, 1, 2], "`NO` is neither"),
        (file("nothing", &[]), &[&x], &[], "there is no such shader file"),
        (generated(b"k", &text), &[&x, &x], &[1, 1], "bound twice, at 0 and 1; in scale"),
        (generated(b"k", &text), &[], &[1, 1], "0 buffers for 2 bindings"),
    ];
    for (kernel, buffers, params, message) in cases {
        let grid = Grid::Workgroups([1, 1, 1]);
        let error = launch(&gpu, &Launch { kernel, buffers, params, grid }).expect_err(message);
        assert!(error.to_string().contains(message), "{error}");
    }
    let grid = Grid::Workgroups([65_536, 1, 1]);
    let l = Launch { kernel: file("fill", &[]), buffers: &[&x], params: &[0, 1, 2], grid };
    assert!(matches!(launch(&gpu, &l).expect_err("too many").kind(), Kind::Unsupported { .. }));
    gpu.synchronize().expect("nothing of this reached the driver");
}

#[test]
fn the_table_of_shaders_can_be_searched() {
    assert!(SHADERS.is_sorted_by_key(|shader| shader.name));
    let fill = shader("fill").expect("exists");
    assert_eq!((fill.access, fill.words), (&[Access::ReadWrite][..], 3));
    assert!(!fill.subgroup && fill.text.contains("fn linear_index"), "includes are expanded");
    assert!(shader("fil").is_none() && common("fill").is_none());
    assert!(common("index").is_some_and(|text| text.contains("fn linear_index")));
    for shader in SHADERS {
        for immediate in [false, true] {
            let text = compose(shader.text, &[], &[], immediate).expect("checked by the build");
            assert!(workgroup(&text).expect("checked").iter().product::<u32>() <= 256);
            assert!(!immediate || !text.contains("var<uniform>"), "{}", shader.name);
        }
    }
}

#[test]
fn constants_holes_and_parameters_are_filled_in() {
    let text = "const A: u32 = 1u; // @tune\nconst B: u32 = 2u;\n\
                // @hole pre\nlet x = 1;\n// @end\n\
                @group(1) @binding(0) var<uniform> p: Params;\n@workgroup_size(A, B)\n";
    assert_eq!(compose(text, &[], &[], false).expect("as it is"), text);
    let full = compose(text, &[("A", 9)], &[("pre", "let x = 5;")], true).expect("filled");
    let expected = "const A: u32 = 9u; // @tune\nconst B: u32 = 2u;\n\
                    // @hole pre\nlet x = 5;\n// @end\n\
                    var<immediate> p: Params;\n@workgroup_size(A, B)\n";
    assert_eq!(full, expected);
    assert_eq!(workgroup(&full), Ok([9, 2, 1]));
    assert_eq!(workgroup("@workgroup_size(8u, 4, 2)"), Ok([8, 4, 2]));
    assert!(compose(text, &[("B", 1)], &[], false).is_err(), "B is not marked");
    assert!(compose(text, &[], &[("post", "")], false).is_err(), "no such hole");
    assert!(compose("// @hole a\n", &[], &[], false).is_err(), "no end");
    assert!(workgroup("@workgroup_size(C)").is_err() && workgroup("").is_err());
}

#[test]
fn software_adapters_copy_parameters_first() {
    for (space, immediate) in
        [("@group(1) @binding(0) var<uniform>", false), ("var<immediate>", true)]
    {
        let text = compose(&add_text(true), &[], &[], immediate).expect("composes");
        let own = with_own_params(&text);
        assert!(own.contains(&format!("{space} given_params: Params;\nvar<private> p: Params;\n")));
        let body = own.split_once("fn main(").expect("has an entry point").1;
        let first = body.split_once('{').expect("has a body").1.trim_start();
        assert!(first.starts_with("p = given_params;"), "{own}");
    }
    let none = "@compute @workgroup_size(1)\nfn main() {}\n";
    assert_eq!(with_own_params(none), none);
}

/// `y[i] = x[i] + add`, a workgroup at a time, by invocations that work alone or not.
fn add_text(alone: bool) -> String {
    let shared = if alone { "" } else { "var<workgroup> shared_words: array<u32, WG>;\n" };
    let value =
        if alone { "x[i] + p.add" } else { "shared_words[WG - 1u - local]; // the neighbour's" };
    let pass = if alone {
        ""
    } else {
        "shared_words[WG - 1u - local] = x[min(i, p.n - 1u)] + p.add;
        workgroupBarrier();\n"
    };
    format!(
        "const WG: u32 = 64u; // @tune
        struct Params {{ n: u32, add: u32, }}
        @group(1) @binding(0) var<uniform> p: Params;
        @group(0) @binding(0) var<storage, read> x: array<u32>;
        @group(0) @binding(1) var<storage, read_write> y: array<u32>;
        {shared}
        @compute @workgroup_size(WG)
        fn main(
            @builtin(workgroup_id) group: vec3<u32>,
            @builtin(local_invocation_index) local: u32,
        ) {{
            let i = group.x * WG + local;
            {pass}
            if (i >= p.n) {{ return; }}
            y[i] = {value};
        }}"
    )
    .replace("\n        ", "\n")
}

/// Launches one of the kernels of [`add_text`].
fn add(x: &Arc<GpuBuffer>, y: &Arc<GpuBuffer>, (n, by): (u32, u32), alone: bool) {
    let text = || add_text(alone);
    let kernel = Kernel::Generated {
        key: &[b'a', u8::from(alone)],
        name: if alone { "add" } else { "pass" },
        access: READ_WRITE,
        workgroup: [64, 1, 1],
        text: &text,
    };
    let grid = Grid::Threads(n.into());
    launch(x.gpu(), &Launch { kernel, buffers: &[x, y], params: &[n, by], grid }).expect("launch");
}

#[test]
fn launches_that_do_not_depend_on_each_other_run_as_one() {
    let modes = [
        GpuOptions::default(),
        GpuOptions { immediates: false, ..GpuOptions::default() },
        GpuOptions { web_limits: true, ..GpuOptions::default() },
    ];
    for options in modes {
        let Some(gpu) = open(&options) else { return };
        let memory = |_| gpu.upload_bytes(bytemuck::cast_slice(&[1u32; 500])).expect("memory");
        let b: Vec<_> = (0..6).map(memory).collect();
        // Level 1: 0 → 1, 0 → 2. Level 2: 1 → 3, 2 → 4. Level 3 overwrites what level 2 reads.
        add(&b[0], &b[1], (500, 1), true);
        add(&b[1], &b[3], (499, 10), false);
        add(&b[0], &b[2], (130, 2), false);
        add(&b[2], &b[4], (500, 20), true);
        add(&b[5], &b[1], (65, 300), true);
        add(&b[5], &b[2], (1, 400), true);
        let held = gpu.stats().dispatches;
        let [one, two, three, four] = [1, 2, 3, 4].map(|i| words(&b[i], 500));
        assert_eq!(held, 0, "nothing is recorded before somebody looks");
        let expect = |n: usize, value: u32, rest: u32| -> Vec<u32> {
            (0..500).map(|i| if i < n { value } else { rest }).collect()
        };
        assert_eq!(three, expect(499, 12, 1), "{options:?}");
        assert_eq!(four, (0..500).map(|i| if i < 130 { 23 } else { 21 }).collect::<Vec<_>>());
        assert_eq!(one, expect(65, 301, 2));
        assert_eq!(
            two,
            (0..500)
                .map(|i| [401, 3, 1][usize::from(i > 0) + usize::from(i > 129)])
                .collect::<Vec<_>>()
        );
        assert_eq!(gpu.stats().dispatches, 3, "{options:?}");
    }
}

#[test]
fn kernels_that_cannot_be_one_run_apart() {
    let Some(gpu) = open(&GpuOptions::default()) else { return };
    let x = gpu.upload_bytes(bytemuck::cast_slice(&[5u32; 64])).expect("memory");
    let y = [gpu.alloc(256).expect("memory"), gpu.alloc(256).expect("memory")];
    let text = || scale_text(2);
    // Joined texts know no `global_invocation_id`.
    for (y, params) in y.iter().zip([[10, 1], [20, 2]]) {
        let (kernel, grid) = (generated(b"apart", &text), Grid::Threads(64));
        let l = Launch { kernel, buffers: &[&x, y], params: &params, grid };
        launch(&gpu, &l).expect("launch");
    }
    assert_eq!(y.map(|y| words(&y, 64)), [[51; 64], [102; 64]]);
    assert_eq!(gpu.stats().dispatches, 2);
}

#[test]
fn a_held_launch_reads_what_was_there_before_its_buffer_was_reused() {
    let Some(gpu) = open(&GpuOptions::default()) else { return };
    let y = gpu.alloc(2000).expect("memory");
    let x = gpu.upload_bytes(bytemuck::cast_slice(&[5u32; 500])).expect("memory");
    let id = x.id();
    // A kernel's first launch is submitted at once.
    add(&x, &y, (500, 2), true);
    gpu.flush().expect("the upload is done");
    add(&x, &y, (500, 1), true);
    drop(x);
    // An upload overtakes what is not submitted, so it must not get the memory.
    let other = gpu.upload_bytes(bytemuck::cast_slice(&[9u32; 500])).expect("memory");
    assert_ne!(other.id(), id);
    assert_eq!(words(&y, 500), [6; 500]);
}
