//! Blackjack against a dealer who draws until 17, from an infinite deck.

use gradus_tensor::Result;

use crate::env::{Env, Reset, Step, no_action, not_reset};
use crate::persist::{Persist, Source};
use crate::render::{Picture, toy};
use crate::rng::Pcg64;
use crate::spaces::Discrete;

const OP: &str = "blackjack";
const DECK: [i64; 13] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10, 10];

/// Draws cards up to 21.
///
/// *Observation*: the player's sum, the dealer's open card (1 is an ace), whether the player has an
/// ace that counts 11. *Actions*: 0 stick, 1 hit. *Reward*: 1, 0 or -1; for winning with a natural
/// (ace and ten at once) 1.5 with `natural`. *End*: bust, or stick.
///
/// *Source*: Gymnasium 1.4 `Blackjack-v1` as `make` gives it, after Sutton & Barto, example 5.1.
///
/// ```
/// use gradus_agent::{Env, envs::Blackjack};
/// let mut env = Blackjack::new(Default::default());
/// let ((sum, card, ace), ()) = env.reset(0)?;
/// assert!((4..=21).contains(&sum) && (1..=10).contains(&card) && (0..=1).contains(&ace));
/// assert!(env.step(0)?.terminated);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Blackjack {
    options: BlackjackOptions,
    observation_space: (Discrete, Discrete, Discrete),
    action_space: Discrete,
    hands: Option<Hands>,
    rng: Pcg64,
}

/// Options of [`Blackjack`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlackjackOptions {
    /// Whether a natural wins 1.5; without effect if `sab`.
    pub natural: bool,
    /// Whether the rules are Sutton & Barto's: a natural wins unless the dealer has one too.
    pub sab: bool,
}

impl Default for BlackjackOptions {
    /// Those of `gymnasium.make("Blackjack-v1")`.
    fn default() -> Self {
        BlackjackOptions { natural: false, sab: true }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Hands {
    player: Hand,
    dealer: Hand,
    open_card: i64,
}

crate::persist! { Hands { player, dealer, open_card } }

/// What of a hand matters.
#[derive(Clone, Copy, Debug, Default)]
struct Hand {
    cards: i64,
    sum: i64,
    ace: bool,
}

crate::persist! { Hand { cards, sum, ace } }

impl Hand {
    fn take(&mut self, card: i64) {
        self.cards += 1;
        self.sum += card;
        self.ace |= card == 1;
    }

    fn usable_ace(&self) -> bool {
        self.ace && self.sum + 10 <= 21
    }

    fn total(&self) -> i64 {
        self.sum + if self.usable_ace() { 10 } else { 0 }
    }

    fn is_bust(&self) -> bool {
        self.total() > 21
    }

    fn score(&self) -> i64 {
        if self.is_bust() { 0 } else { self.total() }
    }

    fn is_natural(&self) -> bool {
        self.cards == 2 && self.ace && self.sum == 11
    }
}

fn draw(rng: &mut Pcg64) -> i64 {
    DECK[rng.index(DECK.len())]
}

impl Hands {
    fn observe(&self) -> (i64, i64, i64) {
        (self.player.total(), self.open_card, i64::from(self.player.usable_ace()))
    }
}

impl Blackjack {
    /// The game.
    pub fn new(options: BlackjackOptions) -> Self {
        Blackjack {
            options,
            observation_space: (Discrete::known(32), Discrete::known(11), Discrete::known(2)),
            action_space: Discrete::known(2),
            hands: None,
            rng: Pcg64::new(0),
        }
    }

    fn reward(&self, hands: &Hands) -> f64 {
        let (player, dealer) = (&hands.player, &hands.dealer);
        let reward = (player.score() - dealer.score()).signum() as f64;
        let BlackjackOptions { natural, sab } = self.options;
        match player.is_natural() {
            true if sab && !dealer.is_natural() => 1.0,
            true if !sab && natural && reward == 1.0 => 1.5,
            _ => reward,
        }
    }
}

impl Persist for Blackjack {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        self.hands.save(out)?;
        self.rng.save(out)
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        self.hands.load(from)?;
        self.rng.load(from)
    }
}

impl Env for Blackjack {
    type Observation = (i64, i64, i64);
    type Action = i64;
    type ObservationSpace = (Discrete, Discrete, Discrete);
    type ActionSpace = Discrete;
    type Info = ();
    type Options = ();

    fn observation_space(&self) -> &Self::ObservationSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &Discrete {
        &self.action_space
    }

    fn reset_with(&mut self, seed: Option<u64>, (): &()) -> Result<Reset<(i64, i64, i64), ()>> {
        if let Some(seed) = seed {
            self.rng = Pcg64::new(seed);
        }
        let mut hands = Hands { open_card: draw(&mut self.rng), ..Hands::default() };
        hands.dealer.take(hands.open_card);
        hands.dealer.take(draw(&mut self.rng));
        hands.player.take(draw(&mut self.rng));
        hands.player.take(draw(&mut self.rng));
        // Gymnasium draws a suit and a face for its picture; the stream moves on.
        self.rng.index(4);
        if hands.open_card == 10 {
            self.rng.index(3);
        }
        self.hands = Some(hands);
        Ok((hands.observe(), ()))
    }

    fn step(&mut self, action: i64) -> Result<Step<(i64, i64, i64)>> {
        let Some(mut hands) = self.hands else { return Err(not_reset(OP)) };
        let (reward, terminated) = match action {
            0 => {
                while hands.dealer.total() < 17 {
                    hands.dealer.take(draw(&mut self.rng));
                }
                (self.reward(&hands), true)
            }
            1 => {
                hands.player.take(draw(&mut self.rng));
                let bust = hands.player.is_bust();
                (if bust { -1.0 } else { 0.0 }, bust)
            }
            _ => return Err(no_action(OP, action)),
        };
        self.hands = Some(hands);
        Ok(Step { observation: hands.observe(), reward, terminated, truncated: false, info: () })
    }

    fn render_text(&self) -> Option<String> {
        let (sum, card, ace) = self.hands?.observe();
        let ace = if ace == 1 { " with a usable ace" } else { "" };
        Some(format!("dealer shows {card}, player has {sum}{ace}\n"))
    }

    fn render(&self) -> Option<Picture> {
        let (sum, card, ace) = self.hands?.observe();
        Some(toy::blackjack(sum, card, ace == 1))
    }
}
