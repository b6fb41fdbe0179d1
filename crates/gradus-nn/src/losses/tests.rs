//! Losses against PyTorch's values, gradient checks, and the errors of wrong targets.

use gradus_autodiff::{DType, Kind, Tensor, gradcheck};
use gradus_tensor::Result;

use super::*;

const X: [f64; 12] = [0.5, -1.25, 2.0, 0.1, -0.7, 0.3, 1.1, -2.4, 1.6, 0.9, -0.2, 0.4];
const Y: [f64; 12] = [1.5, -1.0, 0.25, 0.2, -0.9, 0.35, -0.5, -2.0, 1.2, 2.9, -0.25, 0.1];
const Z: [f64; 12] = [-0.5, 0.4, 1.0, 0.7, 0.2, -1.1, 0.6, 0.3, 0.8, -0.3, 1.9, -1.4];
const BITS: [f64; 12] = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.25];
const COUNTS: [f64; 12] = [0.0, 1.0, 2.0, 5.0, 3.0, 0.0, 1.0, 2.0, 4.0, 2.0, 0.0, 1.0];

fn table(values: &[f64; 12]) -> Tensor {
    Tensor::from_slice(values, [3, 4]).unwrap()
}

fn vector(values: &[f64]) -> Tensor {
    Tensor::from_slice(values, [values.len()]).unwrap()
}

fn labels(values: &[i32]) -> Tensor {
    Tensor::from_slice(values, [values.len()]).unwrap()
}

fn weights() -> Tensor {
    vector(&[0.5, 1.0, 2.0, 0.25])
}

fn q() -> Tensor {
    table(&Z).softmax(1).unwrap()
}

fn var() -> Tensor {
    table(&Z).abs().unwrap().add(0.1).unwrap()
}

fn signs() -> Tensor {
    vector(&[1.0, -1.0, 1.0])
}

/// Compares mean and sum with PyTorch's, and the sum with that of the unreduced losses.
fn is(name: &str, loss: impl Fn(Reduction) -> Result<Tensor>, [mean, sum]: [f64; 2]) {
    let near = |got: f64, expected: f64| {
        assert!((got - expected).abs() < 2e-8, "{name}: {got} instead of {expected}");
    };
    near(loss(Reduction::Mean).unwrap().item().unwrap(), mean);
    near(loss(Reduction::Sum).unwrap().item().unwrap(), sum);
    near(loss(Reduction::None).unwrap().sum_all().unwrap().item().unwrap(), sum);
}

#[test]
fn cross_entropy_has_pytorchs_values() {
    let (x, t) = (table(&X), labels(&[2, 0, 3]));
    let ce = |target: &Tensor, weight: Option<Tensor>, label_smoothing: f64, reduction| {
        let options = CrossEntropyLoss { weight, label_smoothing, reduction, ..Default::default() };
        cross_entropy(&x, target, &options)
    };
    let ignored = labels(&[2, -100, 3]);
    is("indices", |r| ce(&t, None, 0.0, r), [1.505593942, 4.516781825]);
    is("smooth", |r| ce(&ignored, Some(weights()), 0.1, r), [0.60645627, 1.364526609]);
    is("probabilities", |r| ce(&q(), None, 0.0, r), [1.913054146, 5.739162437]);
    is("weighted", |r| ce(&q(), Some(weights()), 0.1, r), [1.913650648, 5.740951944]);
    let none = ce(&ignored, None, 0.0, Reduction::None).unwrap();
    assert_eq!(none.to_vec::<f64>().unwrap()[1], 0.0);
}

#[test]
fn one_hot_rows_equal_indices() {
    let (x, t) = (table(&X), labels(&[2, 0, 3]));
    let hot = t.one_hot(4).unwrap().to_dtype(DType::F64).unwrap();
    let (a, b) = (x.cross_entropy(&t).unwrap(), x.cross_entropy(&hot).unwrap());
    assert!((a.item().unwrap() - b.item().unwrap()).abs() < 1e-12);
}

#[test]
fn cross_entropy_takes_pixels_and_single_rows() {
    let x = Tensor::from_slice(&X, [1, 3, 2, 2]).unwrap();
    let t = Tensor::from_vec(vec![0i32, 1, 2, 0], [1, 2, 2]).unwrap();
    let options = CrossEntropyLoss { reduction: Reduction::None, ..Default::default() };
    assert_eq!(cross_entropy(&x, &t, &options).unwrap().shape().dims(), [1, 2, 2]);
    let row = vector(&X[..4]);
    let single = row.cross_entropy(&Tensor::from_vec(vec![2i32], ()).unwrap()).unwrap();
    assert!((single.item().unwrap() - 0.344634).abs() < 1e-6);
}

