//! What the notes compute by hand, with the numbers printed and drawn on one page: a descent along
//! one variable, a line through points, cross-entropy, what losses charge for errors, and the
//! learning rates of schedules.
//!
//! `cargo run --release -p gradus --features plot --example by_hand -- [PAGE.html]`

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use gradus::optim::{
    CosineAnnealingLr, CosineAnnealingWarmRestarts, ExponentialLr, OneCycleLr, PolynomialLr,
    Schedule, StepLr, preview, warm_up,
};
use gradus::plot::{Report, curves, function_plot};
use gradus::prelude::*;

fn main() -> Result<()> {
    let page = Report::new("By hand");
    let page = descent(page)?;
    let page = line(page)?;
    let page = cross_entropy(page)?;
    let page = penalties(page)?;
    let page = schedules(page)?;
    let path = std::env::args().nth(1).unwrap_or_else(|| "by_hand.html".into());
    page.save(&path)?;
    println!("wrote {path}");
    Ok(())
}

/// The minimum is where the gradient is 0: y = (x - 3)² + 1 by its gradient alone.
fn descent(page: Report) -> Result<Report> {
    let height = |x: &Tensor| x.sub(3.0)?.square()? + 1.0;
    let mut plot = function_plot(-1.0..=7.0).function("(x - 3)² + 1", height);
    println!("descent along one variable, from x = -0.5");
    for lr in [0.05, 0.3, 0.95] {
        let x = Tensor::scalar(-0.5).requires_grad_(true);
        let mut visited = vec![x.item()?];
        for _ in 0..15 {
            x.zero_grad();
            height(&x)?.backward()?;
            let Some(slope) = x.grad() else { break };
            x.set_value(&x.detach().sub(&slope.mul(lr)?)?)?;
            visited.push(x.item()?);
        }
        println!("  lr {lr}: x = {:.4} after 15 steps", x.item()?);
        plot = plot.trace(format!("lr {lr}"), &visited);
    }
    Ok(page.picture("Gradient descent along one variable", &plot.draw()?))
}

/// H(x) = W x + b, and cost(W, b) = 1/n Σ (y - H(x))², whose gradients are written down.
fn line(page: Report) -> Result<Report> {
    let (xs, ys) = ([1.0, 2.0, 3.0, 4.0], [3.0, 5.0, 7.0, 9.0]);
    let n = xs.len() as f64;
    let column = |v: [f64; 4]| Tensor::from_slice(&v, [4, 1]);
    let (x, y) = (column(xs)?, column(ys)?);
    let (mut w, mut b) = (0.5, 0.0);
    let leaf = |v: f64| Ok::<_, Error>(Tensor::from_slice(&[v], [1])?.requires_grad_(true));
    let parameters = [leaf(w)?, leaf(b)?];
    let mut optimizer = Sgd::new(&parameters, 0.05);
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let errors: Vec<f64> = xs.iter().zip(ys).map(|(x, y)| w * x + b - y).collect();
        own.push(errors.iter().map(|e| e * e).sum::<f64>() / n);
        w -= 0.05 * 2.0 / n * errors.iter().zip(xs).map(|(e, x)| e * x).sum::<f64>();
        b -= 0.05 * 2.0 / n * errors.iter().sum::<f64>();

        optimizer.zero_grad();
        let h = x.mul(&parameters[0])?.add(&parameters[1])?;
        let loss = MseLoss::default().forward(&h, &y)?;
        loss.backward()?;
        optimizer.step()?;
        theirs.push(loss.item()?);
    }
    let learned = (parameters[0].item()?, parameters[1].item()?);
    println!("a line through (1, 3), (2, 5), (3, 7), (4, 9)");
    println!(
        "  by hand W {w:.6}, b {b:.6}; by `MseLoss` and `Sgd` {:.6}, {:.6}",
        learned.0, learned.1
    );
    assert!((w - learned.0).abs() < 1e-9 && (b - learned.1).abs() < 1e-9, "the same descent");
    let picture = curves(&[("by hand", own), ("MseLoss", theirs)]).x_label("step").log(true);
    Ok(page.picture("cost(W, b) of a line through points", &picture.draw()?))
}

