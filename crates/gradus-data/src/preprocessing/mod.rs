//! Preprocessing that is fitted to training data: encoders, scalers, imputation; saved as JSON.

mod categories;
mod imputer;
mod label;
mod matrix;
mod min_max;
mod normal;
mod normalization;
mod one_hot;
mod ordinal;
mod robust;
mod saved;
mod standard;

pub use categories::Unknown;
pub use imputer::{Impute, SimpleImputer};
pub use label::LabelEncoder;
pub use min_max::MinMaxScaler;
pub use normalization::Normalization;
pub use one_hot::{DropCategory, OneHotEncoder};
pub use ordinal::OrdinalEncoder;
pub use robust::RobustScaler;
pub use saved::Saved;
pub use standard::StandardScaler;
