//! Ready data sets: each function returns training and test part, or all samples where these are
//! few, checked and typed.

mod auto_mpg;
#[cfg(feature = "breast-cancer")]
mod breast_cancer;
mod cifar;
mod digits;
#[cfg(feature = "download")]
mod download;
mod fashion_mnist;
#[cfg(feature = "iris")]
mod iris;
mod places;
#[cfg(any(feature = "breast-cancer", feature = "iris", feature = "wine"))]
mod table;
#[cfg(feature = "wine")]
mod wine;

pub use auto_mpg::{AUTO_MPG_FEATURES, auto_mpg, auto_mpg_from};
#[cfg(feature = "breast-cancer")]
pub use breast_cancer::{BREAST_CANCER_FEATURES, breast_cancer};
pub use cifar::{cifar10, cifar10_in, cifar100, cifar100_in};
pub use digits::{digits, digits_all};
pub use fashion_mnist::{fashion_mnist, fashion_mnist_in};
#[cfg(feature = "iris")]
pub use iris::{IRIS_FEATURES, iris};
#[cfg(feature = "wine")]
pub use wine::{WINE_FEATURES, wine};
