//! `Config`: the settings of a program, from defaults, files and command lines.

use std::path::Path;

use gradus_io::read_file;
use gradus_tensor::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

const OP: &str = "config";

/// Settings in layers: a struct's defaults, then files, then words such as `model.hidden=64`.
/// Later layers win, entry by entry. The struct says which entries there are: another name is an
/// error that lists them, and so is a value of another kind.
///
/// ```
/// use gradus_train::{Config, RunDir};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Settings {
///     lr: f64,
///     model: Model,
/// }
///
/// #[derive(Serialize, Deserialize)]
/// struct Model {
///     hidden: usize,
///     activation: String,
/// }
///
/// let model = Model { hidden: 32, activation: "relu".into() };
/// let config = Config::new(&Settings { lr: 0.1, model })?
///     .toml("lr = 0.05\n[model]\nhidden = 64")? // `.file("settings.toml")?`
///     .overrides(["model.activation=tanh", "lr=1e-3"])?; // `std::env::args().skip(1)`
/// let settings: Settings = config.get()?;
/// assert_eq!((settings.lr, settings.model.hidden), (1e-3, 64));
/// assert_eq!(settings.model.activation, "tanh");
/// // The run's directory keeps what was used.
/// let run = RunDir::new("runs/first", config.value().clone());
///
/// let error = config.overrides(["model.hiden=3"]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "config: entry is model.hiden (known: activation, hidden), expected a known one; in the \
///      argument model.hiden=3"
/// );
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// Words are read as JSON where they are JSON, and as text else. An entry whose default is `null`
/// (an `Option`) takes any value, a default `{}` (an empty map) any names; lists are replaced as
/// a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    defaults: Value,
    value: Value,
}

impl Config {
    /// With these defaults: a struct, usually, or a JSON object.
    ///
    /// # Errors
    /// `Kind::Argument` for what JSON cannot say as an object.
    pub fn new(defaults: &impl Serialize) -> Result<Self> {
        let defaults = serde_json::to_value(defaults)
            .map_err(|error| Error::argument(OP, "defaults", error, "what JSON can say"))?;
        if !defaults.is_object() {
            return Err(Error::argument(OP, "defaults", defaults, "entries with names"));
        }
        Ok(Config { value: defaults.clone(), defaults })
    }

    /// Lays a file over this: TOML where its name ends in `.toml`, JSON else. The `config.json`
    /// of a [`RunDir`](crate::RunDir) counts as the configuration that it holds.
    ///
    /// # Errors
    /// `Kind::Io` for a missing file, `Kind::Format` for one that cannot be read; as
    /// [`Config::overrides`].
    pub fn file(self, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = read_file(path)?;
        let result = if path.extension().is_some_and(|extension| extension == "toml") {
            let text = String::from_utf8_lossy(&bytes);
            parse_toml(&text).map_err(|why| Error::format(path, "TOML", None, why))
        } else {
            let value = serde_json::from_slice::<Value>(&bytes);
            value.map_err(|error| Error::format(path, "JSON", None, error.to_string()))
        };
        let mut layer = result?;
        let is_run = layer.get("gradus").is_some() && layer.get("fit").is_some();
        if is_run && let Some(config) = layer.get_mut("config") {
            layer = config.take();
        }
        self.layer(&layer).map_err(|error| error.within(path.display().to_string()))
    }

    /// Lays TOML over this.
    ///
    /// # Errors
    /// `Kind::Argument` for text that is no TOML; as [`Config::overrides`].
    pub fn toml(self, text: &str) -> Result<Self> {
        let layer = parse_toml(text).map_err(|why| Error::argument(OP, "text", why, "TOML"))?;
        self.layer(&layer)
    }

    /// Lays any JSON object over this.
    ///
    /// # Errors
    /// As [`Config::overrides`].
    pub fn layer(mut self, layer: &Value) -> Result<Self> {
        merge(&self.defaults, &mut self.value, layer, "")?;
        Ok(self)
    }

    /// Lays words of a command line over this: `name=value`, names of inner entries with dots.
    ///
    /// # Errors
    /// `Kind::Argument` naming the entry for an unknown name, with those that are known, for a
    /// value of another kind than the default, and for a word without `=`.
    pub fn overrides<S: AsRef<str>>(mut self, words: impl IntoIterator<Item = S>) -> Result<Self> {
        for word in words {
            let word = word.as_ref();
            let Some((path, text)) = word.split_once('=') else {
                return Err(Error::argument(OP, "argument", word, "name=value"));
            };
            let default = path.split('.').try_fold(&self.defaults, |value, name| value.get(name));
            // Text needs no quotes, even if it looks like a number.
            let json = if default.is_some_and(Value::is_string) { None } else { Some(text) };
            let json = json.and_then(|text| serde_json::from_str(text).ok());
            let value = json.unwrap_or_else(|| Value::from(text));
            // From the innermost name outwards.
            let layer = path.rsplit('.').fold(value, |inner, name| {
                Value::Object(Map::from_iter([(name.to_owned(), inner)]))
            });
            self = self.layer(&layer).map_err(|e| e.within(format!("the argument {word}")))?;
        }
        Ok(self)
    }

