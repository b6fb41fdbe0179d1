//! Summaries: a table of layers with shapes, parameters and cost.

use std::fmt;

use gradus_autodiff::Tensor;
use gradus_tensor::{Result, Shape};

use super::model::Model;
use super::symbol::Spec;
use crate::Sequential;
use crate::visit::{Part, Visit, walk};

/// What a model consists of, printed as a table like Keras's `model.summary()`.
///
/// A layer that is called several times is one row, with all its outputs and its cost for all
/// of them.
///
/// ```
/// use gradus_nn::{Linear, Relu, Sequential};
/// let model = Sequential::new().push(Linear::new(4, 3)?).push(Relu).push(Linear::new(3, 2)?);
/// let expected = "\
/// Model: \"sequential\"
/// Layer (type)  Output shape  Params  FLOPs
/// -----------------------------------------
/// 0 (Linear)    (None, 3)         15     24
/// 1 (Relu)      (None, 3)          0      0
/// 2 (Linear)    (None, 2)          8     12
/// -----------------------------------------
/// Total params: 23 (92 B)
/// Trainable params: 23
/// Non-trainable params: 0
/// FLOPs of a sample: 36
/// ";
/// assert_eq!(model.summary([4])?.to_string(), expected);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The model's name.
    pub title: String,
    /// The layers in the order of their first calls.
    pub rows: Vec<SummaryRow>,
    trainable: usize,
    non_trainable: usize,
    bytes: usize,
}

/// A layer in a [`Summary`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryRow {
    /// Its name in the model.
    pub name: String,
    /// Its type.
    pub kind: &'static str,
    /// What each of its calls gives.
    pub outputs: Vec<Spec>,
    /// Numbers in parameters and float buffers, as Keras counts: a batch norm's running
    /// estimates are among them. What layers share, each of them counts.
    pub params: usize,
    /// Floating-point operations of products and convolutions for a sample forward, two for a
    /// product of two elements, by [`count_flops`](gradus_autodiff::count_flops): what pointwise
    /// operations, norms, pooling and biases add is not counted.
    pub flops: u64,
    /// The names of the layers whose outputs it reads.
    pub inputs: Vec<String>,
}

impl Summary {
    /// Numbers in all parameters and float buffers; what layers share counts once.
    pub fn params(&self) -> usize {
        self.trainable + self.non_trainable
    }

    /// Those that are trained.
    pub fn trainable(&self) -> usize {
        self.trainable
    }

    /// Those that are not: frozen parameters and running estimates.
    pub fn non_trainable(&self) -> usize {
        self.non_trainable
    }

    /// Operations of all layers; see [`SummaryRow::flops`].
    pub fn flops(&self) -> u64 {
        self.rows.iter().map(|row| row.flops).sum()
    }
}

impl Model {
    /// The layers with output shapes, parameters and cost. Keras: `model.summary()`, which prints
    /// it: print this.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, Dense, Model, input};
    /// let x = input([784]);
    /// let h = Dense::new(30).call(&Dense::new(100).call(&x)?)?;
    /// let model = Model::new(&x, &Dense::new(10).call(&h)?)?;
    /// let text = model.summary().to_string();
    /// for number in ["78,500", "3,030", "310", "Total params: 81,840"] {
    ///     assert!(text.contains(number));
    /// }
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    pub fn summary(&self) -> Summary {
        let graph = &*self.graph;
        let mut rows: Vec<SummaryRow> = Vec::new();
        for (name, slot) in &graph.layers {
            let params = slot.layer().map_or(0, |layer| {
                let (trainable, non_trainable) = numbers(&distinct(layer));
                trainable + non_trainable
            });
            let (name, kind) = (name.clone(), slot.kind());
            let (outputs, inputs) = (Vec::new(), Vec::new());
            rows.push(SummaryRow { name, kind, outputs, params, flops: 0, inputs });
        }
        for ((symbol, &layer), operands) in
            graph.nodes.iter().zip(&graph.layer_of).zip(&graph.operands)
        {
            rows[layer].outputs.push(symbol.spec().clone());
            if !operands.is_empty() {
                rows[layer].flops += symbol.node().flops;
            }
            for &(at, _) in operands {
                let name = rows[graph.layer_of[at]].name.clone();
                rows[layer].inputs.push(name);
            }
        }
        let all = distinct(self);
        let (trainable, non_trainable) = numbers(&all);
        let bytes = all.iter().map(|tensor| tensor.numel() * tensor.dtype().size()).sum();
        Summary { title: self.title().to_owned(), rows, trainable, non_trainable, bytes }
    }
}

