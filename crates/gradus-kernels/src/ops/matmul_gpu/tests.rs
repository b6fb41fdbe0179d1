//! Every kernel of the matrix product against the CPU twin, on whatever adapter there is.
//!
//! Operands hold small integers, so that sums are exact in any order and results must be equal;
//! what lies between their elements is NaN, so that a stray read cannot hide.

use gradus_tensor::gpu::GpuOptions;
use gradus_tensor::rng::Generator;
use gradus_tensor::{Layout, Shape};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::rule::Tile;
use super::*;
use crate::expr::{Deferred, Value};
use crate::table::{Binary, Unary};

/// How an operand lies in memory.
#[derive(Clone, Copy, Debug, Default)]
struct Lie {
    /// Columns before rows.
    turned: bool,
    /// Elements between neighbours, less one.
    gap: usize,
    /// Elements between lines, more than needed.
    pad: usize,
    flipped: bool,
    /// Outer and inner batches share one matrix.
    shared: [bool; 2],
    first: usize,
}

#[derive(Clone, Debug)]
struct Case {
    batch: [usize; 2],
    sizes: [usize; 3],
    a: Lie,
    b: Lie,
}

fn case(m: usize, n: usize, k: usize) -> Case {
    Case { batch: [1, 1], sizes: [m, n, k], a: Lie::default(), b: Lie::default() }
}

fn dense(turned: bool) -> Lie {
    Lie { turned, ..Lie::default() }
}

/// Aligned for vectors, but not dense.
fn padded(turned: bool) -> Lie {
    Lie { turned, pad: 4, first: 8, ..Lie::default() }
}

/// Nothing about it is a multiple of four.
fn odd(turned: bool) -> Lie {
    Lie { turned, gap: 1, pad: 3, first: 5, ..Lie::default() }
}

/// The GPU of these tests; `None`, said aloud, where there is none and none is required.
fn gpu() -> Option<Arc<Gpu>> {
    opened(Gpu::shared())
}

fn opened(gpu: Result<Arc<Gpu>>) -> Option<Arc<Gpu>> {
    gpu.map_err(|error| {
        let required = std::env::var("GRADUS_REQUIRE_GPU").is_ok_and(|v| v == "1");
        assert!(!required, "GRADUS_REQUIRE_GPU=1, but {error}");
        println!("SKIPPED: no GPU adapter ({error})");
    })
    .ok()
}

/// An operand `[outer, inner, rows, columns]` on the host and on the GPU.
fn operand(gpu: &Arc<Gpu>, lie: Lie, dims: [usize; 4], seed: u64) -> [Array; 2] {
    let (rows, columns, step) = (dims[2], dims[3], lie.gap + 1);
    let (short, long) = if lie.turned { (rows, columns) } else { (columns, rows) };
    let line = short * step + lie.pad;
    let matrix = line * long;
    let mut strides = [dims[1] * matrix, matrix, line, step].map(|s| s as isize);
    if lie.turned {
        strides.swap(2, 3);
    }
    for (stride, shared) in strides.iter_mut().zip(lie.shared) {
        *stride *= isize::from(!shared);
    }
    let mut first = lie.first;
    if lie.flipped {
        first += (dims[3] - 1) * strides[3].unsigned_abs();
        strides[3] = -strides[3];
    }
    let len = lie.first + dims[0] * dims[1] * matrix;
    let layout = Layout::from_parts(Shape::new(&dims), strides.into_iter().collect(), first);
    let mut values = vec![f32::NAN; len];
    let draws = Generator::new(seed).uniform(len);
    for at in layout.positions() {
        values[at] = (draws[at] * 9.0).floor() - 4.0;
    }
    let host = Array::from_slice(&values, [len]).expect("fits");
    let there = gpu.upload(&host).expect("memory");
    [host.with_layout(layout.clone()), there.with_layout(layout)]
}

/// The product on the host and on the GPU.
fn ops(gpu: &Arc<Gpu>, case: &Case) -> [MatmulOp; 2] {
    let ([outer, inner], [m, n, k]) = (case.batch, case.sizes);
    let a = operand(gpu, case.a, [outer, inner, m, k], 1);
    let b = operand(gpu, case.b, [outer, inner, k, n], 2);
    let op = |a: &Array, b: &Array| {
        let strides = |x: &Array| [0, 1, 2, 3].map(|d| x.layout().strides()[d]);
        let geometry = MatmulGeometry { batch: case.batch, m, n, k, a: strides(a), b: strides(b) };
        MatmulOp { geometry, a: a.clone(), b: b.clone(), out: [outer, inner, m, n].into() }
    };
    [op(&a[0], &b[0]), op(&a[1], &b[1])]
}

