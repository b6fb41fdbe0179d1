//! Assignment: several expressions as one kernel into existing arrays, in place where nobody else
//! looks.

use gradus_tensor::{Array, Error, Problem, Result, capture};
use smallvec::SmallVec;

use super::plan::{self, Plan};
use super::value::{Leaf, Value};

/// One assignment of an [`assign`] call.
#[derive(Debug)]
pub struct Assign<'a> {
    /// The dense array that takes the result.
    pub dest: &'a mut Array,
    /// Its new elements; may read `dest`.
    pub value: Value,
}

/// Computes all values, then stores them: one kernel with several results. This is an optimizer's
/// step. Memory that only `dest` and the expressions themselves refer to is written in place;
/// where someone else still holds the old elements, `dest` gets new memory and they keep theirs.
///
/// # Errors
/// `Kind::Shape` when a value's shape or type differs from its destination's; what computing can
/// report. On error nothing is assigned.
pub fn assign(items: Vec<Assign<'_>>) -> Result<()> {
    let Some(first) = items.first() else { return Ok(()) };
    let shape = first.value.shape().clone();
    for item in &items {
        let wrong = item.dest.shape() != &shape || item.value.dtype() != item.dest.dtype();
        if wrong || *item.value.shape() != shape {
            let rule = "values and destinations must agree in shape and type";
            let operands = [("dest", item.dest.shape()), ("value", item.value.shape())];
            return Err(Error::shape("assign", Problem::Rule { rule }, &operands));
        }
    }
    let (plan, deferred) = {
        let values: SmallVec<[&Value; 4]> = items.iter().map(|i| &i.value).collect();
        Plan::of(&values)?
    };
    debug_assert!(deferred.is_none() || items.len() == 1, "epilogues have one result");
    if deferred.is_some() {
        for item in items {
            *item.dest = item.value.dense()?;
        }
        return Ok(());
    }
    let mut dests: SmallVec<[&mut Array; 4]> = SmallVec::new();
    for Assign { dest, value } in items {
        drop(value);
        dests.push(dest);
    }
    // Between two pieces of work a recording takes no memory, and it must not change memory that
    // outlives it.
    capture::refuse("an assignment, such as an optimizer's step: take it after the recorded part");
    let mut results: SmallVec<[Array; 4]> = SmallVec::new();
    let mut in_place = false;
    for dest in &dests {
        if is_free(dest, &plan) {
            in_place = true;
            results.push((**dest).clone());
        } else {
            results.push(Array::alloc(&plan.device, &plan.shape, dest.dtype())?);
        }
    }
    plan::execute(&plan, &results, in_place)?;
    for (dest, result) in dests.into_iter().zip(results) {
        *dest = result;
    }
    Ok(())
}

/// Whether `dest`'s memory is held by `dest` and this plan alone, and read element by element.
fn is_free(dest: &Array, plan: &Plan) -> bool {
    let mut readers = 0;
    for slot in &plan.leaves {
        match &slot.leaf {
            Leaf::Array(array) if array.storage().same(dest.storage()) => {
                readers += 1;
                if slot.layout != *dest.layout() || slot.window.is_some() {
                    return false;
                }
            }
            Leaf::Concat(parts) if parts.iter().any(|(a, _)| a.storage().same(dest.storage())) => {
                return false;
            }
            _ => {}
        }
    }
    dest.layout().is_dense() && dest.storage().handles() == 1 + readers
}
