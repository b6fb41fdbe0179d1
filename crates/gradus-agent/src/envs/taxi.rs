//! Taxi: fetch a passenger and bring them where they want to go.

use gradus_tensor::{Error, Result};

use super::table::{Outcome, Tabular, Transitions};
use super::walker::Walker;
use crate::env::{Env, Info, Reset, Step};
use crate::persist::{Persist, Source};
use crate::render::{Picture, ansi, toy};
use crate::spaces::Discrete;
use crate::wrappers::TimeLimit;

const OP: &str = "taxi";
const STATES: usize = 500;
const ACTIONS: usize = 6;
/// Where passengers wait: red, green, yellow, blue.
const PLACES: [(usize, usize); 4] = [(0, 0), (0, 4), (4, 0), (4, 3)];
/// The passenger's place while in the taxi.
const ABOARD: usize = 4;
const MAP: [&[u8]; 7] = [
    b"+---------+",
    b"|R: | : :G|",
    b"| : | : : |",
    b"| : : : : |",
    b"| | : | : |",
    b"|Y| : |B: |",
    b"+---------+",
];

/// Drives a taxi on a grid of 5 by 5 with walls.
///
/// *Observation*: `((row * 5 + column) * 5 + passenger) * 4 + destination`, the passenger at one of
/// four places or, 4, aboard. *Actions*: 0 south, 1 north, 2 east, 3 west, 4 pick up, 5 drop off.
/// *Reward*: -1, +20 for a passenger brought to the destination, -10 for picking up or dropping
/// off in vain. *End*: the passenger is where they want to be. The information has the mask of the
/// actions that change something.
///
/// *Source*: Gymnasium 1.4 `Taxi-v4`, after Dietterich (2000). The exact mean of the best returns
/// is 7.93.
///
/// ```
/// use gradus_agent::{Env, Info, envs::Taxi};
/// let mut env = Taxi::make(Default::default())?; // with the limit of 200 steps
/// let (state, info) = env.reset(0)?;
/// let (row, column, passenger, destination) = Taxi::decode(state);
/// assert!(passenger < 4 && passenger != destination);
/// assert_eq!(info.action_mask().unwrap()[5], false, "nobody to drop off");
/// # let _ = (row, column);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Taxi {
    options: TaxiOptions,
    transitions: Transitions,
    observation_space: Discrete,
    action_space: Discrete,
    walker: Walker,
    /// Whether the passenger will change their mind at the first move.
    fickle: bool,
}

impl Persist for Taxi {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        self.walker.save(out)?;
        self.fickle.save(out)
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        self.walker.load(from)?;
        self.fickle.load(from)
    }
}

/// Options of [`Taxi`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaxiOptions {
    /// Whether the taxi slides to the left or right of where it wants to go.
    pub is_rainy: bool,
    /// Whether a passenger may choose another destination once aboard.
    pub fickle_passenger: bool,
    /// How likely the taxi does not slide.
    pub rainy_probability: f64,
    /// How likely a passenger is of the fickle kind.
    pub fickle_probability: f64,
}

impl Default for TaxiOptions {
    /// Gymnasium's: dry, decided; 0.8 and 0.3.
    fn default() -> Self {
        TaxiOptions {
            is_rainy: false,
            fickle_passenger: false,
            rainy_probability: 0.8,
            fickle_probability: 0.3,
        }
    }
}

/// Information of [`Taxi`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaxiInfo {
    /// How likely what happened was.
    pub prob: f64,
    /// Which actions change the state.
    pub action_mask: [bool; ACTIONS],
}

impl Info for TaxiInfo {
    fn action_mask(&self) -> Option<&[bool]> {
        Some(&self.action_mask)
    }
}

fn encode(row: usize, column: usize, passenger: usize, destination: usize) -> usize {
    ((row * 5 + column) * 5 + passenger) * 4 + destination
}

fn decode(state: usize) -> (usize, usize, usize, usize) {
    (state / 100, state / 20 % 5, state / 4 % 5, state % 4)
}

