//! What this crate derives from the rows: op lists, CPU loops in f32 and f64, WGSL text.

use gradus_cpu::Simd;
use gradus_tensor::DType;

/// A loop over one tile: operand tiles, result tile, number of elements, scalar parameters.
///
/// The element types are erased; the plan that picked the function knows them. Operand and result
/// tiles never overlap.
pub(crate) type Erased = unsafe fn([*const u8; 3], *mut u8, usize, &[f64; 2]);

/// The same loop compiled for each set of instructions of [`Simd`].
#[derive(Clone, Copy)]
pub(crate) struct Loop(pub(crate) [Erased; 3]);

impl Loop {
    /// The version for this processor.
    pub(crate) fn pick(self) -> Erased {
        self.0[Simd::here() as usize]
    }
}

impl std::fmt::Debug for Loop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Loop")
    }
}

/// Compiles `body`, an [`Erased`] function, for each set of instructions: a [`Loop`]. Results have
/// the same bits in all versions: Rust never contracts a product and a sum.
macro_rules! versions {
    ($body:ident) => {{
        unsafe fn base(args: [*const u8; 3], out: *mut u8, n: usize, params: &[f64; 2]) {
            // SAFETY: forwarded.
            unsafe { $body(args, out, n, params) }
        }
        #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
        unsafe fn fast(args: [*const u8; 3], out: *mut u8, n: usize, params: &[f64; 2]) {
            // SAFETY: forwarded.
            unsafe { $body(args, out, n, params) }
        }
        #[cfg_attr(
            target_arch = "x86_64",
            target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")
        )]
        unsafe fn wide(args: [*const u8; 3], out: *mut u8, n: usize, params: &[f64; 2]) {
            // SAFETY: forwarded.
            unsafe { $body(args, out, n, params) }
        }
        $crate::table::define::Loop([base, fast, wide])
    }};
}
pub(crate) use versions;

/// Compiles `out[i] = formula(operands[i])` as a [`Loop`].
macro_rules! tile_loop {
    ($in:ident -> $out:ident, $prelude:ident, ($($arg:ident),*), [$($p:ident),*], $f:expr) => {{
        #[allow(unused_imports, unused_mut, unused_variables, unused_assignments,
            reason = "not every formula uses the prelude, parameters or a third operand")]
        #[inline(always)]
        unsafe fn body(args: [*const u8; 3], out: *mut u8, n: usize, params: &[f64; 2]) {
            use crate::table::prelude::$prelude::*;
            // SAFETY: the caller passes tiles of `n` elements that do not overlap.
            let out = unsafe { std::slice::from_raw_parts_mut(out.cast::<$out>(), n) };
            let mut next = args.iter();
            // SAFETY: as above.
            $(let $arg = unsafe { crate::table::define::operand::<$in>(&mut next, n) };)*
            let mut param = params.iter();
            $(let $p = param.next().copied().unwrap_or(0.0) as $in;)*
            for i in 0..n {
                $(let $arg = $arg[i];)*
                out[i] = $f as $out;
            }
        }
        crate::table::define::versions!(body)
    }};
}
pub(crate) use tile_loop;

/// The next operand tile of a [`tile_loop`].
///
/// # Safety
/// The pointer must lead to `n` values of type `T` that nobody writes.
#[inline(always)]
pub(crate) unsafe fn operand<'a, T>(
    next: &mut std::slice::Iter<'_, *const u8>,
    n: usize,
) -> &'a [T] {
    let pointer = next.next().copied().unwrap_or(std::ptr::null());
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(pointer.cast::<T>(), n) }
}

