//! `lab check`: are these scenario files right?

use crate::args::CheckArgs;
use crate::failure::{Exit, Failure};
use crate::scenarios;
use crate::terminal::say;

/// Checks every file and tells all that is wrong, one mistake a file.
///
/// # Errors
/// Never for a bad file: that is its answer.
pub fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let names = if args.scenarios.is_empty() { scenarios::names() } else { args.scenarios.clone() };
    let checked: Vec<(String, Option<String>)> = names
        .into_iter()
        .map(|name| {
            let error = scenarios::load(&name).err().map(|failure| format!("{:#}", failure.error));
            (name, error)
        })
        .collect();
    let bad = checked.iter().any(|(_, error)| error.is_some());
    if args.json {
        let rows: Vec<_> = checked
            .iter()
            .map(|(name, error)| serde_json::json!({ "scenario": name, "error": error }))
            .collect();
        say(&format!("{:#}\n", serde_json::Value::Array(rows)));
    } else {
        for (name, error) in &checked {
            match error {
                None => say(&format!("ok     {name}\n")),
                Some(error) => say(&format!("wrong  {error}\n")),
            }
        }
    }
    Ok(if bad { Exit::Usage } else { Exit::Held })
}
