//! Results of scikit-learn, made by `tests/data/generate.py`.

use gradus_data::{
    Analyzer, Column, CountVectorizer, DocumentFrequency, DropCategory, Impute, KFold,
    LabelEncoder, MinMaxScaler, Norm, OneHotEncoder, OrdinalEncoder, RobustScaler, Saved,
    SimpleImputer, SparseMatrix, StandardScaler, StratifiedKFold, TfidfVectorizer, TrainTestSplit,
    class_weights, train_test_split,
};
use gradus_tensor::Array;
use serde_json::Value;

const TOLERANCE: f64 = 1e-6;

fn golden(part: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("../data/sklearn.json")).expect("JSON");
    all[part].clone()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
}

fn whole(value: &Value) -> Vec<usize> {
    list(value).iter().map(|v| v.as_u64().expect("a count") as usize).collect()
}

fn texts(value: &Value) -> Vec<String> {
    list(value).iter().map(|v| v.as_str().expect("text").to_owned()).collect()
}

/// A float64 array from rows.
fn matrix(rows: &Value) -> Array {
    let rows: Vec<Vec<f64>> = list(rows).iter().map(numbers).collect();
    Array::from_vec(rows.concat(), [rows.len(), rows[0].len()]).expect("rows of one length")
}

#[track_caller]
fn agree(got: &[f64], expected: &[f64], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (at, (a, b)) in got.iter().zip(expected).enumerate() {
        let near = (a - b).abs() <= TOLERANCE * (1.0 + b.abs()) || (a.is_nan() && b.is_nan());
        assert!(near, "{what} at {at}: {a}, expected {b}");
    }
}

#[track_caller]
fn agree_with(got: &Array, expected: &Value, what: &str) {
    let expected = matrix(expected);
    assert_eq!(got.shape(), expected.shape(), "{what}");
    let got: Vec<f64> = match got.to_vec::<f64>() {
        Ok(values) => values,
        Err(_) => got.to_vec::<f32>().expect("floats").into_iter().map(f64::from).collect(),
    };
    agree(&got, &expected.to_vec::<f64>().expect("float64"), what);
}

/// Fits, transforms and inverts, with the state saved and read before it is used.
macro_rules! check_scaler {
    ($scaler:expr, $t:ty, $case:expr) => {{
        let mut scaler = $scaler;
        let (case, x) = ($case, matrix(&$case["x"]));
        let name = case["name"].as_str().expect("a name");
        let y = scaler.fit_transform(&x).expect("fits");
        agree_with(&y, &case["y"], name);
        let text = scaler.to_json().expect("JSON");
        let loaded = <$t>::from_json(&text, "scaler.json").expect("its own text");
        assert_eq!(loaded.to_json().expect("JSON"), text);
        agree_with(&loaded.inverse_transform(&y).expect("features"), &case["back"], name);
        let head: Vec<f64> = x.to_vec::<f64>().expect("float64")[..12].to_vec();
        let other = Array::from_vec(head.iter().map(|v| v * 2.0 + 1.0).collect(), [3, 4]);
        let other = loaded.transform(&other.expect("shape")).expect("features");
        agree_with(&other, &case["other"], name);
    }};
}

#[test]
fn scalers_agree() {
    for case in list(&golden("scalers")) {
        let name = case["name"].as_str().expect("a name").trim_end_matches("_nan");
        let standard = StandardScaler::default();
        let min_max = MinMaxScaler::default();
        match name {
            "standard" => check_scaler!(standard, StandardScaler, case),
            "standard_mean" => {
                check_scaler!(standard.with_std(false), StandardScaler, case);
            }
            "standard_std" => {
                check_scaler!(standard.with_mean(false), StandardScaler, case);
            }
            "min_max" => check_scaler!(min_max, MinMaxScaler, case),
            "min_max_range" => {
                let scaler = min_max.feature_range(-1.0, 2.5);
                check_scaler!(scaler, MinMaxScaler, case);
            }
            "robust" => check_scaler!(RobustScaler::default(), RobustScaler, case),
            "robust_10_80" => {
                let scaler = RobustScaler::default().quantile_range(10.0, 80.0);
                check_scaler!(scaler, RobustScaler, case);
            }
            "robust_unit" => {
                let scaler = RobustScaler::default().quantile_range(5.0, 80.0).unit_variance(true);
                check_scaler!(scaler, RobustScaler, case);
            }
            "standard_partial" => {
                let x = matrix(&case["x"]);
                let mut scaler = StandardScaler::default();
                for (start, rows) in [(0, 2), (2, 1), (3, 6)] {
                    let part = x.narrow(0, start, rows).expect("rows");
                    scaler.partial_fit(&part).expect("fits");
                }
                agree_with(&scaler.transform(&x).expect("features"), &case["y"], name);
            }
            other => panic!("no test of {other}"),
        }
    }
}

