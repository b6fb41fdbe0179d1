//! Tests of warping: identities, borders and what a caller can get wrong.

use gradus_tensor::{DType, Shape};
use smallvec::smallvec;

use crate::ops::lines::checks::{Dice, array, values};
use crate::{Value, Warp, WarpBorder, WarpMap, WarpMode, warp};

/// A warp with everything it needs but the image.
#[derive(Debug)]
pub(in crate::ops) struct Case {
    pub(in crate::ops) shape: [usize; 4],
    pub(in crate::ops) maps: Vec<WarpMap>,
    pub(in crate::ops) field: Option<Value>,
    pub(in crate::ops) how: Warp,
}

const MODES: [WarpMode; 3] = [WarpMode::Nearest, WarpMode::Bilinear, WarpMode::Bicubic];

fn borders() -> [WarpBorder; 6] {
    [
        WarpBorder::Zeros,
        WarpBorder::Fill(smallvec![9.0]),
        WarpBorder::Fill(smallvec![3.0, 200.0]),
        WarpBorder::Edge,
        WarpBorder::Reflect,
        WarpBorder::Symmetric,
    ]
}

/// Values from 0 to 255 with fractions.
pub(in crate::ops) fn image(shape: &[usize; 4]) -> Value {
    let mut dice = Dice(5);
    let shape = Shape::new(shape);
    let data: Vec<f32> = (0..shape.numel()).map(|_| dice.below(1021) as f32 / 4.0).collect();
    array(&data, &shape)
}

/// Every mode with every border, one map and many, with and without a field.
pub(in crate::ops) fn cases() -> Vec<Case> {
    let all = [
        WarpMap::affine([0.8, 0.31, -1.2, -0.27, 1.1, 0.7]),
        WarpMap::projective([1.1, 0.2, -3.0, 0.05, 0.9, 1.5, 0.03, -0.02, 1.3]),
        WarpMap::affine([-1.0, 0.0, 12.0, 0.0, -1.0, 10.0]),
    ];
    let mut dice = Dice(8);
    let mut list = Vec::new();
    for mode in MODES {
        for border in borders() {
            for (maps, fields) in [(3, None), (1, Some(3)), (3, Some(1))] {
                let field = fields.map(|n| {
                    let shape = Shape::new(&[n, 6, 9, 2]);
                    let moved = (0..shape.numel()).map(|_| dice.below(701) as f32 / 100.0 - 3.5);
                    array(&moved.collect::<Vec<_>>(), &shape)
                });
                let how = Warp { size: [6, 9], mode, border: border.clone() };
                list.push(Case { shape: [3, 2, 7, 5], maps: all[..maps].to_vec(), field, how });
            }
        }
    }
    list
}

#[test]
fn the_identity_changes_nothing_in_any_mode() {
    let x = image(&[2, 2, 4, 6]);
    for mode in MODES {
        for border in borders() {
            let how = Warp { size: [4, 6], mode, border };
            let y = warp(&x, &[WarpMap::identity()], None, &how).expect("computes");
            assert_eq!(values::<f32>(&y), values::<f32>(&x), "{how:?}");
        }
    }
}

#[test]
fn borders_continue_a_line_as_they_say() {
    let x = array(&[1.0f32, 2.0, 3.0], &[1, 1, 1, 3].into());
    let expected: [(WarpBorder, [f32; 9]); 5] = [
        (WarpBorder::Zeros, [0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 0.0, 0.0, 0.0]),
        (WarpBorder::Fill(smallvec![7.0]), [7.0, 7.0, 7.0, 1.0, 2.0, 3.0, 7.0, 7.0, 7.0]),
        (WarpBorder::Edge, [1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0]),
        (WarpBorder::Reflect, [2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 2.0]),
        (WarpBorder::Symmetric, [3.0, 2.0, 1.0, 1.0, 2.0, 3.0, 3.0, 2.0, 1.0]),
    ];
    let map = [WarpMap::affine([1.0, 0.0, -3.0, 0.0, 1.0, 0.0])];
    for (border, expected) in expected {
        for mode in [WarpMode::Nearest, WarpMode::Bilinear] {
            let how = Warp { size: [1, 9], mode, border: border.clone() };
            let y = warp(&x, &map, None, &how).expect("computes");
            assert_eq!(values::<f32>(&y), expected, "{how:?}");
        }
    }
}