fn whole(variant: Variant, swap: bool, case: &Case) -> Choice {
    Choice { variant, swap, chunk: case.sizes[2] }
}

#[track_caller]
fn check(gpu: &Arc<Gpu>, case: &Case, how: Choice) {
    let [host, op] = ops(gpu, case);
    super::check(&op).expect("counts in 32 bits");
    let out = run_as(gpu, &op, None, None, how).expect("runs");
    let expected = host.run().expect("runs").to_vec::<f32>().expect("f32");
    let got = out.to_vec::<f32>().expect("f32");
    let wrong = got.iter().zip(&expected).position(|(a, b)| a != b);
    assert_eq!(
        wrong.map(|i| (i, got[i], expected[i])),
        None,
        "(index, got, expected) of {case:?} by {how:?}"
    );
}

/// Sizes of 1, primes and around the tiles' edges.
fn size(most: usize) -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(1), 3 => 1..8usize, 3 => 2..=most, 1 => Just(16), 1 => Just(32)]
}

fn any_lie() -> impl Strategy<Value = Lie> {
    let shared = [any::<bool>(), any::<bool>()];
    let gap = prop_oneof![3 => Just(0), 1 => 1..3usize];
    let first = prop_oneof![2 => Just(0), 1 => Just(4), 1 => 1..6usize];
    let pad = prop_oneof![2 => Just(0), 1 => Just(4), 1 => 1..4usize];
    (any::<bool>(), gap, pad, any::<bool>(), shared, first).prop_map(
        |(turned, gap, pad, flipped, shared, first)| {
            let flipped = flipped && gap == 0;
            Lie { turned, gap, pad, flipped, shared, first }
        },
    )
}

fn any_case(m: usize) -> impl Strategy<Value = Case> {
    ([1..3usize, 1..4usize], [size(m), size(70), size(90)], any_lie(), any_lie())
        .prop_map(|(batch, sizes, a, b)| Case { batch, sizes, a, b })
}

