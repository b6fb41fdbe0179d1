//! WGSL for a plan: the same expression that the CPU runs tile by tile, as functions of an
//! element's index.
//!
//! What tells two kernels apart (ops, types, which leaves need strides) is text; everything else
//! (sizes, strides, numbers) is a parameter, so a new learning rate or batch size compiles
//! nothing.

use std::fmt::Write;
use std::sync::Arc;

use gradus_tensor::gpu::{Access, GpuBuffer};
use gradus_tensor::{Array, DType};
use smallvec::SmallVec;

use super::merge::{Merged, merged};
use super::plan::{Code, LeafSlot, Plan, Reg, Step, StepOp};
use super::value::Leaf;
use super::wgsl::{
    define, load_text, number, register_type, scalar_fields, step_text, stored_type,
};
use super::width::{Width, four_text, in_pairs, is_read};

/// The parts of a kernel that a plan gives.
#[derive(Default)]
pub(crate) struct Emitted {
    /// Equal keys mean equal text.
    pub(crate) key: Vec<u8>,
    /// Storage declarations.
    pub(crate) bindings: String,
    /// Fields for the end of the parameter block.
    pub(crate) fields: String,
    /// Functions.
    pub(crate) functions: String,
    /// Values of the fields.
    pub(crate) words: Vec<u32>,
    /// What the bindings refer to, in order.
    pub(crate) buffers: SmallVec<[Arc<GpuBuffer>; 8]>,
    pub(crate) access: SmallVec<[Access; 8]>,
    /// Type of the first result.
    pub(crate) out: Option<DType>,
    /// Size of the last dimension of the index space, if it has one.
    pub(crate) row: Option<usize>,
}

/// Collects text, key and parameters. Text is only written when it is wanted: a kernel that is
/// compiled already needs its key and parameters alone.
pub(crate) struct Emitter<'a> {
    plan: &'a Plan,
    dims: Merged,
    first_binding: usize,
    prefix: &'static str,
    with_text: bool,
    width: Width,
    /// Of an epilogue: which leaves lie in pairs.
    pub(super) paired: SmallVec<[bool; 8]>,
    /// An epilogue's leaves that do not change along the last dimension are read once a row.
    by_rows: bool,
    out: Emitted,
    /// Binding of each leaf's buffer; concatenations have one a part.
    bound: SmallVec<[SmallVec<[usize; 2]>; 8]>,
}

/// Stands before every name until the prefix is known.
const MARK: char = '§';

impl<'a> Emitter<'a> {
    pub(crate) fn new(plan: &'a Plan, first_binding: usize, with_text: bool) -> Self {
        Emitter {
            plan,
            dims: merged(plan),
            first_binding,
            prefix: "",
            with_text,
            width: Width::One,
            paired: SmallVec::new(),
            by_rows: false,
            out: Emitted::default(),
            bound: SmallVec::new(),
        }
    }

    /// Reads arrays by `width`; four elements at a time of a plan that
    /// [`is_by_four`](super::width::is_by_four) only, two where leaves lie so.
    pub(crate) fn reading(mut self, width: Width) -> Self {
        self.width = width;
        self
    }

    /// Leaves that do not change along the last dimension are read once a row, by `row_of`, and
    /// those that lie in pairs can be read so.
    pub(super) fn for_epilogue(mut self) -> Self {
        self.by_rows = true;
        self.paired = in_pairs(self.plan);
        self
    }

    /// Puts `prefix` before every name, so that two plans can live in one kernel.
    pub(crate) fn named(mut self, prefix: &'static str) -> Self {
        self.prefix = prefix;
        self
    }

    /// Binds the results' buffers and the leaves', each buffer once; returns the results'
    /// bindings.
    pub(crate) fn bind(&mut self, results: &[Array]) -> SmallVec<[usize; 4]> {
        let mut bound = SmallVec::new();
        for result in results {
            bound.push(self.bind_one(result, Access::ReadWrite, self.width));
        }
        for (i, slot) in self.plan.leaves.iter().enumerate() {
            let mut parts = SmallVec::new();
            let width = if self.is_given(i) { self.width } else { Width::One };
            match &slot.leaf {
                Leaf::Array(array) => parts.push(self.bind_one(array, Access::Read, width)),
                Leaf::Concat(arrays) => {
                    for (array, _) in arrays.iter() {
                        parts.push(self.bind_one(array, Access::Read, width));
                    }
                }
                _ => {}
            }
            self.bound.push(parts);
        }
        bound
    }