#[test]
fn a_batch_is_its_images() {
    for case in cases() {
        let x = image(&case.shape);
        let whole = warp(&x, &case.maps, case.field.as_ref(), &case.how).expect("computes");
        let whole: Vec<f32> = values(&whole);
        let (data, [n, c, h, w]) = (values::<f32>(&x), case.shape);
        let fields = case.field.as_ref().map(values::<f32>);
        let size = c * 6 * 9;
        for i in 0..n {
            let mut out = vec![0.0; size];
            let map = &case.maps[if case.maps.len() == 1 { 0 } else { i }];
            let field =
                fields.as_ref().map(|f| if f.len() == 108 { &f[..] } else { &f[i * 108..][..108] });
            let x = &data[i * c * h * w..][..c * h * w];
            case.how.image(x, [c, h, w], map, field, &mut out).expect("the sizes fit");
            assert_eq!(out, whole[i * size..][..size], "{case:?}");
        }
    }
}

#[test]
fn places_that_are_no_numbers_are_outside() {
    let x = image(&[1, 1, 3, 3]);
    let nowhere = WarpMap::projective([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    for mode in MODES {
        let how = Warp { size: [2, 2], mode, border: WarpBorder::Fill(smallvec![5.0]) };
        let y = warp(&x, &[nowhere], None, &how).expect("computes");
        assert_eq!(values::<f32>(&y), [5.0; 4], "{mode:?}");
    }
}

#[test]
fn mistakes_are_typed_errors() {
    let x = image(&[2, 3, 4, 4]);
    let one = [WarpMap::identity()];
    let how = Warp { size: [4, 4], ..Warp::default() };
    let says = |result: gradus_tensor::Result<Value>, message: &str| {
        assert_eq!(result.expect_err("refused").to_string(), message);
    };
    let flat = array(&[1.0f32], &[1].into());
    says(warp(&flat, &one, None, &how), "warp: x must have the 4 dimensions [N, C, H, W]; x [1]");
    says(
        warp(&x.cast(DType::I32).expect("casts"), &one, None, &how),
        "warp: got int32, expected uint8 or float32, and a field in float32",
    );
    let three = [one[0]; 3];
    says(warp(&x, &three, None, &how), "warp: maps is 3, expected 1 or the number of images");
    let two = Warp { border: WarpBorder::Fill(smallvec![1.0, 2.0]), ..how.clone() };
    says(
        warp(&x, &one, None, &two),
        "warp: number of fill values is 2, expected 1 or the number of channels",
    );
    let field = array(&[0.0f32; 32], &[1, 4, 4, 2].into());
    let small = Warp { size: [2, 2], ..how.clone() };
    says(
        warp(&x, &one, Some(&field), &small),
        "warp: the field must be [1 or N, OH, OW, 2] for results [OH, OW]; x [2, 3, 4, 4], \
         field [1, 4, 4, 2]",
    );
    let empty = array::<f32>(&[], &[2, 3, 0, 4].into());
    says(warp(&empty, &one, None, &how), "warp: x has no pixels to read; x [2, 3, 0, 4]");
}

#[test]
fn slices_of_other_sizes_are_errors() {
    let how = Warp { size: [2, 2], ..Warp::default() };
    let map = WarpMap::affine([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let try_it = |how: &Warp, x: &[u8], from, field: Option<&[f32]>, out: usize| {
        how.image(x, from, &map, field, &mut vec![0u8; out]).map_err(|error| error.to_string())
    };
    assert_eq!(try_it(&how, &[1; 4], [1, 2, 2], None, 4), Ok(()));
    let fill = Warp { border: WarpBorder::Fill(vec![0.0; 2].into()), ..how.clone() };
    let wrong = [
        (try_it(&how, &[1; 3], [1, 2, 2], None, 4), "x is 3, expected C·H·W pixels"),
        (try_it(&how, &[1; 4], [1, 2, 2], None, 5), "out is 5, expected C·OH·OW pixels"),
        (try_it(&how, &[1; 4], [1, 2, 2], Some(&[0.0]), 4), "field is 1, expected OH·OW·2 numbers"),
        (try_it(&how, &[], [1, 0, 2], None, 4), "x is 0, expected pixels to read"),
        (try_it(&fill, &[1; 4], [1, 2, 2], None, 4), "fill is 2, expected 1 or C numbers"),
    ];
    for (result, message) in wrong {
        assert_eq!(result, Err(format!("warp: {message}")));
    }
}
