//! gradus-autodiff