impl Sequential {
    /// The layers with output shapes, parameters and cost for float32 samples of this shape, the
    /// batch excluded. Keras: `model.summary()`.
    ///
    /// For another type of input see [`Sequential::functional`].
    ///
    /// # Errors
    /// Those of the layers for such an input.
    pub fn summary(&self, input_shape: impl Into<Shape>) -> Result<Summary> {
        let model = self.functional(&super::input(input_shape))?;
        let mut summary = model.name("sequential").summary();
        summary.rows.remove(0);
        Ok(summary)
    }
}

/// Parameters and float buffers, each once.
fn distinct<T: Visit + ?Sized>(module: &T) -> Vec<Tensor> {
    let mut all: Vec<Tensor> = Vec::new();
    walk(module, &mut |_, part| {
        let tensor: &Tensor = match part {
            Part::Parameter(parameter) => parameter,
            Part::Buffer(buffer) if buffer.dtype().is_float() => buffer,
            _ => return,
        };
        if !all.iter().any(|known| known.is_same(tensor)) {
            all.push(tensor.clone());
        }
    });
    all
}

/// How many are trained, and how many are not.
fn numbers(tensors: &[Tensor]) -> (usize, usize) {
    let (trained, others): (Vec<&Tensor>, Vec<&Tensor>) =
        tensors.iter().partition(|tensor| tensor.requires_grad());
    let count = |tensors: Vec<&Tensor>| tensors.into_iter().map(Tensor::numel).sum();
    (count(trained), count(others))
}

/// `81840` as `81,840`.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn size(bytes: usize) -> String {
    let units = ["KB", "MB", "GB"];
    let mut amount = bytes as f64;
    if amount < 1024.0 {
        return format!("{bytes} B");
    }
    let mut unit = "B";
    for larger in units {
        if amount >= 1024.0 {
            (amount, unit) = (amount / 1024.0, larger);
        }
    }
    format!("{amount:.2} {unit}")
}

impl fmt::Display for Summary {
    /// The table. Where layers do not simply follow one another, a column says what each reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain = self.rows.windows(2).all(|pair| pair[1].inputs == [pair[0].name.clone()]);
        let single = self.rows.iter().all(|row| row.outputs.len() == 1);
        let columns = if chain && single { 4 } else { 5 };
        let head = ["Layer (type)", "Output shape", "Params", "FLOPs", "Connected to"];
        let mut table: Vec<[String; 5]> = vec![head.map(str::to_owned)];
        for row in &self.rows {
            let outputs: Vec<String> = row.outputs.iter().map(Spec::to_string).collect();
            let mut outputs = outputs;
            outputs.dedup();
            table.push([
                format!("{} ({})", row.name, row.kind),
                outputs.join(", "),
                thousands(row.params as u64),
                thousands(row.flops),
                row.inputs.join(", "),
            ]);
        }
        let width = |i: usize| table.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = "-".repeat(widths.iter().sum::<usize>() + 2 * (columns - 1));
        writeln!(f, "Model: \"{}\"", self.title)?;
        for (i, row) in table.iter().enumerate() {
            let cells =
                row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                    2 | 3 => format!("{cell:>width$}"),
                    _ => format!("{cell:width$}"),
                });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
            if i == 0 {
                writeln!(f, "{line}")?;
            }
        }
        writeln!(f, "{line}")?;
        let total = thousands(self.params() as u64);
        writeln!(f, "Total params: {total} ({})", size(self.bytes))?;
        writeln!(f, "Trainable params: {}", thousands(self.trainable as u64))?;
        writeln!(f, "Non-trainable params: {}", thousands(self.non_trainable as u64))?;
        writeln!(f, "FLOPs of a sample: {}", thousands(self.flops()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_sizes_named() {
        let grouped = [0, 999, 1000, 81_840, 1_234_567].map(thousands);
        assert_eq!(grouped, ["0", "999", "1,000", "81,840", "1,234,567"]);
        assert_eq!([size(1023), size(327_360), size(5 << 30)], ["1023 B", "319.69 KB", "5.00 GB"]);
    }
}
