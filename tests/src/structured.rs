//! Gradients of structured and composite ops and of losses, once and twice, in float64.

use gradus_autodiff::{
    AvgPoolOptions, ConvOptions, ConvTransposeOptions, DType, Device, Interpolate, InterpolateMode,
    MaxPoolOptions, Padding, Result, RunningStats, Tensor, cat, einsum, embedding, gradcheck,
    gradgradcheck, gru_cell, lstm_cell, scaled_dot_product_attention, stack, where_,
};
use gradus_nn::{
    BceLoss, BceWithLogitsLoss, CosineEmbeddingLoss, CrossEntropyLoss, GaussianNllLoss,
    HingeEmbeddingLoss, HuberLoss, KlDivLoss, L1Loss, Loss, MarginRankingLoss, MseLoss, NllLoss,
    PoissonNllLoss, SmoothL1Loss, TripletMarginLoss,
};

use crate::gradients::{SECOND_TOLERANCE, TOLERANCE, assert_slopes};
use crate::support::randn;

type Op = fn(&[Tensor]) -> Result<Tensor>;
type Row = (&'static str, &'static [&'static [usize]], Op);

/// Name, shapes of the operands, op. Operands are standard normal.
const OPS: &[Row] = &[
    ("matmul", &[&[3, 4], &[4, 5]], |x| x[0].matmul(&x[1])),
    ("matmul of batches", &[&[2, 1, 3, 4], &[5, 4, 2]], |x| x[0].matmul(&x[1])),
    ("matmul of vectors", &[&[4], &[4]], |x| x[0].matmul(&x[1])),
    ("matmul of views", &[&[4, 3], &[5, 4]], |x| x[0].t()?.matmul(&x[1].t()?)),
    ("linear", &[&[2, 3, 4], &[5, 4], &[5]], |x| x[0].linear(&x[1], Some(&x[2]))),
    ("einsum", &[&[2, 3, 4], &[2, 4, 5]], |x| einsum("bij,bjk->bik", &[&x[0], &x[1]])),
    ("conv1d", &[&[2, 4, 7], &[6, 2, 3], &[6]], |x| {
        let options = ConvOptions::default().stride(2).padding(1).groups(2);
        x[0].conv1d(&x[1], Some(&x[2]), &options)
    }),
    ("conv2d", &[&[2, 3, 5, 6], &[4, 3, 3, 2], &[4]], |x| {
        let options = ConvOptions::default().stride((1, 2)).padding((1, 0)).dilation((2, 1));
        x[0].conv2d(&x[1], Some(&x[2]), &options)
    }),
    ("conv2d, depthwise", &[&[2, 3, 5, 4], &[6, 1, 2, 3]], |x| {
        x[0].conv2d(&x[1], None, &ConvOptions::default().padding(Padding::Same).groups(3))
    }),
    ("conv2d of one element", &[&[2, 3, 2, 2], &[4, 3, 1, 1]], |x| {
        x[0].conv2d(&x[1], None, &ConvOptions::default())
    }),
    ("conv3d", &[&[1, 2, 3, 4, 3], &[3, 2, 2, 2, 2]], |x| {
        x[0].conv3d(&x[1], None, &ConvOptions::default().padding(1).stride(2))
    }),
    ("conv_transpose1d", &[&[2, 3, 4], &[3, 2, 3], &[2]], |x| {
        let options = ConvTransposeOptions::default().stride(2).output_padding(1);
        x[0].conv_transpose1d(&x[1], Some(&x[2]), &options)
    }),
    ("conv_transpose2d", &[&[2, 4, 3, 2], &[4, 2, 2, 3]], |x| {
        let options = ConvTransposeOptions::default().stride((2, 1)).padding(1).groups(2);
        x[0].conv_transpose2d(&x[1], None, &options)
    }),
    ("unfold", &[&[2, 2, 4, 3]], |x| {
        x[0].unfold((2, 3), &ConvOptions::default().padding(1).stride(2))
    }),
    ("fold", &[&[2, 12, 6]], |x| x[0].fold((3, 5), (2, 3), &ConvOptions::default())),
    ("softmax", &[&[3, 4, 2]], |x| x[0].softmax(1)),
    ("log_softmax", &[&[3, 4]], |x| x[0].log_softmax(-1)),
    ("cross_entropy_rows", &[&[3, 4]], |x| {
        x[0].cross_entropy_rows(&labels(&x[0], &[2, 0, 3])?, None, 0.1, None)
    }),
    ("cross_entropy_mean", &[&[3, 4]], |x| {
        let weight = labels(&x[0], &[1, 3, 2, 5])?.to_dtype(x[0].dtype())?;
        x[0].cross_entropy_mean(&labels(&x[0], &[2, -100, 3])?, Some(&weight), 0.1, Some(-100))
    }),
    ("sum", &[&[3, 4, 2]], |x| x[0].sum(&[0, 2], false)),
    ("mean", &[&[3, 4]], |x| x[0].mean(&[1], true)),
    ("prod", &[&[3, 4]], |x| x[0].prod(1, false)),
    ("amax", &[&[3, 4]], |x| x[0].amax(&[0], false)),
    ("amin", &[&[3, 4]], |x| x[0].amin(&[0, 1], true)),
    ("max", &[&[3, 4]], |x| Ok(x[0].max(1, false)?.0)),
    ("min", &[&[3, 4]], |x| Ok(x[0].min(0, true)?.0)),
    ("logsumexp", &[&[3, 4]], |x| x[0].logsumexp(&[1], false)),
    ("var", &[&[3, 4]], |x| x[0].var(&[1], 1, false)),
    ("std", &[&[3, 4]], |x| x[0].std(&[0], 0, true)),
    ("norm 1", &[&[3, 4]], |x| x[0].norm(1.0, &[1], false)),
    ("norm 2", &[&[3, 4]], |x| x[0].norm(2.0, &[1], false)),
    ("norm 3", &[&[3, 4]], |x| x[0].norm(3.0, &[0, 1], false)),
    ("norm of the largest", &[&[3, 4]], |x| x[0].norm(f64::INFINITY, &[1], false)),
    ("cumsum", &[&[3, 4]], |x| x[0].cumsum(0)),
    ("cumprod", &[&[3, 4]], |x| x[0].cumprod(1)),
    ("sort", &[&[3, 4]], |x| Ok(x[0].sort(1, true)?.0)),
    ("topk", &[&[3, 4]], |x| Ok(x[0].topk(2, 1, true)?.0)),
    ("permute", &[&[2, 3, 4]], |x| x[0].permute(&[2, 0, 1])),
    ("transpose", &[&[2, 3, 4]], |x| x[0].transpose(0, -1)),
    ("reshape of a view", &[&[4, 3]], |x| x[0].t()?.reshape(&[2, -1])),
    ("flatten", &[&[2, 3, 4]], |x| x[0].flatten(1, -1)),
    ("expand", &[&[3, 1]], |x| x[0].expand(&[2, 3, 4])),
    ("squeeze", &[&[3, 1]], |x| x[0].squeeze(1)?.unsqueeze(0)),
    ("narrow", &[&[3, 4]], |x| x[0].narrow(1, 1, 2)),
    ("slice", &[&[7, 2]], |x| x[0].slice(0, 1, 7, 3)),
    ("select", &[&[3, 4]], |x| x[0].select(1, -1)),
    ("flip", &[&[3, 4]], |x| x[0].flip(&[0, 1])),
    ("roll", &[&[3, 4]], |x| x[0].roll(-3, 1)),
    ("repeat", &[&[2, 3]], |x| x[0].repeat(&[2, 1, 3])),
    ("cat", &[&[2, 3], &[2, 1]], |x| cat(&[&x[0], &x[1], &x[0]], 1)),
    ("stack", &[&[2, 3], &[2, 3]], |x| stack(&[&x[0], &x[1]], 1)),
    ("pad", &[&[2, 3]], |x| x[0].pad(&[1, 2, -1, 3], 0.5)),
    ("pad, reflected", &[&[2, 3, 4]], |x| x[0].pad_mode(&[2, 1, 1, 0], "reflect")),
    ("pad, replicated", &[&[2, 3, 4]], |x| x[0].pad_mode(&[2, 1, 1, 0], "replicate")),
    ("pad, circular", &[&[2, 3, 4]], |x| x[0].pad_mode(&[2, 1, 1, 0], "circular")),
    ("tril", &[&[3, 4]], |x| x[0].tril(1)),
    ("triu", &[&[2, 3, 3]], |x| x[0].triu(-1)),
    ("pixel_shuffle", &[&[1, 8, 2, 3]], |x| x[0].pixel_shuffle(2)),
    ("pixel_unshuffle", &[&[1, 2, 4, 6]], |x| x[0].pixel_unshuffle(2)),
    ("max_pool1d", &[&[2, 2, 9]], |x| x[0].max_pool1d(MaxPoolOptions::new(3).stride(2))),
    ("max_pool2d", &[&[2, 2, 5, 7]], |x| {
        x[0].max_pool2d(MaxPoolOptions::new((3, 2)).stride(2).padding(1).ceil_mode(true))
    }),
    ("max_pool2d, dilated", &[&[2, 6, 7]], |x| {
        x[0].max_pool2d(MaxPoolOptions::new(2).stride(1).dilation((2, 3)))
    }),
    ("max_pool3d", &[&[1, 2, 4, 4, 4]], |x| x[0].max_pool3d(MaxPoolOptions::new(2).stride(1))),
    ("max_unpool2d", &[&[1, 1, 2, 2]], |x| {
        let at = labels(&x[0], &[0, 3, 9, 15])?.reshape(&[1, 1, 2, 2])?;
        x[0].max_unpool2d(&at, 2, None)
    }),
    ("avg_pool1d", &[&[2, 2, 9]], |x| x[0].avg_pool1d(AvgPoolOptions::new(3).stride(2).padding(1))),
    ("avg_pool2d", &[&[2, 2, 5, 7]], |x| {
        let options = AvgPoolOptions::new((3, 2)).stride(2).padding(1).ceil_mode(true);
        x[0].avg_pool2d(options.count_include_pad(false))
    }),
    ("avg_pool3d", &[&[1, 2, 3, 4, 5]], |x| {
        x[0].avg_pool3d(AvgPoolOptions::new(2).stride(1).divisor_override(3))
    }),
    ("lp_pool1d", &[&[1, 2, 7]], |x| x[0].exp()?.lp_pool1d(2.0, 3, None, true)),
    ("lp_pool2d", &[&[1, 2, 4, 5]], |x| x[0].exp()?.lp_pool2d(3.0, 2, Some(1.into()), false)),
    ("adaptive_avg_pool1d", &[&[2, 2, 7]], |x| x[0].adaptive_avg_pool1d(3)),
    ("adaptive_avg_pool2d", &[&[2, 5, 3]], |x| x[0].adaptive_avg_pool2d((3, 4))),
    ("adaptive_avg_pool2d to one", &[&[2, 2, 3, 4]], |x| x[0].adaptive_avg_pool2d(1)),
    ("adaptive_max_pool1d", &[&[2, 2, 7]], |x| x[0].adaptive_max_pool1d(3)),
    ("adaptive_max_pool2d", &[&[2, 5, 3]], |x| x[0].adaptive_max_pool2d((3, 4))),
    ("adaptive_max_pool2d to one", &[&[2, 2, 3, 4]], |x| x[0].adaptive_max_pool2d(1)),
    ("interpolate, trilinear", &[&[1, 1, 2, 3, 4]], |x| {
        x[0].interpolate(&Interpolate::size((4, 2, 5)).mode(InterpolateMode::Trilinear))
    }),
    ("interpolate, bicubic", &[&[1, 2, 4, 5]], |x| {
        let to = Interpolate::scale_factor((1.6, 0.7)).mode(InterpolateMode::Bicubic);
        x[0].interpolate(&to.antialias(true))
    }),
    ("index_select", &[&[3, 4]], |x| x[0].index_select(1, &labels(&x[0], &[3, 0, 3])?)),
    ("embedding", &[&[4, 3]], |x| {
        embedding(&labels(&x[0], &[3, 0, 3, 1])?.reshape(&[2, 2])?, &x[0])
    }),
    ("gather", &[&[3, 4]], |x| {
        x[0].gather(1, &labels(&x[0], &[3, 0, 3, 1, 2, 2])?.reshape(&[3, 2])?)
    }),
    ("scatter_add", &[&[3, 4], &[3, 2]], |x| {
        x[0].scatter_add(1, &labels(&x[0], &[3, 0, 3, 3, 2, 1])?.reshape(&[3, 2])?, &x[1])
    }),
    ("where", &[&[3, 4], &[4]], |x| where_(&x[0].detach().gt(0.0)?, &x[0], &x[1])),
    ("masked_fill", &[&[3, 4]], |x| x[0].masked_fill(&x[0].detach().gt(0.3)?, 2.0)),
    ("lerp", &[&[3, 4], &[3, 4]], |x| x[0].lerp(&x[1], 0.3)),
    ("prelu", &[&[2, 3, 4], &[3]], |x| x[0].prelu(&x[1])),
    ("glu", &[&[3, 4]], |x| x[0].glu(1)),
    ("normalize", &[&[3, 4]], |x| x[0].normalize(2.0, 1, 1e-12)),
    ("cosine_similarity", &[&[3, 4], &[3, 4]], |x| x[0].cosine_similarity(&x[1], 1, 1e-8)),
    ("cat of many", &[&[3, 2], &[1, 2]], |x| cat(&[[&x[0], &x[1]]; 20].concat(), 0)),
    ("unbind", &[&[5, 2, 3]], |x| stack(&x[0].unbind(0)?.iter().rev().collect::<Vec<_>>(), 1)),
    ("computed", &[&[3, 4]], |x| x[0].exp()?.computed()?.sin()),
    ("standardize", &[&[3, 4, 2]], |x| Ok(x[0].standardize(&[0, 2], 1e-3, true)?.y)),
    ("standardize, not centred", &[&[3, 4]], |x| Ok(x[0].standardize(&[-1], 1e-3, false)?.y)),
    ("batch_norm", &[&[3, 4, 2], &[4], &[4]], |x| {
        x[0].batch_norm(None, Some(&x[1]), Some(&x[2]), true, 1e-5)
    }),
    ("batch_norm without weight", &[&[4, 3], &[3]], |x| {
        x[0].batch_norm(None, None, Some(&x[1]), true, 1e-5)
    }),
    ("batch_norm in evaluation", &[&[3, 4, 2], &[4], &[4]], |x| {
        let like = |value| Tensor::full(4, value, x[0].dtype(), &x[0].device());
        let running = RunningStats { mean: &like(0.3), var: &like(1.7), momentum: 0.1 };
        x[0].batch_norm(Some(running), Some(&x[1]), Some(&x[2]), false, 1e-5)
    }),
    ("layer_norm", &[&[3, 4, 2], &[4, 2], &[4, 2]], |x| {
        x[0].layer_norm(&[4, 2], Some(&x[1]), Some(&x[2]), 1e-5)
    }),
    ("layer_norm without parameters", &[&[3, 4]], |x| x[0].layer_norm(&[4], None, None, 1e-5)),
    ("rms_norm", &[&[3, 4], &[4]], |x| x[0].rms_norm(&[4], Some(&x[1]), Some(1e-5))),
    ("group_norm", &[&[2, 4, 3], &[4], &[4]], |x| {
        x[0].group_norm(2, Some(&x[1]), Some(&x[2]), 1e-5)
    }),
    ("instance_norm", &[&[2, 3, 2, 2], &[3], &[3]], |x| {
        x[0].instance_norm(None, Some(&x[1]), Some(&x[2]), true, 1e-5)
    }),
    ("local_response_norm", &[&[2, 5, 3]], |x| x[0].local_response_norm(3, 0.7, 0.75, 1.0)),
    ("scaled_dot_product_attention", &[&[2, 3, 4], &[2, 5, 4], &[2, 5, 2]], |x| {
        scaled_dot_product_attention(&x[0], &x[1], &x[2], None, 0.0, false, None)
    }),
    ("attention, causal", &[&[3, 4], &[3, 4], &[3, 2]], |x| {
        scaled_dot_product_attention(&x[0], &x[1], &x[2], None, 0.0, true, Some(0.7))
    }),
    ("attention, float mask", &[&[2, 4], &[3, 4], &[3, 2], &[2, 3]], |x| {
        scaled_dot_product_attention(&x[0], &x[1], &x[2], Some(&x[3]), 0.0, false, None)
    }),
    ("attention, a row masked", &[&[2, 4], &[3, 4], &[3, 2]], |x| {
        let mask = labels(&x[0], &[1, 0, 1, 0, 0, 0])?.reshape(&[2, 3])?.to_dtype(DType::Bool)?;
        scaled_dot_product_attention(&x[0], &x[1], &x[2], Some(&mask), 0.0, false, None)
    }),
    ("step of an rnn", &[&[2, 3], &[2, 3], &[3, 3]], |x| {
        x[0].add(&x[1].linear(&x[2], None)?)?.tanh()
    }),
    ("steps of an lstm", &[&[2, 12], &[2, 3], &[2, 3], &[12, 3]], |x| {
        let (mut h, mut c) = (x[1].clone(), x[2].clone());
        for _ in 0..2 {
            (h, c) = lstm_cell(&x[0].add(&h.linear(&x[3], None)?)?, &c)?;
        }
        h.add(&c)
    }),
    ("steps of a gru", &[&[2, 9], &[2, 3], &[9, 3], &[9]], |x| {
        let h = gru_cell(&x[0], &x[1].linear(&x[2], Some(&x[3]))?, &x[1])?;
        gru_cell(&x[0], &h.linear(&x[2], Some(&x[3]))?, &h)
    }),
];

/// Losses of an input and a target; the target is made positive, or a label, or a sign.
const LOSSES: &[Row] = &[
    ("cross_entropy", &[&[3, 4]], |x| {
        CrossEntropyLoss::default().forward(&x[0], &labels(&x[0], &[2, 0, 3])?)
    }),
    ("cross_entropy of probabilities", &[&[3, 4], &[3, 4]], |x| {
        CrossEntropyLoss::default().forward(&x[0], &x[1].softmax(1)?)
    }),
    ("nll_loss", &[&[3, 4]], |x| NllLoss::default().forward(&x[0], &labels(&x[0], &[2, 0, 3])?)),
    ("mse_loss", &[&[3, 4], &[3, 4]], |x| MseLoss::default().forward(&x[0], &x[1])),
    ("l1_loss", &[&[3, 4], &[3, 4]], |x| L1Loss::default().forward(&x[0], &x[1])),
    ("smooth_l1_loss", &[&[3, 4], &[3, 4]], |x| SmoothL1Loss::default().forward(&x[0], &x[1])),
    ("huber_loss", &[&[3, 4], &[3, 4]], |x| HuberLoss::default().forward(&x[0], &x[1])),
    ("binary_cross_entropy", &[&[3, 4], &[3, 4]], |x| {
        BceLoss::default().forward(&x[0].sigmoid()?, &x[1].sigmoid()?)
    }),
    ("binary_cross_entropy_with_logits", &[&[3, 4], &[3, 4]], |x| {
        BceWithLogitsLoss::default().forward(&x[0], &x[1].sigmoid()?)
    }),
    ("kl_div", &[&[3, 4], &[3, 4]], |x| {
        KlDivLoss::default().forward(&x[0].log_softmax(1)?, &x[1].softmax(1)?)
    }),
    ("poisson_nll_loss", &[&[3, 4]], |x| {
        PoissonNllLoss::default().forward(&x[0], &randn(&[3, 4], 5).exp()?)
    }),
    ("gaussian_nll_loss", &[&[3, 4], &[3, 4], &[3, 4]], |x| {
        GaussianNllLoss::default().forward(&x[0], &x[1], &x[2].exp()?)
    }),
    ("cosine_embedding_loss", &[&[4, 3], &[4, 3]], |x| {
        CosineEmbeddingLoss::default().forward(&x[0], &x[1], &signs(&[1.0, -1.0, 1.0, -1.0])?)
    }),
    ("margin_ranking_loss", &[&[4], &[4]], |x| {
        MarginRankingLoss::default().forward(&x[0], &x[1], &signs(&[1.0, -1.0, 1.0, -1.0])?)
    }),
    ("hinge_embedding_loss", &[&[4]], |x| {
        HingeEmbeddingLoss::default().forward(&x[0], &signs(&[1.0, -1.0, 1.0, -1.0])?)
    }),
    ("triplet_margin_loss", &[&[3, 4], &[3, 4], &[3, 4]], |x| {
        TripletMarginLoss::default().forward(&x[0], &x[1], &x[2])
    }),
];

/// Labels beside the op's operand.
fn labels(x: &Tensor, values: &[i32]) -> Result<Tensor> {
    Tensor::from_slice(values, values.len())?.to(&x.device())
}

fn signs(values: &[f64]) -> Result<Tensor> {
    Tensor::from_slice(values, values.len())
}

fn inputs(shapes: &[&[usize]], seed: u64) -> Vec<Tensor> {
    shapes.iter().enumerate().map(|(i, shape)| randn(shape, seed + i as u64)).collect()
}

#[test]
fn every_structured_op() {
    for (i, (name, shapes, op)) in OPS.iter().enumerate() {
        let inputs = inputs(shapes, 10 * i as u64);
        assert_slopes(name, gradcheck(op, &inputs, 1), TOLERANCE);
    }
}

#[test]
fn every_structured_op_twice() {
    for (i, (name, shapes, op)) in OPS.iter().enumerate() {
        let inputs = inputs(shapes, 10 * i as u64);
        // Curved, so that linear ops have a second derivative.
        let curved = |x: &[Tensor]| op(x)?.sin();
        assert_slopes(name, gradgradcheck(curved, &inputs, 2), SECOND_TOLERANCE);
    }
}

#[test]
fn every_loss() {
    for (i, (name, shapes, loss)) in LOSSES.iter().enumerate() {
        let inputs = inputs(shapes, 1000 + 10 * i as u64);
        assert_slopes(name, gradcheck(loss, &inputs, 3), TOLERANCE);
    }
}

#[test]
fn losses_twice() {
    for (i, (name, shapes, loss)) in LOSSES.iter().enumerate() {
        let inputs = inputs(shapes, 1000 + 10 * i as u64);
        let curved = |x: &[Tensor]| loss(x)?.sin();
        assert_slopes(name, gradgradcheck(curved, &inputs, 4), SECOND_TOLERANCE);
    }
}

#[test]
fn gradients_are_the_same_on_the_gpu() {
    let Some(gpu) = gradus_testkit::gpu() else { return };
    for (i, (name, shapes, op)) in OPS.iter().enumerate() {
        let results = [Device::cpu(), gpu.clone()].map(|device| {
            let leaves: Vec<Tensor> = inputs(shapes, 10 * i as u64)
                .iter()
                .map(|x| x.to_dtype(DType::F32).and_then(|x| x.to(&device)).expect("moves"))
                .map(|x| x.detach().requires_grad_(true))
                .collect();
            op(&leaves)
                .and_then(|y| y.sin()?.sum_all())
                .and_then(|y| y.backward())
                .map(|()| leaves.iter().flat_map(grads).collect::<Vec<f64>>())
        });
        let [cpu, gpu] = results;
        let (cpu, gpu) = (cpu.expect(name), gpu.map_err(|e| format!("{name}: {e}")));
        let gpu = gpu.expect("the GPU computes what the CPU does");
        crate::support::assert_close(name, &gpu, &cpu, 1e-4, 1e-5);
    }
}

fn grads(leaf: &Tensor) -> Vec<f64> {
    crate::support::values(&leaf.grad().expect("a leaf has a gradient"))
}
