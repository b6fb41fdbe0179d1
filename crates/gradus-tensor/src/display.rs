//! Printing arrays the way PyTorch prints tensors: aligned columns, four digits, long ones cut.

#[cfg(test)]
mod tests;

use std::fmt::{self, Write};

use crate::array::Array;
use crate::device::Device;
use crate::dtype::DType;
use crate::error::Result;

const PREFIX: &str = "tensor(";
/// Digits after the point.
const PRECISION: usize = 4;
/// Arrays of more elements are cut.
const THRESHOLD: usize = 1000;
/// Positions shown at each end of a dimension that is cut.
const EDGE: usize = 3;
/// Characters of a line.
const LINE: usize = 80;

/// PyTorch's text of the same tensor, except that types are named without `torch.` and that
/// int32, the type of labels here, is always named.
///
/// ```
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![1.0f32, 2.5, -3.0, 4.0], [2, 2])?;
/// assert_eq!(x.to_string(), "tensor([[ 1.0000,  2.5000],\n        [-3.0000,  4.0000]])");
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// Waits for the GPU; when it is lost the text is `tensor(<error>)`.
impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match text(self) {
            Ok(text) => f.write_str(&text),
            Err(error) => write!(f, "{PREFIX}<{error}>)"),
        }
    }
}

/// As `Display`.
impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn text(array: &Array) -> Result<String> {
    let empty = array.shape().numel() == 0;
    let mut out = PREFIX.to_owned();
    if empty {
        out.push_str("[]");
    } else {
        let (axes, cells) = cells(array)?;
        let width = cells.width;
        let padded: Vec<String> = cells.texts.iter().map(|c| format!("{c:>width$}")).collect();
        let per_line = |column: usize| (LINE.saturating_sub(column) / (width + 2)).max(1);
        block(&mut out, &axes, &mut padded.iter(), PREFIX.len(), &per_line);
    }
    let mut notes = Vec::new();
    if !array.device().is_cpu() {
        notes.push("device='gpu'".to_owned());
    }
    if empty && array.shape().rank() != 1 {
        notes.push(format!("size={}", python_tuple(array.shape())));
    }
    let evident = array.dtype() == DType::F32 || (array.dtype() == DType::Bool && !empty);
    if !evident {
        notes.push(format!("dtype={}", array.dtype()));
    }
    append_notes(&mut out, &notes);
    Ok(out)
}

/// Appends what the values do not show, on a new line where it would be too long.
fn append_notes(out: &mut String, notes: &[String]) {
    // PyTorch counts the comma and the space that precede a note.
    let mut column =
        out.len() - out.rfind('\n').unwrap_or(0) + 1 + usize::from(!out.contains('\n'));
    for note in notes {
        if column + note.len() + 2 > LINE {
            out.push_str(",\n");
            out.push_str(&" ".repeat(PREFIX.len()));
            column = PREFIX.len() + note.len();
        } else {
            out.push_str(", ");
            column += note.len() + 2;
        }
        out.push_str(note);
    }
    out.push(')');
}

fn python_tuple(sizes: &[usize]) -> String {
    let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    let comma = if sizes.len() == 1 { "," } else { "" };
    format!("({}{comma})", sizes.join(", "))
}

/// The part of a dimension that is printed.
struct Axis {
    shown: usize,
    cut: bool,
}

struct Cells {
    texts: Vec<String>,
    width: usize,
}

/// The printed elements in row-major order.
fn cells(array: &Array) -> Result<(Vec<Axis>, Cells)> {
    let host = array.to(&Device::cpu())?;
    let summarise = array.shape().numel() > THRESHOLD;
    let mut positions = vec![host.layout().offset() as isize];
    let mut axes = Vec::with_capacity(array.shape().rank());
    for (&size, &stride) in host.shape().iter().zip(host.layout().strides()) {
        let cut = summarise && size > 2 * EDGE;
        let picked: Vec<usize> =
            if cut { (0..EDGE).chain(size - EDGE..size).collect() } else { (0..size).collect() };
        positions = positions
            .iter()
            .flat_map(|&at| picked.iter().map(move |&i| at + i as isize * stride))
            .collect();
        axes.push(Axis { shown: picked.len(), cut });
    }
    let bytes = host.cpu_buffer().map(|buffer| buffer.bytes()).unwrap_or_default();
    let size = array.dtype().size();
    let item = |at: isize| &bytes[at as usize * size..(at as usize + 1) * size];
    let values = positions.into_iter().map(item);
    Ok((axes, format_values(array.dtype(), values)))
}

