//! `lab find`: whose session is where, asked of the tier that runs. How it is asked is the driver's part; here it is told.

use crate::args::FindArgs;
use crate::failure::{Exit, Failure};
use crate::terminal::say;
use anyhow::{Context, anyhow};
use driver::{Door, LookUp, Operator, Reach, Reply, Sighting, Tier, Whereabouts, running};
use serde_json::{Value, json};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// What can be asked.
struct Subject {
    /// `server-kill on stateful (run ...)`.
    title: String,
    tier: Option<Tier>,
    doors: Vec<Door>,
    operator: Operator,
}

/// Asks every tier that is meant, and tells what each said.
///
/// # Errors
/// When there is nothing to ask, or no token to show.
pub fn find(args: &FindArgs) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("no runtime can be made").map_err(Failure::environment)?;
    let mut found = Vec::new();
    for subject in subjects(args)? {
        let expected = subject.tier.as_ref().map(Tier::reach);
        let look_up = runtime.block_on(subject.operator.look_up(&subject.doors, &args.owner, expected));
        if !args.json {
            say(&in_words(&args.owner, &subject, &look_up));
        }
        found.push((subject, look_up));
    }
    if args.json {
        let rows: Vec<Value> =
            found.iter().map(|(subject, found)| as_json(&args.owner, subject, found)).collect();
        say(&format!("{:#}\n", Value::Array(rows)));
    }
    let is = |wanted| found.iter().any(|(_, look_up)| look_up.whereabouts() == wanted);
    Ok(match (is(Whereabouts::Found), is(Whereabouts::Untold)) {
        (true, _) => Exit::Held,
        (false, true) => Exit::Inconclusive,
        (false, false) => Exit::Broke,
    })
}

fn subjects(args: &FindArgs) -> Result<Vec<Subject>, Failure> {
    let patience = Duration::from_secs(args.patience_s);
    if let Some(file) = &args.token_file {
        let doors =
            args.servers.iter().map(|addr| Door { instance: addr.to_string(), addr: *addr, log: None });
        let operator = operator(file, patience).map_err(Failure::usage)?;
        let title = format!("{} servers", args.servers.len());
        return Ok(vec![Subject { title, tier: None, doors: doors.collect(), operator }]);
    }
    let tiers = running();
    let meant: Vec<&Tier> =
        tiers.iter().filter(|tier| args.run.as_ref().is_none_or(|run| tier.run == *run)).collect();
    if meant.is_empty() {
        return Err(nothing_runs(args, &tiers));
    }
    let subject = |tier: &Tier| {
        let operator = operator(&tier.token_file, patience).map_err(Failure::environment)?;
        let title = format!("{} on {} (run {}, {})", tier.scenario, tier.stack, tier.run, tier.trial);
        Ok(Subject { title, doors: tier.servers.clone(), operator, tier: Some(tier.clone()) })
    };
    meant.into_iter().map(subject).collect()
}

fn operator(token_file: &Path, patience: Duration) -> anyhow::Result<Operator> {
    let token = fs::read_to_string(token_file);
    let token = token.with_context(|| format!("cannot read the token in {}", token_file.display()))?;
    Ok(Operator::new(&token, patience)?)
}

fn nothing_runs(args: &FindArgs, tiers: &[Tier]) -> Failure {
    let mut runs: Vec<&str> = tiers.iter().map(|tier| tier.run.as_str()).collect();
    runs.dedup();
    match &args.run {
        Some(run) if !runs.is_empty() => {
            Failure::usage(anyhow!("no trial of a run '{run}' runs now; there are: {}", runs.join(", ")))
        }
        _ => Failure::environment(anyhow!(
            "no tier of yours runs on this machine now, so there is nobody to ask; run 'lab compare server-kill' in another \
             terminal and ask while it runs, or name servers with --server ADDR --token-file FILE"
        )),
    }
}

fn in_words(owner: &str, subject: &Subject, look_up: &LookUp) -> String {
    let mut text = format!("{owner} in {}\n", subject.title);
    let width = look_up.replies.iter().map(|reply| reply.door.instance.len()).max().unwrap_or(0);
    for reply in &look_up.replies {
        let took_ms = reply.took.as_secs_f64() * 1e3;
        let _ = writeln!(text, "  {:<width$}  {}  ({took_ms:.1} ms)", reply.door.instance, said(reply));
    }
    let LookUp { places, answered, .. } = look_up;
    let place = if *places == 1 { "place" } else { "places" };
    let _ = writeln!(
        text,
        "{}: {answered} of {places} {place} answered, {} asked, {:.1} ms in all. {}",
        word(look_up.whereabouts()),
        plural(look_up.replies.len() as u64, "server"),
        look_up.took.as_secs_f64() * 1e3,
        meaning(look_up)
    );
    for door in silent(look_up).filter(|_| look_up.reach == Some(Reach::Process)) {
        if let Some(log) = &door.log {
            let _ =
                writeln!(text, "left of {} for the post-mortem: its log, {}", door.instance, log.display());
        }
    }
    text
}

