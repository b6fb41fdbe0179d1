//! `Capture`: a step whose shapes repeat is recorded once and repeated with almost no host work.

mod slots;

use gradus_kernels::{Value, copy_into};
use gradus_tensor::capture::{Recorder, Tape, is_outside, is_recording, refuse};
use gradus_tensor::{Array, DType, Device, Result, Shape};

use crate::mode::is_grad_enabled;
use crate::tensor::Tensor;
pub use slots::depends_on;
use slots::{Effect, Guard};
pub(crate) use slots::{note_grad, note_set_grad, note_set_value, note_value};

/// Calls of a kind before one is recorded: first steps still give parameters their memory.
const WARM_UP: u32 = 1;
/// Recordings in a row that were of no use before a kind of call is no longer recorded.
const MOST_MISSES: u32 = 8;
/// Kinds of calls that are kept, the last used ones.
const MOST_KINDS: usize = 8;

/// Records a step, the work between inputs and results, and repeats it: the same kernels on the
/// same memory in the same order, so results are equal to the last bit, but no graph is built, no
/// shape is checked and nothing is planned.
///
/// The step is a function of its inputs and of the tensors that it reads, such as a model's
/// parameters. It may compute gradients ([`Tensor::backward`]) and change buffers, as batch norm
/// does; an optimizer's step belongs after it. Results come without a graph.
///
/// A call whose inputs have other shapes, types or devices, or after the model's mode, a
/// parameter's memory or what needs gradients has changed, runs as usual and is recorded anew. So
/// does, always, a step that draws random numbers, reads results back or creates gradients of
/// something that is passed in: [`Capture::refusal`] says why. What the step takes from the host
/// otherwise (a number in a variable, a vector) is recorded as it is: pass what changes as an
/// input, and use one `Capture` for one step function. Inside another captured step, a step
/// becomes part of that one.
///
/// *Cost*: the memory of all results of the step is kept, as far as they are alive at once.
///
/// *Source*: CUDA graphs in PyTorch (`torch.cuda.make_graphed_callables`).
///
/// ```
/// use gradus_autodiff::{Capture, Tensor};
///
/// let w = Tensor::from_vec(vec![2.0f32], [1])?.requires_grad_(true);
/// let mut capture = Capture::new();
/// for i in 0..5 {
///     let x = Tensor::from_vec(vec![i as f32], [1])?;
///     let y = capture.run(&[&x], |inputs| {
///         w.zero_grad();
///         let y = (&inputs[0] * &w)?.sum_all()?;
///         y.backward()?;
///         Ok(vec![y])
///     })?;
///     assert_eq!(y[0].item()?, 2.0 * f64::from(i));
///     assert_eq!(w.grad().expect("a gradient").to_vec::<f32>()?, [i as f32]);
/// }
/// assert_eq!(capture.replays(), 3); // the first ran as usual, the second was recorded
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
#[derive(Default)]
pub struct Capture {
    kinds: Vec<Kind>,
    replays: u64,
    refusal: Option<&'static str>,
}

/// Calls with inputs of the same shapes.
struct Kind {
    key: Key,
    state: State,
    /// Recordings in a row that were of no use.
    misses: u32,
}

#[derive(PartialEq)]
struct Key {
    inputs: Vec<(Shape, DType, Device)>,
    grad: bool,
}

enum State {
    /// Ran as usual so many times.
    Seen(u32),
    Recorded(Box<Recorded>),
    /// Runs as usual for good.
    Hopeless,
}

/// A recorded step.
struct Recorded {
    // Before the tape, whose memory they use.
    inputs: Vec<Array>,
    outputs: Vec<Static>,
    effects: Vec<Effect>,
    guards: Vec<Guard>,
    tape: Tape,
}

/// A tensor over memory that each replay writes.
pub(super) struct Static {
    array: Array,
    tensor: Tensor,
}

impl Static {
    /// The elements in memory that is none of `taken`, to which it is added, and none from outside
    /// of the recording.
    fn new(value: &Value, taken: &mut Vec<Array>) -> Result<Self> {
        let mut array = value.dense()?;
        if is_outside(&array) || taken.iter().any(|other| other.storage().same(array.storage())) {
            array = Value::copy_of(value).array()?;
        }
        taken.push(array.clone());
        Ok(Static { tensor: Value::from(array.clone()).into(), array })
    }

    /// Makes sure that nobody else will see the memory change: who still holds the tensor keeps
    /// its elements in memory of their own. `false` when that cannot be done.
    fn part(&mut self) -> Result<bool> {
        let value = self.tensor.value();
        // This handle, and the tensor's.
        let sole = self.tensor.holders() == 1 && value.holders() == 2;
        if !sole {
            value.move_out()?;
            self.tensor = Value::from(self.array.clone()).into();
        }
        // The array, and the tensor's value.
        Ok(self.array.storage().handles() == 2)
    }
}

impl Capture {
    /// Nothing recorded yet.
    #[must_use]
    pub fn new() -> Self {
        Capture::default()
    }

