//! `Sums`: vectors added up on the device, exactly enough for long epochs.

use std::collections::BTreeMap;

use gradus_autodiff::Tensor;
use gradus_tensor::{Array, Error, Problem, Result};
use serde_json::{Value, json};

use crate::exact;

/// Batches whose terms are added in float32 before a new partial sum begins. Counts stay exact
/// below 2^24, which is 16,384 elements a batch; rounding does not grow with the epoch.
const RUN: usize = 1024;

/// A sum of vectors. Adding runs on the device of the terms; the partial sums meet in float64 on
/// the host when somebody reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    /// The present partial sum and the number of its terms.
    partial: Option<Tensor>,
    count: usize,
    /// Complete partial sums that are still on the device.
    complete: Vec<Tensor>,
    /// The sum of the complete ones that have been read.
    host: Vec<f64>,
}

impl Sums {
    /// # Errors
    /// `Kind::Shape` for terms of another length, `Kind::OutOfMemory`.
    pub(crate) fn add(&mut self, terms: &Tensor) -> Result<()> {
        let terms = terms.detach();
        let sum = match &self.partial {
            Some(partial) if partial.shape() != terms.shape() => {
                let problem = Problem::Rule { rule: "the number of terms never changes" };
                let operands = [("before", &partial.shape()), ("now", &terms.shape())];
                return Err(Error::shape("metric", problem, &operands));
            }
            // A restored sum is on the CPU.
            Some(partial) => (partial.to(&terms.device())? + &terms)?,
            None => terms,
        };
        // Computed now: a sum that is only promised would keep every batch alive.
        self.partial = Some(Tensor::from(sum.array()?));
        self.count += 1;
        if self.count == RUN {
            self.complete.extend(self.partial.take());
            self.count = 0;
        }
        Ok(())
    }

    /// The sums; empty when nothing was added. Reading never changes later results.
    pub(crate) fn read(&mut self) -> Result<Vec<f64>> {
        for sum in std::mem::take(&mut self.complete) {
            accumulate(&mut self.host, &sum)?;
        }
        let mut sums = self.host.clone();
        if let Some(partial) = &self.partial {
            accumulate(&mut sums, partial)?;
        }
        Ok(sums)
    }

    /// What a checkpoint keeps; the partial sum goes to `tensors` under `name`.
    pub(crate) fn save(
        &mut self,
        name: &str,
        tensors: &mut BTreeMap<String, Array>,
    ) -> Result<Value> {
        self.read()?;
        if let Some(partial) = &self.partial {
            tensors.insert(name.to_owned(), partial.array()?);
        }
        Ok(json!({ "count": self.count, "host": exact::numbers(&self.host) }))
    }

    /// Goes on where [`Sums::save`] was.
    pub(crate) fn restore(state: &Value, partial: Option<&Array>) -> Option<Self> {
        let partial = partial.map(|array| Tensor::from(array.clone()));
        let (count, host) = (exact::count(&state["count"])?, exact::read_all(&state["host"])?);
        Some(Sums { partial, count, complete: Vec::new(), host })
    }
}

fn accumulate(sums: &mut Vec<f64>, terms: &Tensor) -> Result<()> {
    let terms = terms.to_vec::<f32>()?;
    sums.resize(terms.len(), 0.0);
    for (sum, term) in sums.iter_mut().zip(terms) {
        *sum += f64::from(term);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sums_are_exact_and_reading_changes_nothing() {
        let term = Tensor::from_vec(vec![16_000.0f32, 0.1], [2]).expect("shape");
        let (mut read, mut unread) = (Sums::default(), Sums::default());
        for i in 0..3000 {
            read.add(&term).expect("same length");
            unread.add(&term).expect("same length");
            if i % 700 == 0 {
                read.read().expect("host");
            }
        }
        let sums = unread.read().expect("host");
        // 48,000,000 is beyond what a single float32 sum of these terms could count.
        assert_eq!(sums[0], 48_000_000.0);
        assert!((sums[1] - 300.0).abs() < 0.01, "{}", sums[1]);
        assert_eq!(read.read().expect("host"), sums);
    }

    #[test]
    fn a_restored_sum_continues_with_the_same_bits() {
        let term = |i: usize| Tensor::from_vec(vec![0.1f32 * i as f32], [1]).expect("shape");
        let mut whole = Sums::default();
        let mut first = Sums::default();
        for i in 0..1500 {
            whole.add(&term(i)).expect("same length");
            first.add(&term(i)).expect("same length");
        }
        let mut tensors = BTreeMap::new();
        let state = first.save("sums", &mut tensors).expect("host");
        let mut second = Sums::restore(&state, tensors.get("sums")).expect("valid");
        for i in 1500..2500 {
            whole.add(&term(i)).expect("same length");
            second.add(&term(i)).expect("same length");
        }
        assert_eq!(whole.read().expect("host"), second.read().expect("host"));
        let error = whole.add(&Tensor::zeros([2], &Default::default())).expect_err("length");
        assert!(error.is_shape());
    }
}
