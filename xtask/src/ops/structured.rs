//! What no table says: structured ops with rules of their own, and composites.

/// How an op is differentiated.
pub(super) enum Grad {
    /// By this rule, written in tensor operations.
    Rule(&'static str),
    /// By the rules of the ops it is made of.
    Parts,
    /// Not at all, and why.
    No(&'static str),
}

pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) formula: &'static str,
    pub(super) grad: Grad,
    pub(super) torch: &'static str,
    pub(super) doc: &'static str,
}

const fn row(
    name: &'static str,
    formula: &'static str,
    grad: Grad,
    torch: &'static str,
    doc: &'static str,
) -> Row {
    Row { name, formula, grad, torch, doc }
}

use Grad::{No, Parts, Rule};

/// Derivatives of the table of reductions.
pub(super) const REDUCTION_SLOPES: &[(&str, &str)] = &[
    ("sum", "g, broadcast"),
    ("prod", "of a tree of products, right at zeros too"),
    ("amax", "g where x is the largest; equal elements share it"),
    ("amin", "g where x is the smallest; equal elements share it"),
];

const NO_BOOL: Grad = No("the result is bool");
const NO_INDEX: Grad = No("the result is an index");

/// Sections and their rows.
pub(super) const STRUCTURED: &[(&str, &[Row])] = &[
    ("More reductions", REDUCTIONS),
    ("Products", PRODUCTS),
    ("Softmax and look-up", SOFTMAX),
    ("Convolutions", CONVOLUTIONS),
    ("Pooling and resampling", POOLING),
    ("Norms", NORMS),
    ("Recurrence and attention", RECURRENCE),
    ("Shapes", SHAPES),
    ("Joins, padding and triangles", JOINS),
    ("Indexing and order", INDEXING),
    ("Choices and composites", CHOICES),
    ("Making and converting", MAKING),
];

const REDUCTIONS: &[Row] = &[
    row("sum_all", "Σ x", Parts, "sum", "Sum of all elements."),
    row("mean", "Σ x / n", Parts, "mean", "Mean over dimensions."),
    row("mean_all", "Σ x / n", Parts, "mean", "Mean of all elements."),
    row("logsumexp", "log Σ e^x", Parts, "logsumexp", "Without overflow; the slope is softmax."),
    row("var", "Σ (x - mean)² / (n - correction)", Parts, "var", "Variance."),
    row("std", "sqrt(var)", Parts, "std", "Standard deviation."),
    row("norm", "(Σ |x|^p)^(1/p)", Parts, "norm", "The slope of the 2-norm at zero is zero."),
    row("any", "whether one is true", NO_BOOL, "any", "Over dimensions."),
    row("all", "whether every one is true", NO_BOOL, "all", "Over dimensions."),
    row("argmax", "index of the largest", NO_INDEX, "argmax", "The first of equals."),
    row("argmin", "index of the smallest", NO_INDEX, "argmin", "The first of equals."),
    row("max", "largest and its index", Parts, "max(dim)", "The index is int32."),
    row("min", "smallest and its index", Parts, "min(dim)", "The index is int32."),
    row(
        "cumsum",
        "y_i = Σ_{j ≤ i} x_j",
        Rule("running sum from the back"),
        "cumsum",
        "Running sum.",
    ),
    row(
        "cumprod",
        "y_i = Π_{j ≤ i} x_j",
        Parts,
        "cumprod",
        "Running product; slope right at zeros.",
    ),
];

const PRODUCTS: &[Row] = &[
    row("matmul", "Σ_k a_ik b_kj", Rule("da = g·bᵀ, db = aᵀ·g"), "matmul", "Batches broadcast."),
    row("linear", "x·wᵀ + b", Parts, "nn.functional.linear", "Rows of features."),
    row("einsum", "Σ by named dimensions", Parts, "einsum", "One or two operands."),
];

const SOFTMAX: &[Row] = &[
    row("softmax", "e^x / Σ e^x", Rule("y·(g - Σ g·y)"), "softmax", "Without overflow."),
    row("log_softmax", "x - log Σ e^x", Rule("g - e^y·Σ g"), "log_softmax", "Without overflow."),
    row(
        "cross_entropy_rows",
        "-log softmax(x)[target]",
        Rule("(softmax(x) - onehot)·g"),
        "",
        "One pass for loss and gradient; class weights, smoothing, ignored targets.",
    ),
    row(
        "cross_entropy_mean",
        "Σ w·loss / Σ w of these rows",
        Rule("w·(softmax(x) - onehot) / Σ w·g"),
        "nn.functional.cross_entropy",
        "In the same pass where classes are few.",
    ),
    row("embedding", "weight[index]", Parts, "nn.functional.embedding", "Rows by index."),
    row("normalize", "x / max(‖x‖, eps)", Parts, "nn.functional.normalize", "Along a dimension."),
    row(
        "cosine_similarity",
        "a·b / (‖a‖ ‖b‖)",
        Parts,
        "nn.functional.cosine_similarity",
        "Along a dimension.",
    ),
];