fn said(reply: &Reply) -> String {
    match &reply.said {
        Err(silence) => format!("no answer: {silence}"),
        Ok(said) if said.sessions.is_empty() => match (said.looked_at, said.whole) {
            (None, _) => "keeps no session that it could look at".to_owned(),
            (Some(n), true) => format!("not here, among {}", plural(n, "session")),
            (Some(n), false) => {
                format!("not among {}, and there was no time for the rest", plural(n, "session"))
            }
        },
        Ok(said) => said.sessions.iter().map(sighting).collect::<Vec<_>>().join("; "),
    }
}

/// `session 3fa9b1c2: version 5, 3 lines in the cart, begun 12.0 s ago, used 2.0 s ago`.
fn sighting(sighting: &Sighting) -> String {
    let seconds = |ms: u64| format!("{:.1} s ago", ms as f64 / 1e3);
    let used = sighting.idle_ms.map_or(String::new(), |ms| format!(", used {}", seconds(ms)));
    format!(
        "here, session {}: version {}, {} in the cart, begun {}{used}",
        sighting.key,
        sighting.version,
        plural(sighting.lines, "line"),
        seconds(sighting.age_ms)
    )
}

fn plural(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn word(whereabouts: Whereabouts) -> &'static str {
    match whereabouts {
        Whereabouts::Found => "found",
        Whereabouts::Nowhere => "nowhere",
        Whereabouts::Untold => "cannot be told",
    }
}

/// What that means for whoever asked.
fn meaning(look_up: &LookUp) -> &'static str {
    match (look_up.whereabouts(), look_up.reach) {
        (Whereabouts::Found, Some(Reach::Process)) => {
            "It is in the memory of that one server, so every server had to be asked; it ends with that process."
        }
        (Whereabouts::Found, _) => {
            "It is in the store that all servers share, so any of them can tell, and it outlives each of them."
        }
        (Whereabouts::Nowhere, Some(Reach::Process)) => {
            "No process that runs now has it: it was never begun, ended, expired, or died with a process that is gone. Of such a \
             session nothing is left but lines in a log."
        }
        (Whereabouts::Nowhere, _) => {
            "The store does not have it: it was never begun, ended, expired, or the store has lost it."
        }
        (Whereabouts::Untold, Some(Reach::Client)) => {
            "Each session is with its client, and no server knows which there are: ask the customer for the cookie."
        }
        (Whereabouts::Untold, Some(Reach::Closed)) => {
            "The session library answers to whoever holds a session's cookie, and to nobody else."
        }
        (Whereabouts::Untold, Some(Reach::Shared)) => {
            "The store did not answer for everything that it holds; what is in it is known when it does."
        }
        (Whereabouts::Untold, _) => {
            "Whoever did not answer may have it. Where sessions are in a server's memory and the server is dead, it is gone with it."
        }
    }
}

fn silent(look_up: &LookUp) -> impl Iterator<Item = &Door> {
    look_up.replies.iter().filter(|reply| reply.said.is_err()).map(|reply| &reply.door)
}

fn as_json(owner: &str, subject: &Subject, look_up: &LookUp) -> Value {
    let ms = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    let reply = |reply: &Reply| {
        let (said, silence) = match &reply.said {
            Ok(said) => (json!(said), Value::Null),
            Err(silence) => (Value::Null, Value::String(silence.to_string())),
        };
        let Door { instance, addr, log } = &reply.door;
        json!({ "server": instance, "addr": addr, "log": log, "took_ms": ms(reply.took), "said": said, "silence": silence })
    };
    let tier = subject.tier.as_ref();
    json!({
        "owner": owner,
        "run": tier.map(|tier| &tier.run),
        "trial": tier.map(|tier| &tier.trial),
        "scenario": tier.map(|tier| &tier.scenario),
        "stack": tier.map(|tier| tier.stack.to_string()),
        "whereabouts": match look_up.whereabouts() {
            Whereabouts::Found => "found",
            Whereabouts::Nowhere => "nowhere",
            Whereabouts::Untold => "untold",
        },
        "reach": look_up.reach,
        "places": look_up.places,
        "answered": look_up.answered,
        "took_ms": ms(look_up.took),
        "meaning": meaning(look_up),
        "replies": look_up.replies.iter().map(reply).collect::<Vec<_>>(),
    })
}
