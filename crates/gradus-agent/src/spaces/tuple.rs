//! Rust tuples of spaces are spaces. Gymnasium: `Tuple`.

use gradus_tensor::Result;

use super::Space;
use super::space::check_length;
use crate::rng::Pcg64;

macro_rules! tuples {
    ($($($t:ident $i:tt),+;)*) => {$(
        impl<$($t: Space),+> Space for ($($t,)+) {
            type Element = ($($t::Element,)+);
            type Mask = ($($t::Mask,)+);

            fn sample(&self, rng: &mut Pcg64) -> Self::Element {
                ($(self.$i.sample(rng),)+)
            }

            fn sample_masked(&self, mask: &Self::Mask, rng: &mut Pcg64) -> Result<Self::Element> {
                Ok(($(self.$i.sample_masked(&mask.$i, rng)?,)+))
            }

            fn contains(&self, element: &Self::Element) -> bool {
                $(self.$i.contains(&element.$i))&&+
            }

            fn flat_dim(&self) -> usize {
                0 $(+ self.$i.flat_dim())+
            }

            fn flatten_into(&self, element: &Self::Element, out: &mut Vec<f32>) {
                $(self.$i.flatten_into(&element.$i, out);)+
            }

            fn unflatten(&self, flat: &[f32]) -> Result<Self::Element> {
                check_length("tuple", flat, self.flat_dim())?;
                let mut rest = flat;
                Ok(($({
                    let (own, after) = rest.split_at(self.$i.flat_dim());
                    rest = after;
                    // The last part leaves nothing.
                    let _ = rest;
                    self.$i.unflatten(own)?
                },)+))
            }
        }
    )*};
}
tuples! {
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
}
