//! gradus-optim
