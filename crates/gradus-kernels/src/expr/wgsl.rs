//! The WGSL of single steps, constants and loads. `§` stands where a plan's prefix goes.

use std::fmt::Write;

use gradus_tensor::DType;

use super::plan::{Code, Plan, Step, StepOp};
use crate::table::{Binary, Compare, Unary};

/// WGSL's name of a type in registers. Bytes are numbers there.
pub(crate) fn register_type(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "bool",
        DType::U8 | DType::U32 => "u32",
        DType::I32 => "i32",
        _ => "f32",
    }
}

pub(super) fn stored_type(dtype: DType) -> &'static str {
    match dtype.size() {
        1 => "u32",
        _ => register_type(dtype),
    }
}

/// A constant's field type and bits.
pub(super) fn number(dtype: DType, value: f64) -> (&'static str, u32) {
    match dtype {
        DType::Bool => ("u32", u32::from(value != 0.0)),
        DType::U8 => ("u32", u32::from(value as u8)),
        DType::U32 => ("u32", value as u32),
        DType::I32 => ("i32", value as i32 as u32),
        _ => ("f32", (value as f32).to_bits()),
    }
}

/// Loads the element at storage position `at`.
pub(super) fn load_text(binding: usize, dtype: DType, at: &str) -> String {
    let byte = format!("((§b{binding}[({at}) >> 2u] >> ((({at}) & 3u) * 8u)) & 255u)");
    match dtype {
        DType::Bool => format!("({byte} != 0u)"),
        DType::U8 => byte,
        _ => format!("§b{binding}[{at}]"),
    }
}

/// Defines the function of a table row.
pub(super) fn define(op: StepOp, out: &mut String) {
    let _ = match op {
        StepOp::Code(Code::Unary(op)) => {
            let def = op.def();
            let params: String = def.params.iter().map(|p| format!(", {p}: f32")).collect();
            let (name, x) = (def.name, def.names[0]);
            writeln!(out, "fn §op_{name}({x}: f32{params}) -> f32 {{ return {}; }}", def.formula)
        }
        StepOp::Code(Code::Binary(op)) => {
            let def = op.def();
            let [a, b, _] = def.names;
            let name = def.name;
            writeln!(out, "fn §op_{name}({a}: f32, {b}: f32) -> f32 {{ return {}; }}", def.formula)
        }
        _ => Ok(()),
    };
}

/// Scalar parameters of step `s`, as fields.
pub(super) fn scalar_fields(s: usize) -> [String; 2] {
    [format!("p.§a{s}_0"), format!("p.§a{s}_1")]
}

/// The expression of one step.
pub(super) fn step_text(plan: &Plan, step: &Step, params: &[String; 2]) -> String {
    let arg = |k: usize| step.args.get(k).map_or(String::new(), |r| format!("v{r}"));
    let (a, b, c) = (arg(0), arg(1), arg(2));
    let from = step.args.last().map_or(step.dtype, |&r| plan.dtype(r));
    match step.op {
        StepOp::Window(leaf) => format!("§leaf{leaf}(i, x, {a})"),
        StepOp::Code(code) => match code {
            Code::Unary(op) if from.is_float() => {
                let count = op.def().params.len();
                let rest: String = params[..count].iter().map(|p| format!(", {p}")).collect();
                format!("§op_{}({a}{rest})", op.def().name)
            }
            Code::Unary(Unary::neg) => format!("-{a}"),
            Code::Unary(Unary::square) => format!("{a} * {a}"),
            Code::Unary(op) => format!("{}({a})", op.def().name),
            Code::Binary(op) if from.is_float() => format!("§op_{}({a}, {b})", op.def().name),
            Code::Binary(Binary::maximum) => format!("max({a}, {b})"),
            Code::Binary(Binary::minimum) => format!("min({a}, {b})"),
            Code::Binary(Binary::add) => format!("{a} + {b}"),
            Code::Binary(Binary::sub) => format!("{a} - {b}"),
            Code::Binary(_) => format!("{a} * {b}"),
            Code::Compare(op) => {
                let sign = op.def().formula.replace(['a', 'b', ' '], "");
                if op == Compare::ne && from.is_float() {
                    // Drivers may compile `!=` as "less or greater", which NaN is not.
                    format!("!({a} == {b})")
                } else if from == DType::Bool {
                    format!("u32({a}) {sign} u32({b})")
                } else {
                    format!("{a} {sign} {b}")
                }
            }
            Code::And => format!("{a} && {b}"),
            Code::Or => format!("{a} || {b}"),
            Code::Xor => format!("{a} != {b}"),
            Code::Not => format!("!{a}"),
            Code::Select => format!("select({c}, {b}, {a})"),
            Code::Copy => a,
            Code::Cast => cast_text(&a, from, step.dtype),
        },
    }
}

fn cast_text(a: &str, from: DType, to: DType) -> String {
    match (from, to) {
        (DType::Bool, _) => format!("{}({a})", register_type(to)),
        (_, DType::Bool) => format!("{a} != {}(0)", register_type(from)),
        // Rust saturates and makes 0 of NaN; WGSL leaves both open.
        (DType::F32, DType::U8) => format!("u32(clamp(select({a}, 0.0, is_nan({a})), 0.0, 255.0))"),
        (DType::F32, DType::I32) => format!(
            "select(i32(clamp(select({a}, 0.0, is_nan({a})), -2147483648.0, 2147483520.0)), \
             2147483647, {a} >= 2147483648.0)"
        ),
        (DType::F32, DType::U32) => format!(
            "select(u32(clamp(select({a}, 0.0, is_nan({a})), 0.0, 4294967040.0)), \
             4294967295u, {a} >= 4294967296.0)"
        ),
        (_, DType::U8) => format!("(bitcast<u32>({a}) & 255u)"),
        (DType::I32, DType::U32) | (DType::U8, DType::U32) => format!("bitcast<u32>({a})"),
        (DType::U32 | DType::U8, DType::I32) => format!("bitcast<i32>({a})"),
        _ => format!("{}({a})", register_type(to)),
    }
}

/// The functions of `math.wgsl`, `random.wgsl` and `words.wgsl` in `shaders/common` that a text
/// calls, as whole files; most kernels call none and are compiled faster without.
pub(crate) fn library(text: &str) -> String {
    let mut out = String::new();
    let words: &[&str] = &["pair_of(", "word_of(", "four_of(", "two_of("];
    for (file, calls) in [("random", &["random_unit("][..]), ("words", words)] {
        if calls.iter().any(|call| text.contains(call)) {
            out.push_str(crate::gpu::common(file).unwrap_or_default());
        }
    }
    let math = crate::gpu::common("math").unwrap_or_default();
    let called = math
        .lines()
        .filter_map(|line| line.strip_prefix("fn ")?.split_once('('))
        .any(|(name, _)| text.contains(&format!("{name}(")));
    if called {
        out.push_str(math);
    }
    out
}
