//! Options of a case under PyTorch's names: absent and null mean PyTorch's default.

use gradus_tensor::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The options of a case.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Attrs(Map<String, Value>);

impl Attrs {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Whether the option is given and not null.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A number, or `default`.
    ///
    /// # Errors
    /// `Kind::Argument` for another kind of value; so do the other readers.
    pub fn float(&self, name: &'static str, default: f64) -> Result<f64> {
        self.get(name).map_or(Ok(default), |value| number(name, value))
    }

    /// A whole number, or `default`.
    ///
    /// # Errors
    /// `Kind::Argument`.
    pub fn int(&self, name: &'static str, default: i64) -> Result<i64> {
        self.get(name).map_or(Ok(default), |value| whole(name, value))
    }

    /// A count, or `default`.
    ///
    /// # Errors
    /// `Kind::Argument`.
    pub fn count(&self, name: &'static str, default: usize) -> Result<usize> {
        let value = self.int(name, i64::try_from(default).unwrap_or(i64::MAX))?;
        usize::try_from(value).map_err(|_| Error::argument("case", name, value, "a count"))
    }

    /// A switch, or `default`.
    ///
    /// # Errors
    /// `Kind::Argument`.
    pub fn flag(&self, name: &'static str, default: bool) -> Result<bool> {
        self.get(name).map_or(Ok(default), |value| {
            value.as_bool().ok_or_else(|| wrong(name, value, "true or false"))
        })
    }

    /// A word, or `default`.
    ///
    /// # Errors
    /// `Kind::Argument`.
    pub fn text<'a>(&'a self, name: &'static str, default: &'a str) -> Result<&'a str> {
        self.get(name)
            .map_or(Ok(default), |value| value.as_str().ok_or_else(|| wrong(name, value, "a word")))
    }

    /// A list of whole numbers; one number is a list of one, an absent one is empty.
    ///
    /// # Errors
    /// `Kind::Argument`.
    pub fn ints(&self, name: &'static str) -> Result<Vec<i64>> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(|item| whole(name, item)).collect(),
            Some(item) => Ok(vec![whole(name, item)?]),
        }
    }

    /// A list of counts; see [`Attrs::ints`].
    ///
    /// # Errors
    /// `Kind::Argument`.
    pub fn counts(&self, name: &'static str) -> Result<Vec<usize>> {
        let count = |value: i64| {
            usize::try_from(value).map_err(|_| Error::argument("case", name, value, "a count"))
        };
        self.ints(name)?.into_iter().map(count).collect()
    }

    /// A list of numbers; see [`Attrs::ints`].
    ///
    /// # Errors
    /// `Kind::Argument`.
    pub fn floats(&self, name: &'static str) -> Result<Vec<f64>> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(|item| number(name, item)).collect(),
            Some(item) => Ok(vec![number(name, item)?]),
        }
    }

    /// Two numbers, or `default`.
    ///
    /// # Errors
    /// `Kind::Argument`.
    pub fn pair(&self, name: &'static str, default: (f64, f64)) -> Result<(f64, f64)> {
        match self.get(name) {
            None => Ok(default),
            Some(Value::Array(items)) if items.len() == 2 => {
                Ok((number(name, &items[0])?, number(name, &items[1])?))
            }
            Some(value) => Err(wrong(name, value, "two numbers")),
        }
    }

    /// The dimensions of a reduction: `dims` or `dim`, a list or one; empty means all.
    ///
    /// # Errors
    /// `Kind::Argument`.
    pub fn dims(&self) -> Result<Vec<i64>> {
        if self.has("dims") { self.ints("dims") } else { self.ints("dim") }
    }

    /// The dimension `dim` (or the only one of `dims`), or `default`.
    ///
    /// # Errors
    /// `Kind::Argument`.
    pub fn dim(&self, default: i64) -> Result<i64> {
        Ok(self.dims()?.first().copied().unwrap_or(default))
    }

    /// `keepdim`, by default false.
    ///
    /// # Errors
    /// `Kind::Argument`.
    pub fn keepdim(&self) -> Result<bool> {
        self.flag("keepdim", false)
    }
}

fn number(name: &'static str, value: &Value) -> Result<f64> {
    match value {
        Value::String(text) => match text.as_str() {
            "inf" => Ok(f64::INFINITY),
            "-inf" => Ok(f64::NEG_INFINITY),
            _ => Err(wrong(name, value, "a number")),
        },
        _ => value.as_f64().ok_or_else(|| wrong(name, value, "a number")),
    }
}

fn whole(name: &'static str, value: &Value) -> Result<i64> {
    let float = || value.as_f64().filter(|v| v.fract() == 0.0).map(|v| v as i64);
    value.as_i64().or_else(float).ok_or_else(|| wrong(name, value, "a whole number"))
}

fn wrong(name: &'static str, value: &Value, expected: &'static str) -> Error {
    Error::argument("case", name, value, expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attrs(json: &str) -> Attrs {
        serde_json::from_str(json).expect("an object")
    }

    #[test]
    fn absent_and_null_are_the_default() {
        let attrs = attrs(r#"{"max": null, "min": -0.5, "dim": 1}"#);
        assert_eq!(attrs.float("max", f64::INFINITY).expect("default"), f64::INFINITY);
        assert_eq!(attrs.float("min", 0.0).expect("given"), -0.5);
        assert!(!attrs.keepdim().expect("default"));
        assert_eq!(attrs.dims().expect("one"), [1]);
        assert_eq!(attrs.dim(-1).expect("one"), 1);
        assert_eq!(attrs.count("k", 3).expect("default"), 3);
    }

    #[test]
    fn a_wrong_kind_names_the_option() {
        let error = attrs(r#"{"k": "many"}"#).count("k", 1).expect_err("a word").to_string();
        assert_eq!(error, "case: k is \"many\", expected a whole number");
        let error = attrs(r#"{"betas": [0.9]}"#).pair("betas", (0.9, 0.999)).expect_err("one");
        assert_eq!(error.to_string(), "case: betas is [0.9], expected two numbers");
    }
}