    /// All settings, for [`RunDir`](crate::RunDir).
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The settings as a struct.
    ///
    /// # Errors
    /// `Kind::Argument` where a value does not fit its field.
    pub fn get<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.value)
            .map_err(|error| Error::argument(OP, "value", error, "one that fits its field"))
    }
}

fn parse_toml(text: &str) -> std::result::Result<Value, String> {
    toml::from_str(text).map_err(|error| error.to_string())
}

/// Lays `layer` over `value`; `default` says which entries there are.
fn merge(default: &Value, value: &mut Value, layer: &Value, path: &str) -> Result<()> {
    let (Value::Object(known), Value::Object(entries)) = (default, layer) else {
        if !default.is_null() && kind(default) != kind(layer) {
            let value = format!("{layer} for {path}");
            return Err(Error::argument(OP, "value", value, kind(default)));
        }
        *value = layer.clone();
        return Ok(());
    };
    for (name, entry) in entries {
        let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        // A map without entries has no names of its own: it takes any.
        let default = if known.is_empty() { Some(&Value::Null) } else { known.get(name) };
        let Some(default) = default else {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            let value = format!("{place} (known: {})", names.join(", "));
            return Err(Error::argument(OP, "entry", value, "a known one"));
        };
        if let Value::Object(own) = value {
            let own = own.entry(name.clone()).or_insert(Value::Null);
            merge(default, own, entry, &place)?;
        }
    }
    Ok(())
}

/// What a value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "entries with names",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn defaults() -> Config {
        let defaults = json!({
            "lr": 0.1,
            "name": "a",
            "seed": null,
            "sizes": [1, 2],
            "model": { "hidden": 32, "deep": { "on": false } },
            "extra": {},
        });
        Config::new(&defaults).expect("defaults")
    }

    #[track_caller]
    fn refused(result: Result<Config>, parts: &[&str]) {
        let error = result.expect_err("refused").to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }

    #[test]
    fn later_layers_win_entry_by_entry() {
        let config = defaults()
            .toml("lr = 0.2\nsizes = [3]\n[model]\nhidden = 64\n[extra]\nany = 1")
            .and_then(|config| config.layer(&json!({ "seed": 7, "model": { "hidden": 65 } })))
            .and_then(|config| config.overrides(["model.deep.on=true", "name=12", "lr=1e-3"]))
            .expect("fits");
        let expected = json!({
            "lr": 1e-3,
            "name": "12",
            "seed": 7,
            "sizes": [3],
            "model": { "hidden": 65, "deep": { "on": true } },
            "extra": { "any": 1 },
        });
        assert_eq!(config.value(), &expected);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_place() {
        refused(defaults().toml("lrr = 1"), &["lrr (known: extra, lr, model, name, seed, sizes)"]);
        refused(defaults().overrides(["model.deep.off=1"]), &["model.deep.off (known: on)"]);
        refused(defaults().overrides(["lr=fast"]), &["\"fast\" for lr, expected a number"]);
        refused(defaults().overrides(["lr.x=1"]), &["for lr, expected a number"]);
        refused(defaults().overrides(["model=1"]), &["1 for model, expected entries"]);
        refused(defaults().overrides(["verbose"]), &["verbose, expected name=value"]);
        refused(defaults().toml("lr = "), &["expected TOML"]);
        let whole = Config::new(&json!({ "n": 1 })).expect("defaults");
        let negative = whole.overrides(["n=-1"]).expect("a number");
        #[derive(Debug, serde::Deserialize)]
        struct Counted {
            #[expect(dead_code, reason = "never read: it cannot be")]
            n: usize,
        }
        let error = negative.get::<Counted>().expect_err("negative").to_string();
        assert!(error.contains("-1"), "{error}");
        Config::new(&3).expect_err("no object");
    }

    #[test]
    fn files_are_read_by_their_names() {
        let dir = tempfile::tempdir().expect("directory");
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("write");
            path
        };
        let toml = write("a.toml", "lr = 0.5");
        let named = write("b.json", "{ \"name\": \"b\" }");
        let run = write("config.json", "{\"config\":{\"seed\":3},\"fit\":{},\"gradus\":\"0\"}");
        let config = defaults().file(toml).and_then(|c| c.file(named)).and_then(|c| c.file(run));
        let value = config.expect("fits").value().clone();
        assert_eq!(
            (&value["lr"], &value["name"], &value["seed"]),
            (&json!(0.5), &json!("b"), &json!(3))
        );
        refused(defaults().file(write("c.json", "{")), &["c.json"]);
        refused(defaults().file(write("d.toml", "x = 1")), &["x (known: ", "d.toml"]);
        refused(defaults().file(dir.path().join("none.toml")), &["none.toml"]);
    }
}
