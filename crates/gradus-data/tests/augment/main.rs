//! Augmentation: against torchvision, Pillow and OpenCV; laws; devices against each other.

#![allow(clippy::print_stdout, reason = "a test says what it skips")]

mod device;
mod golden;
mod laws;
mod support;
