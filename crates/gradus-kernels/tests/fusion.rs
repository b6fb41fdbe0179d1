//! Fused expressions: the same elements on both devices, whatever they read and however they are
//! joined; one dispatch each on the GPU; assignment in place and copy-on-write.

#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use gradus_kernels::{Assign, Binary, Compare, Reduce, Unary, Value, assign, matmul, reduce};
use gradus_tensor::gpu::{Gpu, GpuOptions};
use gradus_tensor::rng::Generator;
use gradus_tensor::{Array, DType, Device, Result, Shape};

/// The CPU, and the GPU where there is one.
fn devices() -> Vec<Device> {
    let mut devices = vec![Device::cpu()];
    match Device::gpu() {
        Ok(gpu) => devices.push(gpu),
        Err(_) if std::env::var("GRADUS_REQUIRE_GPU").is_err() => {
            println!("SKIPPED: no GPU adapter");
        }
        Err(error) => panic!("{error}"),
    }
    devices
}

fn noise(shape: impl Into<Shape>, seed: u64) -> Array {
    let shape = shape.into();
    Array::from_vec(Generator::new(seed).normal(shape.numel()), shape).expect("fits")
}

/// Evaluates `f` on both devices and compares.
fn check(name: &str, f: impl Fn(&Device) -> Result<Value>) {
    let mut results: Vec<(Vec<f64>, Shape)> = Vec::new();
    for device in devices() {
        let value = f(&device).unwrap_or_else(|e| panic!("{name}: {e}"));
        let array = value.array().unwrap_or_else(|e| panic!("{name}: {e}"));
        let wide: Vec<f64> = match array.dtype() {
            DType::F32 => array.to_vec::<f32>().expect("f32").into_iter().map(f64::from).collect(),
            _ => array.to_vec::<i64>().expect("integers").into_iter().map(|v| v as f64).collect(),
        };
        results.push((wide, array.shape().clone()));
    }
    if let [(cpu, shape), (gpu, gpu_shape)] = &results[..] {
        assert_eq!(shape, gpu_shape, "{name}");
        for (i, (a, b)) in cpu.iter().zip(gpu).enumerate() {
            let ok = (a - b).abs() <= 1e-5 + 1e-5 * a.abs() || (a.is_nan() && b.is_nan());
            assert!(ok, "{name}: element {i}: cpu {a}, gpu {b}");
        }
    }
}

fn on(device: &Device, array: &Array) -> Result<Value> {
    Ok(Value::from(array.to(device)?))
}

fn mul(a: &Value, b: &Value) -> Result<Value> {
    Value::binary(Binary::mul, a, b)
}

fn add(a: &Value, b: &Value) -> Result<Value> {
    Value::binary(Binary::add, a, b)
}

#[test]
fn chains_views_and_broadcasts() {
    let (x, y) = (noise([7, 13], 1), noise([13], 2));
    check("chain", |d| {
        let (x, y) = (on(d, &x)?, on(d, &y)?);
        let t = Value::unary(Unary::tanh, &mul(&x, &y)?, [0.0; 2])?;
        add(&t, &Value::constant(0.5, (), DType::F32, d))
    });
    check("transposed", |d| {
        let x = on(d, &x)?;
        let t = x.transpose(0, 1)?;
        add(&t, &on(d, &noise([13, 7], 3))?)
    });
    check("flipped and sliced", |d| {
        let x = on(d, &x)?.flip(&[0])?.slice(1, 1, 12, 3)?;
        mul(&x, &Value::constant(2.0, (), DType::F32, d))
    });
    check("expanded", |d| {
        let column = on(d, &noise([7, 1], 4))?;
        add(&column, &on(d, &y)?)
    });
    check("leaky", |d| Value::unary(Unary::leaky_relu, &on(d, &x)?, [0.1, 0.0]));
}

