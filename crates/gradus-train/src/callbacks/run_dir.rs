//! A directory that says what a run was: configuration, seed, commit, results.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use gradus_io::write_atomic;
use gradus_tensor::{Error, Result};
use serde_json::{Value, json};

use super::csv_logger::CsvLogger;
use crate::callback::{Callback, CallbackState};
use crate::context::Context;

/// Writes `config.json` (the program's configuration, the arguments of `fit`, the seed of the
/// random numbers and how many were drawn, the optimizer's options, the commit of the working
/// directory, the version of gradus), `metrics.csv` (as [`CsvLogger`]) and, in the end,
/// `history.json` into a directory.
///
/// With the feature `plot` also, in the end, `plots/` and `report.html`, one page that needs
/// nothing else: results, training curves, the confusion matrix where the trainer has the metric
/// [`ConfusionMatrix`](crate::ConfusionMatrix), histograms of parameters and gradients where they
/// are asked for, configuration.
///
/// ```
/// use gradus_train::RunDir;
/// let run = RunDir::new("runs/first", serde_json::json!({ "hidden": 100 }));
/// assert_eq!(run.path().to_str(), Some("runs/first"));
/// ```
#[derive(Clone, Debug)]
pub struct RunDir {
    dir: PathBuf,
    config: Value,
    metrics: CsvLogger,
    #[cfg(feature = "plot")]
    pictures: crate::report::Pictures,
    #[cfg(feature = "plot")]
    page: Option<gradus_plot::Report>,
}

impl RunDir {
    /// In this directory, with the program's own configuration: anything that `serde` makes JSON
    /// of.
    pub fn new(dir: impl Into<PathBuf>, config: Value) -> Self {
        let dir = dir.into();
        let metrics = CsvLogger::new(dir.join("metrics.csv"));
        RunDir {
            dir,
            config,
            metrics,
            #[cfg(feature = "plot")]
            pictures: Default::default(),
            #[cfg(feature = "plot")]
            page: None,
        }
    }

    /// What the classes are called in the confusion matrix; numbers unless set.
    #[cfg(feature = "plot")]
    #[must_use]
    pub fn class_names<N: AsRef<str>>(mut self, names: &[N]) -> Self {
        self.pictures.class_names = names.iter().map(|name| name.as_ref().to_owned()).collect();
        self
    }

    /// Adds histograms of the parameters after training, and of their last gradients, with so many
    /// bins.
    #[cfg(feature = "plot")]
    #[must_use]
    pub fn histograms(mut self, bins: usize) -> Self {
        self.pictures.bins = Some(bins);
        self
    }

    /// The page of the training that ended last. More can be added to a copy, and the file be
    /// written again:
    ///
    /// ```
    /// use gradus_data::datasets;
    /// use gradus_nn::{CrossEntropyLoss, Flatten, Linear, Module, Sequential};
    /// use gradus_optim::Adam;
    /// use gradus_train::{EvaluateOptions, FitOptions, RunDir, Trainer, Verbose};
    ///
    /// let (train, test) = datasets::digits()?;
    /// let model = Sequential::new().push(Flatten::default()).push(Linear::new(64, 10)?);
    /// let optimizer = Adam::new(model.parameters(), 1e-2);
    /// let trainer = Trainer::new(model).optimizer(optimizer);
    /// let mut trainer = trainer.loss(CrossEntropyLoss::default());
    /// let dir = tempfile::tempdir().unwrap();
    /// let mut run = RunDir::new(dir.path(), serde_json::json!({ "lr": 1e-2 })).histograms(20);
    /// trainer.fit(&train, FitOptions {
    ///     epochs: 2,
    ///     verbose: Verbose::Silent,
    ///     callbacks: vec![&mut run],
    ///     ..Default::default()
    /// })?;
    /// let logs = trainer.evaluate(&test, EvaluateOptions::default())?;
    /// if let Some(page) = run.report() {
    ///     let page = page.clone().text(format!("Test: {logs}."));
    ///     page.save(run.path().join("report.html"))?;
    /// }
    /// let html = std::fs::read_to_string(run.path().join("report.html")).unwrap();
    /// assert!(html.contains("Test: loss 0.") && html.contains("1.weight.grad"));
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
    #[cfg(feature = "plot")]
    pub fn report(&self) -> Option<&gradus_plot::Report> {
        self.page.as_ref()
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    fn write(&self, name: &str, value: &Value) -> Result<()> {
        fs::create_dir_all(&self.dir).map_err(|error| Error::io(&self.dir, error))?;
        write_atomic(self.dir.join(name), |file| {
            serde_json::to_writer_pretty(&mut *file, value)?;
            file.write_all(b"\n")
        })
    }
}

impl Callback for RunDir {
    fn name(&self) -> &'static str {
        "run_dir"
    }