/// Cases from a fixed seed, so that a failure comes back.
fn for_cases(strategy: &impl Strategy<Value = Case>, cases: u32, test: impl Fn(&Case)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let result = TestRunner::new_with_rng(config, rng).run(strategy, |case| {
        test(&case);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn direct_tiles_agree_with_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let direct = |rows, columns, shuffle| Variant::Direct { rows, columns, shuffle };
    let mut variants = vec![direct(4, 1, false), direct(8, 4, false)];
    if gpu.profile().subgroup == Some((LANES, LANES)) {
        variants.extend([direct(4, 1, true), direct(16, 2, true), direct(32, 4, true)]);
    }
    for_cases(&any_case(70), 25, |case| {
        for &variant in &variants {
            check(&gpu, case, whole(variant, false, case));
        }
        check(&gpu, case, whole(variants[0], true, case));
    });
}

#[test]
fn pairs_agree_with_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let profile = gpu.profile();
    if !(profile.words && profile.subgroup == Some((LANES, LANES))) {
        println!("SKIPPED: no 64-bit integers, or subgroups are not {LANES} invocations");
        return;
    }
    let mut seen = std::collections::HashSet::new();
    for [m, n, k] in [[64, 100, 34], [34, 50, 5], [17, 26, 96], [30, 33, 64], [2, 4, 6]] {
        for turned in [[false, false], [false, true], [true, false], [true, true]] {
            let lies = [dense as fn(bool) -> Lie, padded, odd];
            for [i, j] in [[0, 0], [1, 1], [1, 2], [2, 1]] {
                let [a, b] = [lies[i](turned[0]), lies[j](turned[1])];
                let case = Case { batch: [2, 1], sizes: [m, n, k], a, b };
                let [_, op] = ops(&gpu, &case);
                let firsts = [&op.a, &op.b].map(|x| x.layout().offset());
                let pairs = loads(&op.geometry, k, firsts, 2);
                for (rows, columns) in [(16, 2), (32, 3)] {
                    let direct = Variant::Direct { rows, columns, shuffle: true };
                    if let Variant::Pairs { terms, .. } = direct.by_pairs(pairs, [k; 2], profile) {
                        seen.insert((pairs.map(|load| (load.along_k, load.vector)), terms));
                    }
                    check(&gpu, &case, whole(direct, false, &case));
                }
            }
        }
    }
    // k in pieces.
    let case = Case { b: dense(true), ..case(34, 36, 100) };
    let variant = Variant::Direct { rows: 32, columns: 3, shuffle: true };
    check(&gpu, &case, Choice { variant, swap: false, chunk: 32 });
    assert!(seen.len() > 12, "{seen:?}");
}

#[test]
fn one_row_by_fours_agrees_with_the_cpu() {
    let Some(gpu) = gpu() else { return };
    if gpu.profile().subgroup != Some((LANES, LANES)) {
        println!("SKIPPED: subgroups are not {LANES} invocations");
        return;
    }
    let one_row = Variant::Direct { rows: 1, columns: 2, shuffle: false };
    let mut seen = [0; 2];
    for (n, k) in [(4, 4), (32, 8), (36, 20), (100, 1), (8, 1), (64, 96), (12, 260), (7, 5)] {
        for (turned, lie) in [(false, dense as fn(bool) -> Lie), (true, dense), (false, padded)]
            .into_iter()
            .chain([(true, padded as fn(bool) -> Lie), (true, odd)])
        {
            for batch in [[1, 1], [2, 3]] {
                let case = Case { batch, sizes: [1, n, k], a: odd(turned), b: lie(turned) };
                let [_, op] = ops(&gpu, &case);
                let loads = loads(&op.geometry, k, [0, op.b.layout().offset()], 4);
                if let Variant::Vector { along_k } = one_row.by_fours(loads, gpu.profile()) {
                    seen[usize::from(along_k)] += 1;
                }
                check(&gpu, &case, whole(one_row, false, &case));
                // A column instead of a row.
                let column = Case { sizes: [n, 1, k], a: lie(!turned), b: odd(turned), ..case };
                check(&gpu, &column, whole(one_row, true, &column));
            }
        }
    }
    // k in pieces.
    let case = Case { b: dense(true), ..case(1, 36, 100) };
    check(&gpu, &case, Choice { variant: one_row, swap: false, chunk: 32 });
    assert!(seen.iter().all(|&times| times > 8), "{seen:?}");
}

#[test]
fn small_tiles_agree_with_the_cpu() {
    let Some(gpu) = gpu() else { return };
    for_cases(&any_case(70), 40, |case| {
        check(&gpu, case, whole(Variant::Tiled(Tile::SMALL), false, case));
    });
    // All ways to load, each at most once by chance above.
    for turned in [[false, false], [false, true], [true, false], [true, true]] {
        for lie in [padded, odd] {
            let (a, b) = (lie(turned[0]), padded(turned[1]));
            let case = Case { batch: [2, 1], sizes: [36, 68, 44], a, b };
            check(&gpu, &case, whole(Variant::Tiled(Tile::SMALL), false, &case));
        }
    }
}

#[test]
fn larger_tiles_agree_with_the_cpu_and_run_under_a_browsers_limits() {
    let options = GpuOptions { web_limits: true, ..GpuOptions::default() };
    let Some(gpu) = opened(Gpu::open(&options)) else { return };
    let lies = [
        (dense(false), padded(false)),
        (odd(false), dense(true)),
        (padded(true), odd(false)),
        (dense(true), odd(true)),
    ];
    for tile in [Tile::MEDIUM, Tile::LARGE] {
        for (a, b) in lies {
            // Two tiles each way, the second of them partly empty, and a rest along k.
            let t = tile.size as usize;
            for sizes in [[t + 8, t + 4, 36], [t - 1, 2 * t - 3, 7]] {
                let case = Case { batch: [1, 1], sizes, a, b };
                check(&gpu, &case, whole(Variant::Tiled(tile), false, &case));
            }
        }
    }
}

#[test]
fn skinny_products_agree_with_the_cpu() {
    let Some(gpu) = gpu() else { return };
    for_cases(&any_case(4), 30, |case| {
        let [m, n, _] = case.sizes;
        let b_turned = case.b.turned;
        let (rows, swap) = if m <= 4 { (m, false) } else { (n.min(4), true) };
        let along_k = if swap { n % 2 == 1 } else { b_turned };
        if rows == if swap { n } else { m } {
            check(&gpu, case, whole(Variant::Skinny { rows: rows as u32, along_k }, swap, case));
        }
    });
    for (m, along_k) in [(1, false), (4, true)] {
        let case = Case { b: dense(along_k), ..case(m, 37, 1000) };
        check(&gpu, &case, whole(Variant::Skinny { rows: m as u32, along_k }, false, &case));
    }
    let tall = case(300, 3, 70);
    check(&gpu, &tall, whole(Variant::Skinny { rows: 3, along_k: true }, true, &tall));
}

#[test]
fn split_products_agree_with_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let direct = Variant::Direct { rows: 4, columns: 1, shuffle: false };
    let skinny = Variant::Skinny { rows: 2, along_k: false };
    for (variant, m) in [(direct, 5), (Variant::Tiled(Tile::SMALL), 33), (skinny, 2)] {
        for chunk in [32, 96, 320] {
            let case = Case { batch: [1, 3], b: odd(true), ..case(m, 34, 333) };
            check(&gpu, &case, Choice { variant, swap: false, chunk });
        }
    }
    // What the rule says about it.
    let case = case(5, 3, 70_000);
    let [_, op] = ops(&gpu, &case);
    let how = choose(&op.geometry, gpu.profile());
    assert!(how.chunk < 70_000, "{how:?}");
    check(&gpu, &case, how);
}

