//! Child processes: the only place that starts one or signals one.
//!
//! Invariants: every child is in its own process group, carries the run's tag in its environment, and dies with the lab,
//! whatever killed the lab; a signal goes only to a child that has not been reaped, so never to a stranger with a reused id.

use crate::error::DriverError;
use crate::usage::descendants;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// The environment variable that tags every child with its run.
pub const RUN_TAG: &str = "SESSION_LAB_RUN";

/// How a process ended: `signal 9`, `code 0`.
pub type ExitText = String;

/// What to start.
pub struct Spec<'a> {
    /// The name under which the journal and the logs know it.
    pub name: &'a str,
    /// Program, arguments and environment.
    pub command: Command,
    /// The signal that it gets when the lab dies.
    pub death_signal: Signal,
    /// Where its output goes.
    pub log: PathBuf,
    /// The first line of its standard output is waited for.
    pub says_ready: bool,
}

/// A running child, killed when dropped.
pub struct Process {
    name: String,
    pid: Pid,
    log: PathBuf,
    started: Instant,
    state: Arc<Mutex<State>>,
    exit: watch::Receiver<Option<ExitText>>,
    ready: Option<oneshot::Receiver<String>>,
}

#[derive(Default)]
struct State {
    reaped: bool,
    ordered: bool,
}

type Order = (Command, mpsc::Sender<std::io::Result<Child>>);

/// The parent-death signal fires when the *thread* that started the child ends, so one thread, which lives as long as the
/// lab, starts them all.
fn spawner() -> &'static Mutex<mpsc::Sender<Order>> {
    static SPAWNER: OnceLock<Mutex<mpsc::Sender<Order>>> = OnceLock::new();
    SPAWNER.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        std::thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                for (mut command, reply) in inbox {
                    let _ = reply.send(command.spawn());
                }
            })
            .expect("a thread can be started");
        Mutex::new(orders)
    })
}