#[test]
fn comparisons_selections_and_bytes() {
    let (x, y) = (noise([5, 11], 1), noise([11], 2));
    check("bool", |d| Value::compare(Compare::gt, &on(d, &x)?, &on(d, &y)?));
    check("where", |d| {
        let (x, y) = (on(d, &x)?, on(d, &y)?);
        let mask = Value::from(Value::compare(Compare::lt, &x, &y)?.array()?);
        Value::select(&mask, &x, &y)
    });
    let bytes = Array::from_vec((0..55u8).collect(), [5, 11]).expect("fits");
    check("u8 to f32", |d| on(d, &bytes)?.transpose(0, 1)?.cast(DType::F32));
    check("f32 to u8", |d| {
        let wide = mul(&on(d, &x)?, &Value::constant(100.0, (), DType::F32, d))?;
        wide.cast(DType::U8)
    });
    check("f32 to i32", |d| {
        let wide = mul(&on(d, &x)?, &Value::constant(1e10, (), DType::F32, d))?;
        wide.cast(DType::I32)
    });
    check("integers", |d| {
        let a = on(d, &bytes)?.cast(DType::I32)?;
        let b = Value::binary(Binary::sub, &a, &Value::constant(20.0, (), DType::I32, d))?;
        Value::unary(Unary::square, &Value::unary(Unary::neg, &b, [0.0; 2])?, [0.0; 2])
    });
}

#[test]
fn leaves_without_memory() {
    check("iota", |d| {
        let rows = Value::index([4, 6], 0, DType::I32, d)?;
        let columns = Value::index([4, 6], -1, DType::I32, d)?;
        add(&rows, &mul(&columns, &Value::constant(10.0, (), DType::I32, d))?)
    });
    let draw = Generator::new(99).draw();
    check("random", |d| {
        let r = Value::random(draw, [3, 50], DType::F32, d);
        mul(&r.transpose(0, 1)?, &Value::constant(1.0, [50, 3], DType::F32, d))
    });
    let bits = |d: &Device| -> Vec<u32> {
        let r = Value::random(draw, 1000, DType::F32, d).array().expect("computes");
        r.to_vec::<f32>().expect("f32").into_iter().map(f32::to_bits).collect()
    };
    let all: Vec<Vec<u32>> = devices().iter().map(bits).collect();
    assert!(all.iter().all(|b| *b == all[0]), "random bits differ between devices");
}

#[test]
fn windows_pad_join_and_spread() {
    let (x, y) = (noise([3, 4], 1), noise([2, 4], 2));
    check("pad", |d| {
        let fill = Value::constant(0.25, [6, 9], DType::F32, d);
        on(d, &x)?.placed(&[1, 3], &[1, 1], &fill)
    });
    check("cut", |d| {
        let fill = Value::constant(0.0, [2, 3], DType::F32, d);
        on(d, &x)?.placed(&[-1, -1], &[1, 1], &fill)
    });
    check("join", |d| {
        let zero = Value::constant(0.0, [5, 4], DType::F32, d);
        let first = on(d, &x)?.placed(&[0, 0], &[1, 1], &zero)?;
        let both = on(d, &y)?.placed(&[3, 0], &[1, 1], &first)?;
        Value::unary(Unary::exp, &both, [0.0; 2])
    });
    check("spread", |d| {
        let zero = Value::constant(0.0, [10, 4], DType::F32, d);
        on(d, &x)?.placed(&[1, 0], &[3, 1], &zero)
    });
}

#[test]
fn reductions_inline_what_they_reduce() {
    let x = noise([4, 5, 6, 7], 1);
    for dims in [&[][..], &[0], &[3], &[0, 2], &[1, 3], &[0, 1, 2], &[1, 2], &[2, 3]] {
        for op in [Reduce::sum, Reduce::amax, Reduce::amin, Reduce::prod] {
            check(&format!("{op:?} {dims:?}"), |d| {
                let x = on(d, &x)?;
                let y = Value::unary(Unary::sigmoid, &x, [0.0; 2])?;
                let y = add(&y, &Value::constant(0.45, (), DType::F32, d))?;
                let r = reduce(op, &y, dims, false)?;
                mul(&r, &Value::constant(0.5, (), DType::F32, d))
            });
        }
    }
    let long = noise([3, 5000], 2);
    check("long rows", |d| reduce(Reduce::sum, &on(d, &long)?, &[1], false));
    check("tall", |d| reduce(Reduce::sum, &on(d, &long)?.transpose(0, 1)?, &[0], true));
    check("everything", |d| reduce(Reduce::amax, &on(d, &long)?, &[], false));
}