const CONVOLUTIONS: &[Row] = &[
    row(
        "conv2d",
        "Σ x·w over channels and window",
        Rule("dx transposed with w, dw of x with g"),
        "nn.functional.conv2d",
        "Also `conv1d`, `conv3d`, and `conv` of any number of dimensions.",
    ),
    row(
        "conv_transpose2d",
        "each x times w, added in its window",
        Rule("dx convolved with w, dw of g with x"),
        "nn.functional.conv_transpose2d",
        "Also `conv_transpose1d`, `conv_transpose3d`, and `conv_transpose`.",
    ),
    row("unfold", "windows as columns", Parts, "nn.functional.unfold", "Of images."),
    row("fold", "columns added in their windows", Parts, "nn.functional.fold", "To images."),
];

const NORMS: &[Row] = &[
    row(
        "standardize",
        "(x - mean) / √(var + eps)",
        Rule("r·(g - mean(g) - y·mean(g·y))"),
        "",
        "What the norms are made of: two reductions and one pass, in either direction.",
    ),
    row(
        "batch_norm",
        "standardised over all but the channels",
        Rule("as `standardize`"),
        "nn.functional.batch_norm",
        "With running statistics.",
    ),
    row(
        "layer_norm",
        "standardised over the last dimensions",
        Rule("as `standardize`"),
        "nn.functional.layer_norm",
        "",
    ),
    row(
        "instance_norm",
        "standardised over the positions",
        Rule("as `standardize`"),
        "nn.functional.instance_norm",
        "",
    ),
    row(
        "group_norm",
        "standardised over groups of channels",
        Rule("as `standardize`"),
        "nn.functional.group_norm",
        "",
    ),
    row(
        "rms_norm",
        "x / √(mean(x²) + eps)",
        Rule("as `standardize`"),
        "nn.functional.rms_norm",
        "",
    ),
    row(
        "local_response_norm",
        "x / (k + alpha·mean(x²))^beta",
        Parts,
        "nn.functional.local_response_norm",
        "Over neighbouring channels.",
    ),
];

const RECURRENCE: &[Row] = &[
    row("lstm_cell", "one step of an LSTM", Parts, "nn.LSTMCell", "Of precomputed gates."),
    row("gru_cell", "one step of a GRU", Parts, "nn.GRUCell", "Of precomputed gates."),
    row(
        "scaled_dot_product_attention",
        "softmax(q·kᵀ·scale + mask)·v",
        Parts,
        "nn.functional.scaled_dot_product_attention",
        "Causal, masked, with dropout.",
    ),
    row("dropout", "x·mask / (1 - p)", Parts, "nn.functional.dropout", "Philox; fuses."),
];

const POOLING: &[Row] = &[
    row(
        "max_pool2d",
        "the largest of every window",
        Rule("g where the maximum is"),
        "nn.functional.max_pool2d",
        "Also 1d and 3d, and `_with_indices`.",
    ),
    row(
        "max_unpool2d",
        "x at its index, else 0",
        Rule("g at the index"),
        "nn.functional.max_unpool2d",
        "Also 1d and 3d.",
    ),
    row(
        "avg_pool2d",
        "the mean of every window",
        Rule("the transposed weights"),
        "nn.functional.avg_pool2d",
        "Also 1d and 3d.",
    ),
    row(
        "lp_pool2d",
        "(Σ x^p)^(1/p) of every window",
        Parts,
        "nn.functional.lp_pool2d",
        "Also 1d and 3d.",
    ),
    row(
        "adaptive_avg_pool2d",
        "means of windows that divide x",
        Rule("the transposed weights"),
        "nn.functional.adaptive_avg_pool2d",
        "Also 1d and 3d.",
    ),
    row(
        "adaptive_max_pool2d",
        "the largest of windows that divide x",
        Rule("g where the maximum is"),
        "nn.functional.adaptive_max_pool2d",
        "Also 1d and 3d, and `_with_indices`.",
    ),
    row(
        "interpolate",
        "weighted sums of neighbours",
        Rule("the transposed weights"),
        "nn.functional.interpolate",
        "Every mode, with antialiasing.",
    ),
];

