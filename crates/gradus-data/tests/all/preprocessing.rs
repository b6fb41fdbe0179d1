//! Laws of preprocessing and text: inverses, unknown categories, what is refused.

use gradus_data::{
    Categorical, Column, DropCategory, Impute, LabelEncoder, MinMaxScaler, Normalization,
    OneHotEncoder, OrdinalEncoder, RobustScaler, Saved, SimpleImputer, StandardScaler,
    TensorDataset, Unknown, Vocabulary, VocabularyOptions, WhitespaceTokenizer,
};
use gradus_tensor::{Array, DType, Kind};
use proptest::prelude::*;

fn matrix(values: &[f64], cols: usize) -> Array {
    Array::from_vec(values.to_vec(), [values.len() / cols, cols]).expect("shape")
}

fn near(a: &Array, b: &Array) -> bool {
    let (a, b) = (a.to_vec::<f64>().expect("float64"), b.to_vec::<f64>().expect("float64"));
    a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-9 * (1.0 + b.abs()))
}

proptest! {
    #[test]
    fn inverses_give_the_data_back(
        rows in prop::collection::vec(prop::array::uniform3(-1e3f64..1e3), 2..20),
    ) {
        let x = matrix(&rows.concat(), 3);
        let mut standard = StandardScaler::default();
        let y = standard.fit_transform(&x).expect("fits");
        prop_assert!(near(&standard.inverse_transform(&y).expect("features"), &x));
        let mut min_max = MinMaxScaler::default();
        let y = min_max.fit_transform(&x).expect("fits");
        prop_assert!(near(&min_max.inverse_transform(&y).expect("features"), &x));
        let inside = |v: &f64| (-1e-12..=1.0 + 1e-12).contains(v);
        prop_assert!(y.to_vec::<f64>().expect("float64").iter().all(inside));
        let mut robust = RobustScaler::default();
        let y = robust.fit_transform(&x).expect("fits");
        prop_assert!(near(&robust.inverse_transform(&y).expect("features"), &x));
        let mut layer = Normalization::new(Some(1));
        layer.adapt(&x).expect("elements");
        prop_assert!(near(&layer.invert(&layer.apply(&x).expect("axis")).expect("axis"), &x));
    }

    #[test]
    fn codes_of_categories_are_one_to_one(
        values in prop::collection::vec("[a-d가-다]{0,2}", 1..30), drop: bool,
    ) {
        let column = Column::from(values.clone());
        let mut label = LabelEncoder::default();
        let codes = label.fit_transform(&column).expect("fits");
        prop_assert_eq!(&label.inverse_transform(&codes).expect("codes"), &column);
        let classes = label.classes();
        prop_assert!(classes.windows(2).all(|pair| pair[0] < pair[1]));
        let dropped = if drop { DropCategory::First } else { DropCategory::None };
        let mut one_hot = OneHotEncoder::default().drop(dropped);
        let codes = one_hot.fit_transform(std::slice::from_ref(&column)).expect("fits");
        prop_assert_eq!(one_hot.inverse_transform(&codes).expect("codes"), [column]);
        prop_assert_eq!(codes.shape().dims()[1], classes.len() - usize::from(drop));
    }

    #[test]
    fn one_hot_rows_are_equally_far_apart(n in 2usize..9) {
        let column = Column::from((0..n as i64).collect::<Vec<_>>());
        let codes = OneHotEncoder::default().fit_transform(&[column]).expect("fits");
        let codes = codes.to_vec::<f32>().expect("float32");
        for a in 0..n {
            for b in 0..a {
                let pairs = codes[a * n..][..n].iter().zip(&codes[b * n..][..n]);
                let square: f32 = pairs.map(|(a, b)| (a - b) * (a - b)).sum();
                prop_assert_eq!(square, 2.0);
            }
        }
    }
}

