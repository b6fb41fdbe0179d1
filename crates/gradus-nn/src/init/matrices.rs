//! Initialisers that shape a matrix: orthogonal, identity, Dirac, sparse.

use gradus_autodiff::Tensor;
use gradus_tensor::rng::Generator;
use gradus_tensor::{Error, Problem, Result};

use super::values::{drawn, write};

/// A random (semi-)orthogonal matrix times `gain`; dimensions after the first count as one.
/// PyTorch: `nn.init.orthogonal_`. *Source*: Saxe et al., arXiv:1312.6120.
///
/// # Errors
/// `Kind::Shape` for fewer than two dimensions; `Kind::DType` unless the tensor is a float,
/// `Kind::Autograd` unless it is a leaf.
pub fn orthogonal(tensor: &Tensor, gain: f64, generator: Option<&mut Generator>) -> Result<()> {
    let shape = tensor.shape();
    if shape.rank() < 2 {
        return Err(rank("orthogonal", tensor, "at least 2"));
    }
    let (rows, columns) = (shape[0], shape[1..].iter().product::<usize>());
    let (length, count) = (rows.max(columns), rows.min(columns));
    let noise = drawn(tensor, "orthogonal", generator, Generator::normal)?;
    let mut vectors: Vec<Vec<f64>> = (0..count)
        .map(|i| noise[i * length..][..length].iter().map(|&v| f64::from(v)).collect())
        .collect();
    for i in 0..count {
        let (done, rest) = vectors.split_at_mut(i);
        let own = &mut rest[0];
        // Gram–Schmidt twice is as exact as Householder's reflections.
        for other in done.iter().chain(done.iter()) {
            let dot: f64 = own.iter().zip(other).map(|(a, b)| a * b).sum();
            own.iter_mut().zip(other).for_each(|(a, b)| *a -= dot * b);
        }
        let norm = own.iter().map(|a| a * a).sum::<f64>().sqrt();
        own.iter_mut().for_each(|a| *a /= norm);
    }
    let at = |row: usize, column: usize| match rows >= columns {
        true => vectors[column][row],
        false => vectors[row][column],
    };
    let cells = (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c)));
    write(tensor, cells.map(|(r, c)| (gain * at(r, c)) as f32).collect())
}

/// The identity matrix, its longer side filled with zeros. PyTorch: `nn.init.eye_`.
///
/// # Errors
/// `Kind::Shape` unless the tensor is a matrix; `Kind::Autograd` unless it is a leaf.
pub fn eye(tensor: &Tensor) -> Result<()> {
    let shape = tensor.shape();
    if shape.rank() != 2 {
        return Err(rank("eye", tensor, "2"));
    }
    let cells = (0..shape[0]).flat_map(|r| (0..shape[1]).map(move |c| (r, c)));
    write(tensor, cells.map(|(r, c)| if r == c { 1.0 } else { 0.0 }).collect())
}

/// A convolution's weight `[out, in / groups, *]` that passes its channels through. PyTorch:
/// `nn.init.dirac_`.
///
/// # Errors
/// `Kind::Shape` unless there are 3 to 5 dimensions, `Kind::Argument` when the groups do not
/// divide the output channels; `Kind::Autograd` unless it is a leaf.
pub fn dirac(tensor: &Tensor, groups: usize) -> Result<()> {
    let shape = tensor.shape();
    if !(3..=5).contains(&shape.rank()) {
        return Err(rank("dirac", tensor, "3, 4 or 5"));
    }
    if groups == 0 || !shape[0].is_multiple_of(groups) {
        let expected = "a divisor of the output channels";
        return Err(Error::argument("dirac", "groups", groups, expected));
    }
    let kernel = &shape[2..];
    let centre = kernel.iter().fold(0, |at, &size| at * size + size / 2);
    let size: usize = kernel.iter().product();
    let (inputs, outputs) = (shape[1], shape[0] / groups);
    let mut values = vec![0f32; shape.numel()];
    for group in 0..groups {
        for channel in 0..outputs.min(inputs) {
            let row = group * outputs + channel;
            if let Some(value) = values.get_mut((row * inputs + channel) * size + centre) {
                *value = 1.0;
            }
        }
    }
    write(tensor, values)
}

