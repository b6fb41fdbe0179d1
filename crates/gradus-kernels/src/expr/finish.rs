//! Epilogues: what follows a kernel's results, computed before they are stored.

use std::fmt::Write;

use gradus_tensor::DType;

use super::emit::{Emitted, Emitter};
use super::plan::Plan;
use super::wgsl::register_type;
use super::width::Width;

/// An epilogue for a kernel whose own bindings end before `first_binding`: `fn finish(acc, i)` of
/// one element, `fn finish_two(acc, i)` of an even one and the one after it, both with `_at` for
/// those whose index and row are known, and the type `Out`. Without a plan the element is stored
/// as it is. The names it defines start with `f_`; the functions that it calls are in
/// [`library`](super::library).
///
/// Its text is written where a width is given: by [`Width::Pairs`] arrays are read by twos where
/// they lie so, and there is no `finish`. The key is taken without a text.
pub(crate) fn emit_finish(
    plan: Option<&Plan>,
    first_binding: usize,
    acc: DType,
    text: Option<Width>,
) -> Emitted {
    let kind = register_type(acc);
    let Some(plan) = plan else {
        let functions = text.map(|width| unfinished(kind) + &of_any(kind, width));
        return Emitted {
            functions: functions.unwrap_or_default(),
            out: Some(acc),
            key: vec![b'n', acc as u8],
            ..Emitted::default()
        };
    };
    let width = text.unwrap_or(Width::One);
    let emitter = Emitter::new(plan, first_binding, text.is_some());
    let mut emitter = emitter.named("f_").reading(width).for_epilogue();
    emitter.bind(&[]);
    let (even_rows, paired) = (emitter.has_even_rows(), emitter.paired.clone());
    let mut out = emitter.function("finish_at");
    out.key.push(u8::from(even_rows));
    out.key.extend(paired.iter().map(|&paired| u8::from(paired)));
    if text.is_none() {
        return out;
    }
    let second = match even_rows {
        true => "let y = f_index_along(x, 1u);\n    let other = row;",
        false => "let y = f_index_of(i + 1u);\n    let other = f_row_of(i + 1u, y);",
    };
    let [mut loads, mut first, mut last] = <[String; 3]>::default();
    for k in (0..paired.len()).filter(|&k| width == Width::Pairs && paired[k]) {
        // Writing to a string cannot fail.
        let _ = writeln!(loads, "    let q{k} = f_load{k}(i / 2u);");
        let _ = write!(first, ", q{k}.x");
        let _ = write!(last, ", q{k}.y");
    }
    let to = register_type(out.out.unwrap_or(acc));
    let _ = write!(
        out.functions,
        "alias Out = {to};\n\
         fn finish_two_at(i: u32, x: f_Index, acc: vec2<{kind}>, row: f_Row) -> vec2<Out> {{\n    \
         {second}\n{loads}    \
         return vec2<Out>(finish_at(i, x, acc.x{first}, row), \
         finish_at(i + 1u, y, acc.y{last}, other));\n}}\n{}",
        of_any(kind, width)
    );
    out
}

/// The epilogue where nothing follows.
fn unfinished(kind: &str) -> String {
    let finish = |name: &str, acc: &str, out: &str| {
        format!(
            "fn {name}(i: u32, x: f_Index, acc: {acc}, row: f_Row) -> {out} {{ return acc; }}\n"
        )
    };
    format!(
        "struct f_Index {{\n    unused: u32,\n}}\nstruct f_Row {{\n    unused: u32,\n}}\n\
         fn f_index_of(i: u32) -> f_Index {{ return f_Index(); }}\n\
         fn f_index_after(x: f_Index, step: f_Index) -> f_Index {{ return x; }}\n\
         fn f_index_along(x: f_Index, step: u32) -> f_Index {{ return x; }}\n\
         fn f_row_of(i: u32, x: f_Index) -> f_Row {{ return f_Row(); }}\n\
         alias Out = {kind};\n{}{}",
        finish("finish_at", kind, "Out"),
        finish("finish_two_at", &format!("vec2<{kind}>"), "vec2<Out>")
    )
}

/// The epilogue of elements whose index is to be found.
fn of_any(kind: &str, width: Width) -> String {
    let of = |name: &str, acc: &str, out: &str| {
        format!(
            "fn {name}(acc: {acc}, i: u32) -> {out} {{\n    let x = f_index_of(i);\n    \
             return {name}_at(i, x, acc, f_row_of(i, x));\n}}\n"
        )
    };
    let mut text = of("finish_two", &format!("vec2<{kind}>"), "vec2<Out>");
    if width != Width::Pairs {
        text.push_str(&of("finish", kind, "Out"));
    }
    text
}