#[test]
fn imputers_agree() {
    for case in list(&golden("imputers")) {
        let strategy = match case["name"].as_str().expect("a name") {
            "mean" => Impute::Mean,
            "median" => Impute::Median,
            "most_frequent" => Impute::MostFrequent,
            _ => Impute::Constant(-3.5),
        };
        let add_indicator = case["indicator"].as_bool().expect("a truth value");
        let mut imputer = SimpleImputer::default().strategy(strategy).add_indicator(add_indicator);
        let y = imputer.fit_transform(&matrix(&case["x"])).expect("fits");
        agree_with(&y, &case["y"], &format!("{strategy:?} {add_indicator}"));
    }
}

#[test]
fn encoders_agree() {
    let case = golden("encoders");
    let size: Vec<i64> = numbers(&case["size"]).iter().map(|&v| v as i64).collect();
    let columns =
        [Column::from(texts(&case["colour"])), size.into(), texts(&case["binary"]).into()];
    let mut ordinal = OrdinalEncoder::default();
    let codes = ordinal.fit_transform(&columns).expect("fits");
    agree_with(&codes, &case["ordinal"], "ordinal");
    assert_eq!(ordinal.inverse_transform(&codes).expect("codes"), columns);
    let codes = LabelEncoder::default().fit_transform(&columns[0]).expect("fits");
    let expected: Vec<i64> = numbers(&case["label"]).iter().map(|&v| v as i64).collect();
    assert_eq!(codes.to_vec::<i64>().expect("labels"), expected);
    for (name, drop) in [
        ("None", DropCategory::None),
        ("first", DropCategory::First),
        ("if_binary", DropCategory::IfBinary),
    ] {
        let mut encoder = OneHotEncoder::default().drop(drop);
        let codes = encoder.fit_transform(&columns).expect("fits");
        agree_with(&codes, &case["one_hot"][name]["y"], name);
        let names = encoder.feature_names(&["colour", "size", "binary"]).expect("names");
        assert_eq!(names, texts(&case["one_hot"][name]["names"]));
        let text = encoder.to_json().expect("JSON");
        let loaded = OneHotEncoder::from_json(&text, "encoder.json").expect("its own text");
        assert_eq!(loaded.inverse_transform(&codes).expect("codes"), columns);
    }
}

#[test]
fn splits_agree() {
    let case = golden("splits");
    let y: Vec<i64> = numbers(&case["y"]).iter().map(|&v| v as i64).collect();
    let labels = Array::from_vec(y.clone(), [y.len()]).expect("labels");
    let tests =
        |folds: Vec<gradus_data::Fold>| folds.into_iter().map(|fold| fold.test).collect::<Vec<_>>();
    let expected = |case: &Value| list(&case["test"]).iter().map(whole).collect::<Vec<_>>();
    let count = |case: &Value, name: &str| case[name].as_u64().expect("a count") as usize;
    for case in list(&case["k_fold"]) {
        let folds = KFold::new(count(case, "k")).split(count(case, "n")).expect("sizes");
        assert_eq!(tests(folds), expected(case));
    }
    for case in list(&case["stratified"]) {
        let folds = StratifiedKFold::new(count(case, "k")).split(&labels).expect("sizes");
        assert_eq!(tests(folds), expected(case));
    }
    let portion = |value: &Value| match (value.as_u64(), value.as_f64()) {
        (Some(count), _) => Some((count as usize).into()),
        (None, share) => share.map(Into::into),
    };
    for case in list(&case["sizes"]) {
        let options = TrainTestSplit {
            test_size: portion(&case["test"]),
            train_size: portion(&case["train"]),
            ..Default::default()
        };
        let (train, test) = train_test_split(count(case, "n"), &options).expect("sizes");
        let expected = (count(case, "n_train"), count(case, "n_test"));
        assert_eq!((train.len(), test.len()), expected, "{case}");
    }
    for case in list(&case["shares"]) {
        let counts = whole(&case["counts"]).into_iter().enumerate();
        let y: Vec<i32> = counts.flat_map(|(class, n)| vec![class as i32; n]).collect();
        let stratify = Some(Array::from_vec(y.clone(), [y.len()]).expect("labels"));
        let test_size = portion(&case["test"]);
        for seed in 0..20 {
            let options = TrainTestSplit {
                test_size,
                seed,
                stratify: stratify.clone(),
                ..Default::default()
            };
            let (_, test) = train_test_split(y.len(), &options).expect("sizes");
            let mut shares = vec![0; list(&case["counts"]).len()];
            test.iter().for_each(|&at| shares[y[at] as usize] += 1);
            assert!(list(&case["seen"]).iter().any(|seen| whole(seen) == shares), "{shares:?}");
        }
    }
    let weights = class_weights(&labels, 3).expect("classes");
    let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
    agree(&weights, &numbers(&case["class_weight"]), "class weights");
}

