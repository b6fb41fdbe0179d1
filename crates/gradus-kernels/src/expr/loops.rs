//! The CPU loop of every instruction and type.

use gradus_tensor::DType;

use super::plan::Code;
use crate::table::{Binary, Erased, Unary, compare_fn, tile_loop};

/// The loop that runs `code` on operands of type `from` into `to`; `None` where no rule of the
/// builders lets the combination happen.
pub(crate) fn find(code: Code, from: DType, to: DType) -> Option<Erased> {
    let found = match code {
        Code::Unary(op) => match from {
            DType::F32 => op.def().f32,
            DType::F64 => op.def().f64,
            DType::I32 => int_unary(op)?,
            _ => return None,
        },
        Code::Binary(op) => match from {
            DType::F32 => op.def().f32,
            DType::F64 => op.def().f64,
            DType::I32 => int_binary(op)?,
            DType::U32 => uint_binary(op)?,
            _ => return None,
        },
        Code::Compare(op) => compare_fn(op, from),
        Code::And => tile_loop!(u8 -> u8, none, (a, b), [], a & b),
        Code::Or => tile_loop!(u8 -> u8, none, (a, b), [], a | b),
        Code::Xor => tile_loop!(u8 -> u8, none, (a, b), [], a ^ b),
        Code::Not => tile_loop!(u8 -> u8, none, (a), [], 1 - a),
        Code::Select => return Some(select(to)),
        Code::Copy => return Some(copy(to)),
        Code::Cast => cast(from, to)?,
    };
    Some(found.pick())
}

fn int_unary(op: Unary) -> Option<crate::table::Loop> {
    Some(match op {
        Unary::neg => tile_loop!(i32 -> i32, none, (x), [], x.wrapping_neg()),
        Unary::abs => tile_loop!(i32 -> i32, none, (x), [], x.wrapping_abs()),
        Unary::sign => tile_loop!(i32 -> i32, none, (x), [], x.signum()),
        Unary::square => tile_loop!(i32 -> i32, none, (x), [], x.wrapping_mul(x)),
        _ => return None,
    })
}

macro_rules! int_table {
    ($name:ident, $t:ident) => {
        fn $name(op: Binary) -> Option<crate::table::Loop> {
            Some(match op {
                Binary::add => tile_loop!($t -> $t, none, (a, b), [], a.wrapping_add(b)),
                Binary::sub => tile_loop!($t -> $t, none, (a, b), [], a.wrapping_sub(b)),
                Binary::mul => tile_loop!($t -> $t, none, (a, b), [], a.wrapping_mul(b)),
                Binary::maximum => tile_loop!($t -> $t, none, (a, b), [], a.max(b)),
                Binary::minimum => tile_loop!($t -> $t, none, (a, b), [], a.min(b)),
                _ => return None,
            })
        }
    };
}
int_table!(int_binary, i32);
int_table!(uint_binary, u32);

fn cast(from: DType, to: DType) -> Option<crate::table::Loop> {
    macro_rules! from {
        ($t:ident) => {
            match to {
                DType::Bool => {
                    tile_loop!($t -> u8, none, (x), [], (x != (0 as $t)))
                }
                DType::U8 => tile_loop!($t -> u8, none, (x), [], x),
                DType::U32 => tile_loop!($t -> u32, none, (x), [], x),
                DType::I32 => tile_loop!($t -> i32, none, (x), [], x),
                DType::F32 => tile_loop!($t -> f32, none, (x), [], x),
                DType::F64 => tile_loop!($t -> f64, none, (x), [], x),
                _ => return None,
            }
        };
    }
    Some(match from {
        DType::Bool | DType::U8 => from!(u8),
        DType::U32 => from!(u32),
        DType::I32 => from!(i32),
        DType::F32 => from!(f32),
        DType::F64 => from!(f64),
        _ => return None,
    })
}

