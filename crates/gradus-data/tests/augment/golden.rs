//! Every case of `data/augment.safetensors`.

use std::collections::BTreeSet;

use gradus_data::vision::functional as f;
use gradus_data::vision::{
    GeometryOptions, Interpolation, Kernel, PadOptions, PaddingMode, ResizeOptions, pixels,
};
use gradus_io::SafeTensorsFile;
use gradus_tensor::{Array, DType, Result};

use crate::support::difference;

/// Floats: rounding of places and sums in another order. A place of 14 pixels is exact to 1e-6, and
/// a neighbour differs by at most 1.
const FLOAT_TOLERANCE: f64 = 1e-5;
/// Bytes: a sum that lies between two levels may be rounded to either.
const LEVEL: f64 = 1.0;

fn data() -> SafeTensorsFile {
    let bytes = include_bytes!("../data/augment.safetensors");
    SafeTensorsFile::from_bytes("augment.safetensors", bytes).expect("tensors")
}

/// The colour that cases fill with.
fn red(x: &Array) -> [f64; 3] {
    if x.dtype() == DType::U8 { [200.0, 30.0, 7.0] } else { [0.8, 0.1, 0.03] }
}

fn linear() -> GeometryOptions {
    GeometryOptions::default().interpolation(Interpolation::Bilinear)
}

fn nearest() -> GeometryOptions {
    GeometryOptions::default().interpolation(Interpolation::Nearest)
}

fn plain() -> GeometryOptions {
    GeometryOptions::default()
}

fn mode(mode: PaddingMode) -> PadOptions {
    PadOptions::default().padding_mode(mode)
}

fn by(interpolation: Interpolation) -> ResizeOptions {
    ResizeOptions::default().interpolation(interpolation)
}

const START: [[f64; 2]; 4] = [[0.0, 0.0], [13.0, 0.0], [13.0, 10.0], [0.0, 10.0]];
const END: [[f64; 2]; 4] = [[2.0, 1.0], [12.0, 2.0], [10.0, 9.0], [1.0, 8.0]];
const UNTIED: [[f64; 2]; 4] = [[0.0, 0.0], [13.0, 2.0], [11.0, 7.0], [3.0, 8.0]];
const PADDING: [i64; 4] = [1, 2, 3, 4];