    fn on_train_begin(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let groups = cx.optimizer()?.param_groups().iter().map(|group| {
            let options: serde_json::Map<String, Value> =
                group.options().map(|(name, value)| (name.to_owned(), json!(value))).collect();
            json!({ "parameters": group.params().len(), "options": options })
        });
        let groups: Vec<Value> = groups.collect();
        let (seed, drawn) = gradus_tensor::rng::with_default(|g| g.state());
        let config = json!({
            "config": self.config,
            "fit": cx.arguments(),
            "random": { "seed": seed, "drawn": drawn },
            "optimizer": groups,
            "parameters": cx.model().num_parameters(),
            "git": commit(Path::new(".")),
            "gradus": env!("CARGO_PKG_VERSION"),
        });
        self.write("config.json", &config)?;
        self.metrics.on_train_begin(cx)
    }

    fn on_epoch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        self.metrics.on_epoch_end(cx)
    }

    fn on_train_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let rows = cx.history().rows().iter().map(|(epoch, logs)| {
            let mut row: serde_json::Map<String, Value> =
                logs.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
            row.insert("epoch".to_owned(), json!(epoch));
            Value::Object(row)
        });
        let rows: Vec<Value> = rows.collect();
        self.write("history.json", &json!(rows))?;
        #[cfg(feature = "plot")]
        {
            let path = self.dir.join("config.json");
            let config = fs::read_to_string(&path).map_err(|error| Error::io(&path, error))?;
            self.page = Some(self.pictures.write(cx, &self.dir, config.trim_end())?);
        }
        Ok(())
    }

    fn state(&mut self) -> Result<CallbackState> {
        self.metrics.state()
    }

    fn load_state(&mut self, state: CallbackState) -> Result<()> {
        self.metrics.load_state(state)
    }
}

/// The commit that `dir`, or a directory above it, has checked out; read from the files of git.
fn commit(dir: &Path) -> Option<String> {
    let dir = dir.canonicalize().ok()?;
    let git = dir.ancestors().map(|dir| dir.join(".git")).find(|git| git.exists())?;
    // In a work tree of its own, `.git` is a file that names the directory.
    let git = match fs::read_to_string(&git) {
        Ok(text) => PathBuf::from(text.strip_prefix("gitdir: ")?.trim()),
        Err(_) => git,
    };
    let head = fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return Some(head.trim().to_owned()) };
    let common = fs::read_to_string(git.join("commondir"));
    let common = common.map_or_else(|_| git.clone(), |path| git.join(path.trim()));
    if let Ok(hash) = fs::read_to_string(common.join(name)) {
        return Some(hash.trim().to_owned());
    }
    let packed = fs::read_to_string(common.join("packed-refs")).ok()?;
    let line = packed.lines().find(|line| line.ends_with(name))?;
    line.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_is_found_loose_packed_and_detached() {
        let dir = tempfile::tempdir().expect("directory");
        let git = dir.path().join(".git");
        let inner = dir.path().join("a/b");
        fs::create_dir_all(&inner).expect("directories");
        fs::create_dir_all(git.join("refs/heads")).expect("directories");
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").expect("write");
        assert_eq!(commit(&inner), None);
        fs::write(git.join("packed-refs"), "# x\nabc refs/heads/main\n").expect("write");
        assert_eq!(commit(&inner).as_deref(), Some("abc"));
        fs::write(git.join("refs/heads/main"), "def\n").expect("write");
        assert_eq!(commit(&inner).as_deref(), Some("def"));
        fs::write(git.join("HEAD"), "123\n").expect("write");
        assert_eq!(commit(&inner).as_deref(), Some("123"));
    }
}
