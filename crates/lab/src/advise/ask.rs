//! Questions on a terminal, one for each key that has no value yet.

use super::input::{Answers, checked};
use crate::failure::Failure;
use crate::terminal::note;
use anyhow::{Context, anyhow};
use report::KEYS;
use std::io::{IsTerminal, stdin};

/// Whether somebody sits there who can read a question and answer it. Where not, nothing ever waits for an answer.
pub fn is_possible() -> bool {
    stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for everything that was not said. What is not required may be left empty.
///
/// # Errors
/// When the input ends before everything that is required was said.
pub fn the_rest(answers: &mut Answers) -> Result<(), Failure> {
    note("What do you know of your service? An empty answer leaves a question out where that is possible.\n");
    for key in &KEYS {
        if answers.has(key.name) {
            continue;
        }
        loop {
            let may_be_empty = if key.required { "" } else { " [not known]" };
            note(&format!("{} ({}){may_be_empty}", key.asks, key.name));
            let mut line = String::new();
            let read = stdin()
                .read_line(&mut line)
                .context("the terminal cannot be read")
                .map_err(Failure::usage)?;
            if read == 0 {
                return Err(Failure::usage(anyhow!("the input ended before {} was said", key.name)));
            }
            let text = line.trim();
            if text.is_empty() && !key.required {
                break;
            }
            let value = text.parse().map_err(|_| "a number is needed".to_owned());
            match value.and_then(|value| checked(key, value)) {
                Ok(value) => {
                    answers.set(key.name, value);
                    break;
                }
                Err(message) => note(&message),
            }
        }
    }
    note("");
    Ok(())
}