fn geometry(name: &str, x: &Array, field: &Array) -> Option<Result<Array>> {
    let cubic = Interpolation::Bicubic;
    let corner = || plain().center([0.0, 0.0]);
    Some(match name {
        "crop" => f::crop(x, -2, 3, 8, 16),
        "crop_inside" => f::crop(x, 2, 3, 5, 6),
        "center_crop" => f::center_crop(x, [6, 9]),
        "center_crop_padded" => f::center_crop(x, [14, 9]),
        "five_crop_middle" => f::five_crop(x, [4, 5]).map(|all| all[4].clone()),
        "five_crop_lower_right" => f::five_crop(x, [4, 5]).map(|all| all[3].clone()),
        "pad" => f::pad(x, PADDING, &PadOptions::default()),
        "pad_fill" => f::pad(x, PADDING, &PadOptions::default().fill(red(x))),
        "pad_edge" => f::pad(x, PADDING, &mode(PaddingMode::Edge)),
        "pad_reflect" => f::pad(x, PADDING, &mode(PaddingMode::Reflect)),
        "pad_symmetric" => f::pad(x, PADDING, &mode(PaddingMode::Symmetric)),
        "horizontal_flip" => f::horizontal_flip(x),
        "vertical_flip" => f::vertical_flip(x),
        "resize_nearest" => f::resize(x, [7, 20], &by(Interpolation::Nearest)),
        "resize_nearest_exact" => f::resize(x, [7, 20], &by(Interpolation::NearestExact)),
        "resize_linear" => f::resize(x, [7, 20], &ResizeOptions::default()),
        "resize_linear_plain" => f::resize(x, [7, 20], &ResizeOptions::default().antialias(false)),
        "resize_cubic" => f::resize(x, [20, 6], &by(cubic)),
        "resize_cubic_plain" => f::resize(x, [20, 6], &by(cubic).antialias(false)),
        "resize_rows" => f::resize(x, [5, 14], &ResizeOptions::default()),
        "resize_columns" => f::resize(x, [11, 5], &ResizeOptions::default()),
        "resize_shorter" => f::resize(x, 8, &ResizeOptions::default()),
        "resize_most" => f::resize(x, 8, &ResizeOptions::default().max_size(9)),
        "resized_crop" => f::resized_crop(x, [1, 2], [7, 9], [5, 6], &ResizeOptions::default()),
        "rotate" => f::rotate(x, 30.0, &plain()),
        "rotate_negative_fill" => f::rotate(x, -117.0, &plain().fill(red(x))),
        "rotate_linear" => f::rotate(x, 30.0, &linear()),
        "rotate_linear_fill" => f::rotate(x, 30.0, &linear().fill(red(x))),
        "rotate_expand" => f::rotate(x, 33.0, &linear().expand(true)),
        "rotate_center" => f::rotate(x, 20.0, &linear().center([3.0, 2.5])),
        "rotate_90_expand" => f::rotate(x, 90.0, &plain().expand(true)),
        "rotate_270_expand" => f::rotate(x, 270.0, &plain().expand(true)),
        "rotate_180" => f::rotate(x, 180.0, &plain()),
        "affine" => f::affine(x, 17.0, [2.0, -1.0], 1.2, [8.0, -5.0], &plain()),
        "affine_linear" => f::affine(x, 17.0, [2.0, -1.0], 0.8, [8.0, -5.0], &linear()),
        "affine_fill_center" => {
            let options = linear().fill(red(x)).center([4.0, 6.0]);
            f::affine(x, -40.0, [1.5, 2.0], 1.1, [3.0, 12.0], &options)
        }
        "perspective" => f::perspective(x, START, END, &plain()),
        "perspective_nearest_fill" => f::perspective(x, START, UNTIED, &nearest().fill(red(x))),
        "elastic" => f::elastic(x, field, &plain()),
        "elastic_nearest_fill" => f::elastic(x, field, &nearest().fill(red(x))),
        "policy_shearx" => {
            f::affine(x, 0.0, [0.0; 2], 1.0, [0.21f64.atan().to_degrees(), 0.0], &corner())
        }
        "policy_sheary" => {
            f::affine(x, 0.0, [0.0; 2], 1.0, [0.0, (-0.3f64).atan().to_degrees()], &corner())
        }
        "policy_translatex" => f::affine(x, 0.0, [4.0, 0.0], 1.0, [0.0; 2], &plain()),
        "policy_translatey" => f::affine(x, 0.0, [0.0, -3.0], 1.0, [0.0; 2], &plain()),
        _ => return None,
    })
}

fn colors(name: &str, x: &Array) -> Option<Result<Array>> {
    let bytes = x.dtype() == DType::U8;
    Some(match name {
        "brightness" => f::adjust_brightness(x, 1.3),
        "brightness_dark" => f::adjust_brightness(x, 0.61),
        "contrast" => f::adjust_contrast(x, 1.7),
        "contrast_low" => f::adjust_contrast(x, 0.4),
        "saturation" => f::adjust_saturation(x, 1.9),
        "saturation_low" => f::adjust_saturation(x, 0.3),
        "hue" => f::adjust_hue(x, 0.23),
        "hue_negative" => f::adjust_hue(x, -0.41),
        "gamma" => f::adjust_gamma(x, 0.7, 1.0),
        "gamma_gain" => f::adjust_gamma(x, 1.8, 1.4),
        "posterize" => f::posterize(x, 3),
        "solarize" => f::solarize(x, if bytes { 100.0 } else { 0.4 }),
        "invert" => f::invert(x),
        "grayscale" => f::rgb_to_grayscale(x, 1),
        "grayscale_3" => f::rgb_to_grayscale(x, 3),
        "permute_channels" => f::permute_channels(x, &[2, 0, 1]),
        // The case halves the image first.
        "autocontrast" if bytes => {
            let half = x.to_vec::<u8>().expect("bytes").iter().map(|v| v / 2).collect();
            f::autocontrast(&Array::from_vec(half, x.shape().clone()).expect("fills"))
        }
        "autocontrast" => {
            let half = x.to_vec::<f32>().expect("floats").iter().map(|v| v * 0.5).collect();
            f::autocontrast(&Array::from_vec(half, x.shape().clone()).expect("fills"))
        }
        "equalize" => {
            f::pad(x, [10; 4], &mode(PaddingMode::Symmetric)).and_then(|x| f::equalize(&x))
        }
        "normalize" => f::normalize(x, &[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225]),
        "to_float" => f::to_dtype(x, DType::F32, true),
        "to_byte" => f::to_dtype(x, DType::U8, true),
        _ => return None,
    })
}

