//! A service as written, in a file or in flags: both are made from `report::KEYS`, so that no two can disagree.

use crate::failure::Failure;
use crate::text_file;
use anyhow::anyhow;
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use report::{KEYS, Key, Service, TODAY, Today};
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Spanned, Value};

/// Larger than any such file.
const MOST_BYTES: u64 = 1 << 16;

/// What was said so far, by the names of the keys.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    numbers: BTreeMap<&'static str, f64>,
    today: Option<Today>,
}

impl Answers {
    /// What the flags say counts.
    pub fn overrule(&mut self, flags: &Flags) {
        self.numbers.extend(&flags.0.numbers);
        self.today = flags.0.today.or(self.today);
    }

    /// One more answer.
    pub fn set(&mut self, key: &'static str, value: f64) {
        self.numbers.insert(key, value);
    }

    /// Whether a key has its value.
    pub fn has(&self, key: &str) -> bool {
        self.numbers.contains_key(key)
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.today.is_none()
    }

    /// Required keys without a value.
    pub fn missing(&self) -> Vec<&'static str> {
        self.service().err().unwrap_or_default()
    }

    /// The service.
    ///
    /// # Errors
    /// The required keys without a value.
    pub fn service(&self) -> Result<Service, Vec<&'static str>> {
        Service::new(&self.numbers, self.today.unwrap_or_default())
    }
}

/// The key's flag.
pub fn flag(key: &str) -> String {
    format!("--{}", key.replace('_', "-"))
}

/// Reads a file.
///
/// # Errors
/// The first mistake, with file, line and key.
pub fn read(path: &Path) -> Result<Answers, Failure> {
    let shown = path.display();
    let text = text_file::read(path, MOST_BYTES)
        .map_err(|e| Failure::usage(anyhow!("{shown}: {e}; docs/advice.md shows such a file")))?;
    parse(&text).map_err(|(at, message)| {
        let line = text.get(..at.min(text.len())).unwrap_or_default().matches('\n').count() + 1;
        Failure::usage(anyhow!("{shown}:{line}: {message}"))
    })
}

/// Where, and what is wrong.
type Mistake = (usize, String);

fn parse(text: &str) -> Result<Answers, Mistake> {
    let written: BTreeMap<Spanned<String>, Spanned<Value>> =
        toml::from_str(text).map_err(|e| (e.span().map_or(0, |span| span.start), e.message().to_owned()))?;
    // In the order in which they stand, so that the first mistake is told.
    let mut written: Vec<_> = written.into_iter().collect();
    written.sort_by_key(|(key, _)| key.span().start);
    let mut answers = Answers::default();
    for (name, value) in written {
        let at = name.span().start;
        let name = name.into_inner();
        if name == TODAY {
            let told = value.get_ref().as_str().unwrap_or("something else");
            answers.today = Some(today(told).map_err(|message| (at, message))?);
            continue;
        }
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            return Err((at, unknown(&name)));
        };
        let number = match value.into_inner() {
            Value::Integer(n) => n as f64,
            Value::Float(x) => x,
            other => {
                let kind = other.type_str();
                let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
                let message = format!("{name} is {article} {kind}; a number is needed, {}", key.possible());
                return Err((at, message));
            }
        };
        answers.set(key.name, checked(key, number).map_err(|message| (at, message))?);
    }
    Ok(answers)
}

fn unknown(name: &str) -> String {
    // The unit at the end of a key is what is forgotten most.
    let likeness = |key: &&str| {
        let without_unit = key.strip_prefix(name).is_some_and(|rest| rest.starts_with('_'));
        if without_unit { 1.0 } else { strsim::normalized_damerau_levenshtein(name, key) }
    };
    let names = || KEYS.iter().map(|key| key.name).chain([TODAY]);
    let near = names().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|near| likeness(near) > 0.4);
    let hint = near.map_or_else(
        || format!("; known are {}", names().collect::<Vec<_>>().join(", ")),
        |near| format!("; did you mean '{near}'?"),
    );
    format!("unknown key '{name}'{hint}")
}

/// A number that is possible for a key.
///
/// # Errors
/// When it is not; the message names the key and what is possible.
pub fn checked(key: &Key, value: f64) -> Result<f64, String> {
    if key.takes(value) {
        Ok(value)
    } else {
        Err(format!("{} is {value}; {} is possible", key.name, key.possible()))
    }
}

fn today(told: &str) -> Result<Today, String> {
    let names = Today::ALL.map(Today::name).join(", ");
    let found = Today::ALL.into_iter().find(|today| today.name() == told);
    found.ok_or_else(|| format!("{TODAY} is '{told}'; one of {names} is possible"))
}

/// The flags: one for each key.
#[derive(Clone, Debug, Default)]
pub struct Flags(Answers);

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let numbers = KEYS.iter().map(|key| {
            let parse = |text: &str| text.parse::<f64>().map_err(|_| "a number is needed".to_owned());
            let parse = move |text: &str| parse(text).and_then(|value| checked(key, value));
            // clap keeps names for as long as the process lives.
            let long: &'static str = Box::leak(key.name.replace('_', "-").into_boxed_str());
            Arg::new(key.name)
                .long(long)
                .value_name("N")
                .help(key.asks)
                .help_heading("What you know of your service (they overrule the file)")
                .allow_negative_numbers(true)
                .value_parser(parse)
        });
        let where_now = Arg::new(TODAY)
            .long(TODAY)
            .value_name("WHERE")
            .help("Where the sessions are today: not-built, stateful, stateless")
            .help_heading("What you know of your service (they overrule the file)")
            .value_parser(today);
        command.args(numbers).arg(where_now)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let wrong = |e: clap::parser::MatchesError| clap::Error::raw(ErrorKind::InvalidValue, e.to_string());
        for key in &KEYS {
            if let Some(value) = matches.try_get_one::<f64>(key.name).map_err(wrong)? {
                self.0.set(key.name, *value);
            }
        }
        self.0.today = matches.try_get_one::<Today>(TODAY).map_err(wrong)?.copied().or(self.0.today);
        Ok(())
    }
}