/// Where a move leads; where a wall or the edge is, nowhere.
fn drive(row: usize, column: usize, action: usize) -> Option<(usize, usize)> {
    match action {
        0 => (row < 4).then_some((row + 1, column)),
        1 => (row > 0).then(|| (row - 1, column)),
        2 => (MAP[1 + row][2 * column + 2] == b':').then_some((row, column + 1)),
        _ => (MAP[1 + row][2 * column] == b':').then(|| (row, column - 1)),
    }
}

/// Passenger, reward and end after picking up or dropping off.
fn serve(
    place: (usize, usize),
    passenger: usize,
    destination: usize,
    action: usize,
) -> (usize, f64, bool) {
    let stand = PLACES.iter().position(|&p| p == place);
    match (action, passenger, stand) {
        (4, waiting, Some(stand)) if waiting == stand => (ABOARD, -1.0, false),
        (5, ABOARD, Some(stand)) if stand == destination => (destination, 20.0, true),
        (5, ABOARD, Some(stand)) => (stand, -1.0, false),
        _ => (passenger, -10.0, false),
    }
}

/// Which directions are left and right of each.
const SIDES: [[usize; 2]; 4] = [[2, 3], [3, 2], [1, 0], [0, 1]];

impl Taxi {
    /// The taxi without a time limit.
    ///
    /// # Errors
    /// `Kind::Argument` for a probability outside \[0, 1\].
    pub fn new(options: TaxiOptions) -> Result<Self> {
        for (name, p) in [
            ("rainy_probability", options.rainy_probability),
            ("fickle_probability", options.fickle_probability),
        ] {
            if !(0.0..=1.0).contains(&p) {
                return Err(Error::argument(OP, name, p, "within [0, 1]"));
            }
        }
        let begins = |state| {
            let (_, _, passenger, destination) = decode(state);
            f64::from(passenger != ABOARD && passenger != destination)
        };
        let start: Vec<f64> = (0..STATES).map(begins).collect();
        let transitions = Transitions::new(STATES, ACTIONS, &start, |state, action| {
            let (row, column, passenger, destination) = decode(state);
            if action > 3 {
                let (passenger, reward, terminated) =
                    serve((row, column), passenger, destination, action);
                let next = encode(row, column, passenger, destination);
                return vec![Outcome { probability: 1.0, next, reward, terminated }];
            }
            let to = |way: Option<(usize, usize)>, probability: f64| {
                let (row, column) = way.unwrap_or((row, column));
                let next = encode(row, column, passenger, destination);
                Outcome { probability, next, reward: -1.0, terminated: false }
            };
            let ahead = drive(row, column, action);
            if !options.is_rainy {
                return vec![to(ahead, 1.0)];
            }
            let slide = (1.0 - options.rainy_probability) / 2.0;
            // A taxi that cannot go where it wants does not slide either.
            let side = |i: usize| ahead.and_then(|_| drive(row, column, SIDES[action][i]));
            vec![to(ahead, options.rainy_probability), to(side(0), slide), to(side(1), slide)]
        })?;
        Ok(Taxi {
            options,
            transitions,
            observation_space: Discrete::known(STATES),
            action_space: Discrete::known(ACTIONS),
            walker: Walker::new(),
            fickle: false,
        })
    }

    /// The taxi as `gymnasium.make("Taxi-v4")` gives it: cut after 200 steps.
    ///
    /// # Errors
    /// As [`Taxi::new`].
    pub fn make(options: TaxiOptions) -> Result<TimeLimit<Self>> {
        Ok(TimeLimit::new(Taxi::new(options)?, 200))
    }

    /// Row, column, passenger and destination of an observation; those of a number outside the
    /// space are outside theirs.
    pub fn decode(observation: i64) -> (usize, usize, usize, usize) {
        decode(observation.unsigned_abs() as usize)
    }