fn filters(name: &str, x: &Array, shapes: &Array) -> Option<Result<Array>> {
    Some(match name {
        "sharpness" => f::adjust_sharpness(x, 2.3),
        "sharpness_low" => f::adjust_sharpness(x, 0.2),
        "gaussian_blur" => f::gaussian_blur(x, [5, 3], [1.3, 0.8]),
        "gaussian_blur_wide" => f::gaussian_blur(x, [9, 9], [2.0, 2.0]),
        "erase" => f::erase(x, [2, 3], [4, 5], &red(x)),
        "pillow_contour" => f::filter2d(x, &Kernel::CONTOUR),
        "pillow_detail" => f::filter2d(x, &Kernel::DETAIL),
        "pillow_edge_enhance" => f::filter2d(x, &Kernel::EDGE_ENHANCE),
        "pillow_emboss" => f::filter2d(x, &Kernel::EMBOSS),
        "pillow_find_edges" => f::filter2d(x, &Kernel::FIND_EDGES),
        "pillow_sharpen" => f::filter2d(x, &Kernel::SHARPEN),
        "pillow_smooth" => f::filter2d(x, &Kernel::SMOOTH),
        "canny_50_150" => f::canny(shapes, 50.0, 150.0),
        "canny_100_200" => f::canny(shapes, 100.0, 200.0),
        "canny_20_300" => f::canny(shapes, 20.0, 300.0),
        "canny_colors" => f::canny(x, 300.0, 600.0),
        "sobel" => f::sobel(shapes),
        "laplacian" => f::laplacian(shapes),
        "box_blur" => f::box_blur(shapes, [5, 3]),
        _ => return None,
    })
}

/// Pillow's work on pixels.
fn mixed(name: &str, data: &SafeTensorsFile) -> Option<Result<Array>> {
    let (below, above) = (&data.tensors["below.uint8"], &data.tensors["above.uint8"]);
    let colors = |x: &Array| x.narrow(0, 0, 3).expect("three channels");
    let (a, b) = (colors(below), colors(above));
    Some(match name {
        "pixels_blend" => pixels::blend(&a, &b, 0.3),
        "pixels_composite" => {
            let mask = below.narrow(0, 3, 1).expect("the fourth channel");
            pixels::composite(&a, &b, &mask)
        }
        "pixels_alpha_composite" => pixels::alpha_composite(below, above),
        _ => return None,
    })
}

/// Cases whose bytes may differ by a level; all others are equal.
const NEARLY: &[&str] = &[
    // A place between two pixels has float32's rounding.
    "rotate_linear",
    "rotate_linear_fill",
    "rotate_expand",
    "rotate_center",
    "affine_linear",
    "affine_fill_center",
    "perspective",
    "elastic",
    // Means and powers are rounded elsewhere.
    "contrast",
    "contrast_low",
    "gamma",
    "gamma_gain",
    // Sums in another order.
    "gaussian_blur",
    "gaussian_blur_wide",
    "box_blur",
    // Pillow divides by integers of 16 bits.
    "pixels_alpha_composite",
    "pillow_sharpen",
    "pillow_smooth",
    "pillow_detail",
];

#[test]
fn every_case_agrees() {
    let data = data();
    let inputs: BTreeSet<&str> =
        ["x.uint8", "x.float32", "shapes.uint8", "displacement", "below.uint8", "above.uint8"]
            .into_iter()
            .collect();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (full, expected) in &data.tensors {
        if inputs.contains(full.as_str()) {
            continue;
        }
        let (name, dtype) = full.rsplit_once('.').expect("a case and a type");
        let x = &data.tensors[&format!("x.{dtype}")];
        let result = geometry(name, x, &data.tensors["displacement"])
            .or_else(|| colors(name, x))
            .or_else(|| filters(name, x, &data.tensors["shapes.uint8"]))
            .or_else(|| mixed(name, &data));
        let got = result.unwrap_or_else(|| panic!("no test for {full}")).expect("computes");
        let (most, differ) = difference(&got, expected, full);
        let tolerance = match got.dtype() {
            DType::U8 if NEARLY.contains(&name) => LEVEL,
            DType::U8 => 0.0,
            _ => FLOAT_TOLERANCE,
        };
        if most > tolerance {
            wrong.push(format!("{full}: {differ} differ, at most by {most}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(count, 156, "every case was compared");
}
