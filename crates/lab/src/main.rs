//! `lab`: the command line. It finds scenarios, has the driver run trials, the analysis judge them and the report render them.

mod advise;
mod args;
mod check;
mod claims;
mod clean;
mod compare;
mod demo;
mod diff;
mod doctor;
mod effect;
mod failure;
mod find;
mod harm;
mod index;
mod interrupt;
mod judge;
mod limit;
mod list;
mod metrics;
mod mutate;
mod pace;
mod plan;
mod resume;
mod run_folder;
mod runner;
mod scenarios;
mod stored;
mod subjects;
mod terminal;
mod text_file;
mod tui;
mod vacuity;

use anyhow::Context;
use args::{Cli, Command, SchemaOf};
use clap::{CommandFactory, Parser};
use failure::{Exit, Failure};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match carry_out(cli.command) {
        Ok(exit) => exit.into(),
        Err(Failure { exit, error }) => {
            terminal::note(&format!("error: {error:#}"));
            exit.into()
        }
    }
}

fn carry_out(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Compare(args) => with_interrupt(|interrupt| compare::compare(args, interrupt)),
        Command::Demo(args) => with_interrupt(|interrupt| demo::demo(args, interrupt)),
        Command::Replay(args) => with_interrupt(|interrupt| demo::replay(args, interrupt)),
        Command::Limit(args) => with_interrupt(|interrupt| limit::limit(args, interrupt)),
        Command::List(args) => list::list(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Check(args) if args.mutate => with_interrupt(|interrupt| mutate::check(args, interrupt)),
        Command::Check(args) => check::check(&args),
        Command::Schema { of } => {
            let schema = match of {
                SchemaOf::Scenario => scenario::Scenario::file_schema(),
                SchemaOf::Advice => report::service_schema(),
            };
            terminal::say(&format!("{schema:#}\n"));
            Ok(Exit::Held)
        }
        Command::Advise(args) => advise::advise(&args),
        Command::Find(args) => find::find(&args),
        Command::Report(args) => judge::report(&args),
        Command::Diff(args) => diff::diff(&args),
        Command::Index(args) => index::index(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Clean(args) => clean::clean(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "lab", &mut script);
            terminal::say(&String::from_utf8_lossy(&script));
            Ok(Exit::Held)
        }
    }
}

/// Runs what runs trials, which the user may break off.
fn with_interrupt<F: Future<Output = Result<Exit, Failure>>>(
    run: impl FnOnce(interrupt::Interrupt) -> F,
) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("no runtime can be made").map_err(Failure::environment)?;
    runtime.block_on(async {
        let interrupt = interrupt::Interrupt::listen();
        let interrupt = interrupt.context("signals cannot be followed").map_err(Failure::environment)?;
        run(interrupt).await
    })
}
