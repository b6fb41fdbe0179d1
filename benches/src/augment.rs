//! Workloads of augmentation: a pipeline through the loader, and single operations on one image of
//! 3 × 256 × 256 bytes.

use gradus::data::vision::functional as f;
use gradus::data::vision::*;
use gradus::data::{SampleKey, TensorDataset};
use gradus::prelude::*;
use gradus::{Array, Generator};

use crate::workloads::{Amount, Run, Workload, workload};

/// Images of a run of the pipeline.
const IMAGES: usize = 1024;
const SIDE: usize = 256;

/// A function of an image.
type Function = Box<dyn Fn(&Array) -> Result<Array>>;

macro_rules! single {
    ($($name:literal => $make:expr;)*) => {
        &[$(workload($name, Amount::Bytes(2.0 * (3 * SIDE * SIDE) as f64), |device| {
            single(device, $make)
        }),)*]
    };
}

/// The pipeline.
pub static PIPELINE: &[Workload] = &[workload("augment", Amount::Unknown, pipeline)];

/// Single operations.
pub static SINGLE: &[Workload] = single! {
    "aug_hflip" => |_| Box::new(f::horizontal_flip);
    "aug_crop" => |_| Box::new(|x| f::crop(x, 11, 17, 224, 224));
    "aug_resize" => |_| Box::new(|x| f::resize(x, [224, 224], &ResizeOptions::default()));
    "aug_resized_crop" => |_| Box::new(|x| {
        f::resized_crop(x, [20, 30], [180, 200], [224, 224], &ResizeOptions::default())
    });
    "aug_rotate" => |_| Box::new(|x| f::rotate(x, 30.0, &GeometryOptions::default()));
    "aug_rotate_linear" => |_| Box::new(|x| {
        let options = GeometryOptions::default().interpolation(Interpolation::Bilinear);
        f::rotate(x, 30.0, &options)
    });
    "aug_affine" => |_| Box::new(|x| {
        f::affine(x, 15.0, [10.0, 5.0], 1.1, [5.0, 0.0], &GeometryOptions::default())
    });
    "aug_perspective" => |_| Box::new(|x| {
        let end = [[20.0, 10.0], [240.0, 25.0], [230.0, 245.0], [5.0, 250.0]];
        let start = [[0.0, 0.0], [255.0, 0.0], [255.0, 255.0], [0.0, 255.0]];
        f::perspective(x, start, end, &GeometryOptions::default())
    });
    "aug_elastic" => |_| keyed(ElasticTransform::default());
    "aug_blur" => |_| Box::new(|x| f::gaussian_blur(x, [5, 5], [1.5, 1.5]));
    "aug_sharpness" => |_| Box::new(|x| f::adjust_sharpness(x, 2.0));
    "aug_jitter" => |_| {
        keyed(ColorJitter::default().brightness(0.4).contrast(0.4).saturation(0.4).hue(0.1))
    };
    "aug_brightness" => |_| Box::new(|x| f::adjust_brightness(x, 1.2));
    "aug_contrast" => |_| Box::new(|x| f::adjust_contrast(x, 1.2));
    "aug_saturation" => |_| Box::new(|x| f::adjust_saturation(x, 1.2));
    "aug_hue" => |_| Box::new(|x| f::adjust_hue(x, 0.1));
    "aug_autocontrast" => |_| Box::new(f::autocontrast);
    "aug_equalize" => |_| Box::new(f::equalize);
    "aug_posterize" => |_| Box::new(|x| f::posterize(x, 3));
    "aug_solarize" => |_| Box::new(|x| f::solarize(x, 128.0));
    "aug_invert" => |_| Box::new(f::invert);
    "aug_gray" => |_| Box::new(|x| f::rgb_to_grayscale(x, 1));
    "aug_erase" => |_| Box::new(|x| f::erase(x, [30, 40], [80, 90], &[0.0]));
    "aug_to_float" => |_| Box::new(|x| f::to_dtype(x, DType::F32, true));
    "aug_rand_augment" => |_| keyed(RandAugment::default());
    "aug_trivial_augment" => |_| keyed(TrivialAugmentWide::default());
};

/// A random transform with another key each time.
fn keyed(augment: impl Augment + 'static) -> Function {
    let count = std::sync::atomic::AtomicU64::new(0);
    Box::new(move |x| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        augment.transform(x, &[SampleKey::new(1, 0, number)])
    })
}

fn bytes(n: usize) -> Vec<u8> {
    Generator::new(3).uniform(n).into_iter().map(|v| (v * 256.0) as u8).collect()
}

fn single(device: &Device, make: fn(&Device) -> Function) -> Result<Run> {
    let x = Array::from_vec(bytes(3 * SIDE * SIDE), [3, SIDE, SIDE])?.to(device)?;
    let (function, device) = (make(device), device.clone());
    Ok(Box::new(move || {
        std::hint::black_box(function(&x)?);
        device.synchronize()
    }))
}

/// A crop of the padded image, a flip, an affine map, floats: through the loader, batch 64.
fn pipeline(device: &Device) -> Result<Run> {
    let x = Array::from_vec(bytes(IMAGES * 784), [IMAGES, 1, 28, 28])?;
    let y = Array::from_vec(vec![0i32; IMAGES], [IMAGES])?;
    let augment = Compose::new()
        .push(RandomCrop::new([28, 28]).padding(4))
        .push(RandomHorizontalFlip::default())
        .push(RandomAffine::new(10.0).translate([0.1, 0.1]).scale([0.9, 1.1]))
        .push(ToDtype::new(DType::F32, true));
    let data = TensorDataset::pair(x, y)?;
    let loader = DataLoader::new(&data).batch_size(64).shuffle(1).transform(augment).to(device);
    let device = device.clone();
    Ok(Box::new(move || {
        for batch in &loader {
            std::hint::black_box(batch?);
        }
        device.synchronize()
    }))
}