    /// Whether a leaf's values are read for several elements at once and given to the function
    /// of one.
    fn is_given(&self, i: usize) -> bool {
        match self.width {
            Width::One => false,
            Width::Pairs => self.paired[i],
            Width::Four | Width::Words => is_read(&self.plan.leaves[i].leaf),
        }
    }

    /// Whether a leaf is read once a row.
    fn is_steady(&self, i: usize) -> bool {
        let slot = &self.plan.leaves[i];
        let array = matches!(slot.leaf, Leaf::Array(_)) && slot.window.is_none();
        self.by_rows
            && array
            && !slot.layout.is_dense()
            && self.dims.strides(i).into_iter().next_back() == Some(0)
    }

    fn bind_one(&mut self, array: &Array, access: Access, width: Width) -> usize {
        let Some(buffer) = array.gpu_buffer() else { return 0 };
        let known = self.out.buffers.iter().position(|b| Arc::ptr_eq(b, buffer));
        let at = known.unwrap_or_else(|| {
            self.out.buffers.push(buffer.clone());
            self.out.access.push(access);
            let (at, stored) = (self.out.buffers.len() - 1, stored_type(array.dtype()));
            let mode = if access == Access::Read { "read" } else { "read_write" };
            let element = width.element(stored);
            self.text(|t| &mut t.bindings, |text, first| {
                let number = first + at;
                writeln!(
                    text,
                    "@group(0) @binding({number}) var<storage, {mode}> §b{at}: array<{element}>;"
                )
            });
            self.out.key.extend([array.dtype() as u8, access as u8]);
            at
        });
        self.out.key.push(at as u8);
        at
    }

    fn text(
        &mut self,
        part: impl FnOnce(&mut Emitted) -> &mut String,
        write: impl FnOnce(&mut String, usize) -> std::fmt::Result,
    ) {
        if self.with_text {
            // Writing to a string cannot fail.
            let _ = write(part(&mut self.out), self.first_binding);
        }
    }

    fn word(&mut self, name: &str, kind: &str, value: u32) {
        self.out.words.push(value);
        self.text(|t| &mut t.fields, |text, _| writeln!(text, "    {name}: {kind},"));
    }

    /// Emits loads, ops and `fn {name}(i, [acc]) -> …` that evaluates the roots at element `i`,
    /// and `fn {name}_four(t)` for elements 4t to 4t + 3 where they are read so.
    pub(crate) fn function(mut self, name: &str) -> Emitted {
        self.out.key.extend([b'k', self.plan.leaves.len() as u8, self.dims.sizes.len() as u8]);
        self.out.key.push(self.width as u8);
        // Nothing is divided by the outermost size.
        for d in 1..self.dims.sizes.len() {
            let size = self.dims.sizes[d] as u32;
            self.word(&format!("§n{d}"), "u32", size);
        }
        for i in 0..self.plan.leaves.len() {
            self.leaf(i);
        }
        self.ops();
        self.body(name);
        self.out.row = self.dims.sizes.last().copied();
        self.out.out = self.plan.roots.first().map(|&r| self.plan.dtype(r));
        let prefix = self.prefix;
        let Emitted { bindings, fields, functions, .. } = &mut self.out;
        for text in [bindings, fields, functions] {
            *text = text.replace(MARK, prefix);
        }
        self.out
    }

    fn leaf(&mut self, i: usize) {
        let plan = self.plan;
        let slot = &plan.leaves[i];
        self.out.key.extend([b'l', slot.dtype as u8]);
        if plan.acc == Some(i as Reg) {
            self.out.key.push(b'a');
            return;
        }
        match &slot.leaf {
            Leaf::Const(value) => {
                self.out.key.push(b'c');
                let (kind, bits) = number(slot.dtype, *value);
                self.word(&format!("§c{i}"), kind, bits);
            }
            Leaf::Array(_) => self.array_leaf(i, slot),
            Leaf::Iota(_) => {
                self.out.key.push(b'i');
                let at = self.position(i, slot);
                let kind = register_type(slot.dtype);
                self.loader(i, slot, &format!("    return {kind}({at});\n"));
            }
            Leaf::Random(draw, _) => {
                self.out.key.push(b'r');
                let words = [draw.key[0], draw.key[1], draw.stream[0], draw.stream[1]];
                for (k, word) in words.into_iter().enumerate() {
                    self.word(&format!("§r{i}_{k}"), "u32", word);
                }
                let at = self.position(i, slot);
                let body = format!(
                    "    return random_unit({at}, vec2<u32>(p.§r{i}_0, p.§r{i}_1), \
                     vec2<u32>(p.§r{i}_2, p.§r{i}_3));\n"
                );
                self.loader(i, slot, &body);
            }
            Leaf::Concat(parts) => {
                let parts = parts.clone();
                self.concat_leaf(i, slot, &parts);
            }
        }
    }

