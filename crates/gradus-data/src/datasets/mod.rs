//! Ready data sets: each function returns training and test part, checked and typed.

mod digits;
#[cfg(feature = "download")]
mod download;
mod fashion_mnist;
mod places;

pub use digits::{digits, digits_all};
pub use fashion_mnist::{fashion_mnist, fashion_mnist_in};