/// # Safety
/// Tiles of `n` elements: a condition of bytes, two operands and a result of type `T`.
unsafe fn select_as<T: Copy>(args: [*const u8; 3], out: *mut u8, n: usize, _: &[f64; 2]) {
    // SAFETY: promised by the caller.
    let (cond, a, b, out) = unsafe {
        (
            std::slice::from_raw_parts(args[0], n),
            std::slice::from_raw_parts(args[1].cast::<T>(), n),
            std::slice::from_raw_parts(args[2].cast::<T>(), n),
            std::slice::from_raw_parts_mut(out.cast::<T>(), n),
        )
    };
    for i in 0..n {
        out[i] = if cond[i] != 0 { a[i] } else { b[i] };
    }
}

fn select(dtype: DType) -> Erased {
    match dtype.size() {
        1 => select_as::<u8>,
        4 => select_as::<u32>,
        _ => select_as::<u64>,
    }
}

/// # Safety
/// Tiles of `n` elements of type `T`.
unsafe fn copy_as<T: Copy>(args: [*const u8; 3], out: *mut u8, n: usize, _: &[f64; 2]) {
    // SAFETY: promised by the caller; the tiles do not overlap.
    unsafe { std::ptr::copy_nonoverlapping(args[0].cast::<T>(), out.cast::<T>(), n) }
}

fn copy(dtype: DType) -> Erased {
    match dtype.size() {
        1 => copy_as::<u8>,
        4 => copy_as::<u32>,
        _ => copy_as::<u64>,
    }
}

/// Writes the number `value` as type `dtype`.
///
/// # Safety
/// `out` must have room for one element.
pub(crate) unsafe fn write_number(dtype: DType, value: f64, out: *mut u8) {
    // SAFETY: promised by the caller.
    unsafe {
        match dtype {
            DType::Bool => out.write(u8::from(value != 0.0)),
            DType::U8 => out.write(value as u8),
            DType::U32 => out.cast::<u32>().write(value as u32),
            DType::I32 => out.cast::<i32>().write(value as i32),
            DType::F32 => out.cast::<f32>().write(value as f32),
            _ => out.cast::<f64>().write(value),
        }
    }
}

/// Writes the number `value` into `n` elements of type `dtype`.
///
/// # Safety
/// `out` must have room for `n` elements.
pub(crate) unsafe fn fill(dtype: DType, value: f64, out: *mut u8, n: usize) {
    // SAFETY: promised by the caller.
    unsafe {
        match dtype {
            DType::Bool => std::ptr::write_bytes(out, u8::from(value != 0.0), n),
            DType::U8 => std::ptr::write_bytes(out, value as u8, n),
            DType::U32 => std::slice::from_raw_parts_mut(out.cast::<u32>(), n).fill(value as u32),
            DType::I32 => std::slice::from_raw_parts_mut(out.cast::<i32>(), n).fill(value as i32),
            DType::F32 => std::slice::from_raw_parts_mut(out.cast::<f32>(), n).fill(value as f32),
            _ => std::slice::from_raw_parts_mut(out.cast::<f64>(), n).fill(value),
        }
    }
}

/// # Safety
/// `at` must hold one element of type `dtype`.
unsafe fn read_number(dtype: DType, at: *const u8) -> f64 {
    // SAFETY: promised by the caller.
    unsafe {
        match dtype {
            DType::Bool | DType::U8 => f64::from(at.read()),
            DType::U32 => f64::from(at.cast::<u32>().read()),
            DType::I32 => f64::from(at.cast::<i32>().read()),
            DType::F32 => f64::from(at.cast::<f32>().read()),
            _ => at.cast::<f64>().read(),
        }
    }
}

/// Runs `code` on single numbers.
pub(crate) fn on_numbers(
    code: Code,
    from: DType,
    to: DType,
    values: &[f64],
    params: &[f64; 2],
) -> Option<f64> {
    let run = find(code, from, to)?;
    let mut cells = [[0u64; 1]; 4];
    let [a, b, c, out] = &mut cells;
    for (cell, &value) in [&mut *a, &mut *b, &mut *c].into_iter().zip(values) {
        // SAFETY: a cell has room for the largest element.
        unsafe { write_number(from, value, cell.as_mut_ptr().cast()) };
    }
    let args = [a.as_ptr().cast(), b.as_ptr().cast(), c.as_ptr().cast()];
    // SAFETY: four separate cells of one element each.
    unsafe {
        run(args, out.as_mut_ptr().cast(), 1, params);
        Some(read_number(to, out.as_ptr().cast()))
    }
}
