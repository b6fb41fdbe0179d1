//! A line search for the strong Wolfe conditions, by cubic interpolation.

use gradus_autodiff::Tensor;
use gradus_tensor::Result;

/// How much of the promised decrease is enough (Armijo).
const C1: f64 = 1e-4;
/// How much of the slope may remain.
const C2: f64 = 0.9;
/// Brackets that move no element further are not searched.
const TOLERANCE_CHANGE: f64 = 1e-9;

/// A point on the line.
#[derive(Clone, Debug)]
pub(super) struct Point {
    /// The step from the start.
    pub(super) t: f64,
    pub(super) loss: f64,
    pub(super) grad: Tensor,
    /// The slope along the line.
    pub(super) slope: f64,
}

/// A step from `start` along a direction whose largest element is `d_max`, beginning the search
/// at `t`; and how many points were evaluated. At most `max_ls` rounds are made.
///
/// *Source*: `torch.optim.lbfgs._strong_wolfe`, after Nocedal & Wright, algorithms 3.5 and 3.6.
pub(super) fn strong_wolfe(
    mut evaluate: impl FnMut(f64) -> Result<Point>,
    start: &Point,
    t: f64,
    d_max: f64,
    max_ls: u64,
) -> Result<(Point, u64)> {
    let too_high = |point: &Point| point.loss > start.loss + C1 * point.t * start.slope;
    let flat_enough = |point: &Point| point.slope.abs() <= -C2 * start.slope;

    // Walk until two points enclose one that satisfies both conditions.
    let mut new = evaluate(t)?;
    let (mut evaluations, mut rounds) = (1, 0);
    let mut before = start.clone();
    let mut found = None;
    while rounds < max_ls {
        if too_high(&new) || (rounds > 1 && new.loss >= before.loss) {
            found = Some([before.clone(), new.clone()]);
            break;
        }
        if flat_enough(&new) {
            return Ok((new, evaluations));
        }
        if new.slope >= 0.0 {
            found = Some([before.clone(), new.clone()]);
            break;
        }
        let bounds = (new.t + 0.01 * (new.t - before.t), new.t * 10.0);
        let t = cubic_interpolate(&before, &new, Some(bounds));
        before = std::mem::replace(&mut new, evaluate(t)?);
        evaluations += 1;
        rounds += 1;
    }
    let mut bracket = found.unwrap_or_else(|| [start.clone(), new]);

    // Shrink the bracket.
    let order = |bracket: &[Point; 2]| match bracket[0].loss <= bracket[1].loss {
        true => (0, 1),
        false => (1, 0),
    };
    let (mut low, mut high) = order(&bracket);
    let mut slow = false;
    while rounds < max_ls {
        let (left, right) = (bracket[0].t.min(bracket[1].t), bracket[0].t.max(bracket[1].t));
        if (right - left) * d_max < TOLERANCE_CHANGE {
            break;
        }
        let mut t = cubic_interpolate(&bracket[0], &bracket[1], None);
        // A second time near an end, or at one: move away from it.
        let margin = 0.1 * (right - left);
        let near_end = (right - t).min(t - left) < margin;
        let move_away = near_end && (slow || t >= right || t <= left);
        if move_away {
            let near_right = (t - right).abs() < (t - left).abs();
            t = if near_right { right - margin } else { left + margin };
        }
        slow = near_end && !move_away;

        let new = evaluate(t)?;
        evaluations += 1;
        rounds += 1;
        if too_high(&new) || new.loss >= bracket[low].loss {
            bracket[high] = new;
            (low, high) = order(&bracket);
            continue;
        }
        let done = flat_enough(&new);
        if !done && new.slope * (bracket[high].t - bracket[low].t) >= 0.0 {
            bracket[high] = bracket[low].clone();
        }
        bracket[low] = new;
        if done {
            break;
        }
    }
    let [first, second] = bracket;
    Ok((if low == 0 { first } else { second }, evaluations))
}

/// Where the cubic through both points, with their slopes, is lowest; within the bounds, or else
/// between the points.
fn cubic_interpolate(a: &Point, b: &Point, bounds: Option<(f64, f64)>) -> f64 {
    let (a, b) = if a.t <= b.t { (a, b) } else { (b, a) };
    let (low, high) = bounds.unwrap_or((a.t, b.t));
    let d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.t - b.t);
    let square = d1 * d1 - a.slope * b.slope;
    if square >= 0.0 {
        let d2 = square.sqrt();
        let lowest = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2));
        // A NaN stays one: no bound is better.
        let raised = if low > lowest { low } else { lowest };
        if high < raised { high } else { raised }
    } else {
        f64::midpoint(low, high)
    }
}
