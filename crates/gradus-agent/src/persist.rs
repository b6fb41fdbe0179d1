//! What survives the end of a program: values as bytes, so that a resumed run is the same run.

use std::collections::VecDeque;
use std::path::Path;

use gradus_tensor::{Error, Result};

/// A value that can be written down and read back with the same bits.
///
/// Reading replaces the value; what an object was built with, such as an environment's map, is
/// not written. [`persist!`](macro@crate::persist) implements it field by field.
///
/// ```
/// use gradus_agent::persist::{Persist, Source};
/// let mut bytes = Vec::new();
/// (7u64, vec![0.1f64, f64::NAN]).save(&mut bytes)?;
/// let mut back = (0u64, Vec::<f64>::new());
/// back.load(&mut Source::new(&bytes))?;
/// assert_eq!((back.0, back.1[0]), (7, 0.1));
/// assert!(back.load(&mut Source::new(&bytes[..5])).is_err());
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub trait Persist {
    /// Appends the value.
    ///
    /// # Errors
    /// Those of the device where it lives, such as `Kind::DeviceLost`; what was appended is then
    /// no whole value.
    fn save(&self, out: &mut Vec<u8>) -> Result<()>;

    /// Takes the value that was appended.
    ///
    /// # Errors
    /// `Kind::Format` for bytes that end early or are not of this value.
    fn load(&mut self, from: &mut Source<'_>) -> Result<()>;
}

/// Bytes that are being read.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Source<'a> {
    /// From the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Source { bytes, at: 0 }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(n).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else { return Err(self.bad(format!("{n} bytes are missing"))) };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// An error at the present position.
    pub fn bad(&self, problem: impl Into<String>) -> Error {
        Error::format(Path::new("state"), "agent state", self.at as u64, problem)
    }

    /// # Errors
    /// `Kind::Format` when something is left.
    pub fn finish(&self) -> Result<()> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            left => Err(self.bad(format!("{left} bytes are left over"))),
        }
    }
}

macro_rules! numbers {
    ($($t:ty)*) => {$(
        impl Persist for $t {
            fn save(&self, out: &mut Vec<u8>) -> Result<()> {
                out.extend(self.to_le_bytes());
                Ok(())
            }

            fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
                let mut bytes = [0; size_of::<$t>()];
                bytes.copy_from_slice(from.take(size_of::<$t>())?);
                *self = <$t>::from_le_bytes(bytes);
                Ok(())
            }
        }
    )*};
}
numbers! { u8 u32 u64 u128 i8 i64 f32 f64 }

impl Persist for usize {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        (*self as u64).save(out)
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        let mut wide = 0u64;
        wide.load(from)?;
        *self = usize::try_from(wide).map_err(|_| from.bad(format!("{wide} is no size")))?;
        Ok(())
    }
}

impl Persist for bool {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        out.push(u8::from(*self));
        Ok(())
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        *self = match from.take(1)?[0] {
            0 => false,
            1 => true,
            other => return Err(from.bad(format!("{other} is neither true nor false"))),
        };
        Ok(())
    }
}

impl<T: Persist + Default> Persist for Option<T> {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        self.is_some().save(out)?;
        if let Some(value) = self {
            value.save(out)?;
        }
        Ok(())
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        let mut some = false;
        some.load(from)?;
        *self = if some { Some(read(from)?) } else { None };
        Ok(())
    }
}

/// A value of bytes.
///
/// # Errors
/// As [`Persist::load`].
pub fn read<T: Persist + Default>(from: &mut Source<'_>) -> Result<T> {
    let mut value = T::default();
    value.load(from)?;
    Ok(value)
}

macro_rules! lists {
    ($($list:ident)*) => {$(
        impl<T: Persist + Default> Persist for $list<T> {
            fn save(&self, out: &mut Vec<u8>) -> Result<()> {
                self.len().save(out)?;
                self.iter().try_for_each(|value| value.save(out))
            }

            fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
                let length: usize = read(from)?;
                self.clear();
                for _ in 0..length {
                    self.extend([read(from)?]);
                }
                Ok(())
            }
        }
    )*};
}
lists! { Vec VecDeque }

impl<T: Persist, const N: usize> Persist for [T; N] {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        self.iter().try_for_each(|value| value.save(out))
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        self.iter_mut().try_for_each(|value| value.load(from))
    }
}

impl Persist for () {
    fn save(&self, _: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }

    fn load(&mut self, _: &mut Source<'_>) -> Result<()> {
        Ok(())
    }
}

macro_rules! tuples {
    ($($($t:ident $i:tt),+;)*) => {$(
        impl<$($t: Persist),+> Persist for ($($t,)+) {
            fn save(&self, out: &mut Vec<u8>) -> Result<()> {
                $(self.$i.save(out)?;)+
                Ok(())
            }

            fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
                $(self.$i.load(from)?;)+
                Ok(())
            }
        }
    )*};
}
tuples! {
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
}

/// Implements [`Persist`] for a struct by these of its fields, in order.
///
/// ```
/// use gradus_agent::persist::{Persist, Source};
/// #[derive(Default)]
/// struct Walker { position: i64, name: &'static str }
/// gradus_agent::persist! { Walker { position } }
///
/// let mut bytes = Vec::new();
/// Walker { position: 5, name: "a" }.save(&mut bytes)?;
/// let mut walker = Walker::default();
/// walker.load(&mut Source::new(&bytes))?;
/// assert_eq!((walker.position, walker.name), (5, ""));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[macro_export]
macro_rules! persist {
    ([$($g:ident $(: $bound:path)?),+] $t:ty { $($field:ident),* $(,)? }) => {
        impl<$($g $(: $bound)?),+> $crate::persist::Persist for $t {
            $crate::persist! { @fields $($field)* }
        }
    };
    (@fields $($field:ident)*) => {
        fn save(&self, out: &mut ::std::vec::Vec<u8>) -> $crate::Result<()> {
            let _ = &out;
            $($crate::persist::Persist::save(&self.$field, out)?;)*
            Ok(())
        }

        fn load(&mut self, from: &mut $crate::persist::Source<'_>) -> $crate::Result<()> {
            let _ = &from;
            $($crate::persist::Persist::load(&mut self.$field, from)?;)*
            Ok(())
        }
    };
    ($t:ty { $($field:ident),* $(,)? }) => {
        impl $crate::persist::Persist for $t {
            $crate::persist! { @fields $($field)* }
        }
    };
}
