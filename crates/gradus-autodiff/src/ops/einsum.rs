//! Einstein sums of two tensors, as a matrix product between permutations.

use gradus_tensor::{Error, Problem, Result};

use crate::tensor::Tensor;

/// Sum of products by named dimensions, such as `"bij,bjk->bik"`. PyTorch: `einsum`, for one or
/// two operands without `...` and without repeated letters in one operand.
///
/// ```
/// use gradus_autodiff::{Tensor, einsum};
/// let a = Tensor::from_vec(vec![1.0f32, 2.0], [2])?;
/// let b = Tensor::from_vec(vec![3.0f32, 4.0, 5.0], [3])?;
/// let outer = einsum("i,j->ij", &[&a, &b])?;
/// assert_eq!(outer.to_vec::<f32>()?, [3.0, 4.0, 5.0, 6.0, 8.0, 10.0]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
///
/// # Errors
/// `Kind::Argument` for an equation outside that form, `Kind::Shape` when a letter has two sizes.
pub fn einsum(equation: &str, operands: &[&Tensor]) -> Result<Tensor> {
    let bad = || Error::argument("einsum", "equation", equation, "the form \"ij,jk->ik\"");
    let text: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = match text.split_once("->") {
        Some((left, right)) => (left.to_owned(), right.to_owned()),
        None => (text.clone(), implicit_output(&text)),
    };
    let inputs: Vec<Vec<char>> = left.split(',').map(|s| s.chars().collect()).collect();
    let output: Vec<char> = right.chars().collect();
    let repeated = |v: &[char]| v.iter().any(|c| v.iter().filter(|d| *d == c).count() > 1);
    let known = |c: &char| c.is_ascii_alphabetic() && inputs.iter().any(|i| i.contains(c));
    if inputs.len() != operands.len()
        || inputs.iter().any(|i| repeated(i) || !i.iter().all(char::is_ascii_alphabetic))
        || repeated(&output)
        || !output.iter().all(known)
    {
        return Err(bad());
    }
    for (labels, operand) in inputs.iter().zip(operands) {
        if labels.len() != operand.rank() {
            let rule = "one letter a dimension";
            let shape = operand.shape();
            return Err(Error::shape("einsum", Problem::Rule { rule }, &[("operand", &shape)]));
        }
    }
    match (inputs.as_slice(), operands) {
        ([labels], [x]) => {
            let (x, labels) = summed(x, labels, |c| output.contains(&c))?;
            arranged(&x, &labels, &output)
        }
        ([la, lb], [a, b]) => {
            let (a, la) = summed(a, la, |c| output.contains(&c) || lb.contains(&c))?;
            let (b, lb) = summed(b, lb, |c| output.contains(&c) || la.contains(&c))?;
            contracted((&a, &la), (&b, &lb), &output)
        }
        _ => Err(bad()),
    }
}

/// Without `->` the output is every letter that stands once, in alphabetical order.
fn implicit_output(text: &str) -> String {
    let count = |c: char| text.chars().filter(|d| *d == c).count();
    let mut once: Vec<char> =
        text.chars().filter(|c| c.is_ascii_alphabetic() && count(*c) == 1).collect();
    once.sort_unstable();
    once.into_iter().collect()
}

/// Sums over the letters that nobody else has.
fn summed(
    x: &Tensor,
    labels: &[char],
    wanted: impl Fn(char) -> bool,
) -> Result<(Tensor, Vec<char>)> {
    let gone: Vec<i64> =
        (0..labels.len()).filter(|&i| !wanted(labels[i])).map(|i| i as i64).collect();
    if gone.is_empty() {
        return Ok((x.clone(), labels.to_vec()));
    }
    Ok((x.sum(&gone, false)?, labels.iter().copied().filter(|&c| wanted(c)).collect()))
}

fn arranged(x: &Tensor, labels: &[char], order: &[char]) -> Result<Tensor> {
    let at = |c: &char| labels.iter().position(|l| l == c).unwrap_or(0) as i64;
    x.permute(&order.iter().map(at).collect::<Vec<_>>())
}

/// `[batch, rows, inner] · [batch, inner, columns]` under whatever names they have.
fn contracted(
    (a, la): (&Tensor, &[char]),
    (b, lb): (&Tensor, &[char]),
    output: &[char],
) -> Result<Tensor> {
    let pick = |from: &[char], f: &dyn Fn(char) -> bool| -> Vec<char> {
        from.iter().copied().filter(|&c| f(c)).collect()
    };
    let batch = pick(la, &|c| lb.contains(&c) && output.contains(&c));
    let inner = pick(la, &|c| lb.contains(&c) && !output.contains(&c));
    let rows = pick(la, &|c| !lb.contains(&c));
    let columns = pick(lb, &|c| !la.contains(&c));
    let (sa, sb) = (a.shape(), b.shape());
    let size = |c: &char| -> Result<usize> {
        let in_a = la.iter().position(|l| l == c).map(|i| sa[i]);
        let in_b = lb.iter().position(|l| l == c).map(|i| sb[i]);
        match (in_a, in_b) {
            (Some(x), Some(y)) if x != y => {
                let rule = "a letter has one size";
                let operands = [("a", &sa), ("b", &sb)];
                Err(Error::shape("einsum", Problem::Rule { rule }, &operands))
            }
            (x, y) => Ok(x.or(y).unwrap_or(1)),
        }
    };
    let sizes = |labels: &[char]| labels.iter().map(size).collect::<Result<Vec<usize>>>();
    let (nb, nr, ni, nc) = (sizes(&batch)?, sizes(&rows)?, sizes(&inner)?, sizes(&columns)?);
    let flat = |v: &[usize]| v.iter().product::<usize>() as i64;
    let a = arranged(a, la, &[&batch[..], &rows, &inner].concat())?;
    let b = arranged(b, lb, &[&batch[..], &inner, &columns].concat())?;
    let a = a.reshape(&[flat(&nb), flat(&nr), flat(&ni)])?;
    let b = b.reshape(&[flat(&nb), flat(&ni), flat(&nc)])?;
    let out = a.matmul(&b)?;
    let wide: Vec<i64> = [&nb[..], &nr, &nc].concat().iter().map(|&s| s as i64).collect();
    arranged(&out.reshape(&wide)?, &[&batch[..], &rows, &columns].concat(), output)
}