const SHAPES: &[Row] = &[
    row("permute", "dimensions in another order", Rule("the inverse order"), "permute", "View."),
    row("transpose", "two dimensions swapped", Rule("swapped back"), "transpose", "View."),
    row("t", "the last two swapped", Rule("swapped back"), "mT", "View."),
    row("reshape", "another shape", Rule("the old shape"), "reshape", "View where strides allow."),
    row("view", "another shape", Rule("the old shape"), "view", "As `reshape`."),
    row("flatten", "dimensions merged", Rule("the old shape"), "flatten", "View where possible."),
    row("expand", "broadcast", Rule("g, summed"), "expand", "View."),
    row("unsqueeze", "a dimension of size 1", Rule("without it"), "unsqueeze", "View."),
    row("squeeze", "without a dimension of size 1", Rule("with it"), "squeeze", "View."),
    row("narrow", "a range of a dimension", Rule("g between zeros"), "narrow", "View."),
    row("slice", "x[start:end:step]", Rule("g between zeros"), "slice", "View."),
    row("select", "one position", Rule("g between zeros"), "select", "View."),
    row("flip", "reversed", Rule("reversed"), "flip", "View."),
    row("unbind", "slices along a dimension", Parts, "unbind", "Views."),
];

const JOINS: &[Row] = &[
    row("cat", "one after another", Rule("parts of g"), "cat", "Along a dimension."),
    row("stack", "along a new dimension", Parts, "stack", "Equal shapes."),
    row("pad", "a value around x", Rule("the middle of g"), "nn.functional.pad", "Negative cuts."),
    row("pad_mode", "reflect, replicate, circular", Parts, "nn.functional.pad", "Other paddings."),
    row("roll", "moved round", Parts, "roll", "Along a dimension."),
    row("repeat", "tiled", Parts, "repeat", "In every dimension."),
    row("tril", "x below a diagonal, else 0", Parts, "tril", "Of matrices."),
    row("triu", "x above a diagonal, else 0", Parts, "triu", "Of matrices."),
    row("pixel_shuffle", "channels to pixels", Parts, "nn.functional.pixel_shuffle", ""),
    row("pixel_unshuffle", "pixels to channels", Parts, "nn.functional.pixel_unshuffle", ""),
];

const INDEXING: &[Row] = &[
    row("index_select", "x[index]", Rule("g added at index"), "index_select", "Along a dimension."),
    row("gather", "x[index[i]][i]", Rule("g added at index"), "gather", "Along a dimension."),
    row(
        "scatter_add",
        "x[index[i]] += src[i]",
        Rule("g, g at index"),
        "scatter_add",
        "Fixed order.",
    ),
    row(
        "sort",
        "in order, and where it was",
        Rule("g at the indices"),
        "sort",
        "Stable; NaN last.",
    ),
    row("argsort", "indices of the order", NO_INDEX, "argsort", "Stable."),
    row("topk", "the k largest, and where", Rule("g at the indices"), "topk", "In order."),
    row(
        "one_hot",
        "1 at index, else 0",
        No("it is constant in the index"),
        "nn.functional.one_hot",
        "Lazy.",
    ),
];

const CHOICES: &[Row] = &[
    row("where_", "a where the condition holds, else b", Rule("g where chosen"), "where", "Fuses."),
    row("masked_fill", "a value where the mask holds", Parts, "masked_fill", "Fuses."),
    row("logical_and", "a and b", NO_BOOL, "logical_and", "Of bools."),
    row("logical_or", "a or b", NO_BOOL, "logical_or", "Of bools."),
    row("logical_xor", "one of a, b", NO_BOOL, "logical_xor", "Of bools."),
    row("logical_not", "not x", NO_BOOL, "logical_not", "Of bools."),
    row("isfinite", "neither infinite nor NaN", NO_BOOL, "isfinite", "Fuses."),
    row("nan_to", "a value for NaN", Parts, "nan_to_num", "NaN alone."),
    row("lerp", "a + weight·(b - a)", Parts, "lerp", "Fuses."),
    row(
        "softplus",
        "log(1 + e^x)",
        Parts,
        "nn.functional.softplus",
        "`softplus_with` takes options.",
    ),
    row("hardtanh", "x limited", Parts, "nn.functional.hardtanh", "As `clamp`."),
    row("clamp_min", "max(x, min)", Parts, "clamp(min)", "Fuses."),
    row("clamp_max", "min(x, max)", Parts, "clamp(max)", "Fuses."),
    row(
        "prelu",
        "x, or weight·x below zero",
        Parts,
        "nn.functional.prelu",
        "One weight a channel.",
    ),
    row("glu", "a·sigmoid(b) of two halves", Parts, "nn.functional.glu", "Along a dimension."),
];

const MAKING: &[Row] = &[
    row("arange", "start, start + step …", No("it has no operand"), "arange", "Lazy."),
    row("linspace", "from start to end", No("it has no operand"), "linspace", "Lazy."),
    row("eye", "1 on the diagonal", No("it has no operand"), "eye", "Lazy."),
    row("to_dtype", "x as another type", Rule("g as the old type"), "to", "Between floats; fuses."),
    row("float", "x as float32", Rule("g as the old type"), "float", "As `to_dtype`."),
    row("computed", "x, computed now", Rule("g, computed now"), "", "Ends a fused chain."),
    row("to", "x on another device", Rule("g on the old device"), "to", "Copies."),
];
