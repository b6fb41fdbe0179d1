//! Laws: identities, inverses, and independence of everything but the key.

use gradus_data::vision::functional as f;
use gradus_data::vision::*;
use gradus_data::{SampleKey, Transform};
use gradus_tensor::{Array, DType, Kind};
use proptest::prelude::*;

use crate::support::{difference, keys, noise, values};

/// A transform and what to call it.
type Named = (&'static str, Box<dyn Augment>);

/// Every random transform, for images of 3 channels and any type.
pub fn transforms() -> Vec<Named> {
    geometry().into_iter().chain(others()).collect()
}

fn geometry() -> Vec<Named> {
    let flips =
        || Compose::new().push(RandomHorizontalFlip::default()).push(RandomVerticalFlip::default());
    vec![
        ("random_crop", Box::new(RandomCrop::new([9, 8]).padding(2)) as Box<dyn Augment>),
        ("center_crop", Box::new(CenterCrop::new([7, 20]))),
        ("pad", Box::new(Pad::new([1, 0, 2, 3]).padding_mode(PaddingMode::Symmetric))),
        ("resize", Box::new(Resize::new([7, 9]))),
        ("random_resized_crop", Box::new(RandomResizedCrop::new([8, 8]))),
        ("flips", Box::new(flips())),
        ("rotation", Box::new(RandomRotation::new(40.0))),
        (
            "rotation_keras",
            Box::new(
                RandomRotation::new(40.0)
                    .interpolation(Interpolation::Bilinear)
                    .fill_mode(FillMode::Symmetric),
            ),
        ),
        (
            "affine",
            Box::new(
                RandomAffine::new(15.0)
                    .translate([0.1, 0.2])
                    .scale([0.8, 1.2])
                    .shear(8.0)
                    .interpolation(Interpolation::Bilinear),
            ),
        ),
        ("perspective", Box::new(RandomPerspective::default().p(0.8))),
        ("elastic", Box::new(ElasticTransform::new(20.0, 2.0))),
        ("local_grid", Box::new(LocalWarp::new([4, 4], 0.08))),
        ("local_triangles", Box::new(LocalWarp::new([3, 5], 0.08).mesh(Mesh::Triangles))),
    ]
}

fn others() -> Vec<Named> {
    let flips =
        || Compose::new().push(RandomHorizontalFlip::default()).push(RandomVerticalFlip::default());
    vec![
        (
            "jitter",
            Box::new(ColorJitter::default().brightness(0.4).contrast(0.4).saturation(0.4).hue(0.2)),
        ),
        ("grayscale", Box::new(Grayscale::new(3))),
        ("random_grayscale", Box::new(RandomGrayscale::new().p(0.5))),
        ("invert", Box::new(RandomInvert::new())),
        ("posterize", Box::new(RandomPosterize::new(3))),
        ("solarize", Box::new(RandomSolarize::new(0.5))),
        ("autocontrast", Box::new(RandomAutocontrast::new())),
        ("equalize", Box::new(RandomEqualize::new())),
        ("channels", Box::new(RandomChannelPermutation::new())),
        ("gamma", Box::new(RandomGamma::new([0.5, 1.5]))),
        ("sharpness", Box::new(RandomAdjustSharpness::new(2.0))),
        ("gaussian_blur", Box::new(GaussianBlur::new(5))),
        ("box_blur", Box::new(BoxBlur::new([1, 5]))),
        ("noise", Box::new(GaussianNoise::new(0.1))),
        ("erasing", Box::new(RandomErasing::default().value(&[0.2, 0.4, 0.6]))),
        ("erasing_noise", Box::new(RandomErasing::default().p(0.8).random_value())),
        ("rand_augment", Box::new(RandAugment::new(3, 12))),
        ("trivial_augment", Box::new(TrivialAugmentWide::default())),
        ("apply", Box::new(RandomApply::new(0.5).push(flips()).push(GaussianBlur::new(3)))),
        (
            "choice",
            Box::new(RandomChoice::new().push(RandomRotation::new(30.0)).push(RandomInvert::new())),
        ),
        (
            "order",
            Box::new(RandomOrder::new().push(RandomRotation::new(30.0)).push(GaussianBlur::new(3))),
        ),
        (
            "to_float",
            Box::new(
                Compose::new()
                    .push(RandomCrop::new([12, 10]).padding(1))
                    .push(ToDtype::new(DType::F32, true))
                    .push(Normalize::new(&[0.5], &[0.25])),
            ),
        ),
    ]
}

fn rows(x: &Array, from: usize, n: usize) -> Array {
    x.narrow(0, from, n).expect("range")
}

#[test]
fn an_image_does_not_depend_on_its_batch() {
    let keys = keys(9);
    for dtype in [DType::U8, DType::F32] {
        let x = noise(&[9, 3, 20, 17], dtype, 1);
        for (name, augment) in transforms() {
            let whole = augment.transform(&x, &keys).expect(name);
            for (from, n) in [(0, 4), (4, 5), (7, 1)] {
                let part = rows(&x, from, n);
                let part = augment.transform(&part, &keys[from..from + n]).expect(name);
                let (most, _) = difference(&rows(&whole, from, n), &part, name);
                assert_eq!(most, 0.0, "{name} {dtype}");
            }
            let alone = x.narrow(0, 3, 1).and_then(|x| x.view(&[3, 20, 17])).expect("an image");
            let alone = augment.transform(&alone.expect("dense"), &keys[3..4]).expect(name);
            assert_eq!(values(&alone), values(&rows(&whole, 3, 1)), "{name} {dtype}");
        }
    }
}

#[test]
fn keys_decide_and_nothing_else_does() {
    let x = noise(&[6, 3, 20, 17], DType::U8, 2);
    for (name, augment) in transforms() {
        let first = augment.transform(&x, &keys(6)).expect(name);
        let again = augment.transform(&x, &keys(6)).expect(name);
        assert_eq!(values(&first), values(&again), "{name}");
        let other: Vec<SampleKey> = (0..6).map(|i| SampleKey::new(11, 3, i)).collect();
        let other = augment.transform(&x, &other).expect(name);
        let fixed = ["center_crop", "pad", "resize", "grayscale"];
        assert_eq!(values(&first) == values(&other), fixed.contains(&name), "{name}");
    }
}

#[test]
fn parts_of_a_composition_draw_apart() {
    let x = noise(&[64, 1, 5, 5], DType::U8, 3);
    let twice =
        Compose::new().push(RandomHorizontalFlip::default()).push(RandomHorizontalFlip::default());
    // Two draws that were one would cancel every flip.
    let y = twice.transform(&x, &keys(64)).expect("computes");
    let changed = (0..64).filter(|&n| values(&rows(&x, n, 1)) != values(&rows(&y, n, 1))).count();
    assert!((16..48).contains(&changed), "{changed} of 64");
}

#[test]
fn as_a_transform_it_changes_the_first_column() {
    let x = noise(&[3, 3, 4, 4], DType::F32, 4);
    let y = Array::from_vec(vec![1i32, 2, 3], [3]).expect("fills");
    let columns = RandomInvert::new().p(1.0).apply(vec![x.clone(), y], &keys(3)).expect("applies");
    assert_eq!(columns[1].to_vec::<i32>().expect("i32"), [1, 2, 3]);
    assert_eq!(values(&columns[0]), values(&f::invert(&x).expect("computes")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn identities_hold(
        h in 1usize..14, w in 1usize..14, c in 1usize..4, bytes in any::<bool>(), seed in 0u64..99,
    ) {
        let dtype = if bytes { DType::U8 } else { DType::F32 };
        let x = noise(&[2, c, h, w], dtype, seed);
        let options = GeometryOptions::default;
        let same = |y: gradus_tensor::Result<Array>, what: &str| {
            let y = y.expect(what);
            assert_eq!((y.shape(), values(&y)), (x.shape(), values(&x)), "{what}");
        };
        same(f::rotate(&x, 0.0, &options()), "rotate 0");
        same(f::rotate(&x, 360.0, &options()), "rotate 360");
        let bilinear = options().interpolation(Interpolation::Bilinear);
        same(f::affine(&x, 0.0, [0.0; 2], 1.0, [0.0; 2], &bilinear), "affine identity");
        same(f::horizontal_flip(&f::horizontal_flip(&x).unwrap()), "two flips");
        same(f::vertical_flip(&f::vertical_flip(&x).unwrap()), "two flips down");
        let turned = f::rotate(&x, 90.0, &options().expand(true)).unwrap();
        same(f::rotate(&turned, 270.0, &options().expand(true)), "there and back");
        for mode in
            [PaddingMode::Constant, PaddingMode::Edge, PaddingMode::Reflect, PaddingMode::Symmetric]
        {
            let padded = f::pad(&x, [2, 1, 5, 17], &PadOptions::default().padding_mode(mode));
            same(f::crop(&padded.unwrap(), 1, 2, h, w), "crop of pad");
        }
        same(f::resize(&x, [h, w], &ResizeOptions::default()), "resize to its size");
        if bytes {
            // Floats would be rounded.
            same(f::invert(&f::invert(&x).unwrap()), "two inversions");
        }
        if c != 2 {
            same(f::adjust_brightness(&x, 1.0), "brightness 1");
            same(f::adjust_saturation(&x, 1.0), "saturation 1");
            same(f::adjust_contrast(&x, 1.0), "contrast 1");
        }
        same(f::adjust_sharpness(&x, 1.0), "sharpness 1");
        same(f::gaussian_blur(&x, [1, 1], [1.0, 1.0]), "a kernel of one");
        same(f::elastic(&x, &Array::from_vec(vec![0f32; h * w * 2], [1, h, w, 2]).unwrap(),
            &options()), "no displacement");
        let still = Array::from_vec(vec![0f32; 12], [2, 3, 2]).unwrap();
        same(f::local_warp(&x, &still, Mesh::Triangles, &options()), "a mesh at rest");
        let brightest = values(&x).into_iter().fold(0.0, f64::max);
        let above = brightest + if bytes { 1.0 } else { 1e-3 };
        if above <= if bytes { 255.0 } else { 1.0 } {
            same(f::solarize(&x, above), "nothing to solarize");
        }
    }

    #[test]
    fn blurs_keep_constants_and_means(h in 1usize..12, w in 1usize..12, level in 0u8..=255) {
        let x = Array::from_vec(vec![level; h * w], [1, h, w]).unwrap();
        for y in [
            f::gaussian_blur(&x, [5, 7], [1.5, 0.7]), f::box_blur(&x, [3, 5]),
            f::adjust_sharpness(&x, 0.0), f::resize(&x, [h, w + 3], &ResizeOptions::default())
                .and_then(|y| f::crop(&y, 0, 0, h, w)),
        ] {
            assert_eq!(values(&y.unwrap()), values(&x));
        }
        for y in [f::sobel(&x), f::laplacian(&x), f::canny(&x, 10.0, 20.0)] {
            assert!(values(&y.unwrap()).iter().all(|&v| v == 0.0));
        }
    }
}

#[test]
fn a_whole_translation_is_a_crop() {
    let x = noise(&[1, 3, 9, 8], DType::U8, 5);
    let options = GeometryOptions::default();
    let moved = f::affine(&x, 0.0, [2.0, -3.0], 1.0, [0.0; 2], &options).expect("computes");
    let cropped = f::crop(&x, 3, -2, 9, 8).expect("computes");
    assert_eq!(values(&moved), values(&cropped));
}

#[test]
fn a_moved_mesh_point_moves_the_image_there() {
    let x = noise(&[1, 1, 9, 9], DType::F32, 6);
    // All points of the mesh move by one pixel: a translation in both kinds of mesh.
    let moves = Array::from_vec([1.0f32, 0.0].repeat(9), [3, 3, 2]).expect("fills");
    for mesh in [Mesh::Grid, Mesh::Triangles] {
        let y = f::local_warp(&x, &moves, mesh, &GeometryOptions::default()).expect("computes");
        let (most, _) = difference(&y, &f::crop(&x, 0, 1, 9, 9).expect("computes"), "mesh");
        assert!(most < 1e-6, "{mesh:?} {most}");
    }
}

#[test]
fn mixing_keeps_shares() {
    let x = noise(&[5, 3, 6, 7], DType::F32, 7);
    let y = Array::from_vec(vec![0i64, 1, 2, 1, 0], [5]).expect("fills");
    for seed in 0..20 {
        let keys: Vec<SampleKey> = (0..5).map(|i| SampleKey::new(seed, 0, i)).collect();
        let columns = vec![x.clone(), y.clone()];
        let mixed = MixUp::new(3).alpha(0.4).apply(columns.clone(), &keys).expect("mixes");
        let labels = values(&mixed[1]);
        for row in labels.chunks(3) {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-6);
        }
        // Sample 1 is of class 1, the one before it of class 0.
        let share = labels[4];
        let (image, before) = (values(&rows(&x, 1, 1)), values(&rows(&x, 0, 1)));
        for ((got, a), b) in values(&rows(&mixed[0], 1, 1)).iter().zip(image).zip(before) {
            assert!((got - (share * a + (1.0 - share) * b)).abs() < 1e-5);
        }
        let cut = CutMix::new(3).apply(columns, &keys).expect("cuts");
        let share = values(&cut[1])[4];
        let own = values(&rows(&x, 1, 1));
        let kept = values(&rows(&cut[0], 1, 1)).iter().zip(&own).filter(|(a, b)| a == b).count();
        assert!((kept as f64 / own.len() as f64 - share).abs() < 1e-6, "{kept} {share}");
    }
}

#[test]
fn erasing_erases_what_it_says() {
    let x = noise(&[64, 1, 20, 20], DType::U8, 8);
    let erasing = RandomErasing::default().p(1.0).scale([0.25, 0.25]).value(&[7.0]);
    let y = erasing.transform(&x, &keys(64)).expect("erases");
    for n in 0..64 {
        let erased = values(&rows(&y, n, 1)).iter().filter(|&&v| v == 7.0).count();
        // A box of a quarter; sides are rounded.
        assert!((80..=125).contains(&erased), "{erased}");
    }
}

#[test]
fn mistakes_are_typed_errors() {
    let x = noise(&[2, 3, 4, 5], DType::U8, 9);
    #[track_caller]
    fn says<T: std::fmt::Debug>(result: gradus_tensor::Result<T>, message: &str) {
        assert_eq!(result.expect_err("refused").to_string(), message);
    }
    says(
        f::crop(&noise(&[4], DType::U8, 1), 0, 0, 1, 1),
        "crop: x has 1 dimensions, expected 3 or 4: [C, H, W] or [N, C, H, W]; x [4]",
    );
    let ints = Array::from_vec(vec![1i32; 12], [3, 2, 2]).expect("fills");
    says(f::invert(&ints), "invert: got int32, expected uint8 or float32");
    says(
        f::five_crop(&x, [5, 5]),
        "five_crop: a crop must not be larger than the image; image [3, 4, 5]",
    );
    says(
        f::resize(&x, [0, 3], &ResizeOptions::default()),
        "resize: size is 0 x 3, expected at least 1 x 1",
    );
    says(f::adjust_hue(&x, 0.7), "adjust_hue: hue_factor is 0.7, expected -0.5 to 0.5");
    says(
        f::adjust_contrast(&noise(&[2, 4, 4], DType::U8, 1), 1.0),
        "adjust_contrast: an image must have 1 or 3 channels; image [2, 4, 4]",
    );
    says(f::gaussian_blur(&x, [4, 3], [1.0; 2]), "gaussian_blur: kernel_size is 4, expected odd");
    says(
        f::affine(&x, 0.0, [0.0; 2], 0.0, [0.0; 2], &GeometryOptions::default()),
        "affine: scale is 0, expected above 0",
    );
    says(
        f::rotate(&x, f64::NAN, &GeometryOptions::default()),
        "rotate: angle is NaN, expected a finite number",
    );
    says(
        f::erase(&x, [2, 2], [3, 1], &[0.0]),
        "erase: the box must lie inside the image; image [3, 4, 5]",
    );
    says(
        f::normalize(&x, &[0.5], &[0.5]),
        "normalize: got uint8, expected float32; convert with `to_dtype`",
    );
    let line = [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [0.0, 3.0]];
    let error = f::perspective(&x, line, line, &GeometryOptions::default()).expect_err("refused");
    assert!(matches!(error.kind(), Kind::Argument { .. }), "{error}");
    says(
        RandomCrop::new([9, 9]).transform(&x, &keys(2)),
        "random_crop: a crop must not be larger than the padded image; image [3, 4, 5]",
    );
    says(
        RandomInvert::new().transform(&x, &keys(3)),
        "transform: x has 2 images, the keys expects 3; x [2, 3, 4, 5]",
    );
    says(
        RandomInvert::new().p(1.5).transform(&x, &keys(2)),
        "random_invert: p is 1.5, expected 0 to 1",
    );
    let many = noise(&[9, 3, 8, 9], DType::U8, 9);
    let expanding = RandomRotation::new(40.0).expand(true).transform(&many, &keys(9));
    assert!(expanding.expect_err("two sizes").is_shape());
    let empty = noise(&[1, 3, 0, 5], DType::U8, 1);
    says(
        f::resize(&empty, [2, 2], &ResizeOptions::default()),
        "resize: there are no pixels to resize; image [3, 0, 5]",
    );
    assert_eq!(f::invert(&empty).expect("nothing to do").shape(), empty.shape());
    let none = noise(&[0, 3, 4, 4], DType::U8, 1);
    assert_eq!(f::invert(&none).expect("nothing to do").shape(), none.shape());
}
