//! `lab doctor`: what is installed, which limits are low, and what to do.

use crate::args::JsonArgs;
use crate::failure::{Exit, Failure};
use crate::terminal::{coloured, say};
use driver::Program;
use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Fine,
    /// The comparison runs, with something left out or in doubt.
    Note,
    /// The default comparison is not whole without it.
    Missing,
}

#[derive(Serialize)]
struct Examined {
    what: String,
    state: State,
    found: String,
    remedy: Option<String>,
}

/// Files that 300 shoppers need at once, with room.
const OPEN_FILES: u64 = 4_096;

/// Examines the machine.
///
/// # Errors
/// When the answer cannot be written as JSON.
pub fn doctor(args: &JsonArgs) -> Result<Exit, Failure> {
    let mut examined: Vec<Examined> =
        ["relay", "router", "stateful-server", "stateless-server"].map(own).into();
    examined.extend(Program::ALL.map(program));
    examined.extend([open_files(), processors(), load(), scratch(), leftovers()]);
    let exit =
        if examined.iter().any(|one| one.state == State::Missing) { Exit::Environment } else { Exit::Held };
    if args.json {
        say(&(serde_json::to_string_pretty(&examined).map_err(Failure::environment)? + "\n"));
        return Ok(exit);
    }
    for Examined { what, state, found, remedy } in &examined {
        let (word, colour) = match state {
            State::Fine => ("ok     ", "32"),
            State::Note => ("note   ", "33"),
            State::Missing => ("missing", "31"),
        };
        let word = if coloured() { format!("\x1b[{colour}m{word}\x1b[0m") } else { word.to_owned() };
        say(&format!("{word}  {what:<17} {found}\n"));
        if let Some(remedy) = remedy {
            say(&format!("{:28}{remedy}\n", ""));
        }
    }
    Ok(exit)
}

fn own(name: &str) -> Examined {
    let found = driver::own(name);
    Examined {
        what: name.to_owned(),
        state: if found.is_ok() { State::Fine } else { State::Missing },
        found: found.as_ref().map_or_else(|_| "not built".to_owned(), |path| path.display().to_string()),
        remedy: found.err().map(|_| "build the whole workspace: cargo build --workspace".to_owned()),
    }
}

fn program(program: Program) -> Examined {
    let missing = match program {
        // Only '--router haproxy' needs it.
        Program::Haproxy => State::Note,
        Program::Redis | Program::Postgres => State::Missing,
    };
    let version = program.version();
    Examined {
        what: program.executable().to_owned(),
        state: if version.is_ok() { State::Fine } else { missing },
        found: version.as_ref().map_or_else(|_| "not installed".to_owned(), Clone::clone),
        remedy: version.err().map(|_| {
            let without = match program {
                Program::Redis => "stateless-redis is left out",
                Program::Postgres => "stateless-postgres is left out",
                Program::Haproxy => "--router haproxy cannot be used",
            };
            format!(
                "without it {without}; install it: just setup (on Debian: apt-get install {})",
                program.package()
            )
        }),
    }
}

fn open_files() -> Examined {
    let limit = driver::open_files_limit();
    let low = limit < OPEN_FILES;
    Examined {
        what: "open files".to_owned(),
        state: if low { State::Note } else { State::Fine },
        found: format!("up to {limit}"),
        remedy: low.then(|| {
            format!("each shopper needs two and a few hundred more are used: ulimit -n {OPEN_FILES}")
        }),
    }
}

fn processors() -> Examined {
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Examined {
        what: "processors".to_owned(),
        state: if count < 2 { State::Note } else { State::Fine },
        found: count.to_string(),
        remedy: (count < 2).then(|| {
            "load and servers share one: latencies will be high, losses are judged all the same".to_owned()
        }),
    }
}

fn load() -> Examined {
    let load = driver::environment(driver::Build::default()).load_before;
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as f64;
    let busy = load > count / 2.0;
    Examined {
        what: "load".to_owned(),
        state: if busy { State::Note } else { State::Fine },
        found: format!("{load} over the last minute"),
        remedy: busy.then(|| "something else is at work; latencies will be disturbed".to_owned()),
    }
}

fn scratch() -> Examined {
    let folder = std::env::temp_dir();
    let writable = driver::Scratch::new("doctor");
    Examined {
        what: "temporary files".to_owned(),
        state: if writable.is_ok() { State::Fine } else { State::Missing },
        found: folder.display().to_string(),
        remedy: writable.err().map(|e| e.to_string()),
    }
}

fn leftovers() -> Examined {
    let left = driver::leftovers();
    Examined {
        what: "leftovers".to_owned(),
        state: if left.is_empty() { State::Fine } else { State::Note },
        found: if left.is_empty() {
            "none".to_owned()
        } else {
            format!("{} of runs that were killed", left.len())
        },
        remedy: (!left.is_empty()).then(|| "remove them: lab clean".to_owned()),
    }
}
