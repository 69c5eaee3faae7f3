//! What is made of a genuine cookie, and what is made up. Pure: every choice comes from the plan's dice.

use sha2::{Digest, Sha256};

/// The letters of base64 for URLs, in the order of what they stand for; all but the last two are those of plain base64 too.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// The last letters of a value may stand for less than six bits each, and its padding for none.
const TAIL: usize = 8;

/// Draws without end from one number of the plan.
pub(super) struct Dice {
    seed: [u8; 12],
    drawn: u64,
}

impl Dice {
    pub(super) fn new(dice: u64, round: u32) -> Self {
        let mut seed = [0; 12];
        seed[..8].copy_from_slice(&dice.to_le_bytes());
        seed[8..].copy_from_slice(&round.to_le_bytes());
        Self { seed, drawn: 0 }
    }

    /// Less than `below`, which is not 0. The bias is below a billionth for what is drawn here.
    fn below(&mut self, below: usize) -> usize {
        self.drawn += 1;
        let hash = Sha256::new().chain_update(self.seed).chain_update(self.drawn.to_le_bytes()).finalize();
        let number = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        (number % below as u64) as usize
    }

    /// Text that looks like a cookie's value.
    pub(super) fn text(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(LETTERS[self.below(LETTERS.len())])).collect()
    }
}

/// The value with one bit of what it stands for flipped, somewhere in the given eighth of it; `None` for one that is too short.
pub(super) fn flip(value: &str, eighth: usize, dice: &mut Dice) -> Option<String> {
    let mut bytes = value.as_bytes().to_vec();
    let room = bytes.len().checked_sub(TAIL).filter(|room| *room >= 8)?;
    let (from, to) = (room * eighth / 8, room * (eighth + 1) / 8);
    let places: Vec<usize> = (from..to).filter(|at| place_of(bytes[*at]).is_some()).collect();
    let at = *places.get(dice.below(places.len().max(1)))?;
    bytes[at] = LETTERS[place_of(bytes[at])? ^ (1 << dice.below(6))];
    String::from_utf8(bytes).ok()
}

fn place_of(letter: u8) -> Option<usize> {
    LETTERS.iter().position(|other| *other == letter)
}

/// Pieces of a value: without its beginning, without its end, and its first half. Values are ASCII.
pub(super) fn pieces(value: &str) -> Vec<String> {
    let end = value.len().saturating_sub(TAIL);
    [value.get(4..), value.get(..end), value.get(..value.len() / 2)]
        .into_iter()
        .flatten()
        .filter(|piece| !piece.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ%3D%3D";

    #[test]
    fn one_letter_is_changed_where_it_is_asked_for_and_never_in_the_tail() {
        for round in 0..200 {
            for eighth in 0..8 {
                let mut dice = Dice::new(7, round);
                let flipped = flip(VALUE, eighth, &mut dice).unwrap();
                let changed: Vec<usize> =
                    (0..VALUE.len()).filter(|at| VALUE.as_bytes()[*at] != flipped.as_bytes()[*at]).collect();
                let room = VALUE.len() - TAIL;
                assert!(
                    matches!(changed[..], [at] if (room * eighth / 8..room * (eighth + 1) / 8).contains(&at)),
                    "{changed:?}"
                );
            }
        }
        assert_eq!(flip("abc", 0, &mut Dice::new(1, 0)), None);
    }

    #[test]
    fn pieces_are_parts_of_the_value_and_shorter() {
        let pieces = pieces(VALUE);
        assert_eq!(pieces.len(), 3);
        assert!(pieces.iter().all(|piece| VALUE.contains(piece.as_str()) && piece.len() <= VALUE.len() - 4));
    }

    #[test]
    fn the_same_number_of_the_plan_draws_the_same_and_every_round_its_own() {
        let text = |dice, round| Dice::new(dice, round).text(43);
        assert_eq!(text(1, 0), text(1, 0));
        assert_ne!(text(1, 0), text(1, 1));
        assert_ne!(text(1, 0), text(2, 0));
    }
}
