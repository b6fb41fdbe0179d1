"""Reference values of `src/metrics/tests.rs`, by Keras 3 and scikit-learn.

Run `KERAS_BACKEND=torch python metrics.py`: it prints the inputs and, without and with sample
weights, the results. Every metric sees the samples in two batches, of 10 and 13.
"""

import keras
import numpy as np
from keras import metrics as M
from sklearn import metrics as S

rng = np.random.RandomState(0)
n, c = 23, 4
y = np.round(rng.rand(n, c), 3).astype("float32")
lab = rng.randint(0, c, n)
w = np.round(rng.rand(n), 2).astype("float32")
p = np.round(rng.rand(n), 3).astype("float32")
b = (rng.rand(n) < 0.4 + 0.3 * (p > 0.5)).astype("int32")
t = np.round(rng.randn(n, 2) + 3, 3).astype("float32")
q = (t + np.round(rng.randn(n, 2) * 0.5, 3)).astype("float32")
one_hot = np.eye(c)[lab].astype("float32")

for name, a in dict(Y=y, LAB=lab, W=w, P=p, B=b, T=t, Q=q).items():
    print(name, [round(float(v), 6) for v in a.reshape(-1)])


def k(metric, a, bb, ww):
    for part in (slice(0, 10), slice(10, None)):
        weight = None if ww is None else ww[part]
        metric.update_state(a[part], bb[part], sample_weight=weight)
    return float(keras.ops.convert_to_numpy(metric.result()))


for ww in (None, w):
    print("plain" if ww is None else "weighted")
    print(" sparse", k(M.SparseCategoricalAccuracy(), lab, y, ww))
    print(" categorical", k(M.CategoricalAccuracy(), one_hot, y, ww))
    print(" binary", k(M.BinaryAccuracy(), b[:, None], p[:, None], ww))
    print(" top 2", k(M.SparseTopKCategoricalAccuracy(k=2), lab, y, ww))
    print(" precision", k(M.Precision(), b, p, ww), "recall", k(M.Recall(), b, p, ww))
    print(" precision, columns", k(M.Precision(), one_hot, y, ww))
    print(" precision, class 2", k(M.Precision(class_id=2), one_hot, y, ww))
    for average in ("micro", "macro", "weighted"):
        print(" f1", average, k(M.F1Score(average=average), one_hot, y, ww))
        print(" f1 at .5", average, k(M.F1Score(average=average, threshold=0.5), one_hot, y, ww))
        scores = (S.precision_score, S.recall_score, S.f1_score)
        options = dict(average=average, zero_division=0, sample_weight=ww)
        print(" scikit-learn", average, [float(f(lab, y.argmax(1), **options)) for f in scores])
    print(" auc", k(M.AUC(), b, p, ww), "pr", k(M.AUC(curve="PR"), b, p, ww))
    print(" auc of 5", k(M.AUC(num_thresholds=5), b, p, ww))
    logits = (p * 6 - 3).astype("float32")
    print(" auc of logits", k(M.AUC(from_logits=True), b, logits, ww))
    matrix = S.confusion_matrix(lab, y.argmax(1), sample_weight=ww)
    print(" confusion", matrix.reshape(-1).tolist())
    print(" mae", k(M.MeanAbsoluteError(), t, q, ww), "mse", k(M.MeanSquaredError(), t, q, ww))
    print(" rmse", k(M.RootMeanSquaredError(), t, q, ww), "r2", k(M.R2Score(), t, q, ww))
