//! Spaces whose parts are known at run time.

use gradus_tensor::{Error, Result};

use super::{BoxSpace, Discrete, MultiBinary, MultiDiscrete, Space};
use crate::rng::Pcg64;

const OP: &str = "any_space";

/// Spaces by name, in the order of the names. Gymnasium: `Dict`.
pub type Dict<T> = std::collections::BTreeMap<String, T>;

/// A space of a kind that is known at run time.
///
/// ```
/// use gradus_agent::{rng::Pcg64, spaces::{AnySpace, Dict, Discrete, MultiBinary, Space}};
/// let space = AnySpace::Dict(Dict::from([
///     ("gear".to_owned(), AnySpace::Discrete(Discrete::new(3)?)),
///     ("lamps".to_owned(), AnySpace::MultiBinary(MultiBinary::new(2))),
/// ]));
/// let drawn = space.sample(&mut Pcg64::new(1));
/// assert_eq!(space.unflatten(&space.flatten(&drawn))?, drawn);
/// assert_eq!(space.flat_dim(), 5);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum AnySpace {
    /// One choice.
    Discrete(Discrete),
    /// Floats.
    Box(BoxSpace),
    /// Several choices.
    MultiDiscrete(MultiDiscrete),
    /// Switches.
    MultiBinary(MultiBinary),
    /// Spaces in order.
    Tuple(Vec<AnySpace>),
    /// Spaces by name.
    Dict(Dict<AnySpace>),
}

/// An element of an [`AnySpace`], of the kind of the same name.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One choice.
    Discrete(i64),
    /// Floats.
    Box(Vec<f32>),
    /// Several choices.
    MultiDiscrete(Vec<i64>),
    /// Switches.
    MultiBinary(Vec<i8>),
    /// Elements in order.
    Tuple(Vec<Value>),
    /// Elements by name.
    Dict(Dict<Value>),
}

/// What restricts a draw from an [`AnySpace`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mask {
    /// Nothing.
    Free,
    /// The allowed choices.
    Discrete(Vec<bool>),
    /// The allowed choices, for each.
    MultiDiscrete(Vec<Vec<bool>>),
    /// The fixed switches.
    MultiBinary(Vec<Option<bool>>),
    /// Masks in order.
    Tuple(Vec<Mask>),
    /// Masks by name; a missing one is free.
    Dict(Dict<Mask>),
}

impl Space for AnySpace {
    type Element = Value;
    type Mask = Mask;

    fn sample(&self, rng: &mut Pcg64) -> Value {
        match self {
            AnySpace::Discrete(space) => Value::Discrete(space.sample(rng)),
            AnySpace::Box(space) => Value::Box(space.sample(rng)),
            AnySpace::MultiDiscrete(space) => Value::MultiDiscrete(space.sample(rng)),
            AnySpace::MultiBinary(space) => Value::MultiBinary(space.sample(rng)),
            AnySpace::Tuple(parts) => Value::Tuple(parts.iter().map(|p| p.sample(rng)).collect()),
            AnySpace::Dict(parts) => {
                let draw = |(name, part): (&String, &AnySpace)| (name.clone(), part.sample(rng));
                Value::Dict(parts.iter().map(draw).collect())
            }
        }
    }

    fn sample_masked(&self, mask: &Mask, rng: &mut Pcg64) -> Result<Value> {
        Ok(match (self, mask) {
            (_, Mask::Free) => self.sample(rng),
            (AnySpace::Discrete(s), Mask::Discrete(m)) => Value::Discrete(s.sample_masked(m, rng)?),
            (AnySpace::MultiDiscrete(s), Mask::MultiDiscrete(m)) => {
                Value::MultiDiscrete(s.sample_masked(m, rng)?)
            }
            (AnySpace::MultiBinary(s), Mask::MultiBinary(m)) => {
                Value::MultiBinary(s.sample_masked(m, rng)?)
            }
            (AnySpace::Tuple(parts), Mask::Tuple(masks)) if parts.len() == masks.len() => {
                let pairs = parts.iter().zip(masks);
                Value::Tuple(pairs.map(|(p, m)| p.sample_masked(m, rng)).collect::<Result<_>>()?)
            }
            (AnySpace::Dict(parts), Mask::Dict(masks))
                if masks.keys().all(|name| parts.contains_key(name)) =>
            {
                let mut drawn = Dict::new();
                for (name, part) in parts {
                    let mask = masks.get(name).unwrap_or(&Mask::Free);
                    drawn.insert(name.clone(), part.sample_masked(mask, rng)?);
                }
                Value::Dict(drawn)
            }
            (_, mask) => {
                let value = format!("{mask:?}");
                return Err(Error::argument(OP, "mask", value, "a mask of the space's kind"));
            }
        })
    }

