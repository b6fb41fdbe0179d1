//! Accuracies: the share of samples that are predicted right.

use gradus_autodiff::Tensor;
use gradus_tensor::{Error, Problem, Result};

use super::mean::{alike, labels, mean_value, means};

means! {
    #[doc = "The share of right predictions, of the kind that the shapes ask for. Keras:"]
    #[doc = "`accuracy`."]
    #[doc = ""]
    #[doc = "Class indices `[N]` for scores `[N, C]` are compared as [`SparseCategoricalAccuracy`]"]
    #[doc = "does, one-hot rows `[N, C]` as [`CategoricalAccuracy`], a single column as"]
    #[doc = "[`BinaryAccuracy`] with the threshold 0.5."]
    #[doc = ""]
    #[doc = "```"]
    #[doc = "use gradus_autodiff::Tensor;"]
    #[doc = "use gradus_train::{Accuracy, Running};"]
    #[doc = "let scores = Tensor::from_vec(vec![0.9f32, 0.1, 0.2, 0.8], [2, 2])?;"]
    #[doc = "let mut accuracy = Running::new(Accuracy::default());"]
    #[doc = "accuracy.update(&scores, &Tensor::from_vec(vec![0i32, 1], [2])?, None)?;"]
    #[doc = "assert_eq!(accuracy.result()?, 1.0);"]
    #[doc = "# Ok::<(), gradus_autodiff::Error>(())"]
    #[doc = "```"]
    Accuracy "accuracy" Rises {} |_this, y, t| {
        let (sy, st) = (y.shape(), t.shape());
        let classes = if sy.rank() > 1 { sy[1] } else { 1 };
        match classes {
            1 => binary("accuracy", y, t, 0.5),
            _ if sy == st => categorical("accuracy", y, t),
            _ => sparse("accuracy", y, t),
        }
    };
    value sums mean_value(sums);

    #[doc = "The share of elements on the right side of the threshold; for logits the threshold 0."]
    #[doc = "Keras: `BinaryAccuracy`."]
    BinaryAccuracy "binary_accuracy" Rises {
        #[doc = "Predictions above it count as 1."]
        threshold: f64 = 0.5,
    } |this, y, t| binary("binary_accuracy", y, t, this.threshold);
    value sums mean_value(sums);

    #[doc = "The share of samples `[N, C]` whose largest score is at the one of the one-hot"]
    #[doc = "target. Keras: `CategoricalAccuracy`."]
    CategoricalAccuracy "categorical_accuracy" Rises {}
    |_this, y, t| categorical("categorical_accuracy", y, t);
    value sums mean_value(sums);

    #[doc = "The share of samples `[N, C]` whose largest score is at the target's class index."]
    #[doc = "Keras: `SparseCategoricalAccuracy`."]
    SparseCategoricalAccuracy "sparse_categorical_accuracy" Rises {}
    |_this, y, t| sparse("sparse_categorical_accuracy", y, t);
    value sums mean_value(sums);

    #[doc = "The share of samples `[N, C]` whose class is among the k largest scores; equal scores"]
    #[doc = "at the end of the list all count. The target is class indices or one-hot rows."]
    #[doc = "Keras: `TopKCategoricalAccuracy`, `SparseTopKCategoricalAccuracy`."]
    #[doc = ""]
    #[doc = "```"]
    #[doc = "use gradus_autodiff::Tensor;"]
    #[doc = "use gradus_train::{Running, TopKAccuracy};"]
    #[doc = "let scores = Tensor::from_vec(vec![0.1f32, 0.9, 0.8, 0.05, 0.95, 0.0], [2, 3])?;"]
    #[doc = "let mut top = Running::new(TopKAccuracy { k: 2 });"]
    #[doc = "top.update(&scores, &Tensor::from_vec(vec![2i32, 2], [2])?, None)?;"]
    #[doc = "assert_eq!(top.result()?, 0.5);"]
    #[doc = "# Ok::<(), gradus_autodiff::Error>(())"]
    #[doc = "```"]
    TopKAccuracy "top_k_accuracy" Rises {
        #[doc = "How many scores are looked at."]
        k: usize = 5,
    } |this, y, t| top_k(y, t, this.k);
    value sums mean_value(sums);
}

fn binary(op: &'static str, y: &Tensor, t: &Tensor, threshold: f64) -> Result<Tensor> {
    let (y, t) = alike(op, y, t)?;
    y.gt(threshold)?.float()?.eq(&t)
}

fn categorical(op: &'static str, y: &Tensor, t: &Tensor) -> Result<Tensor> {
    let (sy, st) = (y.shape(), t.shape());
    if sy != st || sy.rank() < 2 {
        let rule = "target must be one-hot rows of the prediction's shape: convert class indices \
                    with `one_hot(classes)`, or use SparseCategoricalAccuracy";
        let operands = [("prediction", &sy), ("target", &st)];
        return Err(Error::shape(op, Problem::Rule { rule }, &operands));
    }
    y.argmax(Some(1), false)?.eq(&t.argmax(Some(1), false)?)
}

fn sparse(op: &'static str, y: &Tensor, t: &Tensor) -> Result<Tensor> {
    let t = labels(op, y, t)?;
    y.argmax(Some(1), false)?.eq(&t)
}

fn top_k(y: &Tensor, t: &Tensor, k: usize) -> Result<Tensor> {
    const OP: &str = "top_k_accuracy";
    let one_hot = y.shape() == t.shape() && y.rank() > 1;
    let t = if one_hot { t.argmax(Some(1), false)? } else { labels(OP, y, t)? };
    let own = y.gather(1, &t.unsqueeze(1)?)?;
    let ahead = y.gt(&own)?.float()?.sum(&[1], false)?;
    // A score that is no number is not among the best, though nothing is larger.
    ahead.lt(k as f64)?.logical_and(&own.isfinite()?.squeeze(1)?)
}
