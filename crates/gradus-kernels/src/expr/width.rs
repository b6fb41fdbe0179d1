//! Neighbouring elements at a time: when a plan can be read so, and the WGSL of its reads,
//! its writes and of its roots at four indices.

use std::fmt::Write;
use std::sync::Arc;

use gradus_tensor::Array;
use gradus_tensor::gpu::Profile;
use smallvec::SmallVec;

use super::plan::{LeafSlot, Plan};
use super::value::Leaf;
use super::wgsl::register_type;

/// How a kernel reaches the values of dense arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// One at a time.
    One,
    /// Two as a 64-bit word, where an array's elements lie so.
    Pairs,
    /// As vectors of four.
    Four,
    /// As vectors of four that are moved as two 64-bit words.
    Words,
}

impl Width {
    /// The way to four values that suits a device.
    pub(crate) fn four(profile: &Profile) -> Self {
        if profile.words { Width::Words } else { Width::Four }
    }

    /// Type of an array's elements whose values are `stored`.
    pub(crate) fn element(self, stored: &str) -> String {
        match self {
            Width::One => stored.to_owned(),
            Width::Pairs => "u64".to_owned(),
            Width::Four => format!("vec4<{stored}>"),
            Width::Words => "vec2<u64>".to_owned(),
        }
    }

    /// The vector of values of type `kind` of what is in memory.
    pub(crate) fn loaded(self, kind: &str, element: &str) -> String {
        match self {
            Width::Pairs => format!("bitcast<vec2<{kind}>>(pair_of({element}))"),
            Width::Words => format!("bitcast<vec4<{kind}>>(four_of({element}))"),
            _ => element.to_owned(),
        }
    }

    /// What is put into memory for four values.
    pub(super) fn stored(self, values: &str) -> String {
        match self {
            Width::Words => format!("two_of(bitcast<vec4<u32>>({values}))"),
            _ => values.to_owned(),
        }
    }
}

/// Which leaves of the plan are arrays whose elements lie in pairs where those of the kernel do:
/// dense, from an even element on, of four bytes, in memory that no other leaf reads otherwise.
pub(super) fn in_pairs(plan: &Plan) -> SmallVec<[bool; 8]> {
    let alone = |slot: &LeafSlot| match &slot.leaf {
        Leaf::Array(_) => {
            slot.window.is_none()
                && slot.dtype.size() == 4
                && slot.layout.is_dense()
                && slot.layout.offset().is_multiple_of(2)
        }
        _ => false,
    };
    let shares = |a: &Array, leaf: &Leaf| match leaf {
        Leaf::Array(b) => same_memory(a, b),
        Leaf::Concat(parts) => parts.iter().any(|(b, _)| same_memory(a, b)),
        _ => false,
    };
    let others = |a: &Array| {
        plan.leaves.iter().filter(|slot| !alone(slot)).any(|slot| shares(a, &slot.leaf))
    };
    let paired = |slot: &LeafSlot| match &slot.leaf {
        Leaf::Array(a) => alone(slot) && !others(a),
        _ => false,
    };
    plan.leaves.iter().map(paired).collect()
}

fn same_memory(a: &Array, b: &Array) -> bool {
    a.gpu_buffer().zip(b.gpu_buffer()).is_some_and(|(a, b)| Arc::ptr_eq(a, b))
}

/// Whether every array of the plan is dense, begins at a multiple of four elements and has
/// elements of four bytes, and nothing else depends on an element's index.
pub(crate) fn is_by_four(plan: &Plan) -> bool {
    plan.leaves.iter().all(|slot| match &slot.leaf {
        Leaf::Const(_) => true,
        Leaf::Array(_) => {
            slot.window.is_none()
                && slot.dtype.size() == 4
                && slot.layout.is_dense()
                && slot.layout.offset().is_multiple_of(4)
        }
        Leaf::Concat(parts) => parts.iter().all(|(array, start)| {
            array.dtype().size() == 4
                && start.is_multiple_of(4)
                && array.layout().offset().is_multiple_of(4)
        }),
        _ => false,
    })
}

/// Whether a leaf lies in memory.
pub(super) fn is_read(leaf: &Leaf) -> bool {
    matches!(leaf, Leaf::Array(_) | Leaf::Concat(_))
}

/// `fn {name}_four(t)`: the roots at elements 4t to 4t + 3, a vector each.
pub(super) fn four_text(plan: &Plan, name: &str) -> String {
    let kind = |k: usize| register_type(plan.dtype(plan.roots[k]));
    let arrays: Vec<usize> =
        (0..plan.leaves.len()).filter(|&k| is_read(&plan.leaves[k].leaf)).collect();
    let mut body = String::from("    let x = §index_of(0u);\n");
    for &k in &arrays {
        let _ = writeln!(body, "    let w{k} = §load{k}(t);");
    }
    for (lane, part) in ["x", "y", "z", "w"].iter().enumerate() {
        let loaded: String = arrays.iter().map(|k| format!(", w{k}.{part}")).collect();
        let _ = writeln!(body, "    let r{lane} = {name}(t * 4u + {lane}u, x{loaded});");
    }
    let vector = |field: &str, kind: &str| {
        format!("vec4<{kind}>(r0{field}, r1{field}, r2{field}, r3{field})")
    };
    if plan.roots.len() == 1 {
        let (kind, value) = (kind(0), vector("", kind(0)));
        return format!(
            "fn {name}_four(t: u32) -> vec4<{kind}> {{\n{body}    return {value};\n}}\n"
        );
    }
    let (mut fields, mut values) = (String::new(), Vec::new());
    for k in 0..plan.roots.len() {
        let _ = writeln!(fields, "    r{k}: vec4<{}>,", kind(k));
        values.push(vector(&format!(".r{k}"), kind(k)));
    }
    let values = values.join(", ");
    format!(
        "struct §Fours {{\n{fields}}}\nfn {name}_four(t: u32) -> §Fours {{\n{body}    \
         return §Fours({values});\n}}\n"
    )
}