    /// Runs `step` on the inputs, or repeats what it did before.
    ///
    /// # Errors
    /// What the step reports, also when it is repeated: a label out of range, a lost device.
    pub fn run(
        &mut self,
        inputs: &[&Tensor],
        step: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
    ) -> Result<Vec<Tensor>> {
        // The recording around this one takes the work as it comes: what is repeated here would be
        // missing there.
        if is_recording() {
            return plain(inputs, step);
        }
        let at = self.kind(inputs);
        let kind = &mut self.kinds[at];
        match &mut kind.state {
            State::Seen(times) if *times < WARM_UP => *times += 1,
            State::Hopeless => {}
            State::Recorded(recorded) => {
                if recorded.is_valid()? {
                    kind.misses = 0;
                    self.replays += 1;
                    return recorded.replay(inputs);
                }
                kind.misses += 1;
                kind.state = State::Seen(WARM_UP);
                return self.record(at, inputs, step);
            }
            State::Seen(_) => return self.record(at, inputs, step),
        }
        plain(inputs, step)
    }

    /// Calls that were repeated.
    pub fn replays(&self) -> u64 {
        self.replays
    }

    /// Why the last recording gave nothing to repeat, if it did not.
    pub fn refusal(&self) -> Option<&'static str> {
        self.refusal
    }

    fn kind(&mut self, inputs: &[&Tensor]) -> usize {
        let key = Key {
            inputs: inputs.iter().map(|t| (t.shape(), t.dtype(), t.device())).collect(),
            grad: is_grad_enabled(),
        };
        if let Some(at) = self.kinds.iter().position(|kind| kind.key == key) {
            self.kinds[at..].rotate_left(1);
        } else {
            if self.kinds.len() == MOST_KINDS {
                self.kinds.remove(0);
            }
            self.kinds.push(Kind { key, state: State::Seen(0), misses: 0 });
        }
        self.kinds.len() - 1
    }

    fn record(
        &mut self,
        at: usize,
        inputs: &[&Tensor],
        step: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
    ) -> Result<Vec<Tensor>> {
        let recorder = Recorder::new();
        let mut arrays = Vec::with_capacity(inputs.len());
        for input in inputs {
            let value = input.value();
            let array = recorder.input(value.shape(), value.dtype(), value.device())?;
            copy_into(&value, &array)?;
            arrays.push(array);
        }
        let needs_grad = inputs.iter().any(|input| input.requires_grad());
        let ((outputs, parts), tape) = recorder.record(|| {
            if needs_grad {
                refuse("gradients of an input: make it a parameter");
            }
            let tracked = slots::track();
            let outputs = {
                let own = inputs.iter().zip(&arrays).map(|(&input, array)| match needs_grad {
                    true => input.clone(),
                    false => Tensor::from(array.clone()),
                });
                step(&own.collect::<Vec<_>>())?
            };
            // No two results may share memory, nor lie where an input does.
            let mut taken = arrays.clone();
            let outputs = outputs.iter().map(|t| Static::new(&t.value(), &mut taken));
            let outputs: Vec<Static> = outputs.collect::<Result<_>>()?;
            Ok((outputs, tracked.finish(taken)?))
        })?;
        let results = outputs.iter().map(|output| output.tensor.clone()).collect();
        let kind = &mut self.kinds[at];
        match tape {
            Ok(mut tape) if kind.misses < MOST_MISSES => {
                let (guards, effects) = parts.seal(&mut tape);
                let recorded = Recorded { inputs: arrays, outputs, effects, guards, tape };
                kind.state = State::Recorded(Box::new(recorded));
                self.refusal = None;
            }
            Ok(_) => {
                kind.state = State::Hopeless;
                self.refusal = Some("what the step reads changes its memory every time");
            }
            Err(reason) => {
                kind.misses += 1;
                if kind.misses >= MOST_MISSES {
                    kind.state = State::Hopeless;
                }
                self.refusal = Some(reason);
            }
        }
        Ok(results)
    }
}

/// The step as it is.
fn plain(
    inputs: &[&Tensor],
    step: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
) -> Result<Vec<Tensor>> {
    let inputs: Vec<Tensor> = inputs.iter().map(|&input| input.clone()).collect();
    Ok(step(&inputs)?.iter().map(Tensor::detach).collect())
}

impl Recorded {
    /// Whether everything that the step read is where it was, and nobody else holds what a replay
    /// would overwrite.
    fn is_valid(&mut self) -> Result<bool> {
        if !self.guards.iter().all(Guard::holds) {
            return Ok(false);
        }
        for effect in &mut self.effects {
            effect.take_back();
        }
        let own = self.effects.iter_mut().filter_map(Effect::result);
        for kept in self.outputs.iter_mut().chain(own) {
            if !kept.part()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn replay(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        for (input, array) in inputs.iter().zip(&self.inputs) {
            copy_into(&input.value(), array)?;
        }
        self.tape.replay()?;
        self.effects.iter().for_each(Effect::apply);
        Ok(self.outputs.iter().map(|output| output.tensor.clone()).collect())
    }
}

impl std::fmt::Debug for Capture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Capture { kinds, replays, refusal } = self;
        write!(f, "Capture {{ kinds: {}, replays: {replays}, refusal: {refusal:?} }}", kinds.len())
    }
}