#[test]
fn long_sums_are_cut_though_there_are_enough_workgroups() {
    let Some(gpu) = gpu() else { return };
    let case = Case { b: dense(true), ..case(70, 300, 70_001) };
    let [_, op] = ops(&gpu, &case);
    check(&gpu, &case, choose(&op.geometry, gpu.profile()));
}

#[test]
fn more_workgroups_than_one_dimension_holds_are_folded() {
    let Some(gpu) = gpu() else { return };
    let direct = Variant::Direct { rows: 4, columns: 1, shuffle: false };
    let wide = case(1, 8 * 66_000, 1);
    check(&gpu, &wide, whole(direct, false, &wide));
    let many = Case { batch: [300, 220], ..case(1, 2, 3) };
    check(&gpu, &many, whole(direct, false, &many));
}

#[test]
fn one_array_can_be_both_operands() {
    let Some(gpu) = gpu() else { return };
    let case = Case { a: dense(false), b: dense(true), ..case(20, 20, 12) };
    let [host, mut op] = ops(&gpu, &case);
    let a = host.a.to_vec::<f32>().expect("f32");
    op.b = op.a.with_layout(op.a.layout().permute(&[0, 1, 3, 2]));
    let out = run(&gpu, &op, None).expect("runs").to_vec::<f32>().expect("f32");
    let dot = |i: usize, j: usize| -> f32 { (0..12).map(|k| a[i * 12 + k] * a[j * 12 + k]).sum() };
    for (at, &got) in out.iter().enumerate() {
        assert_eq!(got, dot(at / 20, at % 20));
    }
}

#[test]
fn fractions_agree_within_rounding() {
    let Some(gpu) = gpu() else { return };
    let (m, n, k) = (33, 35, 517);
    let [host, op] = ops(&gpu, &case(m, n, k));
    let draw = |count: usize, seed| {
        let values = Generator::new(seed).normal(count);
        let array = |dtype| Value::from(Array::from_slice(&values, [count])?).cast(dtype)?.array();
        array(DType::F64).and_then(|wide| Ok((array(DType::F32)?, wide))).expect("casts")
    };
    let ((a, wide_a), (b, wide_b)) = (draw(m * k, 3), draw(k * n, 4));
    let with = |op: &MatmulOp, a: &Array, b: &Array| MatmulOp {
        geometry: op.geometry,
        a: a.with_layout(op.a.layout().clone()),
        b: b.with_layout(op.b.layout().clone()),
        out: op.out.clone(),
    };
    let exact = with(&host, &wide_a, &wide_b).run().expect("runs").to_vec::<f64>().expect("f64");
    let device = Device::from_gpu(gpu.clone());
    let there = |x: &Array| x.to(&device).expect("memory");
    let op = with(&op, &there(&a), &there(&b));
    let mut variants = vec![
        choose(&op.geometry, gpu.profile()).variant,
        Variant::Tiled(Tile::SMALL),
        Variant::Direct { rows: 4, columns: 1, shuffle: false },
    ];
    variants.dedup();
    for variant in variants {
        let how = Choice { variant, swap: false, chunk: k };
        let got = run_as(&gpu, &op, None, None, how).expect("runs").to_vec::<f32>().expect("f32");
        // Rounding errors of k terms of size one add up like a random walk.
        let tolerance = 8.0 * f64::from(f32::EPSILON) * (k as f64).sqrt() * (k as f64).sqrt().ln();
        for (got, exact) in got.iter().zip(&exact) {
            let error = (f64::from(*got) - exact).abs();
            assert!(error <= tolerance, "{error} > {tolerance} by {variant:?}");
        }
    }
}