/// N(0, std²) with a share of zeros in every column. PyTorch: `nn.init.sparse_` (std 0.01).
/// *Source*: Martens, ICML 2010.
///
/// # Errors
/// `Kind::Shape` unless the tensor is a matrix, `Kind::Argument` for a share outside `0..=1`;
/// `Kind::DType` unless it is a float, `Kind::Autograd` unless it is a leaf.
pub fn sparse(
    tensor: &Tensor,
    sparsity: f64,
    std: f64,
    generator: Option<&mut Generator>,
) -> Result<()> {
    let shape = tensor.shape();
    if shape.rank() != 2 {
        return Err(rank("sparse", tensor, "2"));
    }
    if !(0.0..=1.0).contains(&sparsity) {
        return Err(Error::argument("sparse", "sparsity", sparsity, "a share in 0..=1"));
    }
    let (rows, columns) = (shape[0], shape[1]);
    let zeros = (sparsity * rows as f64).ceil() as usize;
    let fill = |generator: &mut Generator, n: usize| {
        let mut values = generator.normal(n);
        values.iter_mut().for_each(|v| *v = (f64::from(*v) * std) as f32);
        for column in 0..columns {
            for row in generator.permutation(rows).into_iter().take(zeros) {
                values[row * columns + column] = 0.0;
            }
        }
        values
    };
    write(tensor, drawn(tensor, "sparse", generator, fill)?)
}

fn rank(op: &'static str, tensor: &Tensor, expected: &'static str) -> Error {
    let shape = tensor.shape();
    let problem = Problem::Rank { name: "weight", got: shape.rank(), expected };
    Error::shape(op, problem, &[("weight", &shape)])
}

#[cfg(test)]
mod tests {
    use gradus_tensor::Device;

    use super::*;

    fn filled(shape: &[usize], fill: impl FnOnce(&Tensor) -> Result<()>) -> Vec<f32> {
        let tensor = Tensor::zeros(shape, &Device::cpu());
        fill(&tensor).unwrap();
        tensor.to_vec().unwrap()
    }

    /// Largest deviation of the shorter side's scalar products from gain².
    fn gram_error(values: &[f32], rows: usize, columns: usize, square: f64) -> f64 {
        let at = |v: usize, i: usize| {
            f64::from(if rows <= columns {
                values[v * columns + i]
            } else {
                values[i * columns + v]
            })
        };
        let mut worst = 0f64;
        for a in 0..rows.min(columns) {
            for b in 0..rows.min(columns) {
                let dot: f64 = (0..rows.max(columns)).map(|i| at(a, i) * at(b, i)).sum();
                worst = worst.max((dot - if a == b { square } else { 0.0 }).abs());
            }
        }
        worst
    }

    #[test]
    fn orthogonal_rows_or_columns_are_orthonormal_times_gain() {
        for (rows, columns) in [(8, 8), (30, 12), (12, 30)] {
            let values = filled(&[rows, columns], |t| {
                orthogonal(t, 2.0, Some(&mut Generator::new(rows as u64)))
            });
            let error = gram_error(&values, rows, columns, 4.0);
            assert!(error < 1e-6, "{rows} x {columns}: {error}");
        }
        let values = filled(&[4, 2, 3], |t| orthogonal(t, 1.0, None));
        assert!(gram_error(&values, 4, 6, 1.0) < 1e-6);
    }

    #[test]
    fn eye_and_dirac_pass_values_through() {
        assert_eq!(filled(&[2, 3], eye), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        let kernel = filled(&[2, 1, 3], |t| dirac(t, 2));
        assert_eq!(kernel, [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
        let kernel = filled(&[2, 2, 2, 2], |t| dirac(t, 1));
        assert_eq!(kernel.iter().sum::<f32>(), 2.0);
        assert_eq!((kernel[3], kernel[15]), (1.0, 1.0));
    }

    #[test]
    fn sparse_zeroes_a_share_of_every_column() {
        let values = filled(&[10, 4], |t| sparse(t, 0.25, 0.01, Some(&mut Generator::new(1))));
        for column in 0..4 {
            let zeros = (0..10).filter(|r| values[r * 4 + column] == 0.0).count();
            assert_eq!(zeros, 3, "column {column}");
        }
        assert!(values.iter().all(|v| v.abs() < 0.06));
    }

    #[test]
    fn ranks_and_options_are_checked() {
        let (v, m) = (Tensor::zeros([3], &Device::cpu()), Tensor::zeros([3, 3], &Device::cpu()));
        assert!(orthogonal(&v, 1.0, None).unwrap_err().is_shape());
        assert!(eye(&v).unwrap_err().is_shape() && dirac(&m, 1).unwrap_err().is_shape());
        assert!(sparse(&m, 1.5, 0.01, None).is_err());
        assert!(dirac(&Tensor::zeros([3, 1, 1], &Device::cpu()), 2).is_err());
    }
}