    fn contains(&self, element: &Value) -> bool {
        match (self, element) {
            (AnySpace::Discrete(space), Value::Discrete(v)) => space.contains(v),
            (AnySpace::Box(space), Value::Box(v)) => space.contains(v),
            (AnySpace::MultiDiscrete(space), Value::MultiDiscrete(v)) => space.contains(v),
            (AnySpace::MultiBinary(space), Value::MultiBinary(v)) => space.contains(v),
            (AnySpace::Tuple(parts), Value::Tuple(v)) => {
                parts.len() == v.len() && parts.iter().zip(v).all(|(part, v)| part.contains(v))
            }
            (AnySpace::Dict(parts), Value::Dict(v)) => {
                let within = |(name, part): (&String, &AnySpace)| {
                    v.get(name).is_some_and(|v| part.contains(v))
                };
                parts.len() == v.len() && parts.iter().all(within)
            }
            _ => false,
        }
    }

    fn flat_dim(&self) -> usize {
        match self {
            AnySpace::Discrete(space) => space.flat_dim(),
            AnySpace::Box(space) => space.flat_dim(),
            AnySpace::MultiDiscrete(space) => space.flat_dim(),
            AnySpace::MultiBinary(space) => space.flat_dim(),
            AnySpace::Tuple(parts) => parts.iter().map(Space::flat_dim).sum(),
            AnySpace::Dict(parts) => parts.values().map(Space::flat_dim).sum(),
        }
    }

    /// An element of another kind, which [`Space::contains`] denies, gives no numbers.
    fn flatten_into(&self, element: &Value, out: &mut Vec<f32>) {
        match (self, element) {
            (AnySpace::Discrete(space), Value::Discrete(v)) => space.flatten_into(v, out),
            (AnySpace::Box(space), Value::Box(v)) => space.flatten_into(v, out),
            (AnySpace::MultiDiscrete(space), Value::MultiDiscrete(v)) => space.flatten_into(v, out),
            (AnySpace::MultiBinary(space), Value::MultiBinary(v)) => space.flatten_into(v, out),
            (AnySpace::Tuple(parts), Value::Tuple(v)) => {
                parts.iter().zip(v).for_each(|(part, v)| part.flatten_into(v, out));
            }
            (AnySpace::Dict(parts), Value::Dict(v)) => {
                let both = parts.iter().filter_map(|(name, part)| Some((part, v.get(name)?)));
                both.for_each(|(part, v)| part.flatten_into(v, out));
            }
            _ => {}
        }
    }

    fn unflatten(&self, flat: &[f32]) -> Result<Value> {
        Ok(match self {
            AnySpace::Discrete(space) => Value::Discrete(space.unflatten(flat)?),
            AnySpace::Box(space) => Value::Box(space.unflatten(flat)?),
            AnySpace::MultiDiscrete(space) => Value::MultiDiscrete(space.unflatten(flat)?),
            AnySpace::MultiBinary(space) => Value::MultiBinary(space.unflatten(flat)?),
            AnySpace::Tuple(parts) => Value::Tuple(split(parts.iter(), flat)?),
            AnySpace::Dict(parts) => {
                let values = split(parts.values(), flat)?;
                Value::Dict(parts.keys().cloned().zip(values).collect())
            }
        })
    }
}

/// The elements of parts whose numbers follow each other.
fn split<'a>(parts: impl Iterator<Item = &'a AnySpace>, flat: &[f32]) -> Result<Vec<Value>> {
    let mut rest = flat;
    let mut values = Vec::new();
    for part in parts {
        let length = part.flat_dim().min(rest.len());
        let (own, after) = rest.split_at(length);
        values.push(part.unflatten(own)?);
        rest = after;
    }
    super::space::check_length(OP, rest, 0)?;
    Ok(values)
}
