//! The live demo in a terminal: real tiers, a real kill, and a terminal that is read as a person reads it.

use crate::bench::Bench;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{Winsize, openpty};
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Nothing here takes so long on a machine that works.
const PATIENCE: Duration = Duration::from_secs(60);
const SIZE: Winsize = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };

/// A lab behind a terminal; killed when dropped.
struct Seated {
    child: Child,
    terminal: File,
    said: Receiver<Vec<u8>>,
    screen: vt100::Parser,
}

impl Seated {
    fn before(bench: &Bench, arguments: &[&str]) -> Self {
        let ends = openpty(Some(&SIZE), None).unwrap();
        // Only the lab may hold its end: then the reading ends when the lab does.
        for end in [&ends.master, &ends.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        let (terminal, theirs) = (File::from(ends.master), File::from(ends.slave));
        let mut command = bench.lab(arguments);
        command.stdin(theirs.try_clone().unwrap()).stdout(theirs).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        drop(command);
        let (say, said) = channel();
        let mut from = terminal.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(many @ 1..) = from.read(&mut bytes) {
                if say.send(bytes[..many].to_vec()).is_err() {
                    return;
                }
            }
        });
        let [rows, columns] = [SIZE.ws_row, SIZE.ws_col].map(|size| NonZero::new(size).unwrap());
        let screen = vt100::Parser::new(rows, columns, 0);
        Self { child, terminal, said, screen }
    }

    fn press(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }

    fn rows(&self) -> Vec<String> {
        self.screen.screen().rows(0, SIZE.ws_col).collect()
    }

    /// Reads on until the screen is as wanted.
    #[track_caller]
    fn until(&mut self, what: &str, wanted: impl Fn(&[String]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !wanted(&self.rows()) {
            match self.said.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(e) => panic!("{what}: {e}\n{:#?}", self.rows()),
            }
        }
    }

    /// Reads to the end, and answers the exit code.
    fn end(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.said.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().unwrap().code(),
                Err(e) => panic!("the lab does not end: {e}"),
            }
        }
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number after a word, in the left tier and in the right one.
fn numbers(rows: &[String], word: &str) -> Option<(u64, u64)> {
    let row = rows.iter().find(|row| row.contains(word))?;
    let mut numbers = row.split(word).skip(1).map(|rest| rest.split_whitespace().next()?.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[test]
fn a_kill_in_the_terminal_loses_sessions_on_one_side_and_q_ends_everything() {
    let bench = Bench::new();
    let load = ["--shoppers", "60", "--think-time-ms", "300"];
    let mut lab =
        Seated::before(&bench, &[&["demo", "--tui", "--stack", "stateless-sqlite"][..], &load].concat());
    let both = |rows: &[String], word: &str| rows.iter().any(|row| row.matches(word).count() == 2);
    lab.until("both tiers are drawn, and everybody has come", |rows| {
        both(rows, "server 3   up") && numbers(rows, "alive").is_some_and(|(a, b)| a > 40 && b > 40)
    });
    // On a machine that has too much to do a router may take a living server for dead, and lose a session by that.
    let (before, _) = numbers(&lab.rows(), "lost for good").unwrap();
    assert!(bench.processes().len() > 8, "three servers and a router, twice, and the lab");

    lab.press("k");
    lab.until("a sentence says so", |rows| rows.iter().any(|row| row.contains("is killed: gone at once.")));
    let dead = |rows: &[String]| rows.iter().map(|row| row.matches(" dead ").count()).sum::<usize>();
    lab.until("the busiest server of each tier is dead", |rows| dead(rows) == 2);
    lab.until("sessions are lost on one side", |rows| {
        numbers(rows, "lost for good").is_some_and(|(a, b)| a > before + 5 && b == 0)
    });

    lab.press("9k");
    lab.until("a refusal is a sentence", |rows| {
        rows.iter().any(|row| row.contains("Not done: ") && row.contains("there is no server 9"))
    });

    lab.press("q");
    assert_eq!(lab.end(), Some(0));
    assert!(
        !lab.screen.screen().alternate_screen() && !lab.screen.screen().hide_cursor(),
        "it is given back"
    );
    assert_eq!(bench.processes(), Vec::<String>::new());
    assert!(bench.latest().join("report.html").exists());
}

#[test]
fn ctrl_c_while_it_is_drawn_ends_it_like_q() {
    let bench = Bench::new();
    let mut lab =
        Seated::before(&bench, &["demo", "--tui", "--stack", "stateless-sqlite", "--shoppers", "10"]);
    lab.until("it is drawn", |rows| rows.iter().any(|row| row.contains("lost for good")));
    lab.press("\x03");
    assert_eq!(lab.end(), Some(0));
    assert!(!lab.screen.screen().alternate_screen());
    assert_eq!(bench.processes(), Vec::<String>::new());
}

#[test]
fn a_redirected_terminal_view_is_refused_before_anything_starts() {
    let bench = Bench::new();
    let said = bench.run(&["demo", "--tui"]).exits(2).tells(&["--tui", "standard output", "leave --tui out"]);
    assert_eq!(said.out, "");
    assert!(!bench.path().join("results").exists());
}
