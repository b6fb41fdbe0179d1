//! gradus-kernels
