//! Every kernel against a walk over the definition in f64, on whatever adapter there is.
//!
//! Operands hold small integers, so that sums are exact in any order and results must be equal;
//! what lies around their elements is NaN, so that a stray read cannot hide.

use gradus_tensor::gpu::GpuOptions;
use gradus_tensor::rng::Generator;
use gradus_tensor::{Device, Layout, Shape};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::super::conv::{ConvSpec, conv, conv_data, conv_filter};
use super::super::matmul_gpu::{Choice, LANES, Tile, Variant, choose_walked};
use super::rule::{Direct, is_merged};
use super::*;
use crate::expr::Value;
use crate::table::{Binary, Unary};

const MAPS: [ConvMap; 3] = [ConvMap::Forward, ConvMap::Data, ConvMap::Filter];

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

/// One spatial dimension of a case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Along {
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    pub(super) padding: (usize, usize),
    /// Positions of x more than needed.
    pub(super) more: usize,
}

pub(super) const PLAIN: Along =
    Along { kernel: 3, stride: 1, dilation: 1, padding: (1, 1), more: 6 };

/// The geometry of a case; `sizes` are images, groups, channels and filters of a group.
pub(super) fn geometry_of(
    [batch, groups, channels, filters]: [usize; 4],
    along: &[Along],
) -> ConvGeometry {
    let x = along.iter().map(|d| {
        let window = (d.kernel - 1) * d.dilation + 1;
        (window + d.more).saturating_sub(d.padding.0 + d.padding.1).max(1)
    });
    let x: Shape = [batch, groups * channels].into_iter().chain(x).collect();
    let kernel = along.iter().map(|d| d.kernel);
    let w: Shape = [groups * filters, channels].into_iter().chain(kernel).collect();
    let list = |f: fn(&Along) -> usize| along.iter().map(f).collect::<Vec<_>>();
    let spec = ConvSpec {
        stride: &list(|d| d.stride),
        padding: &along.iter().map(|d| d.padding).collect::<Vec<_>>(),
        dilation: &list(|d| d.dilation),
        groups,
    };
    ConvGeometry::new("conv", &x, &w, &spec).expect("fits")
}

fn shapes(g: &ConvGeometry, map: ConvMap) -> [Shape; 3] {
    let (x, w, y) = (g.x_shape(), g.w_shape(), g.y_shape());
    match map {
        ConvMap::Forward => [x, w, y],
        ConvMap::Data => [y, w, x],
        ConvMap::Filter => [x, y, w],
    }
}

/// Small integers.
fn integers(count: usize, seed: u64) -> Vec<f32> {
    Generator::new(seed).uniform(count).iter().map(|d| (d * 9.0).floor() - 4.0).collect()
}

/// The values on the GPU, with NaN before and behind. Vectors can be read of shapes whose first
/// size is even.
fn there(gpu: &Arc<Gpu>, values: &[f32], shape: &Shape) -> Array {
    let first = if shape[0].is_multiple_of(2) { 4 } else { 3 };
    let mut all = vec![f32::NAN; values.len() + 7];
    all[first..first + values.len()].copy_from_slice(values);
    let host = Array::from_slice(&all, [all.len()]).expect("fits");
    gpu.upload(&host).expect("memory").with_layout(Layout::dense_at(shape.clone(), first))
}

/// Calls `f` with the elements of x, w and y that belong together.
fn each(g: &ConvGeometry, mut f: impl FnMut(usize, usize, usize)) {
    let [xs, ys] = g.positions();
    let cut = |i: usize, sizes: [usize; 3]| {
        [i / sizes[2] / sizes[1], i / sizes[2] % sizes[1], i % sizes[2]]
    };
    for image in 0..g.batch * g.groups {
        let group = image % g.groups;
        for (p, t) in (0..ys).flat_map(|p| (0..g.taps()).map(move |t| (p, t))) {
            let (at, tap) = (cut(p, g.y), cut(t, g.kernel));
            let place = [0, 1, 2].map(|d| at[d] * g.stride[d] + tap[d] * g.dilation[d]);
            let Some(x) = (0..3).try_fold(0, |x, d| {
                let place = place[d].checked_sub(g.before[d])?;
                (place < g.x[d]).then_some(x * g.x[d] + place)
            }) else {
                continue;
            };
            for c in 0..g.channels {
                for o in 0..g.filters {
                    let w = ((group * g.filters + o) * g.channels + c) * g.taps() + t;
                    f((image * g.channels + c) * xs + x, w, (image * g.filters + o) * ys + p);
                }
            }
        }
    }
}

