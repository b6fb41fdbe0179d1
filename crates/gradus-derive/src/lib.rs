//! `#[derive(Module)]`: makes a struct of parameters and layers a module.
//!
//! Documented, with examples, where it is exported: `gradus_nn::Module`.

mod expand;
mod home;

use proc_macro::TokenStream;

/// Makes a struct a module whose parts are its fields.
///
/// Fields are visited in order under their names (tuple fields under their numbers), so they give
/// the keys of the state dict. A field may be a `Parameter`, a `Buffer`, a `Mode`, another
/// module, a plain setting such as `usize`, or an option, vector, array, tuple, map or box of
/// these.
///
/// * `#[module(skip)]` leaves a field out: it has no state that is saved, moved or trained.
/// * `#[module(rename = "fc.weight")]` gives a field another key.
/// * `#[module(flatten)]` visits a field's parts as if they were the struct's own.
/// * `#[module(crate = "path")]` on the struct tells where `gradus_nn` is found. Without it the
///   crate's manifest decides: `gradus_nn` if it depends on that, else `gradus::nn`.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(input: TokenStream) -> TokenStream {
    expand::expand(input.into(), home::path()).into()
}
