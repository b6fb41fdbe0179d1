//! The CPU and a GPU make the same pictures.

use gradus_data::Transform;
use gradus_data::vision::functional as f;
use gradus_data::vision::*;
use gradus_tensor::{Array, DType, Device};

use crate::laws::transforms;
use crate::support::{difference, keys, noise};

/// The GPU; `None`, said aloud, where there is none and none is required.
fn gpu() -> Option<Device> {
    match Device::gpu() {
        Ok(device) => Some(device),
        Err(error) => {
            let required = std::env::var("GRADUS_REQUIRE_GPU").is_ok_and(|v| v == "1");
            assert!(!required, "GRADUS_REQUIRE_GPU=1, but {error}");
            println!("SKIPPED: no GPU adapter ({error})");
            None
        }
    }
}

/// Whether two pictures are one: floats to rounding, bytes to a level where a sum falls between two
/// of them, which happens to few; to some where both directions of a resize are rounded.
#[track_caller]
fn alike(near: &Array, far: &Array, device: &Device, what: &str) {
    assert_eq!(far.device(), *device, "{what} stays on its device");
    let far = far.to(&Device::cpu()).expect("reads");
    let (most, differ) = difference(near, &far, what);
    if near.dtype() == DType::U8 {
        let twice = ["resize", "cubic", "area"].iter().any(|op| what.contains(op));
        // Means of few bytes lie halfway between two levels often.
        let (most_levels, part) = if twice { (2.0, 4) } else { (1.0, 50) };
        let few = near.shape().numel() / part + 1;
        assert!(most <= most_levels && differ <= few, "{what}: {differ} differ, at most by {most}");
    } else {
        assert!(most <= 2e-5, "{what}: {differ} differ, at most by {most}");
    }
}

#[test]
fn random_transforms_agree() {
    let Some(device) = gpu() else { return };
    for dtype in [DType::U8, DType::F32] {
        let x = noise(&[8, 3, 20, 17], dtype, 21);
        let there = x.to(&device).expect("uploads");
        for (name, augment) in transforms() {
            if dtype == DType::F32
                && ["rand_augment", "trivial_augment", "equalize"].contains(&name)
            {
                // Floats that are binned at a threshold jump by whole levels where rounding
                // differs: bytes show that the steps agree.
                continue;
            }
            let near = augment.transform(&x, &keys(8)).expect(name);
            let far = augment.transform(&there, &keys(8)).expect(name);
            alike(&near, &far, &device, &format!("{name} {dtype}"));
        }
    }
}

#[test]
fn functions_agree() {
    let Some(device) = gpu() else { return };
    let x = noise(&[3, 3, 9, 11], DType::U8, 22);
    let there = x.to(&device).expect("uploads");
    let cubic = ResizeOptions::default().interpolation(Interpolation::Bicubic);
    type Function<'a> = (&'a str, Box<dyn Fn(&Array) -> gradus_tensor::Result<Array>>);
    let functions: Vec<Function<'_>> = vec![
        ("sobel", Box::new(f::sobel)),
        ("laplacian", Box::new(f::laplacian)),
        ("canny", Box::new(|x| f::canny(x, 100.0, 400.0))),
        ("contour", Box::new(|x| f::filter2d(x, &Kernel::CONTOUR))),
        ("emboss", Box::new(|x| f::filter2d(x, &Kernel::EMBOSS))),
        ("cubic", Box::new(move |x| f::resize(x, [5, 17], &cubic))),
        (
            "nearest",
            Box::new(|x| {
                f::resize(
                    x,
                    [5, 17],
                    &ResizeOptions::default().interpolation(Interpolation::Nearest),
                )
            }),
        ),
        (
            "area",
            Box::new(|x| {
                f::resize(x, [5, 4], &ResizeOptions::default().interpolation(Interpolation::Area))
            }),
        ),
        ("expand", Box::new(|x| f::rotate(x, 33.0, &GeometryOptions::default().expand(true)))),
        ("turn", Box::new(|x| f::rotate(x, 270.0, &GeometryOptions::default().expand(true)))),
        ("gray", Box::new(|x| f::rgb_to_grayscale(x, 1))),
        ("rescale", Box::new(|x| f::rescale(x, 1.0 / 255.0, -0.5))),
    ];
    for (name, function) in functions {
        let near = function(&x).expect(name);
        let far = function(&there).expect(name);
        alike(&near, &far, &device, name);
    }
}

#[test]
fn mixtures_agree() {
    let Some(device) = gpu() else { return };
    let x = noise(&[4, 3, 6, 5], DType::F32, 23);
    let y = Array::from_vec(vec![2i32, 0, 1, 1], [4]).expect("fills");
    let there = vec![x.to(&device).expect("uploads"), y.to(&device).expect("uploads")];
    let here = vec![x, y];
    let transforms: [Box<dyn Transform>; 2] = [Box::new(MixUp::new(3)), Box::new(CutMix::new(3))];
    for transform in transforms {
        let near = transform.apply(here.clone(), &keys(4)).expect("mixes");
        let far = transform.apply(there.clone(), &keys(4)).expect("mixes");
        for (near, far) in near.iter().zip(&far) {
            alike(near, far, &device, "mixture");
        }
    }
}
