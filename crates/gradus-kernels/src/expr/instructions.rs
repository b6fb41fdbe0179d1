//! A plan's steps as the CPU runs them: numbers are part of an instruction instead of operands, a
//! product by a number joins the sum or quotient that it goes into, what optimizers do to each
//! parameter takes few loops, and what is computed where an operand lies needs no copy. Every
//! operation rounds as it does alone: results have the same bits.

use gradus_tensor::DType;
use smallvec::SmallVec;

use super::loops;
use super::plan::{Code, Plan, Reg, Step, StepOp};
use super::value::Leaf;
use crate::table::{Binary, Erased, Loop, Unary, operand, tile_loop, versions};

/// One loop over a tile.
pub(super) struct Instruction {
    pub(super) action: Action,
    kind: Kind,
    pub(super) args: SmallVec<[Reg; 3]>,
    pub(super) params: [f64; 2],
    pub(super) out: Reg,
    /// The operand whose tile the result may overwrite, and the loop that does.
    pub(super) in_place: Option<(Reg, Erased)>,
}

#[derive(Clone, Copy)]
pub(super) enum Action {
    Run(Erased),
    /// The windowed leaf with this index, else the operand.
    Window(u16),
}

/// What an instruction does, as far as others could do it along with their own work.
#[derive(Clone, Copy)]
enum Kind {
    Unary(Unary),
    Form(Form, Binary),
    Other,
}

/// The instructions of a plan, in order.
pub(super) fn instructions(plan: &Plan) -> SmallVec<[Instruction; 8]> {
    let mut uses: SmallVec<[u16; 64]> =
        SmallVec::from_elem(0, plan.leaves.len() + plan.steps.len());
    let read = plan.steps.iter().flat_map(|step| &step.args);
    read.chain(&plan.roots).for_each(|&reg| uses[reg as usize] += 1);
    for window in plan.leaves.iter().filter_map(|leaf| leaf.window.as_ref()) {
        uses[window.otherwise as usize] += 1;
    }
    // The product by a number that each step is, if the only reader may do it.
    let mut products: SmallVec<[Option<Scaled>; 16]> = SmallVec::new();
    let mut out: SmallVec<[Instruction; 8]> = SmallVec::new();
    for (i, step) in plan.steps.iter().enumerate() {
        let reg = (plan.leaves.len() + i) as Reg;
        let once = uses[reg as usize] == 1 && !plan.roots.contains(&reg);
        let scaled = Scaled::of(plan, step).filter(|_| once && joins_next(plan, reg));
        if scaled.is_none() {
            let mut next = instruction(plan, &products, step, reg);
            let once = |reg: Reg| uses[reg as usize] == 1 && !plan.roots.contains(&reg);
            while let Some((at, both)) = out.iter().enumerate().rev().find_map(|(at, before)| {
                let both = joined(before, &next).filter(|_| once(before.out));
                Some((at, both?.instruction(next.out, step.dtype)?))
            }) {
                out.remove(at);
                next = both;
            }
            out.push(next);
        }
        products.push(scaled);
    }
    out
}

/// What one loop does to the tiles `args`, of which the last one is o.
struct Work {
    form: Form,
    op: Binary,
    args: SmallVec<[Reg; 3]>,
    params: [f64; 2],
}

impl Work {
    fn instruction(self, out: Reg, dtype: DType) -> Option<Instruction> {
        let Work { form, op, args, params } = self;
        let [run, over] = form.loops(op)?.map(|pair| pair[usize::from(dtype == DType::F64)]);
        let over = args.last().filter(|_| form.has_other()).map(|&other| (other, over.pick()));
        let (action, kind) = (Action::Run(run.pick()), Kind::Form(form, op));
        Some(Instruction { action, kind, args, params, out, in_place: over })
    }
}

/// What `second` and the instruction that it reads do, if one loop does both.
fn joined(first: &Instruction, second: &Instruction) -> Option<Work> {
    use Form::*;
    let Kind::Form(form, op) = second.kind else { return None };
    let (x, o) = (second.args[0], second.args.get(1).copied().unwrap_or(second.args[0]));
    let [a, b] = [0, 1].map(|i| first.args.get(i).copied().unwrap_or(Reg::MAX));
    let (form, args, params) = match (first.kind, form, op) {
        (Kind::Form(Arrays, Binary::sub), ScaledSecond, Binary::add)
            if x == first.out && o == a =>
        {
            (Lerp, [b, o].as_slice().into(), second.params)
        }
        (Kind::Unary(Unary::square), ScaledBoth, Binary::add) if x == first.out => {
            (SquareAndScaled, [a, o].as_slice().into(), second.params)
        }
        (Kind::Unary(Unary::sqrt), NumberSecond, Binary::add) if x == first.out => {
            (Root, [a].as_slice().into(), second.params)
        }
        (Kind::Form(Root, _), ScaledFirst, Binary::div) if o == first.out => {
            let params = [second.params[0], first.params[0]];
            (ByRoot, [x, a].as_slice().into(), params)
        }
        (Kind::Form(ByRoot, _), Arrays, Binary::sub) if x == first.out => {
            (LessByRoot, [a, b, o].as_slice().into(), first.params)
        }
        _ => return None,
    };
    Some(Work { form, op, args, params })
}