    fn array_leaf(&mut self, i: usize, slot: &LeafSlot) {
        let binding = self.bound[i].first().copied().unwrap_or(0);
        let at = self.position(i, slot);
        let load = load_text(binding, slot.dtype, "at");
        if self.is_given(i) {
            let kind = register_type(slot.dtype);
            let n = if self.width == Width::Pairs { 2 } else { 4 };
            let some = self.width.loaded(kind, &format!("§b{binding}[p.§o{i} / {n}u + t]"));
            return self.text(
                |t| &mut t.functions,
                |text, _| {
                    writeln!(text, "fn §load{i}(t: u32) -> vec{n}<{kind}> {{ return {some}; }}")
                },
            );
        }
        let Some(window) = &slot.window else {
            return self.loader(i, slot, &format!("    let at = {at};\n    return {load};\n"));
        };
        let ranges = self.dims.ranges(window, &slot.layout);
        let mut condition = String::from("true");
        for (d, (low, high)) in ranges.into_iter().enumerate() {
            if (low, high) == (0, self.dims.sizes[d]) {
                self.out.key.push(b'-');
                continue;
            }
            self.out.key.push(b'w');
            self.word(&format!("§w{i}_{d}"), "u32", low as u32);
            self.word(&format!("§v{i}_{d}"), "u32", high as u32);
            let _ = write!(condition, " && x.x{d} >= p.§w{i}_{d} && x.x{d} < p.§v{i}_{d}");
        }
        let kind = register_type(slot.dtype);
        self.text(
            |t| &mut t.functions,
            |text, _| {
                write!(
                    text,
                    "fn §leaf{i}(i: u32, x: §Index, otherwise: {kind}) -> {kind} {{\n    \
                 if ({condition}) {{\n        let at = {at};\n        return {load};\n    }}\n    \
                 return otherwise;\n}}\n"
                )
            },
        );
    }

    fn concat_leaf(&mut self, i: usize, slot: &LeafSlot, parts: &[(Array, usize)]) {
        self.out.key.extend([b'j', parts.len() as u8]);
        let (kind, four) = (register_type(slot.dtype), self.is_given(i));
        let mut body = String::new();
        for (k, (array, start)) in parts.iter().enumerate() {
            let end = start + array.shape().numel();
            let shift = (array.layout().offset() as u32).wrapping_sub(*start as u32);
            self.word(&format!("§j{i}_{k}"), "u32", *start as u32);
            self.word(&format!("§e{i}_{k}"), "u32", end as u32);
            self.word(&format!("§o{i}_{k}"), "u32", shift);
            let binding = self.bound[i][k];
            let found = if four {
                let four = self.width.loaded(kind, &format!("§b{binding}[at / 4u]"));
                format!("v = {four};\n        end = p.§e{i}_{k};")
            } else {
                format!("return {};", load_text(binding, slot.dtype, "at"))
            };
            let _ = write!(
                body,
                "    if (i >= p.§j{i}_{k} && i < p.§e{i}_{k}) {{\n        \
                 let at = i + p.§o{i}_{k};\n        {found}\n    }}\n"
            );
        }
        if four {
            // What lies behind the end of a part is not the part's.
            return self.text(
                |t| &mut t.functions,
                |text, _| {
                    write!(
                        text,
                        "fn §load{i}(t: u32) -> vec4<{kind}> {{\n    let i = t * 4u;\n    \
                         var v = vec4<{kind}>();\n    var end = 0u;\n{body}    \
                         return select(vec4<{kind}>(), v, \
                         vec4<u32>(i, i + 1u, i + 2u, i + 3u) < vec4<u32>(end));\n}}\n"
                    )
                },
            );
        }
        let _ = writeln!(body, "    return {kind}(0);");
        self.loader(i, slot, &body);
    }

    fn loader(&mut self, i: usize, slot: &LeafSlot, body: &str) {
        let kind = register_type(slot.dtype);
        self.text(
            |t| &mut t.functions,
            |text, _| write!(text, "fn §leaf{i}(i: u32, x: §Index) -> {kind} {{\n{body}}}\n"),
        );
    }