#[test]
fn unknown_categories_follow_the_policy() {
    let train = [Column::from(["a", "b"]), Column::from(vec![1, 2])];
    let test = [Column::from(["b", "z"]), Column::from(vec![2, 1])];
    let mut ordinal = OrdinalEncoder::default();
    ordinal.fit(&train).expect("fits");
    assert_eq!(
        ordinal.transform(&test).unwrap_err().to_string(),
        "ordinal_encoder: category is `z` in row 1 of column 0, expected one that the fit saw; \
         `Unknown` says what else to do"
    );
    let ordinal = ordinal.handle_unknown(Unknown::Ignore);
    let codes = ordinal.transform(&test).expect("ignored").to_vec::<f32>().expect("float32");
    assert!(codes[2].is_nan() && codes[..2] == [1.0, 1.0]);
    let ordinal = ordinal.handle_unknown(Unknown::Value(-7));
    let codes = ordinal.transform(&test).expect("a value");
    assert_eq!(codes.to_vec::<f32>().expect("float32"), [1.0, 1.0, -7.0, 0.0]);
    let back = ordinal.inverse_transform(&codes).expect("codes");
    assert_eq!(back, [Column::from(["b", ""]), Column::from(vec![2, 1])]);
    let mut one_hot = OneHotEncoder::default().handle_unknown(Unknown::Ignore);
    one_hot.fit(&train).expect("fits");
    let codes = one_hot.transform(&test).expect("ignored");
    assert_eq!(codes.to_vec::<f32>().expect("float32"), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
    assert_eq!(one_hot.inverse_transform(&codes).expect("codes"), back);
    let one_hot = one_hot.handle_unknown(Unknown::Error);
    assert!(one_hot.inverse_transform(&codes).is_err());
    assert!(one_hot.transform(&train[..1]).is_err(), "a column is missing");
    let uneven = [Column::from(["a", "b"]), Column::from(vec![1])];
    assert!(one_hot.transform(&uneven).is_err());
}

#[test]
fn missing_numbers_are_their_own_category_and_missing_texts_too() {
    let column = Column::from(vec![2.0, f64::NAN, 1.0]);
    let mut one_hot = OneHotEncoder::default();
    let codes = one_hot.fit_transform(&[column]).expect("fits");
    let expected = [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0];
    assert_eq!(codes.to_vec::<f32>().expect("float32"), expected);
    assert_eq!(one_hot.categories(), [["1", "2", "NaN"]]);
    let column = Column::Category(Categorical::new(&["x", "y", "x"]));
    let codes = OrdinalEncoder::default().fit_transform(&[column]).expect("fits");
    assert_eq!(codes.to_vec::<f32>().expect("float32"), [0.0, 1.0, 0.0]);
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let empty = matrix(&[f64::NAN, 1.0, f64::NAN, 2.0], 2);
    let error = StandardScaler::default().fit(&empty).unwrap_err().to_string();
    assert_eq!(error, "standard_scaler: number of values is none in column 0, expected at least 1");
    let infinite = matrix(&[1.0, f64::INFINITY], 1);
    assert!(RobustScaler::default().fit(&infinite).is_err());
    let x = matrix(&[1.0, 2.0], 1);
    let unfitted = StandardScaler::default().transform(&x).unwrap_err();
    assert!(matches!(unfitted.kind(), Kind::Argument { .. }), "{unfitted}");
    let mut scaler = StandardScaler::default();
    scaler.fit(&x).expect("fits");
    let error = scaler.transform(&matrix(&[1.0, 2.0], 2)).unwrap_err();
    assert!(matches!(error.kind(), Kind::Shape { .. }), "{error}");
    let flat = Array::from_vec(vec![1.0f32], [1]).expect("shape");
    assert!(matches!(scaler.fit(&flat).unwrap_err().kind(), Kind::Shape { .. }));
    let mut wrong = MinMaxScaler::default().feature_range(1.0, 1.0);
    assert!(wrong.fit(&x).is_err());
    let mut wrong = RobustScaler::default().quantile_range(75.0, 25.0);
    assert!(wrong.fit(&x).is_err());
    let strategy = Impute::Constant(f64::NAN);
    assert!(SimpleImputer::default().strategy(strategy).fit(&x).is_err());
    let mut clip = MinMaxScaler::default().clip(true);
    clip.fit(&x).expect("fits");
    let y = clip.transform(&matrix(&[0.0, 1.5, 9.0], 1)).expect("features");
    assert_eq!(y.to_vec::<f64>().expect("float64"), [0.0, 0.5, 1.0]);
}

#[test]
fn states_are_kept_in_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("scaler.json");
    let mut scaler = StandardScaler::default();
    scaler.fit(&matrix(&[0.1, 0.2, 0.7], 1)).expect("fits");
    scaler.save(&path).expect("writable");
    let loaded = StandardScaler::load(&path).expect("its own file");
    assert_eq!((loaded.mean(), loaded.var()), (scaler.mean(), scaler.var()));
    let error = RobustScaler::load(&path).unwrap_err().to_string();
    assert!(error.contains("it holds a `standard_scaler`, expected a `robust_scaler`"), "{error}");
    for text in ["", "{", "[]", "{\"kind\":\"standard_scaler\",\"version\":9,\"state\":{}}"] {
        std::fs::write(&path, text).expect("writable");
        let error = StandardScaler::load(&path).unwrap_err();
        assert!(matches!(error.kind(), Kind::Format { .. }), "{error}");
    }
}

