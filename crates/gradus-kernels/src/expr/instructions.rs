//! A plan's steps as the CPU runs them: numbers are part of an instruction instead of operands, a
//! product by a number joins the sum or quotient that it goes into, and what is computed where an
//! operand lies needs no copy. Every operation rounds as it does alone: results have the same bits.

use gradus_tensor::DType;
use smallvec::SmallVec;

use super::loops;
use super::plan::{Code, Plan, Reg, Step, StepOp};
use super::value::Leaf;
use crate::table::{Binary, Erased, Loop, tile_loop, versions};

/// One loop over a tile.
pub(super) struct Instruction {
    pub(super) action: Action,
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
            out.push(instruction(plan, &products, step, reg));
        }
        products.push(scaled);
    }
    out
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
            return Instruction { action, args, params, out, in_place: None };
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
    Instruction { action: Action::Run(run), args, params: step.params, out, in_place: None }
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
    let [run, over] = form.loops(op)?.map(|pair| pair[usize::from(step.dtype == DType::F64)]);
    Some(Instruction {
        action: Action::Run(run.pick()),
        args: [Some(x), other].into_iter().flatten().collect(),
        params,
        out,
        in_place: other.map(|other| (other, over.pick())),
    })
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
}

/// The loop for both types.
type Pair = [Loop; 2];

/// Compiles `o[i] = formula(x[i], o[i], c, d)` as a [`Loop`].
macro_rules! over_loop {
    ($t:ident, |$x:ident, $o:ident, $c:ident, $d:ident| $f:expr) => {{
        #[allow(unused_variables, reason = "not every formula has a number")]
        #[inline(always)]
        unsafe fn body(args: [*const u8; 3], out: *mut u8, n: usize, params: &[f64; 2]) {
            // SAFETY: the caller passes tiles of `n` elements; x is not the result.
            let (out, x) = unsafe {
                let out = std::slice::from_raw_parts_mut(out.cast::<$t>(), n);
                (out, std::slice::from_raw_parts(args[0].cast::<$t>(), n))
            };
            let ($c, $d) = (params[0] as $t, params[1] as $t);
            for (out, &$x) in out.iter_mut().zip(x) {
                let $o = *out;
                *out = $f;
            }
        }
        versions!(body)
    }};
}
/// A formula of tiles x and o and the numbers c and d: the loop that stores the result elsewhere,
/// and the one that stores it where o lies.
macro_rules! both {
    (|$x:ident, $o:ident, $c:ident| $f:expr) => { both!(|$x, $o, $c, _d| $f) };
    (|$x:ident, $o:ident, $c:ident, $d:ident| $f:expr) => {
        Some([
            [
                tile_loop!(f32 -> f32, none, ($x, $o), [$c, $d], $f),
                tile_loop!(f64 -> f64, none, ($x, $o), [$c, $d], $f),
            ],
            [
                over_loop!(f32, |$x, $o, $c, $d| $f),
                over_loop!(f64, |$x, $o, $c, $d| $f),
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
            _ => None,
        }
    }
}