#[test]
fn nll_has_pytorchs_values() {
    let (x, ignored) = (table(&X).log_softmax(1).unwrap(), labels(&[2, -100, 3]));
    let nll = |reduction| {
        let options = NllLoss { weight: Some(weights()), reduction, ..Default::default() };
        nll_loss(&x, &ignored, &options)
    };
    is("nll", nll, [0.5146205, 1.157896126]);
    let check = gradcheck(|x| x[0].nll_loss(&ignored), &[table(&X)], 1).unwrap();
    assert!(check.is_ok(1e-7), "{check:?}");
    let error = x.nll_loss(&labels(&[0, 4, 0])).unwrap_err();
    assert!(matches!(error.kind(), Kind::Index { index: 4, .. }), "{error}");
    assert!(matches!(x.nll_loss(&signs()).unwrap_err().kind(), Kind::DType { .. }));
    assert!(x.nll_loss(&labels(&[0, 1])).unwrap_err().is_shape());
}

#[test]
fn regression_losses_have_pytorchs_values() {
    let (x, y) = (table(&X), table(&Y));
    is("mse", |r| mse_loss(&x, &y, r), [0.929166667, 11.15]);
    is("l1", |r| l1_loss(&x, &y, r), [0.675, 8.1]);
    is("smooth_l1", |r| smooth_l1_loss(&x, &y, 0.7, r), [0.44389881, 5.326785714]);
    is("smooth_l1, beta 0", |r| smooth_l1_loss(&x, &y, 0.0, r), [0.675, 8.1]);
    is("huber", |r| huber_loss(&x, &y, 1.3, r), [0.431979167, 5.18375]);
    assert!(smooth_l1_loss(&x, &y, -1.0, Reduction::Mean).is_err());
    assert!(huber_loss(&x, &y, 0.0, Reduction::Mean).is_err());
}

#[test]
fn binary_losses_have_pytorchs_values() {
    let (x, t) = (table(&X), table(&BITS));
    let p = x.sigmoid().unwrap();
    let bce =
        |reduction| binary_cross_entropy(&p, &t, &BceLoss { weight: Some(weights()), reduction });
    is("bce", bce, [0.849073876, 10.188886515]);
    let logits = |weight, pos_weight, reduction| {
        let options = BceWithLogitsLoss { weight, pos_weight, reduction };
        binary_cross_entropy_with_logits(&x, &t, &options)
    };
    is("with logits", |r| logits(None, None, r), [0.78877102, 9.465252245]);
    let each = || Some(table(&Y).abs().unwrap());
    is("weighted", |r| logits(each(), Some(weights()), r), [0.700009759, 8.400117114]);
    let misfit = BceLoss { weight: Some(signs()), ..Default::default() };
    assert!(binary_cross_entropy(&p, &t, &misfit).unwrap_err().is_shape());
}

#[test]
fn certain_probabilities_have_finite_losses_and_gradients() {
    let p = vector(&[0.0, 0.0, 1.0, 1.0]).requires_grad_(true);
    let options = BceLoss { reduction: Reduction::None, ..Default::default() };
    let loss = binary_cross_entropy(&p, &vector(&[0.0, 1.0, 0.0, 1.0]), &options).unwrap();
    assert_eq!(loss.to_vec::<f64>().unwrap(), [0.0, 100.0, 100.0, 0.0]);
    loss.sum_all().unwrap().backward().unwrap();
    assert!(p.grad().unwrap().to_vec::<f64>().unwrap().iter().all(|g| g.is_finite()));
    let beyond = vector(&[1.5]).binary_cross_entropy(&vector(&[1.0])).unwrap();
    assert!(beyond.item().unwrap().is_nan());
}

#[test]
fn large_logits_lose_no_digits() {
    let x = Tensor::from_vec(vec![-80.0f32, 80.0, 80.0, 0.0], [4]).unwrap().requires_grad_(true);
    let t = Tensor::from_vec(vec![0.0f32, 0.0, 1.0, 1.0], [4]).unwrap();
    let options = BceWithLogitsLoss { reduction: Reduction::None, ..Default::default() };
    let loss = binary_cross_entropy_with_logits(&x, &t, &options).unwrap();
    let got = loss.to_vec::<f32>().unwrap();
    let expected = [1.8048513e-35, 80.0, 1.8048513e-35, std::f32::consts::LN_2];
    for (g, e) in got.iter().zip(expected) {
        assert!((g / e - 1.0).abs() < 1e-5, "{got:?}");
    }
    loss.sum_all().unwrap().backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec::<f32>().unwrap()[3], -0.5);
}