#[test]
fn a_chain_with_its_reduction_is_one_dispatch() {
    if devices().len() == 1 {
        return;
    }
    // Its own, because the tests beside this one count as well.
    let gpu = Gpu::open(&GpuOptions::default()).expect("the shared one opened");
    let device = Device::from_gpu(gpu);
    let run = || {
        let x = on(&device, &noise([8, 64], 1)).expect("uploads");
        let y = mul(&x, &x).and_then(|y| Value::unary(Unary::exp, &y, [0.0; 2])).expect("lazy");
        let s = reduce(Reduce::sum, &y, &[1], false).expect("lazy");
        drop(y);
        let mean = mul(&s, &Value::constant(1.0 / 64.0, (), DType::F32, &device)).expect("lazy");
        drop(s);
        mean.array().expect("computes")
    };
    run();
    let stats = || {
        let gpu = device.as_gpu().expect("a GPU");
        gpu.flush().expect("recorded");
        gpu.stats().dispatches
    };
    let before = stats();
    run();
    assert_eq!(stats() - before, 1);
}

#[test]
fn assignment_is_in_place_unless_somebody_looks() {
    for device in devices() {
        let start = noise(1000, 1);
        let mut p = Value::from(start.to(&device).expect("moves"))
            .relaid_copy()
            .expect("a copy of its own");
        let mut m =
            Array::from_vec(vec![0.0f32; 1000], 1000).and_then(|a| a.to(&device)).expect("ok");
        let grads: Vec<Array> = [(400, 2), (596, 3)]
            .into_iter()
            .map(|(n, seed)| noise(n, seed).to(&device).expect("moves"))
            .collect();
        let step = |p: &mut Array, m: &mut Array| {
            let parts = vec![(grads[0].clone(), 0), (grads[1].clone(), 404)];
            let g = Value::concat(parts, 1000).expect("parts");
            let c = |v| Value::constant(v, (), DType::F32, &device);
            let (pv, mv) = (Value::from(&*p), Value::from(&*m));
            let m_new = add(&mul(&mv, &c(0.9)).expect("ok"), &mul(&g, &c(0.1)).expect("ok"));
            let m_new = m_new.expect("ok");
            let p_new = Value::binary(Binary::sub, &pv, &m_new).expect("ok");
            drop((pv, mv));
            assign(vec![Assign { dest: p, value: p_new }, Assign { dest: m, value: m_new }])
                .expect("assigns");
        };
        let before = p.clone();
        step(&mut p, &mut m);
        assert!(!p.storage().same(before.storage()), "somebody still holds the old elements");
        assert_eq!(before.to_vec::<f32>().expect("f32"), start.to_vec::<f32>().expect("f32"));
        drop(before);
        let at = address(&p);
        step(&mut p, &mut m);
        assert_eq!(at, address(&p), "nobody else looks: in place");
        let g: Vec<f32> = {
            let mut g = vec![0.0; 1000];
            g[..400].copy_from_slice(&grads[0].to_vec::<f32>().expect("f32"));
            g[404..].copy_from_slice(&grads[1].to_vec::<f32>().expect("f32"));
            g
        };
        for (i, (p, s)) in p
            .to_vec::<f32>()
            .expect("f32")
            .iter()
            .zip(start.to_vec::<f32>().expect("f32"))
            .enumerate()
        {
            let want = s - 0.1 * g[i] - (0.09 * g[i] + 0.1 * g[i]);
            assert!((p - want).abs() < 1e-5, "{device}: element {i}: {p} {want}");
        }
    }
}

#[test]
fn what_follows_a_product_is_found_in_rows_of_any_length() {
    // Software adapters store two results at once: the second may lie in the next row.
    for rest in [[64, 6, 5], [64, 5, 6], [64, 15, 2]] {
        for along in [[64, 1, 1], [1, rest[1], 1], [1, 1, rest[2]], [64, 1, rest[2]], rest] {
            let shape = rest.map(|size| size as i64);
            check(&format!("{rest:?} with {along:?}"), |device| {
                let (a, b) = (noise([64, 40], 50), noise([40, 30], 51));
                let product = matmul(&on(device, &a)?, &on(device, &b)?)?.reshape(&shape)?;
                add(&product, &on(device, &noise(along, 52))?)
            });
        }
    }
}