fn format_values<'a>(dtype: DType, values: impl Iterator<Item = &'a [u8]>) -> Cells {
    let word = |v: &[u8]| [v[0], v[1], v[2], v[3]];
    let plain = |texts: Vec<String>| {
        let width = texts.iter().map(String::len).max().unwrap_or_default();
        Cells { texts, width }
    };
    match dtype {
        DType::Bool => {
            plain(values.map(|v| if v[0] == 0 { "False" } else { "True" }.into()).collect())
        }
        DType::U8 => plain(values.map(|v| v[0].to_string()).collect()),
        DType::U32 => plain(values.map(|v| u32::from_ne_bytes(word(v)).to_string()).collect()),
        DType::I32 => plain(values.map(|v| i32::from_ne_bytes(word(v)).to_string()).collect()),
        DType::F32 => {
            let wide = values.map(|v| f64::from(f32::from_ne_bytes(word(v))));
            format_floats(&wide.collect::<Vec<f64>>())
        }
        DType::F64 => {
            let wide = values.map(|v| f64::from_ne_bytes(std::array::from_fn(|i| v[i])));
            format_floats(&wide.collect::<Vec<f64>>())
        }
    }
}

/// How all floats of one array are written.
#[derive(Clone, Copy, PartialEq)]
enum Style {
    /// `3.`: every value is whole.
    Whole,
    /// `3.1416`.
    Fixed,
    /// `3.1416e+00`: the values span a wide range.
    Scientific,
}

fn format_floats(values: &[f64]) -> Cells {
    let sized = values.iter().copied().filter(|v| v.is_finite() && *v != 0.0);
    let (mut least, mut most, mut whole) = (f64::INFINITY, 0.0f64, true);
    for value in sized.clone() {
        least = least.min(value.abs());
        most = most.max(value.abs());
        whole &= value == value.ceil();
    }
    // PyTorch's limits for the scientific style. With no such value at all none is exceeded.
    let scientific = most > 0.0 && (most / least > 1000.0 || most > 1.0e8 || least < 1.0e-4);
    let style = match (scientific, whole) {
        (true, _) => Style::Scientific,
        (false, true) => Style::Whole,
        (false, false) => Style::Fixed,
    };
    // Zeros and non-finite values do not widen the columns.
    let width = sized.map(|v| float(v, style).len()).max().unwrap_or(1);
    Cells { texts: values.iter().map(|&v| float(v, style)).collect(), width }
}

fn float(value: f64, style: Style) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    match style {
        Style::Whole => format!("{value:.0}."),
        Style::Fixed => format!("{value:.PRECISION$}"),
        Style::Scientific => {
            // C's form: a sign and at least two digits in the exponent.
            let text = format!("{value:.PRECISION$e}");
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, digits) =
                exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
            format!("{mantissa}e{sign}{digits:0>2}")
        }
    }
}

/// Prints nested lists; `column` is where the opening bracket stands, `per_line` how many elements
/// fit from there.
fn block<'a>(
    out: &mut String,
    axes: &[Axis],
    cells: &mut impl Iterator<Item = &'a String>,
    column: usize,
    per_line: &impl Fn(usize) -> usize,
) {
    let Some((axis, inner)) = axes.split_first() else {
        out.extend(cells.next().map(String::as_str));
        return;
    };
    out.push('[');
    if inner.is_empty() {
        vector(out, axis, cells, column, per_line(column));
    } else {
        let between = format!(",{}{}", "\n".repeat(inner.len()), " ".repeat(column + 1));
        for i in 0..axis.shown {
            if i > 0 {
                out.push_str(&between);
            }
            if axis.cut && i == EDGE {
                out.push_str("...");
                out.push_str(&between);
            }
            block(out, inner, cells, column + 1, per_line);
        }
    }
    out.push(']');
}

/// Prints the elements of one row, wrapped at the end of the line.
fn vector<'a>(
    out: &mut String,
    axis: &Axis,
    cells: &mut impl Iterator<Item = &'a String>,
    column: usize,
    per_line: usize,
) {
    let mut row: Vec<&str> = cells.take(axis.shown).map(String::as_str).collect();
    if axis.cut {
        row.insert(EDGE, " ...");
    }
    for (i, cell) in row.iter().enumerate() {
        if i > 0 && i % per_line == 0 {
            let _ = write!(out, ",\n{}", " ".repeat(column + 1));
        } else if i > 0 {
            out.push_str(", ");
        }
        out.push_str(cell);
    }
}