fn vectorizer(options: &Value) -> CountVectorizer {
    let mut counts = CountVectorizer::default();
    let frequency = |value: &Value| match value.as_u64() {
        Some(count) => DocumentFrequency::Count(count as usize),
        None => DocumentFrequency::Fraction(value.as_f64().expect("a share")),
    };
    for (name, value) in options.as_object().expect("options") {
        counts = match name.as_str() {
            "ngram_range" => counts.ngram_range(whole(value)[0], whole(value)[1]),
            "min_df" => counts.min_df(frequency(value)),
            "max_df" => counts.max_df(frequency(value)),
            "max_features" => counts.max_features(value.as_u64().expect("a count") as usize),
            "binary" => counts.binary(true),
            "lowercase" => counts.lowercase(false),
            "stop_words" => {
                counts.stop_words(&texts(value).iter().map(String::as_str).collect::<Vec<_>>())
            }
            "analyzer" if value == "char" => counts.analyzer(Analyzer::Char),
            "analyzer" => counts.analyzer(Analyzer::CharWb),
            _ => counts,
        };
    }
    counts
}

#[track_caller]
fn rows_agree(got: &SparseMatrix, expected: &Value, what: &str) {
    for (at, row) in list(expected).iter().enumerate() {
        let expected = numbers(row);
        let mut values = vec![0.0; expected.len()];
        assert_eq!(got.shape().1, expected.len(), "{what}");
        got.row(at).for_each(|(column, value)| values[column] = value);
        agree(&values, &expected, &format!("{what}, text {at}"));
    }
}

#[test]
fn counts_and_weights_of_words_agree() {
    let case = golden("text");
    let (all, queries) = (texts(&case["texts"]), texts(&case["queries"]));
    for case in list(&case["count"]) {
        let what = case["options"].to_string();
        let mut counts = vectorizer(&case["options"]);
        let x = counts.fit_transform(&all).expect("terms");
        assert_eq!(counts.feature_names(), texts(&case["names"]), "{what}");
        rows_agree(&x, &case["x"], &what);
        let text = counts.to_json().expect("JSON");
        let loaded = CountVectorizer::from_json(&text, "counts.json").expect("its own text");
        rows_agree(&loaded.transform(&queries).expect("fitted"), &case["queries"], &what);
    }
    for case in list(&case["tfidf"]) {
        let options = &case["options"];
        let is = |name: &str, default: bool| options[name].as_bool().unwrap_or(default);
        let norm = match options.get("norm") {
            None => Norm::L2,
            Some(Value::Null) => Norm::None,
            Some(_) => Norm::L1,
        };
        let mut tfidf = TfidfVectorizer::default()
            .counts(vectorizer(options))
            .norm(norm)
            .use_idf(is("use_idf", true))
            .smooth_idf(is("smooth_idf", true))
            .sublinear_tf(is("sublinear_tf", false));
        let what = options.to_string();
        let x = tfidf.fit_transform(&all).expect("terms");
        rows_agree(&x, &case["x"], &what);
        let text = tfidf.to_json().expect("JSON");
        let loaded = TfidfVectorizer::from_json(&text, "tfidf.json").expect("its own text");
        rows_agree(&loaded.transform(&queries).expect("fitted"), &case["queries"], &what);
    }
}
