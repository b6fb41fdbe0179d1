//! Metrics against Keras 3 and scikit-learn: `tests/reference/metrics.py` made the numbers.

use gradus_autodiff::Tensor;
use gradus_tensor::Device;

use super::*;

/// Keras computes in float32: half a dozen roundings of numbers below 1.
const TOLERANCE: f64 = 1e-6;

#[rustfmt::skip]
#[allow(clippy::approx_constant, reason = "random numbers meet some constants")]
mod data {
    //! Scores of 4 classes, labels, sample weights, probabilities, targets 0 and 1, and two
    //! columns of numbers with their predictions.
    pub const Y: [f32; 92] = [
        0.549, 0.715, 0.603, 0.545, 0.424, 0.646, 0.438, 0.892, 0.964, 0.383, 0.792, 0.529, 0.568,
        0.926, 0.071, 0.087, 0.02, 0.833, 0.778, 0.87, 0.979, 0.799, 0.461, 0.781, 0.118, 0.64,
        0.143, 0.945, 0.522, 0.415, 0.265, 0.774, 0.456, 0.568, 0.019, 0.618, 0.612, 0.617, 0.944,
        0.682, 0.36, 0.437, 0.698, 0.06, 0.667, 0.671, 0.21, 0.129, 0.315, 0.364, 0.57, 0.439,
        0.988, 0.102, 0.209, 0.161, 0.653, 0.253, 0.466, 0.244, 0.159, 0.11, 0.656, 0.138, 0.197,
        0.369, 0.821, 0.097, 0.838, 0.096, 0.976, 0.469, 0.977, 0.605, 0.739, 0.039, 0.283, 0.12,
        0.296, 0.119, 0.318, 0.414, 0.064, 0.692, 0.567, 0.265, 0.523, 0.094, 0.576, 0.929, 0.319,
        0.667
    ];
    pub const LAB: [i32; 23] = [
        3, 0, 0, 2, 0, 2, 3, 2, 2, 3, 0, 0, 0, 1, 2, 0, 1, 2, 3, 2, 2, 3, 1
    ];
    pub const W: [f32; 23] = [
        0.43, 0.76, 0.4, 0.9, 0.64, 0.89, 0.68, 0.45, 0.98, 0.12, 0.77, 0.41, 0.68, 0.25, 0.31,
        0.97, 0.59, 0.66, 0.53, 0.23, 0.39, 0.62, 0.47
    ];
    pub const P: [f32; 23] = [
        0.47, 0.716, 0.288, 0.383, 0.749, 0.878, 0.103, 0.092, 0.354, 0.552, 0.034, 0.969, 0.321,
        0.221, 0.141, 0.097, 0.984, 0.26, 0.537, 0.448, 0.1, 0.352, 0.469
    ];
    pub const B: [i32; 23] = [
        0, 0, 1, 0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 1
    ];
    pub const T: [f32; 46] = [
        2.583, 2.593, 4.061, 2.896, 3.142, 3.582, 4.355, 3.462, 2.348, 3.0, 3.89, 1.844, 3.397,
        3.577, 3.06, 3.514, 2.343, 2.319, 3.355, 1.566, 3.472, 2.952, 2.419, 3.253, 2.981, 2.309,
        3.8, 5.214, 3.439, 3.638, 5.016, 2.756, 4.534, 3.765, 0.543, 1.296, 3.42, 2.702, 3.264,
        3.731, 3.228, 0.971, 3.966, 2.813, 2.528, 4.937
    ];
    pub const Q: [f32; 46] = [
        3.322, 2.551, 4.275, 2.744, 3.244, 3.54, 5.269, 3.34, 2.586, 2.643, 3.297, 2.148, 3.649,
        3.32, 3.469, 4.092, 1.941, 2.043, 3.189, 2.488, 3.261, 3.196, 2.231, 3.367, 3.333, 1.91,
        3.462, 4.753, 3.215, 3.729, 4.906, 2.768, 4.088, 4.05, 1.875, 1.501, 3.663, 3.358, 3.146,
        2.991, 3.217, 1.497, 3.907, 3.727, 2.52, 5.872
    ];
}
use data::{B, LAB, P, Q, T, W, Y};

const N: usize = 23;

fn tensor(values: &[f32], columns: usize) -> Tensor {
    let shape = if columns == 1 { vec![N] } else { vec![N, columns] };
    Tensor::from_slice(values, shape).expect("shape")
}

fn labels() -> Tensor {
    Tensor::from_slice(&LAB, [N]).expect("shape")
}

fn one_hot() -> Tensor {
    labels().one_hot(4).expect("classes")
}

fn scores() -> Tensor {
    tensor(&Y, 4)
}

fn binary() -> (Tensor, Tensor) {
    (tensor(&P, 1), Tensor::from_slice(&B, [N]).expect("shape"))
}