#[test]
fn losses_of_distributions_have_pytorchs_values() {
    let (x, y) = (table(&X), table(&Y));
    let log = x.log_softmax(1).unwrap();
    let kl = |target: &Tensor, log_target, reduction| {
        kl_div(&log, target, &KlDivLoss { log_target, reduction })
    };
    is("kl", |r| kl(&q(), false, r), [0.193048992, 2.3165879]);
    is("kl of logs", |r| kl(&q().log().unwrap(), true, r), [0.193048992, 2.3165879]);
    let batch = kl(&q(), false, Reduction::BatchMean).unwrap().item().unwrap();
    assert!((batch - 0.7721959666982142).abs() < 1e-9, "{batch}");
    let poisson = |input: &Tensor, log_input: bool, reduction| {
        let options = PoissonNllLoss { log_input, full: !log_input, eps: 1e-8, reduction };
        poisson_nll_loss(input, &table(&COUNTS), &options)
    };
    is("poisson", |r| poisson(&x, true, r), [1.58699768, 19.043972159]);
    is("poisson full", |r| poisson(&var(), false, r), [2.609632388, 31.315588658]);
    let gauss = |var: &Tensor, full, reduction| {
        gaussian_nll_loss(&x, &y, var, &GaussianNllLoss { full, reduction, ..Default::default() })
    };
    is("gauss", |r| gauss(&var(), false, r), [0.644599284, 7.73519141]);
    let column = var().select(1, 0).unwrap();
    is("gauss full", |r| gauss(&column, true, r), [1.483287043, 17.799444511]);
    assert!(gauss(&weights(), false, Reduction::Mean).unwrap_err().is_shape());
}

#[test]
fn a_kl_target_of_zero_counts_zero() {
    let input = vector(&[0.5f64.ln(), 0.5f64.ln()]);
    let loss = kl_div(&input, &vector(&[0.0, 1.0]), &KlDivLoss::default()).unwrap();
    assert!((loss.item().unwrap() - 2f64.ln() / 2.0).abs() < 1e-12);
}

#[test]
fn a_variance_below_the_limit_keeps_its_gradient() {
    let var = vector(&[0.0]).requires_grad_(true);
    let options = GaussianNllLoss { eps: 0.5, ..Default::default() };
    let loss = gaussian_nll_loss(&vector(&[1.0]), &vector(&[0.0]), &var, &options).unwrap();
    loss.sum_all().unwrap().backward().unwrap();
    // (1/var - 1/var²) / 2 at the limit 0.5.
    assert!((var.grad().unwrap().item().unwrap() - (-1.0)).abs() < 1e-12);
}

#[test]
fn losses_of_similarity_have_pytorchs_values() {
    let (x, y, z, s) = (table(&X), table(&Y), table(&Z), signs());
    let cos = |reduction| {
        cosine_embedding_loss(&x, &y, &s, &CosineEmbeddingLoss { margin: 0.2, reduction })
    };
    is("cosine", cos, [0.416771628, 1.250314885]);
    let (a, b) = (vector(&X[..3]), vector(&Y[..3]));
    let rank =
        |reduction| margin_ranking_loss(&a, &b, &s, &MarginRankingLoss { margin: 0.3, reduction });
    is("ranking", rank, [0.45, 1.35]);
    let first = x.select(1, 0).unwrap();
    let hinge = |reduction| {
        hinge_embedding_loss(&first, &s, &HingeEmbeddingLoss { margin: 1.0, reduction })
    };
    is("hinge", hinge, [1.266666667, 3.8]);
    let triple = |p, margin, swap, reduction| {
        let options = TripletMarginLoss { p, margin, swap, reduction, ..Default::default() };
        triplet_margin_loss(&x, &y, &z, &options)
    };
    is("triplet", |r| triple(2.0, 1.0, false, r), [0.259676728, 0.779030185]);
    is("triplet swapped", |r| triple(1.0, 2.0, true, r), [0.283332667, 0.849998]);
}

