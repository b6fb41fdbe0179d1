"""Expected results of scikit-learn for the tests of preprocessing, splits and text.

    python3 generate.py > sklearn.json

Made with scikit-learn 1.9.1 and numpy 2.4; the tests read the file and never start Python.
"""
import json
import sys

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.preprocessing import (LabelEncoder, MinMaxScaler, OneHotEncoder, OrdinalEncoder,
                                   RobustScaler, StandardScaler)
from sklearn.utils.class_weight import compute_class_weight

NAN = float("nan")


def plain(x):
    """Nested lists with None for NaN."""
    x = np.asarray(x, dtype=float)
    return np.where(np.isnan(x), None, x.astype(object)).tolist()


def scalers():
    x = np.round(np.random.default_rng(3).normal(size=(9, 4)) * [1, 100, 1e-3, 1] + [0, 5e4, 1, 0], 6)
    x[:, 3] = 7.25
    missing = x.copy()
    missing[2, 0] = missing[5, 1] = NAN
    cases = []
    for name, scaler in [
            ("standard", StandardScaler()), ("standard_mean", StandardScaler(with_std=False)),
            ("standard_std", StandardScaler(with_mean=False)),
            ("min_max", MinMaxScaler()), ("min_max_range", MinMaxScaler((-1, 2.5))),
            ("robust", RobustScaler()), ("robust_10_80", RobustScaler(quantile_range=(10, 80))),
            ("robust_unit", RobustScaler(quantile_range=(5, 80), unit_variance=True))]:
        for kind, data in [("", x), ("_nan", missing)]:
            y = scaler.fit_transform(data)
            cases.append(dict(name=name + kind, x=plain(data), y=plain(y),
                              other=plain(scaler.transform(data[:3] * 2 + 1)),
                              back=plain(scaler.inverse_transform(y))))
    partial = StandardScaler()
    for part in (x[:2], x[2:3], x[3:]):
        partial.partial_fit(part)
    cases.append(dict(name="standard_partial", x=plain(x), y=plain(partial.transform(x)),
                      other=plain(partial.transform(x[:3] * 2 + 1)), back=plain(x)))
    return cases


def imputers():
    x = np.array([[1, NAN, 3], [NAN, 5, 3], [4, 5, NAN], [4, 2, 9], [2, 8, 9.5]])
    return [dict(name=strategy, x=plain(x), indicator=indicator,
                 y=plain(SimpleImputer(strategy=strategy, fill_value=-3.5 if strategy == "constant"
                                       else None, add_indicator=indicator).fit_transform(x)))
            for strategy in ("mean", "median", "most_frequent", "constant")
            for indicator in (False, True)]


def encoders():
    colour = ["red", "blue", "green", "blue", "é", "Zoo"]
    size = [10, 2, 10, 33, 2, 2]
    binary = ["no", "yes", "yes", "no", "no", "yes"]
    x = np.array([colour, size, binary], dtype=object).T
    out = dict(colour=colour, size=size, binary=binary,
               ordinal=plain(OrdinalEncoder().fit_transform(x)),
               label=LabelEncoder().fit_transform(colour).tolist(), one_hot={})
    for drop in (None, "first", "if_binary"):
        encoder = OneHotEncoder(drop=drop, sparse_output=False)
        out["one_hot"][str(drop)] = dict(
            y=plain(encoder.fit_transform(x)),
            names=encoder.get_feature_names_out(["colour", "size", "binary"]).tolist())
    return out


def splits():
    y = [2, 0, 1, 1, 0, 2, 0, 0, 1, 0, 0, 1, 2, 0, 1, 0, 0]
    out = dict(y=y, k_fold=[], stratified=[], sizes=[], shares=[])
    for n, k in [(11, 3), (10, 5), (7, 7)]:
        out["k_fold"].append(dict(n=n, k=k, test=[t.tolist() for _, t in KFold(k).split(range(n))]))
    for k in (2, 3):
        folds = StratifiedKFold(k).split(y, y)
        out["stratified"].append(dict(k=k, test=[t.tolist() for _, t in folds]))
    for n, test, train in [(10, None, None), (11, .25, None), (7, .5, .3), (100, 13, None),
                           (9, None, .7), (50, .1, 20), (3, .4, None)]:
        a, b = train_test_split(range(n), test_size=test, train_size=train)
        out["sizes"].append(dict(n=n, test=test, train=train, n_train=len(a), n_test=len(b)))
    for counts, test in [([50, 30, 20], .3), ([7, 93], .1), ([10, 10, 11], .5), ([4, 9, 2], 4)]:
        labels = np.repeat(np.arange(len(counts)), counts)
        seen = set()
        for seed in range(200):  # ties are random: every outcome that occurs
            _, b = train_test_split(labels, test_size=test, stratify=labels, random_state=seed)
            seen.add(tuple(np.bincount(b, minlength=len(counts)).tolist()))
        out["shares"].append(dict(counts=counts, test=test, seen=sorted(seen)))
    out["class_weight"] = compute_class_weight("balanced", classes=np.unique(y), y=y).tolist()
    return out


TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "Never jump over the lazy dog quickly; the dog is LAZY, lazy!",
    "A fox  is quick\tand brown - it's e_mail 42 x2.",
    "나는 학교에 간다. The fox!",
    "Dogs, dogs, DOGS",
]
QUERIES = ["the fox and the unseen dog dog", "", "quick 42"]


def text():
    out = dict(texts=TEXTS, queries=QUERIES, count=[], tfidf=[])
    for options in [
            {}, dict(ngram_range=(1, 2)), dict(ngram_range=(2, 3)), dict(min_df=2),
            dict(max_df=.5), dict(min_df=.4, max_df=3), dict(max_features=2), dict(binary=True),
            dict(lowercase=False), dict(stop_words=["the", "is"], ngram_range=(1, 2)),
            dict(analyzer="char", ngram_range=(1, 3)), dict(analyzer="char_wb", ngram_range=(2, 4))]:
        vectorizer = CountVectorizer(**options)
        x = vectorizer.fit_transform(TEXTS).toarray()
        out["count"].append(dict(options=options, x=x.tolist(),
                                 names=vectorizer.get_feature_names_out().tolist(),
                                 queries=vectorizer.transform(QUERIES).toarray().tolist()))
    for options in [{}, dict(norm="l1"), dict(norm=None), dict(smooth_idf=False),
                    dict(use_idf=False), dict(sublinear_tf=True),
                    dict(sublinear_tf=True, smooth_idf=False, norm="l1", ngram_range=(1, 2)),
                    dict(min_df=2, norm=None)]:
        vectorizer = TfidfVectorizer(**options)
        x = vectorizer.fit_transform(TEXTS).toarray()
        out["tfidf"].append(dict(options=options, x=np.round(x, 12).tolist(),
                                 queries=np.round(vectorizer.transform(QUERIES).toarray(), 12).tolist()))
    return out


json.dump(dict(scalers=scalers(), imputers=imputers(), encoders=encoders(), splits=splits(),
               text=text()), sys.stdout, ensure_ascii=False, separators=(",", ":"))