/// The definition.
fn expected(g: &ConvGeometry, map: ConvMap, a: &[f32], b: &[f32]) -> Vec<f64> {
    let mut out = vec![0.0; shapes(g, map)[2].numel()];
    each(g, |x, w, y| {
        let [i, j, k] = match map {
            ConvMap::Forward => [x, w, y],
            ConvMap::Data => [y, w, x],
            ConvMap::Filter => [x, y, w],
        };
        out[k] += f64::from(a[i]) * f64::from(b[j]);
    });
    out
}

fn op(gpu: &Arc<Gpu>, g: &ConvGeometry, map: ConvMap) -> (ConvOp, Vec<f64>) {
    let [sa, sb, out] = shapes(g, map);
    let (a, b) = (integers(sa.numel(), 1), integers(sb.numel(), 2));
    let (x, y) = (there(gpu, &a, &sa), there(gpu, &b, &sb));
    (ConvOp { map, geometry: *g, a: x, b: y, out }, expected(g, map, &a, &b))
}

/// A convolution for the rule, which reads no elements.
pub(super) fn placeholder(g: &ConvGeometry, map: ConvMap) -> ConvOp {
    let empty = Array::alloc(&Device::cpu(), [0], DType::F32).expect("memory");
    ConvOp { map, geometry: *g, a: empty.clone(), b: empty, out: shapes(g, map)[2].clone() }
}

/// Every kernel, with all terms in one piece and, given a chunk, in several.
fn hows(gpu: &Gpu, k: usize, chunk: usize) -> Vec<How> {
    let mut variants =
        vec![Variant::Direct { rows: 4, columns: 1, shuffle: false }, Variant::Tiled(Tile::SMALL)];
    if gpu.profile().subgroup == Some((LANES, LANES)) {
        variants.push(Variant::Direct { rows: 16, columns: 2, shuffle: true });
    }
    let mut hows = Vec::new();
    for chunk in [k, chunk.min(k)] {
        hows.extend(variants.iter().map(|&variant| {
            let swap = false;
            How::Product(Choice { variant, swap, chunk })
        }));
        hows.extend([false, true].map(|group| How::Direct(Direct { group, chunk })));
    }
    hows.dedup();
    hows
}

#[track_caller]
fn compare(got: &Array, expected: &[f64], what: impl std::fmt::Debug) {
    let got = got.to_vec::<f32>().expect("f32");
    assert_eq!(got.len(), expected.len(), "{what:?}");
    let same = |a: f32, b: f64| f64::from(a) == b || (a.is_nan() && b.is_nan());
    let wrong = got.iter().zip(expected).position(|(&a, &b)| !same(a, b));
    let wrong = wrong.map(|i| (i, got[i], expected[i]));
    assert_eq!(wrong, None, "(index, got, expected) of {what:?}");
}

fn any_along() -> impl Strategy<Value = Along> {
    (1..5usize, 1..5usize, 1..4usize, (0..4usize, 0..4usize), 0..8usize).prop_map(
        |(kernel, stride, dilation, padding, more)| Along {
            kernel,
            stride,
            dilation,
            padding,
            more,
        },
    )
}

fn any_case() -> impl Strategy<Value = ([usize; 4], Vec<Along>)> {
    let channels = || prop_oneof![2 => Just(1), 2 => 2..6usize, 1 => Just(9)];
    let depthwise = (1..4usize, 1..6usize).prop_map(|(n, groups)| [n, groups, 1, 1]);
    let any = (1..4usize, 1..4usize, channels(), channels()).prop_map(|(n, g, c, o)| [n, g, c, o]);
    let sizes = prop_oneof![1 => depthwise, 4 => any];
    (sizes, proptest::collection::vec(any_along(), 1..=3))
}