#[test]
fn every_gradient_agrees_with_differences() {
    type Case = (&'static str, fn(&[Tensor]) -> Result<Tensor>);
    let cases: [Case; 14] = [
        ("cross_entropy", |v| {
            let options = CrossEntropyLoss {
                weight: Some(weights()),
                label_smoothing: 0.2,
                ..Default::default()
            };
            cross_entropy(&v[0], &labels(&[2, -100, 3]), &options)
        }),
        ("probabilities", |v| v[0].cross_entropy(&v[1].softmax(1)?)),
        ("mse", |v| v[0].mse_loss(&v[1])),
        ("l1", |v| v[0].l1_loss(&v[1])),
        ("smooth_l1", |v| smooth_l1_loss(&v[0], &v[1], 0.7, Reduction::Sum)),
        ("huber", |v| huber_loss(&v[0], &v[1], 1.3, Reduction::None)),
        ("bce", |v| v[0].sigmoid()?.binary_cross_entropy(&v[1].sigmoid()?)),
        ("bce_with_logits", |v| v[0].binary_cross_entropy_with_logits(&table(&BITS))),
        ("kl", |v| v[0].log_softmax(1)?.kl_div(&v[1].softmax(1)?)),
        ("cosine", |v| {
            cosine_embedding_loss(&v[0], &v[1], &signs(), &CosineEmbeddingLoss::default())
        }),
        ("ranking", |v| {
            let target = table(&BITS).mul(2.0)?.sub(1.0)?;
            margin_ranking_loss(&v[0], &v[1], &target, &MarginRankingLoss::default())
        }),
        ("triplet", |v| {
            triplet_margin_loss(&v[0], &v[1], &table(&Z), &TripletMarginLoss::default())
        }),
        ("poisson", |v| poisson_nll_loss(&v[0], &table(&COUNTS), &PoissonNllLoss::default())),
        ("gauss", |v| {
            gaussian_nll_loss(&v[0], &table(&Z), &v[1].exp()?, &GaussianNllLoss::default())
        }),
    ];
    for (name, loss) in cases {
        let check = gradcheck(loss, &[table(&X), table(&Y)], 3).unwrap();
        assert!(check.is_ok(1e-7) && check.numeric != 0.0, "{name}: {check:?}");
    }
}

#[test]
fn wrong_targets_name_the_cure() {
    let x = table(&X);
    let hot = labels(&[2, 0, 3]).one_hot(4).unwrap().to_dtype(DType::I32).unwrap();
    let text = x.cross_entropy(&hot).unwrap_err().to_string();
    assert!(text.contains("got int32") && text.contains("targets look one-hot"), "{text}");
    assert!(text.contains("cast with `float()` or pass class indices"), "{text}");
    let text = x.cross_entropy(&signs()).unwrap_err().to_string();
    assert!(text.contains("cast with `to_dtype(DType::I32)`"), "{text}");
    assert!(x.cross_entropy(&labels(&[1, 2])).unwrap_err().is_shape());
    let error = x.cross_entropy(&labels(&[0, 4, 0])).unwrap_err();
    assert!(matches!(error.kind(), Kind::Index { index: 4, position: 1, size: 4, .. }), "{error}");
    let options = CrossEntropyLoss { ignore_index: 1, ..Default::default() };
    assert!(cross_entropy(&x, &q(), &options).is_err());
    let options = CrossEntropyLoss { weight: Some(signs()), ..Default::default() };
    assert!(cross_entropy(&x, &q(), &options).unwrap_err().is_shape());
}

#[test]
fn shapes_do_not_broadcast() {
    let error = vector(&X).mse_loss(&Tensor::from_slice(&X, [12, 1]).unwrap()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("mse_loss: ") && text.ends_with("input [12], target [12, 1]"),
        "{text}"
    );
    let (x, s) = (table(&X), signs());
    assert!(x.kl_div(&s).unwrap_err().is_shape());
    assert!(x.binary_cross_entropy_with_logits(&s).unwrap_err().is_shape());
    let options = CosineEmbeddingLoss::default();
    assert!(cosine_embedding_loss(&x, &x, &weights(), &options).unwrap_err().is_shape());
    assert!(matches!(labels(&[1]).mse_loss(&labels(&[1])).unwrap_err().kind(), Kind::DType { .. }));
}

#[test]
fn reductions_have_pytorchs_names() {
    assert_eq!("batchmean".parse::<Reduction>().unwrap(), Reduction::BatchMean);
    assert_eq!("none".parse::<Reduction>().unwrap(), Reduction::None);
    assert!("max".parse::<Reduction>().is_err());
}
