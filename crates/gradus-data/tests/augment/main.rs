//! Augmentation: against torchvision, Pillow and OpenCV; laws; devices against each other.

mod device;
mod golden;
mod laws;
mod support;