/// Whether the identifier `word` stands in `text`.
const fn mentions(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    let mut at = 0;
    while at + word.len() <= text.len() {
        let mut same = 0;
        while same < word.len() && text[at + same] == word[same] {
            same += 1;
        }
        let end = at + word.len();
        if same == word.len()
            && (at == 0 || !is_word(text[at - 1]))
            && (end == text.len() || !is_word(text[end]))
        {
            return true;
        }
        at += 1;
    }
    false
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// A row of the one-operand table.
#[derive(Debug)]
pub struct UnaryDef {
    /// Name of the op and of the tensor method.
    pub name: &'static str,
    /// Names of its scalar parameters.
    pub params: &'static [&'static str],
    /// Names of operand and result in the formulas.
    pub names: [&'static str; 2],
    /// The formula: Rust and WGSL.
    pub formula: &'static str,
    /// The derivative, in tensor operations.
    pub derivative: &'static str,
    /// Whether the derivative needs the operand, and whether it needs the result.
    pub needs: [bool; 2],
    /// Interval that tests sample.
    pub domain: (f64, f64),
    /// PyTorch's name.
    pub torch: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    pub(crate) f32: Loop,
    pub(crate) f64: Loop,
}

/// A row of the two-operand table.
#[derive(Debug)]
pub struct BinaryDef {
    /// Name of the op and of the tensor method.
    pub name: &'static str,
    /// Names of operands and result in the formulas.
    pub names: [&'static str; 3],
    /// The formula: Rust and WGSL.
    pub formula: &'static str,
    /// The derivatives by both operands, in tensor operations.
    pub derivatives: [&'static str; 2],
    /// Whether each derivative needs a, b and the result.
    pub needs: [[bool; 3]; 2],
    /// Intervals that tests sample, one an operand.
    pub domains: [(f64, f64); 2],
    /// PyTorch's name.
    pub torch: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    pub(crate) f32: Loop,
    pub(crate) f64: Loop,
}

macro_rules! define_unary {
    ($($name:ident [$($p:ident),*] ($x:ident -> $y:ident) = $f:expr; d = $d:expr;
        on = $lo:expr, $hi:expr; torch = $torch:literal; doc = $doc:literal;)*) => {
        /// Ops with one operand; [`UNARY`] describes them in this order.
        #[allow(non_camel_case_types, reason = "variants are the rows' names")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Unary { $(#[doc = $doc] $name,)* }

        /// Every row of the one-operand table.
        #[allow(
            clippy::approx_constant,
            clippy::excessive_precision,
            reason = "formulas are WGSL too, and serve f64 as well as f32"
        )]
        pub static UNARY: &[UnaryDef] = &[$(UnaryDef {
            name: stringify!($name),
            params: &[$(stringify!($p)),*],
            names: [stringify!($x), stringify!($y)],
            formula: stringify!($f),
            derivative: stringify!($d),
            needs: [
                mentions(stringify!($d), stringify!($x)),
                mentions(stringify!($d), stringify!($y)),
            ],
            domain: ($lo, $hi),
            torch: $torch,
            doc: $doc,
            f32: tile_loop!(f32 -> f32, f32, ($x), [$($p),*], $f),
            f64: tile_loop!(f64 -> f64, f64, ($x), [$($p),*], $f),
        },)*];
    };
}

macro_rules! define_binary {
    ($($name:ident ($a:ident, $b:ident -> $y:ident) = $f:expr; da = $da:expr; db = $db:expr;
        on = $lo:expr, $hi:expr; on_b = $lo_b:expr, $hi_b:expr;
        torch = $torch:literal; doc = $doc:literal;)*) => {
        /// Ops with two operands; [`BINARY`] describes them in this order.
        #[allow(non_camel_case_types, reason = "variants are the rows' names")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Binary { $(#[doc = $doc] $name,)* }

        /// Every row of the two-operand table.
        pub static BINARY: &[BinaryDef] = &[$(BinaryDef {
            name: stringify!($name),
            names: [stringify!($a), stringify!($b), stringify!($y)],
            formula: stringify!($f),
            derivatives: [stringify!($da), stringify!($db)],
            needs: [
                [
                    mentions(stringify!($da), stringify!($a)),
                    mentions(stringify!($da), stringify!($b)),
                    mentions(stringify!($da), stringify!($y)),
                ],
                [
                    mentions(stringify!($db), stringify!($a)),
                    mentions(stringify!($db), stringify!($b)),
                    mentions(stringify!($db), stringify!($y)),
                ],
            ],
            domains: [($lo, $hi), ($lo_b, $hi_b)],
            torch: $torch,
            doc: $doc,
            f32: tile_loop!(f32 -> f32, f32, ($a, $b), [], $f),
            f64: tile_loop!(f64 -> f64, f64, ($a, $b), [], $f),
        },)*];
    };
}

crate::unary_ops!(define_unary);
crate::binary_ops!(define_binary);

impl Unary {
    /// The op's row.
    pub fn def(self) -> &'static UnaryDef {
        &UNARY[self as usize]
    }
}