/// The sums of batches of 10 and 13 samples, on the CPU.
fn sums<M: Metric>(running: &mut Running<M>, y: &Tensor, t: &Tensor, weighted: bool) -> Vec<f64> {
    let weight = tensor(&W, 1);
    for (start, length) in [(0, 10), (10, 13)] {
        let part = |x: &Tensor| x.narrow(0, start, length).expect("range");
        let weight = part(&weight);
        running.update(&part(y), &part(t), weighted.then_some(&weight)).expect("fits");
    }
    running.sums().expect("host")
}

#[track_caller]
fn check<M: Metric>(metric: M, (y, t): (&Tensor, &Tensor), plain: f64, weighted: f64) {
    let mut running = Running::new(metric);
    for (expected, weighted) in [(plain, false), (weighted, true)] {
        running.reset();
        sums(&mut running, y, t, weighted);
        let value = running.result().expect("value");
        let name = running.metric().name();
        assert!((value - expected).abs() < TOLERANCE, "{name}: {value}, expected {expected}");
    }
}

#[test]
fn accuracies() {
    let (y, classes, rows) = (scores(), labels(), one_hot());
    let (plain, weighted) = (0.217_391_297, 0.185_833_991);
    check(SparseCategoricalAccuracy::default(), (&y, &classes), plain, weighted);
    check(CategoricalAccuracy::default(), (&y, &rows), plain, weighted);
    check(Accuracy::default(), (&y, &classes), plain, weighted);
    check(Accuracy::default(), (&y, &rows), plain, weighted);
    let column = classes.unsqueeze(1).expect("dimension");
    check(SparseCategoricalAccuracy::default(), (&y, &column), plain, weighted);
    let (p, b) = binary();
    let (plain, weighted) = (0.565_217_376, 0.546_839_356);
    check(BinaryAccuracy::default(), (&p, &b), plain, weighted);
    check(Accuracy::default(), (&p.unsqueeze(1).expect("dimension"), &b), plain, weighted);
    let logits = p.sub(0.5).and_then(|p| p.mul(8.0)).expect("numbers");
    check(BinaryAccuracy { threshold: 0.0 }, (&logits, &b), plain, weighted);
    let (plain, weighted) = (0.434_782_594, 0.368_621_498);
    check(TopKAccuracy { k: 2 }, (&y, &classes), plain, weighted);
    check(TopKAccuracy { k: 2 }, (&y, &rows), plain, weighted);
    check(TopKAccuracy { k: 4 }, (&y, &rows), 1.0, 1.0);
}

#[test]
fn precision_recall_and_f1() {
    let (p, b) = binary();
    check(Precision::default(), (&p, &b), 0.571_428_597, 0.446_700_513);
    check(Recall::default(), (&p, &b), 0.363_636_374, 0.318_264_037);
    let (y, classes, rows) = (scores(), labels(), one_hot());
    check(Precision::default(), (&y, &rows), 0.152_173_907, 0.122_535_758);
    let second = Precision { class_id: Some(2), ..Precision::default() };
    check(second, (&y, &rows), 0.090_909_094, 0.102_964_126);
    // By average: precision, recall and F1 of class indices, F1 at 0.5; each plain and weighted.
    type Row = (Average, [f64; 2], [f64; 2], [f64; 2], [f64; 2]);
    let table: [Row; 3] = [
        (
            Average::Micro,
            [0.217_391_304, 0.185_833_972],
            [0.217_391_304, 0.185_833_972],
            [0.217_391_304, 0.185_833_972],
            [0.202_898_502, 0.162_564_069],
        ),
        (
            Average::Macro,
            [0.217_261_905, 0.185_438_760],
            [0.231_547_619, 0.228_979_301],
            [0.222_011_322, 0.197_510_191],
            [0.205_780_044, 0.166_532_844],
        ),
        (
            Average::Weighted,
            [0.218_944_099, 0.180_944_823],
            [0.217_391_304, 0.185_833_972],
            [0.216_369_138, 0.176_719_120],
            [0.197_638_065, 0.158_162_698],
        ),
    ];
    for (average, precision, recall, f1, f1_half) in table {
        let metric = Precision { average, ..Precision::default() };
        check(metric, (&y, &classes), precision[0], precision[1]);
        check(Recall { average, ..Recall::default() }, (&y, &classes), recall[0], recall[1]);
        check(F1Score { average, ..F1Score::default() }, (&y, &classes), f1[0], f1[1]);
        check(F1Score { average, ..F1Score::default() }, (&y, &rows), f1[0], f1[1]);
        let half = F1Score { average, threshold: Some(0.5), class_id: None };
        check(half, (&y, &rows), f1_half[0], f1_half[1]);
    }
}