#[test]
fn every_kernel_agrees_with_the_definition() {
    let Some(gpu) = gpu() else { return };
    let config = Config { cases: 40, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let result = TestRunner::new_with_rng(config, rng).run(&any_case(), |(sizes, along)| {
        let g = geometry_of(sizes, &along);
        for map in MAPS {
            let (op, expected) = op(&gpu, &g, map);
            check(&op).expect("counts in 32 bits");
            let mut hows = hows(&gpu, geometry(&op).k, 32);
            for how in hows.clone() {
                let How::Product(choice) = how else { continue };
                if map == ConvMap::Data && g.stride != [1; 3] {
                    hows.push(How::Phased(choice.variant));
                }
                if map != ConvMap::Filter {
                    hows.push(How::Merged(choice));
                }
            }
            for how in hows {
                let out = run_as(&gpu, &op, None, how).expect("runs");
                compare(&out, &expected, (map, how, g));
            }
            compare(&run(&gpu, &op, None).expect("runs"), &expected, (map, g));
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Columns and terms together in runs of every length, forwards and backwards, in whole tiles and
/// in parts of them.
#[test]
fn runs_agree_with_the_definition() {
    let Some(gpu) = gpu() else { return };
    if gpu.profile().subgroup != Some((LANES, LANES)) {
        println!("SKIPPED: no subgroups of eight");
        return;
    }
    let along = (2..=8usize, 1..3usize, (0..4usize, 0..4usize), 4..15usize).prop_map(
        |(kernel, stride, padding, half)| {
            // An even number of positions, of which runs can be made.
            let more = 2 * half + 1;
            Along { kernel, stride, dilation: 1, padding, more }
        },
    );
    let sizes = (1..3usize, 1..3usize, 1..6usize, 1..40usize).prop_map(|(n, g, c, o)| [n, g, c, o]);
    let cases = (sizes, proptest::collection::vec(along, 1..=2));
    let config = Config { cases: 40, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    // As they are or turned, loaded one by one or in pairs.
    let kinds = [[(); 2]; 2].map(|kind| kind.map(|()| std::cell::Cell::new(0)));
    let result = TestRunner::new_with_rng(config, rng).run(&cases, |(sizes, along)| {
        let g = geometry_of(sizes, &along);
        for map in MAPS {
            let (op, expected) = op(&gpu, &g, map);
            let product = geometry(&op);
            let direct = Variant::Direct { rows: 32, columns: 3, shuffle: true };
            let chunk = product.k;
            let choice = Choice { variant: direct, swap: false, chunk };
            let mut hows = vec![How::Product(choice)];
            if chunk > 96 {
                hows.push(How::Product(Choice { chunk: 96, ..choice }));
            }
            if map != ConvMap::Filter {
                hows.push(How::Merged(choice));
            }
            if map == ConvMap::Data && g.stride != [1; 3] {
                hows.push(How::Phased(direct));
            }
            let variant = direct.by_runs(&walk(&op), &product, chunk);
            if let Variant::Runs { run, .. } | Variant::Turned { run, .. } = variant {
                let is_turned = matches!(variant, Variant::Turned { .. });
                let first = op.b.layout().offset();
                let paired = run.by_pairs(&walk(&op), &product, first) != run;
                let kind = &kinds[usize::from(is_turned)][usize::from(paired)];
                kind.set(kind.get() + 1);
            }
            for how in hows {
                let out = run_as(&gpu, &op, None, how).expect("runs");
                compare(&out, &expected, (map, how, g));
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(kinds.iter().flatten().all(|kind| kind.get() > 3), "{kinds:?} of 120 products");
}

#[test]
fn larger_tiles_agree_with_the_definition_under_a_browsers_limits() {
    let options = GpuOptions { web_limits: true, ..GpuOptions::default() };
    let Some(gpu) = opened(Gpu::open(&options)) else { return };
    let strided = Along { stride: 2, padding: (1, 0), more: 11, ..PLAIN };
    let g = geometry_of([2, 1, 36, 38], &[Along { more: 9, ..PLAIN }, strided]);
    for map in MAPS {
        let (op, expected) = op(&gpu, &g, map);
        for tile in [Tile::MEDIUM, Tile::LARGE] {
            let (variant, chunk) = (Variant::Tiled(tile), geometry(&op).k);
            let how = How::Product(Choice { variant, swap: false, chunk });
            compare(&run_as(&gpu, &op, None, how).expect("runs"), &expected, (map, tile));
        }
        compare(&run(&gpu, &op, None).expect("runs"), &expected, map);
    }
}

#[test]
fn what_is_not_finite_stays_where_it_is_read() {
    let Some(gpu) = gpu() else { return };
    let along = Along { stride: 2, padding: (2, 1), ..PLAIN };
    let g = geometry_of([2, 2, 2, 3], &[along, along]);
    for map in MAPS {
        let [sa, sb, out] = shapes(&g, map);
        let (mut a, b) = (integers(sa.numel(), 1), integers(sb.numel(), 2));
        a[0] = f32::NAN;
        a[sa.numel() / 2 + 3] = f32::INFINITY;
        let b: Vec<f32> = b.iter().map(|v| v.abs() + 1.0).collect();
        let expected = expected(&g, map, &a, &b);
        assert!(expected.iter().filter(|v| v.is_finite()).count() > 10);
        let (x, y) = (there(&gpu, &a, &sa), there(&gpu, &b, &sb));
        let op = ConvOp { map, geometry: g, a: x, b: y, out };
        for how in hows(&gpu, geometry(&op).k, 32) {
            compare(&run_as(&gpu, &op, None, how).expect("runs"), &expected, (map, how));
        }
    }
}

/// How many dispatches `f` records, and what it computes.
fn counted(gpu: &Arc<Gpu>, f: impl FnOnce() -> Result<Array>) -> (u64, Array) {
    gpu.flush().expect("recorded");
    let before = gpu.stats().dispatches;
    let out = f().expect("runs");
    gpu.flush().expect("recorded");
    (gpu.stats().dispatches - before, out)
}

/// `relu(value + bias)`, and more arrays added to it.
fn followed(value: Value, bias: &Array, more: &[Array]) -> Result<Value> {
    let row: Shape = [bias.shape()[0], 1, 1].into();
    let bias = Value::from(bias.with_layout(bias.layout().reshape(&row).expect("dense")));
    let sum = Value::binary(Binary::add, &value, &bias.expand(value.shape())?)?;
    // What somebody else holds is computed by itself.
    drop(value);
    let mut y = Value::unary(Unary::relu, &sum, [0.0; 2])?;
    for array in more {
        y = Value::binary(Binary::add, &y, &Value::from(array.clone()))?;
    }
    Ok(y)
}

#[test]
fn what_follows_is_part_of_the_kernel() {
    let options = GpuOptions { web_limits: true, ..GpuOptions::default() };
    for options in [GpuOptions::default(), options] {
        let Some(gpu) = opened(Gpu::open(&options)) else { return };
        for (sizes, extra) in [([2, 1, 3, 5], 0), ([1, 4, 1, 1], 0), ([2, 1, 3, 5], 9)] {
            let g = geometry_of(sizes, &[PLAIN, PLAIN]);
            let (op, y) = op(&gpu, &g, ConvMap::Forward);
            let (x, w) = (Value::from(op.a.clone()), Value::from(op.b.clone()));
            let outputs = g.groups * g.filters;
            let bias = integers(outputs, 3);
            let bias_there = there(&gpu, &bias, &[outputs].into());
            let more: Vec<Vec<f32>> = (0..extra).map(|i| integers(y.len(), 4 + i)).collect();
            let more_there: Vec<Array> = more.iter().map(|m| there(&gpu, m, &op.out)).collect();
            let follow = || followed(conv(&x, &w, &g)?, &bias_there, &more_there)?.array();
            let (dispatches, out) = counted(&gpu, follow);
            let expected: Vec<f64> = (0..y.len())
                .map(|i| {
                    let channel = i / g.positions()[1] % outputs;
                    let start = (y[i] + f64::from(bias[channel])).max(0.0);
                    more.iter().fold(start, |sum, m| sum + f64::from(m[i]))
                })
                .collect();
            compare(&out, &expected, sizes);
            if extra == 0 {
                assert_eq!(dispatches, 1, "{sizes:?}");
            }
        }
    }
}

/// A lane's run of results lies in one row of what follows, or in several; arrays are read once an
/// element, once a row or in pairs.
#[test]
fn what_follows_a_run_is_read_wherever_it_lies() {
    // Nobody else launches here.
    let Some(gpu) = opened(Gpu::open(&GpuOptions::default())) else { return };
    if gpu.profile().subgroup != Some((LANES, LANES)) {
        println!("SKIPPED: no subgroups of eight");
        return;
    }
    // The second one's images are merged.
    for wide in [28, 14, 15] {
        let along = |size: usize| Along { more: size - 1, ..PLAIN };
        let g = geometry_of([4, 1, 8, 33], &[along(20), along(wide)]);
        let (op, y) = op(&gpu, &g, ConvMap::Forward);
        let is_merged = is_merged(&op, gpu.profile());
        assert_eq!(is_merged, wide == 14);
        let (product, walk) = if is_merged { merged(&op) } else { (geometry(&op), walk(&op)) };
        let choice = choose_walked(&product, gpu.profile());
        let variant = choice.variant.by_runs(&walk, &product, choice.chunk);
        assert!(matches!(variant, Variant::Runs { run, .. } if run.columns > 4), "{variant:?}");
        let (x, w) = (Value::from(op.a.clone()), Value::from(op.b.clone()));
        // Rows of the result, of one element, of several images, and what changes along each.
        for row in [wide, 20 * wide, 4, 1, 33 * 20 * wide] {
            let rows = y.len() / row;
            let [steady, moving, dense] =
                [(rows, 3), (row, 4), (y.len(), 5)].map(|(n, seed)| integers(n, seed));
            let leaf = |data: &[f32], shape: [usize; 2]| {
                Value::from(there(&gpu, data, &shape.into())).expand(&[rows, row].into())
            };
            let follow = || {
                let y = conv(&x, &w, &g)?.reshape(&[rows, row].map(|n| n as i64))?;
                let mut sum = y;
                for leaf in [
                    leaf(&steady, [rows, 1])?,
                    leaf(&moving, [1, row])?,
                    leaf(&dense, [rows, row])?,
                ] {
                    sum = Value::binary(Binary::add, &{ sum }, &leaf)?;
                }
                sum.array()
            };
            let (dispatches, out) = counted(&gpu, follow);
            let expected: Vec<f64> = (0..y.len())
                .map(|i| {
                    let leaves = [steady[i / row], moving[i % row], dense[i]];
                    y[i] + leaves.iter().map(|&v| f64::from(v)).sum::<f64>()
                })
                .collect();
            compare(&out, &expected, (wide, row));
            assert_eq!(dispatches, 1, "{wide}, {row}");
        }
    }
}

#[test]
fn windows_of_one_element_are_a_product_without_copies() {
    let Some(gpu) = opened(Gpu::open(&GpuOptions::default())) else { return };
    let one = Along { kernel: 1, padding: (0, 0), ..PLAIN };
    for batch in [1, 3] {
        let g = geometry_of([batch, 2, 5, 6], &[one, one]);
        for map in MAPS {
            let (op, expected) = op(&gpu, &g, map);
            let [a, b] = [&op.a, &op.b].map(|array| Value::from(array.clone()));
            let (dispatches, out) = counted(&gpu, || {
                match map {
                    ConvMap::Forward => conv(&a, &b, &g)?,
                    ConvMap::Data => conv_data(&a, &b, &g)?,
                    ConvMap::Filter => conv_filter(&a, &b, &g)?,
                }
                .array()
            });
            compare(&out, &expected, (map, batch));
            assert_eq!(dispatches, 1, "{map:?} of {batch}");
        }
    }
}

#[test]
fn long_sums_and_many_workgroups_are_cut() {
    let Some(gpu) = gpu() else { return };
    let wide = |more| Along { kernel: 2, padding: (1, 0), more, ..PLAIN };
    // More workgroups than one dimension holds.
    let (op, y) = op(&gpu, &geometry_of([1, 1, 1, 1], &[wide(65_600 * 64)]), ConvMap::Forward);
    let how = How::Direct(Direct { group: false, chunk: 2 });
    compare(&run_as(&gpu, &op, None, how).expect("runs"), &y, how);
    // More terms than passes through a loop.
    for filters in [1, 5] {
        let g = geometry_of([2, 1, 1, filters], &[wide(70_000)]);
        let (op, w) = self::op(&gpu, &g, ConvMap::Filter);
        compare(&run(&gpu, &op, None).expect("runs"), &w, filters);
    }
    let g = geometry_of([1, 1, 70_001, 3], &[Along { kernel: 1, more: 0, ..wide(0) }]);
    let (op, y) = self::op(&gpu, &g, ConvMap::Forward);
    compare(&run(&gpu, &op, None).expect("runs"), &y, "many channels");
}

#[test]
fn what_a_gpu_cannot_do_is_said() {
    let Some(gpu) = gpu() else { return };
    let refused = |op: &ConvOp| run(&gpu, op, None).expect_err("refused").to_string();
    let g = geometry_of([1, 1, 1, 2], &[PLAIN]);
    let (mut op, _) = op(&gpu, &g, ConvMap::Forward);
    op.geometry.before[2] = 1 << 31;
    let expected = "conv: a convolution of more than 2^31 elements; of [1, 1, 7] and [2, 1, 3] is \
                    not supported on a GPU";
    assert_eq!(refused(&op), expected);
    op.geometry = g;
    op.a = Array::alloc(&Device::cpu(), g.x_shape(), DType::F64).expect("memory");
    assert!(refused(&op).contains("float64"), "{}", refused(&op));
}