impl Binary {
    /// The op's row.
    pub fn def(self) -> &'static BinaryDef {
        &BINARY[self as usize]
    }
}

/// A row of the comparisons: any two values of one type to bool, not differentiable.
#[derive(Debug)]
pub struct CompareDef {
    /// Name of the op and of the tensor method; PyTorch's name too.
    pub name: &'static str,
    /// The operator: Rust and WGSL.
    pub formula: &'static str,
    f32: Loop,
    f64: Loop,
    i32: Loop,
    u32: Loop,
    u8: Loop,
}

macro_rules! define_compare {
    ($($name:ident ($a:ident, $b:ident) = $f:expr;)*) => {
        /// Comparisons; [`COMPARE`] describes them in this order.
        #[allow(non_camel_case_types, missing_docs, reason = "variants are the rows' names")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Compare { $($name,)* }

        /// Every comparison.
        pub static COMPARE: &[CompareDef] = &[$(CompareDef {
            name: stringify!($name),
            formula: stringify!($f),
            f32: tile_loop!(f32 -> u8, f32, ($a, $b), [], ($f)),
            f64: tile_loop!(f64 -> u8, f64, ($a, $b), [], ($f)),
            i32: tile_loop!(i32 -> u8, none, ($a, $b), [], ($f)),
            u32: tile_loop!(u32 -> u8, none, ($a, $b), [], ($f)),
            u8: tile_loop!(u8 -> u8, none, ($a, $b), [], ($f)),
        },)*];
    };
}

define_compare! {
    eq (a, b) = a == b;
    ne (a, b) = a != b;
    lt (a, b) = a < b;
    le (a, b) = a <= b;
    gt (a, b) = a > b;
    ge (a, b) = a >= b;
}

impl Compare {
    /// The op's row.
    pub fn def(self) -> &'static CompareDef {
        &COMPARE[self as usize]
    }
}

/// The loop that compares values of `dtype`.
pub(crate) fn compare_fn(op: Compare, dtype: DType) -> Loop {
    let def = op.def();
    match dtype {
        DType::F32 => def.f32,
        DType::F64 => def.f64,
        DType::I32 => def.i32,
        DType::U32 => def.u32,
        _ => def.u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_well_formed() {
        let mut names: Vec<&str> = UNARY.iter().map(|d| d.name).collect();
        names.extend(BINARY.iter().map(|d| d.name));
        names.extend(COMPARE.iter().map(|d| d.name));
        for name in &names {
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            );
            assert_eq!(names.iter().filter(|n| *n == name).count(), 1, "{name} stands twice");
        }
        for def in UNARY {
            assert!(def.domain.0 < def.domain.1, "{}", def.name);
            assert!(def.params.len() <= 2 && def.doc.ends_with('.'), "{}", def.name);
        }
    }

    #[test]
    fn a_derivative_says_what_it_needs() {
        assert_eq!(Unary::tanh.def().needs, [false, true]);
        assert_eq!(Unary::gelu.def().needs, [true, false]);
        assert_eq!(Unary::exp.def().needs, [false, true]);
        assert_eq!(Unary::sign.def().needs, [false, false]);
    }
}