    /// The storage position of leaf `i` at an index, as an expression over `i` and `x`.
    fn position(&mut self, i: usize, slot: &LeafSlot) -> String {
        let offset = slot.window.as_ref().map_or(slot.layout.offset() as isize, |w| w.offset);
        let strides = self.dims.strides(i);
        let dense = slot.window.is_none() && slot.layout.is_dense();
        self.word(&format!("§o{i}"), "u32", offset as i32 as u32);
        self.out.key.push(if dense { b'd' } else { b's' });
        if dense {
            return format!("p.§o{i} + i");
        }
        let mut at = format!("p.§o{i}");
        for (d, stride) in strides.into_iter().enumerate() {
            self.out.key.push(u8::from(stride != 0));
            if stride != 0 {
                // Two's complement: negative strides wrap to the right place.
                self.word(&format!("§s{i}_{d}"), "u32", stride as i32 as u32);
                let _ = write!(at, " + x.x{d} * p.§s{i}_{d}");
            }
        }
        at
    }

    fn ops(&mut self) {
        let mut seen: SmallVec<[StepOp; 16]> = SmallVec::new();
        let mut text = String::new();
        for step in &self.plan.steps {
            let float = step.args.last().is_some_and(|&a| self.plan.dtype(a).is_float());
            if !seen.contains(&step.op) && float && self.with_text {
                seen.push(step.op);
                define(step.op, &mut text);
            }
        }
        self.out.functions.push_str(&text);
    }

    fn body(&mut self, name: &str) {
        let plan = self.plan;
        for (s, step) in plan.steps.iter().enumerate() {
            self.step_key(s, step);
        }
        self.out.key.push(b'o');
        for &root in &plan.roots {
            self.out.key.extend(root.to_le_bytes());
        }
        if !self.with_text {
            return;
        }
        self.index_type();
        if self.by_rows {
            self.row_type();
        }
        let (lines, arguments) = (self.statements(), self.arguments());
        let (kind, result) = self.result();
        let text = &mut self.out.functions;
        let _ = write!(text, "fn {name}({arguments}) -> {kind} {{\n{lines}{result}}}\n");
        if matches!(self.width, Width::Four | Width::Words) {
            text.push_str(&four_text(plan, name));
        }
    }

    /// The value of each leaf and of each step.
    fn statements(&self) -> String {
        let plan = self.plan;
        let mut lines = String::new();
        for (k, slot) in plan.leaves.iter().enumerate() {
            let text = match &slot.leaf {
                _ if plan.acc == Some(k as Reg) => "acc".to_owned(),
                _ if slot.window.is_some() => continue,
                Leaf::Const(_) if slot.dtype == DType::Bool => format!("p.§c{k} != 0u"),
                Leaf::Const(_) => format!("p.§c{k}"),
                _ if self.is_given(k) => format!("q{k}"),
                _ if self.is_steady(k) => format!("row.q{k}"),
                _ => format!("§leaf{k}(i, x)"),
            };
            let _ = writeln!(lines, "    let v{k} = {text};");
        }
        for (s, step) in plan.steps.iter().enumerate() {
            let text = step_text(plan, step, &scalar_fields(s));
            let _ = writeln!(lines, "    let v{} = {text};", plan.leaves.len() + s);
        }
        lines
    }

    fn step_key(&mut self, s: usize, step: &Step) {
        let (tag, detail) = match step.op {
            StepOp::Window(leaf) => (b'W', leaf as u8),
            StepOp::Code(Code::Unary(op)) => (b'U', op as u8),
            StepOp::Code(Code::Binary(op)) => (b'B', op as u8),
            StepOp::Code(Code::Compare(op)) => (b'C', op as u8),
            StepOp::Code(Code::And) => (b'L', 0),
            StepOp::Code(Code::Or) => (b'L', 1),
            StepOp::Code(Code::Xor) => (b'L', 2),
            StepOp::Code(Code::Not) => (b'L', 3),
            StepOp::Code(Code::Select) => (b'L', 4),
            StepOp::Code(Code::Cast) => (b'L', 5),
            StepOp::Code(Code::Copy) => (b'L', 6),
        };
        self.out.key.extend([tag, detail, step.dtype as u8]);
        for &arg in &step.args {
            self.out.key.extend(arg.to_le_bytes());
        }
        if let StepOp::Code(Code::Unary(op)) = step.op {
            for k in 0..op.def().params.len() {
                let bits = (step.params[k] as f32).to_bits();
                self.word(&format!("§a{s}_{k}"), "f32", bits);
            }
        }
    }

