//! Pictures of a training: curves, confusion matrices, activations, optimizers on a surface, image
//! grids, histograms, and one report a run. SVG and PNG; no font, no browser, no network needed.
//!
//! ```
//! use gradus_plot::curves;
//!
//! let (loss, val_loss) = (vec![0.9, 0.5, 0.3], vec![0.95, 0.6, 0.5]);
//! let picture = curves(&[("loss", &loss), ("val_loss", &val_loss)]).title("Training").draw()?;
//! let dir = tempfile::tempdir().map_err(|e| gradus_tensor::Error::io("temp", e))?;
//! picture.save(dir.path().join("curves.svg"))?;
//! picture.save(dir.path().join("curves.png"))?;
//! # Ok::<(), gradus_tensor::Error>(())
//! ```
//!
//! Every plot is a function that takes the data, options by name, and `draw`, which makes a
//! [`Picture`].

mod activation;
mod axes;
mod confusion;
mod contour;
mod curves;
mod encode;
mod function;
mod glyphs;
mod grid;
mod histogram;
mod picture;
mod race;
mod raster;
mod report;
mod scene;
pub mod surfaces;
mod svg;
mod theme;

pub use activation::{ActivationPlot, activation_plot};
pub use confusion::{ConfusionMatrix, confusion_matrix};
pub use curves::{Curves, curves};
pub use function::{FunctionPlot, function_plot};
pub use grid::{ImageGrid, image_grid};
pub use histogram::{Histogram, histogram, histograms};
pub use picture::Picture;
pub use race::{LossSurfaceRace, descend, loss_surface_race};
pub use report::Report;
