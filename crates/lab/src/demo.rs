//! `lab demo` and `lab replay`: the live demo, and one that is over.

use crate::args::{DemoArgs, ReplayArgs};
use crate::compare::{command_line, environment};
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::judge;
use crate::run_folder;
use crate::subjects::lacking;
use crate::terminal::note;
use crate::tui;
use ::demo::show::{Ended, Sides};
use ::demo::{ClassRoom, Demo, DemoError, Options, Replay, scene};
use anyhow::anyhow;
use driver::{Binaries, DriverError, ExternalStores, Scratch};
use journal::{RUN_FORMAT, Run};
use nix::sys::signal::{Signal, raise};
use scenario::{Stack, StoreKind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Which stores a demo takes when none is asked for: the first that is installed.
const PREFERRED: [StoreKind; 3] = [StoreKind::Redis, StoreKind::Postgres, StoreKind::Sqlite];

/// Runs the demo until the user ends it.
///
/// # Errors
/// When a tier does not come up, or a port is taken.
pub async fn demo(args: DemoArgs, interrupt: Interrupt) -> Result<Exit, Failure> {
    if args.tui {
        tui::needs_a_terminal()?;
    }
    let external = ExternalStores::default();
    let stateless = settle(args.stack, &external)?;
    let binaries = Binaries::pin()?;
    let (id, folder) = run_folder::create(&args.out, scene::NAME)?;
    let _lock = run_folder::lock(&folder)?;
    let run = Arc::new(Mutex::new(Run {
        format: RUN_FORMAT,
        id: id.clone(),
        started_unix_ms: run_folder::unix_ms(),
        command: command_line(),
        quick: false,
        environment: environment(&binaries),
        trials: Vec::new(),
        left_out: Vec::new(),
        interrupted: false,
        request: None,
        resumed: Vec::new(),
    }));
    let scratch = Scratch::new(&id)?;
    interrupt.remove_when_killed(scratch.path());
    let (known, into, out, name) = (Arc::clone(&run), folder.clone(), args.out.clone(), id.clone());
    let on_segment = move |trials: &[journal::TrialRef]| {
        let mut run = known.lock().unwrap_or_else(PoisonError::into_inner);
        run.trials.extend_from_slice(trials);
        if let Err(Failure { error, .. }) = run_folder::save(&into, &run) {
            note(&format!("{error:#}"));
        }
        // Only now is there something to point to.
        run_folder::point_latest(&out, &name);
    };
    note(&format!("starting three servers and a router twice: stateful, and {stateless}"));
    let demo = Demo::start(Options {
        port: args.port,
        stacks: [Stack::stateful(), stateless],
        cast: scene::Cast {
            shoppers: args.shoppers,
            think_time_ms: args.think_time_ms,
            minutes: args.minutes,
        },
        seed: args.seed,
        run: id,
        dir: folder.clone(),
        scratch,
        external,
        class: args.class.then_some(ClassRoom { address: args.class_address, port: args.class_port }),
        interrupt: interrupt.receiver(),
        on_segment: Box::new(on_segment),
    })
    .await
    .map_err(failed)?;
    announce(&demo, &args);
    let shown = until_ended(&demo, args.tui, &interrupt).await;
    note("healing, and reading every cart once more");
    let ended = demo.stop().await.map_err(failed)?;
    let run = run.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let exit = finish(&folder, &run, &ended, args.export.as_deref())?;
    shown.map_err(Failure::environment)?;
    Ok(exit)
}

/// Waits for the user's wish to end it. Whoever ends the terminal view ends the demo, as Ctrl-C does: one more ends it at once.
async fn until_ended(demo: &Demo, tui: bool, interrupt: &Interrupt) -> anyhow::Result<()> {
    let shown = if tui { tui::show(demo, interrupt.receiver()).await } else { Ok(()) };
    if tui && !interrupt.is_raised() {
        raise(Signal::SIGINT)?;
    }
    // The sender lives as long as the process.
    let _ = interrupt.receiver().wait_for(|stop| *stop).await;
    shown
}

/// A stack that was asked for must run; without one the first that can is taken.
fn settle(asked: Option<Stack>, external: &ExternalStores) -> Result<Stack, Failure> {
    if let Some(stack) = asked {
        return match lacking(stack, external) {
            Some(e) => Err(e.into()),
            None if stack.is_stateful() => Err(Failure::usage(anyhow!(
                "--stack {stack}: the other tier is stateful already; name one with a shared store, or 'stateless-cookie'"
            ))),
            None => Ok(stack),
        };
    }
    let there = PREFERRED.map(Stack::stateless).into_iter().find(|stack| lacking(*stack, external).is_none());
    let stack = there.unwrap_or(Stack::stateless(StoreKind::Sqlite));
    if stack.store == StoreKind::Sqlite {
        note(
            "no Redis and no PostgreSQL is installed ('just setup' installs them): the shared store is a SQLite file",
        );
    }
    Ok(stack)
}

fn announce(demo: &Demo, args: &DemoArgs) {
    let url = demo.url();
    note(&format!("\nthe demo is at {url}\nwhoever has that address steers it; Ctrl-C ends it"));
    if let Some((addr, code)) = demo.class() {
        let whom = match addr.ip().is_loopback() {
            true => {
                "is open on this machine alone, and no phone reaches it: join a network, or name its address with --class-address"
            }
            false => "is open to everybody on the local network",
        };
        note(&format!(
            "--class: http://{addr}/ {whom}. They can vote there with the code {code}, and see the vote; they can see and steer \
             nothing else. Ctrl-C closes it"
        ));
    }
    if !args.no_open && !args.tui && !open(url) {
        note("no browser could be opened: open the address yourself");
    }
}

/// Opens the user's own browser, which is not ours to end.
fn open(url: &str) -> bool {
    let program = std::env::var("BROWSER").unwrap_or_else(|_| "xdg-open".to_owned());
    let quiet = || std::process::Stdio::null();
    let spawned =
        std::process::Command::new(program).arg(url).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
    spawned.map(|mut child| std::thread::spawn(move || child.wait())).is_ok()
}

fn finish(
    folder: &Path,
    run: &Run,
    ended: &[Sides<Option<Ended>>],
    export: Option<&Path>,
) -> Result<Exit, Failure> {
    let results = judge::judge_run(folder, run)?;
    judge::write_reports(folder, &results)?;
    let mut agree = true;
    for (number, sides) in (1..).zip(ended) {
        for (name, found) in [("stateful", &sides.a), ("stateless", &sides.b)] {
            let Some(found) = found else { continue };
            agree &= found.agrees;
            note(&format!(
                "segment {number}, {name}: {} sessions, {} lost for good, {} lines with them, {} writes lost{}",
                found.acknowledged,
                found.lost,
                found.lines_lost,
                found.writes_lost,
                if found.agrees { "" } else { "; THE PAGE SHOWED OTHER NUMBERS" },
            ));
        }
    }
    let whole = match export {
        Some(file) => write_export(folder, None, file)?,
        None => Exit::Held,
    };
    note(&format!(
        "report: {}\nagain: lab replay {}",
        folder.join(judge::HTML_FILE).display(),
        folder.display()
    ));
    Ok(if agree { whole } else { Exit::Inconclusive })
}

fn write_export(folder: &Path, segment: Option<u32>, file: &Path) -> Result<Exit, Failure> {
    let exported = ::demo::export(folder, segment).map_err(failed)?;
    std::fs::write(file, exported.page).map_err(|e| DriverError::io(file, e))?;
    note(&format!("one file that needs no network: {}", file.display()));
    Ok(warn_of(&exported.damage, folder))
}

/// Says what is wrong with journals that are shown all the same; of those nothing can be concluded.
fn warn_of(damage: &[String], folder: &Path) -> Exit {
    for what in damage {
        note(&format!("{}: {what}; what is shown ends there, and proves nothing", folder.display()));
    }
    if damage.is_empty() { Exit::Held } else { Exit::Inconclusive }
}

/// Serves a demo that is over, or makes one file of it.
///
/// # Errors
/// When the folder holds no demo, or the port is taken.
pub async fn replay(args: ReplayArgs, interrupt: Interrupt) -> Result<Exit, Failure> {
    if let Some(file) = &args.export {
        return write_export(&args.dir, args.segment, file);
    }
    let scratch = Scratch::new("replay")?;
    interrupt.remove_when_killed(scratch.path());
    let replay = Replay::start(&args.dir, args.segment, args.port, &scratch).await.map_err(failed)?;
    let whole = warn_of(replay.damage(), &args.dir);
    note(&format!("the recorded demo is at {}\nCtrl-C ends it", replay.url()));
    if !args.no_open && !open(replay.url()) {
        note("no browser could be opened: open the address yourself");
    }
    let mut stop = interrupt.receiver();
    let _ = stop.wait_for(|stop| *stop).await;
    replay.stop().await;
    Ok(whole)
}

fn failed(error: DemoError) -> Failure {
    match error {
        DemoError::Driver(e) => e.into(),
        e @ DemoError::Listen { .. } => Failure::environment(e),
        e @ (DemoError::Recording { .. } | DemoError::NoName { .. }) => Failure::usage(e),
    }
}