/// `relu(product + bias) * 0.5 + residual`, and three more arrays if there are to be `many`.
fn followed(job: Arc<dyn Deferred>, device: &Device, (m, n): (usize, usize), many: bool) -> Value {
    let ints = |shape: Shape, seed| {
        let draws = Generator::new(seed).uniform(shape.numel());
        let values: Vec<f32> = draws.iter().map(|d| (d * 9.0).floor() - 4.0).collect();
        let host = Array::from_vec(values, shape.clone()).expect("fits");
        Value::from(host.to(device).expect("memory"))
    };
    let shape: Shape = [1, 1, m, n].into();
    let product = Value::deferred(job, shape.clone(), DType::F32, device.clone(), 0);
    let wide = |x: &Value| x.expand(&shape).expect("broadcasts");
    let add = |a: &Value, b: &Value| Value::binary(Binary::add, a, b).expect("adds");
    let bias = wide(&ints([n].into(), 5));
    let mut y = Value::unary(Unary::relu, &add(&product, &bias), [0.0; 2]).expect("relu");
    let half = Value::constant(0.5, shape.clone(), DType::F32, device);
    y = Value::binary(Binary::mul, &y, &half).expect("multiplies");
    for seed in 6..if many { 11 } else { 7 } {
        let residual = ints(shape.clone(), seed);
        y = add(&y, &residual);
    }
    y
}

/// A job that no plan runs: only its place in the plan counts.
struct Placeholder;

impl Deferred for Placeholder {
    fn run(&self) -> Result<Array> {
        panic!("the test runs the product itself")
    }

    fn run_finished(&self, _: &Plan) -> Result<Array> {
        panic!("the test runs the product itself")
    }
}

#[track_caller]
fn check_followed(gpu: &Arc<Gpu>, case: &Case, how: Choice, many: bool) {
    let [host, op] = ops(gpu, case);
    let size = (case.sizes[0], case.sizes[1]);
    let expected = followed(Arc::new(host), &Device::cpu(), size, many).array().expect("runs");
    let y = followed(Arc::new(Placeholder), &Device::from_gpu(gpu.clone()), size, many);
    let (plan, deferred) = Plan::of(&[&y]).expect("plans");
    assert!(deferred.is_some() && plan.acc.is_some(), "the product ends in the expression");
    let got = run_as(gpu, &op, None, Some(&plan), how).expect("runs");
    let [got, expected] = [got, expected].map(|x| x.to_vec::<f32>().expect("f32"));
    assert_eq!(got, expected, "{case:?} by {how:?}");
}

#[test]
fn what_follows_the_product_is_part_of_it() {
    let Some(gpu) = gpu() else { return };
    let [wide, flat] = [case(37, 41, 50), case(3, 41, 50)];
    let chosen = choose(&ops(&gpu, &wide)[1].geometry, gpu.profile());
    check_followed(&gpu, &wide, chosen, false);
    check_followed(&gpu, &wide, Choice { swap: !chosen.swap, ..chosen }, false);
    check_followed(&gpu, &wide, whole(Variant::Tiled(Tile::SMALL), false, &wide), false);
    check_followed(
        &gpu,
        &flat,
        whole(Variant::Skinny { rows: 3, along_k: false }, false, &flat),
        false,
    );
    // Split: the second pass applies it, once.
    check_followed(&gpu, &wide, Choice { chunk: 32, ..chosen }, false);
    // Results that are stored in pairs.
    let even = case(37, 42, 50);
    if gpu.profile().words && gpu.profile().subgroup == Some((LANES, LANES)) {
        let pairs = Variant::Direct { rows: 16, columns: 2, shuffle: true };
        check_followed(&gpu, &even, whole(pairs, false, &even), false);
    }
}

#[test]
fn what_follows_can_read_as_many_arrays_as_a_browser_binds() {
    let options = GpuOptions { web_limits: true, ..GpuOptions::default() };
    let Some(gpu) = opened(Gpu::open(&options)) else { return };
    let case = case(9, 10, 11);
    let how = choose(&ops(&gpu, &case)[1].geometry, gpu.profile());
    check_followed(&gpu, &case, how, true);
}

#[test]
fn what_a_gpu_cannot_do_is_said() {
    let Some(gpu) = gpu() else { return };
    let refused = |op: &MatmulOp| run(&gpu, op, None).expect_err("refused").to_string();
    let [host, mut op] = ops(&gpu, &case(2, 3, 4));
    op.geometry.k = 1 << 33;
    let expected = "matmul: a product of more than 2^31 elements; a [1, 1, 2, 4], b [1, 1, 4, 3] \
                    is not supported on a GPU";
    assert_eq!(refused(&op), expected);
    let wide = Value::from(host.a.clone()).cast(DType::F64).and_then(|a| a.array());
    op.a = wide.expect("casts");
    assert!(refused(&op).contains("float64"), "{}", refused(&op));
}