    /// Which actions change a state.
    fn action_mask(state: usize) -> [bool; ACTIONS] {
        let (row, column, passenger, _) = decode(state);
        let stand = PLACES.iter().position(|&place| place == (row, column));
        std::array::from_fn(|action| match action {
            4 => stand == Some(passenger),
            5 => passenger == ABOARD && stand.is_some(),
            _ => drive(row, column, action).is_some(),
        })
    }
}

impl Tabular for Taxi {
    /// The law of decided passengers.
    fn transitions(&self) -> &Transitions {
        &self.transitions
    }
}

impl Env for Taxi {
    type Observation = i64;
    type Action = i64;
    type ObservationSpace = Discrete;
    type ActionSpace = Discrete;
    type Info = TaxiInfo;
    type Options = ();

    fn observation_space(&self) -> &Discrete {
        &self.observation_space
    }

    fn action_space(&self) -> &Discrete {
        &self.action_space
    }

    fn reset_with(&mut self, seed: Option<u64>, (): &()) -> Result<Reset<i64, TaxiInfo>> {
        let state = self.walker.reset(seed, &self.transitions);
        let TaxiOptions { fickle_passenger, fickle_probability, .. } = self.options;
        self.fickle = fickle_passenger && self.walker.rng.random() < fickle_probability;
        Ok((state as i64, TaxiInfo { prob: 1.0, action_mask: Taxi::action_mask(state) }))
    }

    fn step(&mut self, action: i64) -> Result<Step<i64, TaxiInfo>> {
        let before = self.walker.state.map(decode);
        let outcome = self.walker.step(OP, action, &self.transitions)?;
        let mut state = outcome.next;
        if let Some((row, column, ABOARD, old)) = before.filter(|_| self.fickle) {
            let (new_row, new_column, passenger, _) = decode(state);
            if (new_row, new_column) != (row, column) {
                self.fickle = false;
                let others: Vec<usize> = (0..PLACES.len()).filter(|&i| i != old).collect();
                let destination = self.walker.rng.choice(&others).copied().unwrap_or(old);
                state = encode(new_row, new_column, passenger, destination);
                self.walker.state = Some(state);
            }
        }
        Ok(Step {
            observation: state as i64,
            reward: outcome.reward,
            terminated: outcome.terminated,
            truncated: false,
            info: TaxiInfo { prob: outcome.probability, action_mask: Taxi::action_mask(state) },
        })
    }

    fn render_text(&self) -> Option<String> {
        let (row, column, passenger, destination) = decode(self.walker.state?);
        let mut cells: Vec<Vec<String>> = MAP
            .iter()
            .map(|row| row.iter().map(|&c| char::from(c).to_string()).collect())
            .collect();
        let mut paint = |(row, column): (usize, usize), style: ansi::Style, blank: &str| {
            let cell = &mut cells[1 + row][2 * column + 1];
            let text = if cell == " " { blank } else { cell.as_str() };
            *cell = style.paint(text);
        };
        if passenger < ABOARD {
            paint((row, column), ansi::Style::highlight(ansi::Colour::Yellow), " ");
            paint(PLACES[passenger], ansi::Style::bold(ansi::Colour::Blue), " ");
        } else {
            paint((row, column), ansi::Style::highlight(ansi::Colour::Green), "_");
        }
        paint(PLACES[destination], ansi::Style::plain(ansi::Colour::Magenta), " ");
        let mut text: String = cells.iter().map(|row| row.concat() + "\n").collect();
        const NAMES: [&str; ACTIONS] = ["South", "North", "East", "West", "Pickup", "Dropoff"];
        match self.walker.last_action {
            Some(action) => text += &format!("  ({})\n", NAMES[action]),
            None => text.push('\n'),
        }
        Some(text)
    }

    fn render(&self) -> Option<Picture> {
        let (row, column, passenger, destination) = decode(self.walker.state?);
        Some(toy::taxi(&MAP, &PLACES, (row, column), passenger, destination))
    }
}