#[test]
fn areas_under_curves() {
    let (p, b) = binary();
    check(Auc::default(), (&p, &b), 0.553_030_312, 0.530_145_407);
    let pr = Auc { curve: Curve::Pr, ..Auc::default() };
    check(pr, (&p, &b), 0.614_174_068, 0.546_548_545);
    check(Auc { num_thresholds: 5, ..Auc::default() }, (&p, &b), 0.507_575_750, 0.484_424_621);
    let logits = p.mul(6.0).and_then(|p| p.sub(3.0)).expect("numbers");
    let of_logits = Auc { from_logits: true, ..Auc::default() };
    check(of_logits, (&logits, &b), 0.560_606_062, 0.541_147_590);
    let mut auc = Running::new(Auc::default());
    auc.update(&logits, &b, None).expect("fits");
    let error = auc.result().expect_err("logits").to_string();
    assert!(error.contains("with logits set `from_logits`"), "{error}");
}

#[test]
fn the_confusion_matrix_and_its_weights() {
    let mut confusion = Running::new(ConfusionMatrix::new(4));
    let plain = sums(&mut confusion, &scores(), &labels(), false);
    assert_eq!(plain, [1., 1., 3., 2., 1., 1., 1., 0., 2., 1., 2., 3., 2., 1., 1., 1.]);
    assert_eq!(confusion.metric().matrix(&plain)[0], [1.0, 1.0, 3.0, 2.0]);
    check(ConfusionMatrix::new(4), (&scores(), &one_hot()), 0.217_391_304, 0.185_833_972);
    let (p, b) = binary();
    check(ConfusionMatrix::new(2), (&p, &b), 0.565_217_376, 0.546_839_356);
    confusion.reset();
    let error = confusion.update(&p, &b, None).expect_err("2 classes").to_string();
    assert!(error.ends_with("in metric confusion_matrix"), "{error}");
}

#[test]
fn errors_and_r2() {
    let (t, q) = (tensor(&T, 2), tensor(&Q, 2));
    let pair = (&q, &t);
    check(MeanAbsoluteError::default(), pair, 0.354_413_062, 0.348_225_474);
    check(MeanSquaredError::default(), pair, 0.213_564_336, 0.206_352_249);
    check(RootMeanSquaredError::default(), pair, 0.462_130_219, 0.454_260_111);
    check(R2Score::default(), pair, 0.763_822_794, 0.769_169_509);
    // Far from zero only an offset keeps the variance.
    let far = |x: &Tensor| x.add(4000.0).expect("numbers");
    let mut r2 = Running::new(R2Score { offset: 4003.0 });
    sums(&mut r2, &far(&q), &far(&t), false);
    // The shift itself rounds the data to 1/4096.
    assert!((r2.result().expect("value") - 0.763_822_794).abs() < 1e-3);
}

#[test]
fn the_last_smaller_batch_counts_by_its_size() {
    let y = Tensor::from_vec(vec![1.0f32, 1.0, 1.0, 4.0], [4]).expect("shape");
    let t = Tensor::zeros([4], &Device::cpu());
    let mut mae = Running::new(MeanAbsoluteError::default());
    for (start, length) in [(0, 3), (3, 1)] {
        let part = |x: &Tensor| x.narrow(0, start, length).expect("range");
        mae.update(&part(&y), &part(&t), None).expect("fits");
    }
    assert_eq!(mae.result().expect("value"), 7.0 / 4.0);
}

#[test]
fn scores_that_are_no_numbers_are_not_right() {
    let y = Tensor::from_vec(vec![f32::NAN, 0.5], [1, 2]).expect("shape");
    let t = Tensor::from_vec(vec![0i32], [1]).expect("shape");
    let mut top = Running::new(TopKAccuracy { k: 1 });
    top.update(&y, &t, None).expect("fits");
    assert_eq!(top.result().expect("value"), 0.0);
}

#[test]
fn what_does_not_fit_is_refused_with_the_cure() {
    let (y, t) = (scores(), labels());
    let fails = |error: gradus_tensor::Result<()>, cure: &str| {
        let text = error.expect_err(cure).to_string();
        assert!(text.contains(cure), "{text}");
    };
    let mut categorical = Running::new(CategoricalAccuracy::default());
    fails(categorical.update(&y, &t, None), "one_hot(classes)");
    let floats = t.float().expect("numbers");
    fails(Running::new(Accuracy::default()).update(&y, &floats, None), "to_dtype(DType::I32)");
    fails(Running::new(MeanAbsoluteError::default()).update(&y, &t, None), "one_hot(classes)");
    let weight = Tensor::zeros([3], &Device::cpu());
    let mut accuracy = Running::new(Accuracy::default());
    fails(accuracy.update(&y, &t, Some(&weight)), "one number a sample");
    let mut precision = Running::new(Precision { class_id: Some(9), ..Precision::default() });
    precision.update(&y, &t, None).expect("fits");
    assert!(precision.result().expect_err("class").to_string().contains("class_id is 9"));
}