fn spawn_on_long_lived_thread(command: Command) -> std::io::Result<Child> {
    let (reply, answer) = mpsc::channel();
    let gone = || std::io::Error::other("the spawner thread is gone");
    spawner().lock().map_err(|_| gone())?.send((command, reply)).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

/// Prepares a command so that its process dies with this one.
#[allow(unsafe_code)]
fn bind_to_parent(command: &mut Command, death_signal: Signal) {
    command.process_group(0);
    #[cfg(target_os = "linux")]
    {
        let parent = std::process::id();
        // SAFETY: between fork and exec only async-signal-safe calls are allowed; prctl, getppid and _exit (through
        // returning an error) are, and nothing is allocated on the path that succeeds.
        unsafe {
            command.pre_exec(move || {
                nix::sys::prctl::set_pdeathsig(death_signal)?;
                if nix::unistd::getppid().as_raw().unsigned_abs() != parent {
                    return Err(std::io::ErrorKind::BrokenPipe.into());
                }
                Ok(())
            });
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = death_signal;
}

impl Process {
    /// Starts a child.
    ///
    /// # Errors
    /// When the program or its log cannot be opened.
    pub fn start(run: &str, spec: Spec<'_>) -> Result<Self, DriverError> {
        let Spec { name, mut command, death_signal, log, says_ready } = spec;
        let file = File::create(&log).map_err(|e| DriverError::io(&log, e))?;
        let again = file.try_clone().map_err(|e| DriverError::io(&log, e))?;
        bind_to_parent(&mut command, death_signal);
        // The end of its log is shown when it fails: its error, not the way there.
        command.env(RUN_TAG, run).env("RUST_LIB_BACKTRACE", "0").stdin(Stdio::null()).stderr(file);
        command.stdout(if says_ready { Stdio::piped() } else { Stdio::from(again) });
        let program = PathBuf::from(command.get_program());
        let mut child = spawn_on_long_lived_thread(command).map_err(|e| DriverError::Child {
            process: name.to_owned(),
            what: format!("{} cannot be started: {e}", program.display()),
            log: String::new(),
        })?;
        let ready = child.stdout.take().map(|stdout| first_line(stdout, &log));
        let pid = Pid::from_raw(child.id().cast_signed());
        let state = Arc::new(Mutex::new(State::default()));
        let exit = reap_in_background(pid, Arc::clone(&state));
        Ok(Self { name: name.to_owned(), pid, log, started: Instant::now(), state, exit, ready })
    }

    /// Its name in the journal.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Since when it runs.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Follows its end from elsewhere.
    pub fn watch(&self) -> ExitWatch {
        ExitWatch {
            name: self.name.clone(),
            pid: self.pid(),
            state: Arc::clone(&self.state),
            exit: self.exit.clone(),
        }
    }

    /// Whether it still runs.
    pub fn is_running(&self) -> bool {
        self.exit.borrow().is_none()
    }

    /// Says that its end is wanted, so that it is not taken for a crash.
    pub fn order_exit(&self) {
        if let Ok(mut state) = self.state.lock() {
            state.ordered = true;
        }
    }

    /// Sends a signal, unless the process is gone.
    ///
    /// # Errors
    /// When it is gone or may not be signalled.
    pub fn signal(&self, signal: Signal) -> Result<(), DriverError> {
        let failed = |what: String| DriverError::child(&self.name, what, &self.log);
        let state = self.state.lock().map_err(|_| failed("its state is poisoned".to_owned()))?;
        if state.reaped {
            return Err(failed(format!("{signal} was to be sent, and the process is gone already")));
        }
        kill(self.pid, signal).map_err(|e| failed(format!("{signal} cannot be sent: {e}")))
    }

    /// Sends a signal to the processes that it has started, and that those have; says which they are. It must be stopped: it then
    /// reaps none of them, so that no id can have been given to a stranger.
    ///
    /// # Errors
    /// When it is gone, or one of them may not be signalled.
    pub fn signal_children(&self, signal: Signal) -> Result<Vec<u32>, DriverError> {
        let failed = |what: String| DriverError::child(&self.name, what, &self.log);
        let state = self.state.lock().map_err(|_| failed("its state is poisoned".to_owned()))?;
        if state.reaped {
            return Err(failed(format!("{signal} was to be sent to its children, and it is gone already")));
        }
        let children = descendants(self.pid());
        for child in &children {
            match kill(Pid::from_raw(child.cast_signed()), signal) {
                Ok(()) | Err(nix::Error::ESRCH) => {}
                Err(e) => return Err(failed(format!("{signal} cannot be sent to its child {child}: {e}"))),
            }
        }
        Ok(children)
    }

    /// Waits for the first line of its standard output.
    ///
    /// # Errors
    /// When it ends or the deadline passes first; the error carries the end of its log.
    pub async fn ready_line(&mut self, within: Duration) -> Result<String, DriverError> {
        let Some(ready) = self.ready.take() else {
            return Err(DriverError::child(&self.name, "says nothing on standard output", &self.log));
        };
        match tokio::time::timeout(within, ready).await {
            Ok(Ok(line)) => Ok(line),
            Ok(Err(_)) => {
                let status = self.wait(Duration::from_secs(1)).await.unwrap_or_else(|| "alive".to_owned());
                Err(DriverError::child(
                    &self.name,
                    format!("ended before it was ready ({status})"),
                    &self.log,
                ))
            }
            Err(_) => Err(DriverError::child(&self.name, format!("not ready within {within:?}"), &self.log)),
        }
    }

    /// Waits for its end; `None` when it outlives the deadline.
    pub async fn wait(&self, within: Duration) -> Option<ExitText> {
        let mut exit = self.exit.clone();
        let status = tokio::time::timeout(within, exit.wait_for(Option::is_some)).await.ok()?.ok()?;
        status.clone()
    }

    /// Asks it to end with a signal and, when it does not within the grace, kills it.
    pub async fn stop(&self, signal: Signal, grace: Duration) -> Option<ExitText> {
        self.order_exit();
        // A process that is gone already needs no signal.
        let _ = self.signal(signal);
        match self.wait(grace).await {
            Some(status) => Some(status),
            None => {
                let _ = self.signal(Signal::SIGKILL);
                self.wait(Duration::from_secs(5)).await
            }
        }
    }
}

/// Follows the end of a process.
pub struct ExitWatch {
    /// Its name in the journal.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    state: Arc<Mutex<State>>,
    exit: watch::Receiver<Option<ExitText>>,
}

impl ExitWatch {
    /// Waits for the end; says how it ended and whether that was wanted.
    pub async fn ended(&mut self) -> (ExitText, bool) {
        let status = match self.exit.wait_for(Option::is_some).await {
            Ok(status) => status.clone().unwrap_or_default(),
            Err(_) => "unknown".to_owned(),
        };
        (status, self.state.lock().is_ok_and(|state| state.ordered))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.order_exit();
        let _ = self.signal(Signal::SIGKILL);
    }
}

/// Sends the first line to whoever waits for it; the rest goes to the log.
fn first_line(stdout: ChildStdout, log: &Path) -> oneshot::Receiver<String> {
    let (tell, told) = oneshot::channel();
    let log = File::options().append(true).open(log);
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout).lines();
        if let Some(Ok(line)) = lines.next() {
            let _ = tell.send(line);
        } else {
            drop(tell);
        }
        if let Ok(mut log) = log {
            for line in lines.map_while(Result::ok) {
                let _ = writeln!(log, "{line}");
            }
        }
    });
    told
}

/// Reaps the child when it ends. The end is first seen without reaping, so that the id stays ours while the lock is taken.
fn reap_in_background(pid: Pid, state: Arc<Mutex<State>>) -> watch::Receiver<Option<ExitText>> {
    let (tell, exit) = watch::channel(None);
    std::thread::spawn(move || {
        while let Err(nix::Error::EINTR) = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
        }
        let status = {
            let mut state = state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            state.reaped = true;
            waitpid(pid, None)
        };
        let text = match status {
            Ok(WaitStatus::Exited(_, code)) => format!("code {code}"),
            Ok(WaitStatus::Signaled(_, signal, _)) => format!("signal {}", signal as i32),
            other => format!("{other:?}"),
        };
        tell.send_replace(Some(text));
    });
    exit
}