#[test]
fn normalisation_measures_datasets_and_converts_bytes() {
    let bytes: Vec<u8> = (0..=239).collect();
    let x = Array::from_vec(bytes, [10, 3, 8]).expect("shape");
    let mut whole = Normalization::new(Some(1));
    whole.adapt(&x).expect("elements");
    let data = TensorDataset::new(vec![x.clone()]).expect("data");
    let mut parts = Normalization::new(Some(1));
    parts.adapt_dataset(&data, 0).expect("elements");
    for (a, b) in whole.variance().iter().zip(parts.variance()) {
        assert!((a - b).abs() < 1e-9 * b, "{a} {b}");
    }
    let expected = whole.apply(&x).expect("axis").to_vec::<f32>().expect("float32");
    let got = whole.to_float().expect("axis 1").apply(&x).expect("bytes");
    for (a, b) in got.to_vec::<f32>().expect("float32").iter().zip(&expected) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    assert!(Normalization::new(Some(-1)).to_float().is_err());
    let mut all = Normalization::new(None);
    all.adapt(&x).expect("elements");
    assert_eq!(all.mean(), [119.5]);
    assert!(parts.adapt_dataset(&data, 1).is_err());
    assert!(Normalization::with_statistics(None, &[1.0], &[-1.0]).is_err());
    let known = Normalization::with_statistics(None, &[1.0], &[4.0]).expect("numbers");
    let y = known.apply(&matrix(&[5.0], 1)).expect("no axis");
    assert_eq!((y.to_vec::<f64>().expect("float64"), y.dtype()), (vec![2.0], DType::F64));
}

#[test]
fn vocabularies_keep_the_frequent_tokens_and_are_saved() {
    let texts = ["a a a b b c", "b d <pad>"];
    let options =
        VocabularyOptions { min_freq: 2, max_tokens: Some(3), ..VocabularyOptions::default() };
    let vocabulary = Vocabulary::build(&texts, &WhitespaceTokenizer, &options).expect("tokens");
    assert_eq!(vocabulary.tokens(), ["<pad>", "<unk>", "a"]);
    let loaded = Vocabulary::from_json(&vocabulary.to_json().expect("JSON"), "v.json");
    assert_eq!(loaded.expect("its own text"), vocabulary);
    assert!(matches!(vocabulary.decode(&[3]).unwrap_err().kind(), Kind::Index { .. }));
    let none = VocabularyOptions { specials: Vec::new(), ..VocabularyOptions::default() };
    let vocabulary = Vocabulary::build(&texts, &WhitespaceTokenizer, &none).expect("tokens");
    assert_eq!(vocabulary.encode("zz a", &WhitespaceTokenizer), [0]);
    let few = VocabularyOptions { max_tokens: Some(1), ..VocabularyOptions::default() };
    assert!(Vocabulary::build(&texts, &WhitespaceTokenizer, &few).is_err());
}