/// Only the true class counts: -log 0.9 = 0.105.
fn cross_entropy(page: Report) -> Result<Report> {
    let probabilities: [[f64; 3]; 3] = [[0.9, 0.05, 0.05], [0.2, 0.7, 0.1], [0.3, 0.4, 0.3]];
    let logits = Tensor::from_vec(probabilities.concat(), [3, 3])?.log()?;
    let classes = [0i32, 1, 2];
    let target = Tensor::from_slice(&classes, [3])?;
    let each = CrossEntropyLoss { reduction: Reduction::None, ..Default::default() };
    let losses = each.forward(&logits, &target)?.to_vec::<f64>()?;
    println!("cross-entropy of three samples");
    let mut rows = Vec::new();
    for ((row, class), loss) in probabilities.iter().zip(classes).zip(&losses) {
        let p = row[class as usize];
        let by_hand = -p.ln();
        println!("  class {class} with probability {p}: -log {p} = {by_hand:.3}, {loss:.3}");
        assert!((by_hand - loss).abs() < 1e-12, "the loss is the logarithm");
        rows.push([format!("{row:?}"), class.to_string(), format!("{loss:.3}")]);
    }
    let mean = CrossEntropyLoss::default().forward(&logits, &target)?.item()?;
    println!("  their mean {:.3}, the loss {mean:.3}", losses.iter().sum::<f64>() / 3.0);
    page.table("Cross-entropy by hand", &["softmax", "class", "-log p"], &rows)
}

/// What a loss charges for the probability that the true class has, and for an error.
fn penalties(page: Report) -> Result<Report> {
    let by_probability = function_plot(0.001..=1.0)
        .function("cross-entropy: -log p", |p| p.log()?.neg())
        .function("squared error: (1 - p)²", |p| p.neg()?.add(1.0)?.square())
        .x_label("probability of the true class")
        .y_label("loss");
    let by_error = function_plot(-3.0..=3.0)
        .function("squared error", Tensor::square)
        .function("absolute error", Tensor::abs)
        .function("Huber", |e| {
            let zero = e.mul(0.0)?;
            gradus::nn::huber_loss(e, &zero, 1.0, Reduction::None)
        })
        .x_label("prediction - truth")
        .y_label("loss");
    let page = page.picture("Cross-entropy against squared error", &by_probability.draw()?);
    Ok(page.picture("What errors cost", &by_error.draw()?))
}

/// Large steps first, small ones later.
fn schedules(page: Report) -> Result<Report> {
    let all: [(&str, Box<dyn Schedule>); 7] = [
        ("step", Box::new(StepLr::new(25).gamma(0.4))),
        ("exponential", Box::new(ExponentialLr::new(0.96))),
        ("polynomial", Box::new(PolynomialLr::default().total_iters(100).power(2.0))),
        ("cosine", Box::new(CosineAnnealingLr::new(100))),
        ("warm restarts", Box::new(CosineAnnealingWarmRestarts::new(15).t_mult(2))),
        ("one cycle", Box::new(OneCycleLr::new(0.1, 100))),
        ("warm-up, cosine", Box::new(warm_up(0.1, 10, CosineAnnealingLr::new(90)))),
    ];
    let curve = |(name, schedule): &(&'static str, Box<dyn Schedule>)| {
        Ok((*name, preview(schedule, 0.1, 100)?))
    };
    let rates = all.iter().map(curve).collect::<Result<Vec<_>>>()?;
    let picture = curves(&rates).x_label("step").y_label("learning rate").draw()?;
    Ok(page.picture("Learning rates of schedules, before any training", &picture))
}