    /// `Index` holds an element's index in every merged dimension; `index_after` is that of an
    /// element `step` further, found digit by digit without a division, and `index_along` that of
    /// one further in the same row.
    fn index_type(&mut self) {
        let rank = self.dims.sizes.len();
        let text = &mut self.out.functions;
        let mut fields = String::new();
        let mut find = String::new();
        // A division is long, so remainders are computed from quotients.
        for d in (1..rank).rev() {
            let _ = writeln!(find, "    next = quotient(rest, p.§n{d});");
            let _ = writeln!(find, "    x.x{d} = rest - next * p.§n{d};\n    rest = next;");
        }
        if rank > 0 {
            find.push_str("    x.x0 = rest;\n");
        }
        for d in 0..rank {
            let _ = writeln!(fields, "    x{d}: u32,");
        }
        if rank == 0 {
            fields.push_str("    unused: u32,\n");
        }
        let mut after = String::new();
        for d in (1..rank).rev() {
            let _ = write!(
                after,
                "    y.x{d} = x.x{d} + step.x{d} + carry;\n    \
                 over = y.x{d} >= p.§n{d};\n    \
                 y.x{d} = y.x{d} - select(0u, p.§n{d}, over);\n    \
                 carry = select(0u, 1u, over);\n"
            );
        }
        if rank > 0 {
            after.push_str("    y.x0 = x.x0 + step.x0 + carry;\n");
        }
        let last = rank.checked_sub(1);
        let along = last.map(|d| format!("    y.x{d} = x.x{d} + step;\n")).unwrap_or_default();
        let head = format!(
            "struct §Index {{\n{fields}}}\nfn §index_of(i: u32) -> §Index {{\n    \
             var x: §Index;\n    \
             var rest = i;\n    var next = 0u;\n{find}    return x;\n}}\n\
             fn §index_after(x: §Index, step: §Index) -> §Index {{\n    \
             var y: §Index;\n    \
             var carry = 0u;\n    var over = false;\n{after}    return y;\n}}\n\
             fn §index_along(x: §Index, step: u32) -> §Index {{\n    \
             var y = x;\n{along}    return y;\n}}\n"
        );
        text.insert_str(0, &head);
    }

    /// `Row` holds what is read once for elements that differ in their last index alone.
    fn row_type(&mut self) {
        let steady: Vec<usize> =
            (0..self.plan.leaves.len()).filter(|&k| self.is_steady(k)).collect();
        let (mut fields, mut values) = (String::new(), Vec::new());
        for &k in &steady {
            let kind = register_type(self.plan.leaves[k].dtype);
            let _ = writeln!(fields, "    q{k}: {kind},");
            values.push(format!("§leaf{k}(i, x)"));
        }
        if steady.is_empty() {
            fields.push_str("    unused: u32,\n");
        }
        let values = values.join(", ");
        let _ = write!(
            self.out.functions,
            "struct §Row {{\n{fields}}}\nfn §row_of(i: u32, x: §Index) -> §Row {{\n    \
             return §Row({values});\n}}\n"
        );
    }

    /// Whether the element after an even one is in its row.
    pub(super) fn has_even_rows(&self) -> bool {
        self.dims.sizes.last().is_some_and(|last| last.is_multiple_of(2))
    }

    fn arguments(&self) -> String {
        let mut out = String::from("i: u32, x: §Index");
        if let Some(acc) = self.plan.acc {
            let _ = write!(out, ", acc: {}", register_type(self.plan.dtype(acc)));
        }
        for (k, slot) in self.plan.leaves.iter().enumerate() {
            if self.is_given(k) {
                let _ = write!(out, ", q{k}: {}", register_type(slot.dtype));
            }
        }
        if self.by_rows {
            out.push_str(", row: §Row");
        }
        out
    }

    /// Return type and statement; several roots return a struct.
    fn result(&mut self) -> (String, String) {
        let plan = self.plan;
        if let [root] = plan.roots[..] {
            let kind = register_type(plan.dtype(root)).to_owned();
            return (kind, format!("    return v{root};\n"));
        }
        let mut fields = String::new();
        let mut values = Vec::new();
        for (k, &root) in plan.roots.iter().enumerate() {
            let _ = writeln!(fields, "    r{k}: {},", register_type(plan.dtype(root)));
            values.push(format!("v{root}"));
        }
        self.out.functions.push_str(&format!("struct §Roots {{\n{fields}}}\n"));
        ("§Roots".to_owned(), format!("    return §Roots({});\n", values.join(", ")))
    }
}
