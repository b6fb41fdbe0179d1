//! The form in which scikit-learn ships small sets: a line of sizes and classes, then samples.

use std::path::Path;

use gradus_tensor::{Array, Error, Result};

use crate::tensor_dataset::TensorDataset;

const FORMAT: &str = "csv";

/// The samples of `text`: `features` numbers and the class a line.
pub(super) fn labelled(text: &str, file: &str, features: usize) -> Result<TensorDataset> {
    let bad = |line: usize, problem: &str| {
        Error::format(Path::new(file), FORMAT, None, format!("line {line} {problem}"))
    };
    let mut lines = text.lines().enumerate();
    let header = lines.next().map(|(_, line)| line).unwrap_or_default();
    let mut header = header.split(',');
    let sizes = [header.next(), header.next()].map(|size| size.and_then(|s| s.parse().ok()));
    let [Some(samples), Some(width)] = sizes else { return Err(bad(1, "has no sizes")) };
    if width != features {
        return Err(bad(1, "says another number of features"));
    }
    let classes: Vec<&str> = header.collect();
    let (mut x, mut y) = (Vec::with_capacity(samples * features), Vec::with_capacity(samples));
    for (at, line) in lines {
        let (numbers, class) = line.rsplit_once(',').ok_or_else(|| bad(at + 1, "is no sample"))?;
        let before = x.len();
        for number in numbers.split(',') {
            x.push(number.parse::<f32>().map_err(|_| bad(at + 1, "has no numbers"))?);
        }
        let class: usize = class.parse().map_err(|_| bad(at + 1, "has no class"))?;
        if x.len() - before != features || class >= classes.len() {
            return Err(bad(at + 1, "has another width or class"));
        }
        y.push(class as i64);
    }
    let n = y.len();
    if n != samples {
        return Err(bad(n + 1, "is not the last one"));
    }
    let data = TensorDataset::pair(Array::from_vec(x, [n, features])?, Array::from_vec(y, [n])?)?;
    Ok(data.with_classes(classes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_tables_name_the_line() {
        let says = |text: &str| labelled(text, "t.csv", 2).expect_err("refused").to_string();
        assert_eq!(labelled("1,2,a,b\n1,2,1\n", "t.csv", 2).expect("valid").len(), 1);
        assert_eq!(says(""), "t.csv: csv: line 1 has no sizes");
        assert_eq!(says("1,3,a\n"), "t.csv: csv: line 1 says another number of features");
        assert_eq!(says("1,2,a\n1,2\n"), "t.csv: csv: line 2 has another width or class");
        assert_eq!(says("1,2,a\n1,2,1\n"), "t.csv: csv: line 2 has another width or class");
        assert_eq!(says("1,2,a\n1,x,0\n"), "t.csv: csv: line 2 has no numbers");
        assert_eq!(says("2,2,a\n1,2,0\n"), "t.csv: csv: line 2 is not the last one");
    }
}