#[test]
fn products_by_numbers_round_as_they_do_alone() {
    type Formula = fn(f32, f32) -> f32;
    const N: usize = 1000;
    let (x, y) = (noise([N], 40), noise([N], 41));
    let number = |value: f64| Value::constant(value, (), DType::F32, &Device::cpu());
    let by = |array: &Array, factor: f64| mul(&Value::from(array), &number(factor));
    let formulas: [(Binary, Formula); 3] = [
        (Binary::add, |x, y| x * 0.9 + y * 0.1),
        (Binary::sub, |x, y| x * 0.9 - y * 0.1),
        (Binary::div, |x, y| (x * 0.9) / (y * 0.1)),
    ];
    for (op, formula) in formulas {
        let got = by(&x, 0.9).and_then(|x| Value::binary(op, &x, &by(&y, 0.1)?));
        let got = got.and_then(|value| value.array()?.to_vec::<f32>()).expect("computes");
        let (x, y) = (x.to_vec::<f32>().expect("f32"), y.to_vec::<f32>().expect("f32"));
        let expected = x.iter().zip(y).map(|(&x, y)| formula(x, y).to_bits());
        assert!(expected.eq(got.iter().map(|value| value.to_bits())), "{op:?}");
    }
    // The same where an operand lies, as an optimizer's averages are.
    let expected: Vec<f32> = x
        .to_vec::<f32>()
        .expect("f32")
        .into_iter()
        .zip(y.to_vec::<f32>().expect("f32"))
        .map(|(x, y)| x * 0.9 + y * 0.1)
        .collect();
    let mut state = x;
    let value = by(&state, 0.9).and_then(|x| add(&x, &by(&y, 0.1)?)).expect("a sum");
    assign(vec![Assign { dest: &mut state, value }]).expect("computes");
    assert_eq!(state.to_vec::<f32>().expect("f32"), expected);
}

#[test]
fn joined_arrays_are_zero_between_them() {
    for starts in [[0, 32, 40], [0, 31, 41]] {
        let joined = |device: &Device| {
            let part = |(n, start)| Ok((noise(n, start as u64).to(device)?, start));
            let parts: Result<Vec<_>> = [30, 7, 9].into_iter().zip(starts).map(part).collect();
            Ok(Value::concat(parts?, 52).expect("parts"))
        };
        check("copied", joined);
        check("computed", |device| Value::unary(Unary::square, &joined(device)?, [0.0; 2]));
        let sum = |device: &Device| reduce(Reduce::sum, &joined(device)?, &[0], false);
        check("reduced", sum);
    }
}

#[test]
fn reductions_read_by_four_where_runs_are_whole_vectors() {
    for shape in [[3, 5, 8, 12], [3, 5, 8, 13], [2, 6, 3, 4], [1, 1, 9, 4096], [2, 3, 1, 8]] {
        for dims in [&[3][..], &[0, 2, 3], &[1, 3], &[0, 1, 2, 3], &[2]] {
            for op in [Reduce::sum, Reduce::amax] {
                check(&format!("{op:?} of {shape:?} over {dims:?}"), |device| {
                    let x = on(device, &noise(shape, 7))?;
                    reduce(op, &mul(&x, &x)?, dims, false)
                });
            }
        }
    }
}

/// An address that tells memory apart on either device.
fn address(array: &Array) -> *const () {
    match array.cpu_buffer() {
        Some(buffer) => std::sync::Arc::as_ptr(buffer).cast(),
        None => array.gpu_buffer().map_or(std::ptr::null(), |b| std::sync::Arc::as_ptr(b).cast()),
    }
}

trait Fresh {
    fn relaid_copy(&self) -> Result<Array>;
}

impl Fresh for Value {
    /// The elements in memory that nobody shares.
    fn relaid_copy(&self) -> Result<Array> {
        add(self, &Value::constant(0.0, (), DType::F32, self.device()))?.array()
    }
}
