//! Walking through a module: what it is made of, under dotted names.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use gradus_tensor::{DType, Device, Shape};

use crate::parameter::{Buffer, LayerGenerator, Mode, Parameter};

/// Something that a [`Visitor`] finds in a module.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Part<'a> {
    /// A module begins here; its type's name. Its parts follow.
    Module(&'static str),
    /// A trained tensor.
    Parameter(&'a Parameter),
    /// A tensor that is state but not trained.
    Buffer(&'a Buffer),
    /// The training mode of a layer.
    Mode(&'a Mode),
    /// A layer's own source of random numbers.
    Generator(&'a LayerGenerator),
}

/// Goes through a module's parts and reports each with its path, such as `layers.1.bias`.
pub struct Visitor<'a> {
    path: String,
    found: &'a mut dyn FnMut(&str, Part<'_>),
}

impl Visitor<'_> {
    /// Visits a child under a name below the present path.
    pub fn child<T: Visit + ?Sized>(&mut self, name: &str, child: &T) {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        child.visit(self);
        self.path.truncate(length);
    }

    /// Reports a part at the present path.
    pub fn part(&mut self, part: Part<'_>) {
        (self.found)(&self.path, part);
    }
}

/// Calls `found` with path and value of every part of `root`, in order.
///
/// ```
/// use gradus_nn::{Linear, Part, Sequential, walk};
/// let model = Sequential::new().push(Linear::new(2, 3)?);
/// let mut kinds = Vec::new();
/// walk(&model, &mut |path, part| {
///     if let Part::Module(kind) = part {
///         kinds.push(format!("{path}:{kind}"));
///     }
/// });
/// assert_eq!(kinds, [":Sequential", "0:Linear"]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
pub fn walk<T: Visit + ?Sized>(root: &T, found: &mut dyn FnMut(&str, Part<'_>)) {
    root.visit(&mut Visitor { path: String::new(), found });
}

/// A value that can stand in a field of a module. `#[derive(Module)]` implements it for structs;
/// plain settings such as numbers have no parts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a module",
    label = "not a parameter, buffer, module or plain setting",
    note = "derive `Module` for the type, wrap a tensor in `Parameter` (trained) or `Buffer` \
            (kept), or mark the field `#[module(skip)]`"
)]
pub trait Visit {
    /// Reports every part to the visitor: [`Visitor::part`] for itself, [`Visitor::child`] for
    /// what is inside.
    fn visit(&self, visitor: &mut Visitor<'_>);
}

impl Visit for Parameter {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.part(Part::Parameter(self));
    }
}

impl Visit for Buffer {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.part(Part::Buffer(self));
    }
}

impl Visit for Mode {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.part(Part::Mode(self));
    }
}

impl Visit for LayerGenerator {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.part(Part::Generator(self));
    }
}

macro_rules! settings {
    ($($t:ty),* $(,)?) => {$(
        impl Visit for $t {
            fn visit(&self, _: &mut Visitor<'_>) {}
        }
    )*};
}
settings! {
    (), bool, char, u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, f32, f64, str, String,
    DType, Device, Shape,
}

impl<T: ?Sized> Visit for PhantomData<T> {
    fn visit(&self, _: &mut Visitor<'_>) {}
}

macro_rules! transparent {
    ($($t:ty),*) => {$(
        impl<T: Visit + ?Sized> Visit for $t {
            fn visit(&self, visitor: &mut Visitor<'_>) {
                (**self).visit(visitor);
            }
        }
    )*};
}
transparent! { &T, Box<T>, Arc<T> }

impl<T: Visit> Visit for Option<T> {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        if let Some(inner) = self {
            inner.visit(visitor);
        }
    }
}

impl<T: Visit> Visit for [T] {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        for (i, item) in self.iter().enumerate() {
            visitor.child(&i.to_string(), item);
        }
    }
}

impl<T: Visit> Visit for Vec<T> {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        self.as_slice().visit(visitor);
    }
}

impl<T: Visit, const N: usize> Visit for [T; N] {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        self.as_slice().visit(visitor);
    }
}

impl<T: Visit> Visit for BTreeMap<String, T> {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        for (name, item) in self {
            visitor.child(name, item);
        }
    }
}

macro_rules! tuples {
    ($($($t:ident $i:tt),+;)*) => {$(
        impl<$($t: Visit),+> Visit for ($($t,)+) {
            fn visit(&self, visitor: &mut Visitor<'_>) {
                $(visitor.child(stringify!($i), &self.$i);)+
            }
        }
    )*};
}
tuples! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
}