/// `x · number`.
#[derive(Clone, Copy)]
struct Scaled {
    x: Reg,
    number: f64,
}

impl Scaled {
    fn of(plan: &Plan, step: &Step) -> Option<Self> {
        let StepOp::Code(Code::Binary(Binary::mul)) = step.op else { return None };
        if !has_own_loops(step.dtype) {
            return None;
        }
        match (number(plan, step.args[0]), number(plan, step.args[1])) {
            (None, Some(number)) => Some(Scaled { x: step.args[0], number }),
            (Some(number), None) => Some(Scaled { x: step.args[1], number }),
            _ => None,
        }
    }
}

/// The types whose arithmetic has loops with numbers.
fn has_own_loops(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F64)
}

/// The number that a register is.
fn number(plan: &Plan, reg: Reg) -> Option<f64> {
    match plan.leaves.get(reg as usize) {
        Some(slot) if slot.window.is_none() => match slot.leaf {
            Leaf::Const(number) if plan.acc != Some(reg) => Some(number),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the one reader of a register is an operation that takes a product by a number.
fn joins_next(plan: &Plan, reg: Reg) -> bool {
    let reader = plan.steps.iter().find(|step| step.args.contains(&reg));
    reader.is_some_and(|step| {
        let StepOp::Code(Code::Binary(op)) = step.op else { return false };
        let takes = matches!(op, Binary::add | Binary::sub | Binary::div);
        // The other operand is an array. Two products join a sum or a difference, else the first.
        let other = step.args.iter().position(|&arg| arg != reg).map(|at| step.args[at]);
        takes
            && other.is_some_and(|other| {
                let later = (other as usize).checked_sub(plan.leaves.len());
                let also = op == Binary::div
                    && later.is_some_and(|at| {
                        other > reg && Scaled::of(plan, &plan.steps[at]).is_some()
                    });
                number(plan, other).is_none() && !also
            })
    })
}

fn instruction(plan: &Plan, products: &[Option<Scaled>], step: &Step, out: Reg) -> Instruction {
    let args = step.args.clone();
    let code = match step.op {
        StepOp::Window(leaf) => {
            let (action, params) = (Action::Window(leaf), step.params);
            let kind = Kind::Other;
            return Instruction { action, kind, args, params, out, in_place: None };
        }
        StepOp::Code(code) => code,
    };
    if let Code::Binary(op) = code
        && has_own_loops(step.dtype)
        && let Some(instruction) = arithmetic(plan, products, step, op, out)
    {
        return instruction;
    }
    let from = step.args.last().map_or(step.dtype, |&arg| plan.dtype(arg));
    let run = loops::find(code, from, step.dtype);
    let Some(run) = run else { unreachable!("builders cast operands: {code:?} on {from}") };
    let kind = if let Code::Unary(op) = code { Kind::Unary(op) } else { Kind::Other };
    let (action, params) = (Action::Run(run), step.params);
    Instruction { action, kind, args, params, out, in_place: None }
}

/// A sum, difference, product or quotient, with a number or a product by a number where there is
/// one.
fn arithmetic(
    plan: &Plan,
    products: &[Option<Scaled>],
    step: &Step,
    op: Binary,
    out: Reg,
) -> Option<Instruction> {
    let (a, b) = (step.args[0], step.args[1]);
    let product = |reg: Reg| products[(reg as usize).checked_sub(plan.leaves.len())?];
    let (form, x, other, params) = match (product(a), product(b)) {
        (Some(a), Some(b)) => (Form::ScaledBoth, b.x, Some(a.x), [b.number, a.number]),
        (Some(a), None) => (Form::ScaledFirst, a.x, Some(b), [a.number, 0.0]),
        (None, Some(b)) => (Form::ScaledSecond, b.x, Some(a), [b.number, 0.0]),
        (None, None) => match (number(plan, a), number(plan, b)) {
            (_, Some(number)) => (Form::NumberSecond, a, None, [number, 0.0]),
            (Some(number), None) => (Form::NumberFirst, b, None, [number, 0.0]),
            (None, None) => (Form::Arrays, b, Some(a), [0.0; 2]),
        },
    };
    let args = [Some(x), other].into_iter().flatten().collect();
    Work { form, op, args, params }.instruction(out, step.dtype)
}

/// What the operands of an operation are: x, numbers, and o, which the result may overwrite.
#[derive(Clone, Copy)]
enum Form {
    /// `o · number` and `x · number`.
    ScaledBoth,
    /// `x · number` and `o`.
    ScaledFirst,
    /// `o` and `x · number`.
    ScaledSecond,
    /// A number and `x`.
    NumberFirst,
    /// `x` and a number.
    NumberSecond,
    /// `o` and `x`.
    Arrays,
    /// `o` and the scaled difference of `x` and `o`.
    Lerp,
    /// `o · number` and `x² · number`.
    SquareAndScaled,
    /// `√x` and a number.
    Root,
    /// `x · number` and `√o + number`.
    ByRoot,
    /// `o` and the quotient of `x · number` and `√y + number`.
    LessByRoot,
}

/// The loop for both types.
type Pair = [Loop; 2];

/// Compiles `o[i] = formula(x[i], …, o[i], c, d)` as a [`Loop`].
macro_rules! over_loop {
    ($t:ident, |$($x:ident),*; $o:ident, $c:ident, $d:ident| $f:expr) => {{
        #[allow(unused_variables, reason = "not every formula has a number")]
        #[inline(always)]
        unsafe fn body(args: [*const u8; 3], out: *mut u8, n: usize, params: &[f64; 2]) {
            let mut next = args.iter();
            // SAFETY: the caller passes tiles of `n` elements; none but o is the result.
            $(let $x = unsafe { operand::<$t>(&mut next, n) };)*
            // SAFETY: as above.
            let out = unsafe { std::slice::from_raw_parts_mut(out.cast::<$t>(), n) };
            let ($c, $d) = (params[0] as $t, params[1] as $t);
            for i in 0..n {
                $(let $x = $x[i];)*
                let $o = out[i];
                out[i] = $f;
            }
        }
        versions!(body)
    }};
}
/// A formula of tiles x, … and o and the numbers c and d: the loop that stores the result
/// elsewhere, and the one that stores it where o lies.
macro_rules! both {
    (|$x:ident, $o:ident, $c:ident| $f:expr) => { both!(|$x; $o, $c, _d| $f) };
    (|$x:ident, $o:ident, $c:ident, $d:ident| $f:expr) => { both!(|$x; $o, $c, $d| $f) };
    (|$($x:ident),*; $o:ident, $c:ident, $d:ident| $f:expr) => {
        Some([
            [
                tile_loop!(f32 -> f32, none, ($($x,)* $o), [$c, $d], $f),
                tile_loop!(f64 -> f64, none, ($($x,)* $o), [$c, $d], $f),
            ],
            [
                over_loop!(f32, |$($x),*; $o, $c, $d| $f),
                over_loop!(f64, |$($x),*; $o, $c, $d| $f),
            ],
        ])
    };
}

/// A formula of a tile x and the number c.
macro_rules! one {
    (|$x:ident, $c:ident| $f:expr) => {{
        let pair: Pair = [
            tile_loop!(f32 -> f32, none, ($x), [$c], $f),
            tile_loop!(f64 -> f64, none, ($x), [$c], $f),
        ];
        Some([pair, pair])
    }};
}

impl Form {
    /// The loop that stores the result elsewhere, and the one that stores it over `o`.
    fn loops(self, op: Binary) -> Option<[Pair; 2]> {
        match (self, op) {
            (Form::ScaledBoth, Binary::add) => both!(|x, o, c, d| o * d + x * c),
            (Form::ScaledBoth, Binary::sub) => both!(|x, o, c, d| o * d - x * c),
            (Form::ScaledFirst, Binary::add) => both!(|x, o, c| x * c + o),
            (Form::ScaledFirst, Binary::sub) => both!(|x, o, c| x * c - o),
            (Form::ScaledFirst, Binary::div) => both!(|x, o, c| x * c / o),
            (Form::ScaledSecond, Binary::add) => both!(|x, o, c| o + x * c),
            (Form::ScaledSecond, Binary::sub) => both!(|x, o, c| o - x * c),
            (Form::ScaledSecond, Binary::div) => both!(|x, o, c| o / (x * c)),
            (Form::NumberFirst, Binary::add) => one!(|x, c| c + x),
            (Form::NumberFirst, Binary::sub) => one!(|x, c| c - x),
            (Form::NumberFirst, Binary::mul) => one!(|x, c| c * x),
            (Form::NumberFirst, Binary::div) => one!(|x, c| c / x),
            (Form::NumberSecond, Binary::add) => one!(|x, c| x + c),
            (Form::NumberSecond, Binary::sub) => one!(|x, c| x - c),
            (Form::NumberSecond, Binary::mul) => one!(|x, c| x * c),
            (Form::NumberSecond, Binary::div) => one!(|x, c| x / c),
            (Form::Arrays, Binary::add) => both!(|x, o, c| o + x),
            (Form::Arrays, Binary::sub) => both!(|x, o, c| o - x),
            (Form::Arrays, Binary::mul) => both!(|x, o, c| o * x),
            (Form::Arrays, Binary::div) => both!(|x, o, c| o / x),
            (Form::Lerp, _) => both!(|x, o, c| o + (x - o) * c),
            (Form::SquareAndScaled, _) => both!(|x, o, c, d| o * d + x * x * c),
            (Form::Root, _) => one!(|x, c| x.sqrt() + c),
            (Form::ByRoot, _) => both!(|x, o, c, d| x * c / (o.sqrt() + d)),
            (Form::LessByRoot, _) => both!(|x, y; o, c, d| o - x * c / (y.sqrt() + d)),
            _ => None,
        }
    }

    /// Whether there is an o.
    fn has_other(self) -> bool {
        !matches!(self, Form::NumberFirst | Form::NumberSecond | Form::Root)
    }
}

#[cfg(test)]
mod tests {
    use gradus_tensor::rng::Generator;
    use gradus_tensor::{Array, Device};

    use super::*;
    use crate::{Assign, Value, assign};

    const N: usize = 700;
    const C: f32 = 0.1;
    const D: f32 = 0.9;

    type Number = fn(f32, f32, f32) -> f32;
    type Lazy = fn(&Value, &Value, &Value) -> Value;

    fn of(op: Binary, a: &Value, b: &Value) -> Value {
        Value::binary(op, a, b).expect("agrees in shape")
    }

    fn number(value: f32) -> Value {
        Value::constant(f64::from(value), (), DType::F32, &Device::cpu())
    }

    fn unary(op: Unary, x: &Value) -> Value {
        Value::unary(op, x, [0.0; 2]).expect("a float")
    }

    fn root(x: &Value) -> Value {
        of(Binary::add, &unary(Unary::sqrt, x), &number(D))
    }

    fn by(x: &Value, factor: f32) -> Value {
        of(Binary::mul, x, &number(factor))
    }

    /// Formulas of o, x and y, as numbers and as values.
    const FORMULAS: [(Number, Lazy); 5] = [
        (|o, x, _| o + (x - o) * C, |o, x, _| of(Binary::add, o, &by(&of(Binary::sub, x, o), C))),
        (
            |o, x, _| o * D + x * x * C,
            |o, x, _| of(Binary::add, &by(o, D), &by(&unary(Unary::square, x), C)),
        ),
        (|o, _, _| o.sqrt() + D, |o, _, _| root(o)),
        (|o, x, _| x * C / (o.sqrt() + D), |o, x, _| of(Binary::div, &by(x, C), &root(o))),
        (
            |o, x, y| o - x * C / (y.sqrt() + D),
            |o, x, y| of(Binary::sub, o, &of(Binary::div, &by(x, C), &root(y))),
        ),
    ];

    #[test]
    fn what_optimizers_do_is_one_loop_and_rounds_as_its_parts() {
        for (i, (number, lazy)) in FORMULAS.into_iter().enumerate() {
            let [mut o, x, y] = [1, 2, 3].map(|seed| {
                let positive = Generator::new(seed).normal(N).into_iter().map(f32::abs).collect();
                Array::from_vec(positive, N).expect("fits")
            });
            let host = |array: &Array| array.to_vec::<f32>().expect("f32");
            let (ho, hx, hy) = (host(&o), host(&x), host(&y));
            let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            let expected = bits((0..N).map(|i| number(ho[i], hx[i], hy[i])).collect());

            let [vx, vy] = [&x, &y].map(Value::from);
            let value = lazy(&Value::from(&o), &vx, &vy);
            let (plan, _) = Plan::of(&[&value]).expect("plans");
            assert_eq!(instructions(&plan).len(), 1, "formula {i}");
            drop(plan);
            assert_eq!(bits(host(&value.array().expect("computes"))), expected, "formula {i}");
            drop(value);

            // The same where o lies.
            let value = lazy(&Value::from(&o), &vx, &vy);
            let at = o.cpu_buffer().map(|buffer| buffer.as_ptr());
            assign(vec![Assign { dest: &mut o, value }]).expect("computes");
            assert_eq!(o.cpu_buffer().map(|buffer| buffer.as_ptr()), at, "formula {i}: in place");
            assert_eq!(bits(host(&o)), expected, "formula {i} in place");
        }
    }
}
