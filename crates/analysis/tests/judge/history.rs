//! Writes the journal of a small trial, so that a test reads like the story it tells:
//!
//! ```text
//! History::new().shopper(1).logs_in().adds("a").fault().loses_the_session().reads().ends()
//! ```
//!
//! Behind it stands an honest tier: every answer says what the tier holds, unless the story says otherwise. Each request takes
//! 5 ms and the next one is sent 50 ms after it was planned; `at` moves the clock.

use analysis::{AnomalyKind, TrialFindings, judge};
use journal::{
    Entry, Event, FaultEvent, FaultStage, GeneratorEvent, Header, JournalError, Outcome, ProcessChange,
    ProcessEvent, StepEvent, View,
};
use scenario::{Action, Phase, Scenario, Stack};
use std::collections::BTreeMap;

/// Two seconds to arrive, then 4 s each of baseline, fault, recovery and quiet: 18 s of load.
const SCENARIO: &str = r#"
name = "story"
question = "What became of them?"
story = "Shoppers shop."
stacks = ["stateful", "stateless-redis"]
[topology]
servers = 2
[load]
shoppers = 10
think_time_ms = 100
mix = { read = 1, add = 1 }
[phases]
warm_up_s = 2.0
baseline_s = 4.0
fault_s = 4.0
recovery_s = 4.0
quiet_s = 4.0
[steady_state]
ok_ratio = 0.99
p99_ms = 100.0
sustain_s = 1.0
"#;

const FAULT: &str = r#"
[[faults]]
at_s = 6.0
action = "kill"
target = "busiest-server"
"#;

pub const FAULT_US: u64 = 6_000_000;

/// What an unanswered write does to the tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Happens,
    Never,
    /// When the story says `late_effects_happen`.
    Late,
}

#[derive(Clone, Debug, Default)]
struct Session {
    epoch: u64,
    version: u64,
    ops: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Client {
    cookie: Option<u64>,
    /// How often the cookie was sealed anew: some middleware does it with every write, and the fingerprint changes.
    seals: u32,
    steps: u32,
}

fn fingerprint(id: u64, seals: u32) -> String {
    if seals == 0 { format!("sid-{id}") } else { format!("sid-{id}, seal {seals}") }
}

/// A request on its way: whose, with which cookie, what.
type Request = (u32, Option<u64>, Action, Option<String>);

/// What the tier answers: a status, a view, and the cookie that the client is to have from then on.
struct Answer {
    status: u16,
    view: Option<View>,
    cookie: Option<Option<u64>>,
}

#[derive(Clone, Debug, Default)]
struct Tier {
    sessions: BTreeMap<u64, Session>,
    issued: u64,
}

impl Tier {
    fn answer(&mut self, (shopper, cookie, action, op): &Request) -> Answer {
        let session =
            cookie.and_then(|cookie| self.sessions.remove(&cookie).map(|session| (cookie, session)));
        let Some((id, mut session)) = session else {
            return match action {
                Action::LogIn => self.issue(*shopper, Session { epoch: 1, version: 1, ..Session::default() }),
                Action::Read => Answer { status: 200, view: Some(View::default()), cookie: None },
                _ => Answer { status: 401, view: None, cookie: None },
            };
        };
        session.version += u64::from(action.is_write());
        match action {
            Action::LogIn => {
                session.epoch += 1;
                session.ops.clear();
                return self.issue(*shopper, session);
            }
            Action::LogOut => return Answer { status: 200, view: Some(View::default()), cookie: Some(None) },
            Action::Add => session.ops.extend(op.clone()),
            Action::CheckOut => session.ops.clear(),
            Action::Read => {}
        }
        let view = view(*shopper, &session);
        self.sessions.insert(id, session);
        Answer { status: 200, view: Some(view), cookie: None }
    }

    fn issue(&mut self, shopper: u32, session: Session) -> Answer {
        self.issued += 1;
        let view = view(shopper, &session);
        self.sessions.insert(self.issued, session);
        Answer { status: 200, view: Some(view), cookie: Some(Some(self.issued)) }
    }
}

fn view(shopper: u32, session: &Session) -> View {
    View {
        owner: Some(format!("shopper-{shopper}")),
        epoch: session.epoch,
        version: session.version,
        ops: session.ops.clone(),
    }
}

/// A trial in the making.
#[derive(Clone)]
pub struct History {
    pub header: Header,
    pub events: Vec<Event>,
    pub now_us: u64,
    shopper: u32,
    clients: BTreeMap<u32, Client>,
    tier: Tier,
    late: Vec<Request>,
    elsewhere: bool,
    tab: u32,
    in_final_reads: bool,
}

impl History {
    pub fn new() -> Self {
        Self::of(&format!("{SCENARIO}{FAULT}"))
    }

    pub fn without_a_fault() -> Self {
        Self::of(SCENARIO)
    }

    /// With promises for every stack: metric and greatest value.
    pub fn promising(promises: &[(&str, f64)]) -> Self {
        let expect = promises.iter().map(|(metric, max)| {
            format!(
                "[[expect]]\nstacks = [\"stateful\"]\nmetric = \"{metric}\"\nmax = {max:?}\nbecause = \"so\"\n"
            )
        });
        Self::of(&format!("{SCENARIO}{FAULT}{}", expect.collect::<String>()))
    }

    fn of(scenario: &str) -> Self {
        let scenario = Scenario::parse("story.toml", scenario).expect("the story's scenario is well formed");
        let header = Header {
            format: journal::FORMAT,
            run: "run".to_owned(),
            order: 1,
            repeat: 1,
            stack: Stack::stateful(),
            replica: 0,
            router: "builtin".to_owned(),
            seed: 42,
            plan_sha256: "c0ffee".to_owned(),
            planned_steps: 0,
            scenario,
            store: BTreeMap::new(),
            start_up_ms: None,
            started_unix_ms: 0,
        };
        Self {
            header,
            events: Vec::new(),
            now_us: 100_000,
            shopper: 1,
            clients: BTreeMap::new(),
            tier: Tier::default(),
            late: Vec::new(),
            elsewhere: false,
            tab: 0,
            in_final_reads: false,
        }
    }

    /// Shoppers 100 to 119, who log in, add a line, and read 3 times a second to the end of the load.
    pub fn with_a_busy_shop() -> Self {
        Self::new().busy_shop()
    }

    pub fn busy_shop(mut self) -> Self {
        for shopper in 100..120 {
            self.now_us = u64::from(shopper) * 10_000;
            self = self.shopper(shopper).logs_in().adds(&format!("line-{shopper}"));
        }
        let mut at_us = 2_000_000;
        while at_us < 18_000_000 {
            if at_us == FAULT_US {
                self = self.fault();
            }
            for shopper in 100..120 {
                self.now_us = at_us + u64::from(shopper - 100) * 16_000;
                self = self.shopper(shopper).reads();
            }
            at_us += 400_000;
        }
        self
    }

    pub fn shopper(mut self, shopper: u32) -> Self {
        self.shopper = shopper;
        self.tab = 0;
        self
    }

    /// What follows is sent by this tab.
    pub fn tab(mut self, tab: u32) -> Self {
        self.tab = tab;
        self
    }

    /// The latest request was sent so much earlier, while others were under way.
    pub fn but_slow(self, ms: u64) -> Self {
        self.but(|step| {
            step.planned_us -= ms * 1_000;
            step.sent_us = step.sent_us.map(|us| us - ms * 1_000);
        })
    }

    /// The latest answer names this version.
    pub fn but_at_version(self, version: u64) -> Self {
        self.but(|step| {
            if let Some(view) = &mut step.view {
                view.version = version;
            }
        })
    }

    /// The latest request carried this cookie.
    pub fn but_with_cookie(self, sid: &str) -> Self {
        self.but(|step| step.sid = Some(sid.to_owned()))
    }

    /// The latest request was refused, and nothing happened as far as the shopper is told.
    pub fn but_refused(self, status: u16, word: &str) -> Self {
        self.but(|step| {
            step.outcome = Outcome::Failed;
            step.status = Some(status);
            step.error = Some(word.to_owned());
            step.view = None;
            step.new_sid = None;
        })
    }

    /// The latest answer is this view of the shopper's.
    pub fn but_answers(self, version: u64, ops: &[&str]) -> Self {
        self.but(|step| {
            step.outcome = Outcome::Ok;
            step.status = Some(200);
            step.error = None;
            let ops = ops.iter().map(|op| (*op).to_owned()).collect();
            step.view =
                Some(View { owner: Some(format!("shopper-{}", step.shopper)), epoch: 1, version, ops });
        })
    }

    /// The latest request is another try of an earlier step.
    pub fn but_retries(self, step_number: u32, idempotent: bool) -> Self {
        self.but(|step| {
            step.retry_of = Some(step_number);
            step.idempotent = idempotent;
        })
    }

    /// The tier takes a line out of the cart, or puts the lines in this order.
    pub fn tier_holds(mut self, ops: &[&str]) -> Self {
        let cookie = self.clients.get(&self.shopper).and_then(|client| client.cookie).expect("logged in");
        let session = self.tier.sessions.get_mut(&cookie).expect("the session lives");
        session.ops = ops.iter().map(|op| (*op).to_owned()).collect();
        self
    }

    /// The cookie that the shopper's jar holds.
    pub fn cookie(&self) -> String {
        let client = &self.clients[&self.shopper];
        fingerprint(client.cookie.expect("logged in"), client.seals)
    }

    pub fn at(mut self, s: f64) -> Self {
        self.now_us = (s * 1e6) as u64;
        self
    }

    pub fn logs_in(self) -> Self {
        self.sends(Action::LogIn, None)
    }

    pub fn reads(self) -> Self {
        self.sends(Action::Read, None)
    }

    pub fn adds(self, op: &str) -> Self {
        self.sends(Action::Add, Some(op))
    }

    pub fn checks_out(self) -> Self {
        self.sends(Action::CheckOut, Some("check-out"))
    }

    pub fn logs_out(self) -> Self {
        self.sends(Action::LogOut, None)
    }

    fn request(&self, action: Action, op: Option<&str>) -> Request {
        let cookie = self.clients.get(&self.shopper).and_then(|client| client.cookie);
        (self.shopper, cookie, action, op.map(str::to_owned))
    }

    fn sends(mut self, action: Action, op: Option<&str>) -> Self {
        let request = self.request(action, op);
        let mut stranger_tier = Tier::default();
        let tier = if self.elsewhere { &mut stranger_tier } else { &mut self.tier };
        let answer = tier.answer(&request);
        self.elsewhere = false;
        let mut step = self.step(&request);
        step.status = Some(answer.status);
        step.view = answer.view;
        if answer.status == 401 {
            step.outcome = Outcome::Failed;
            step.error = Some("no_session".to_owned());
        }
        let client = self.clients.entry(self.shopper).or_default();
        if let Some(cookie) = answer.cookie {
            (client.cookie, client.seals) = (cookie, 0);
            step.new_sid = cookie.map(|id| fingerprint(id, 0));
        } else if let (true, 200, Some(id)) = (action.is_write(), answer.status, client.cookie) {
            client.seals += 1;
            step.new_sid = Some(fingerprint(id, client.seals));
        }
        self.push(step)
    }

    /// A request that gets no complete answer.
    pub fn without_an_answer(mut self, action: Action, op: Option<&str>, effect: Effect) -> Self {
        let request = self.request(action, op);
        let mut step = self.step(&request);
        step.outcome = if action.is_write() { Outcome::Unknown } else { Outcome::Failed };
        step.error = Some("timeout".to_owned());
        step.server = None;
        match effect {
            Effect::Happens => drop(self.tier.answer(&request)),
            Effect::Late => self.late.push(request),
            Effect::Never => {}
        }
        self.push(step)
    }

    /// A log-in whose head arrived, cookie included, and whose body did not.
    pub fn logs_in_with_half_an_answer(mut self) -> Self {
        let request = self.request(Action::LogIn, None);
        let answer = self.tier.answer(&request);
        let mut step = self.step(&request);
        step.outcome = Outcome::Unknown;
        step.status = Some(200);
        if let Some(cookie) = answer.cookie {
            let client = self.clients.entry(self.shopper).or_default();
            (client.cookie, client.seals) = (cookie, 0);
            step.new_sid = cookie.map(|id| fingerprint(id, 0));
        }
        self.push(step)
    }

    pub fn adds_without_an_answer(self, op: &str, effect: Effect) -> Self {
        self.without_an_answer(Action::Add, Some(op), effect)
    }

    /// What was on its way arrives at last.
    pub fn late_effects_happen(mut self) -> Self {
        for request in std::mem::take(&mut self.late) {
            drop(self.tier.answer(&request));
        }
        self
    }

    fn step(&mut self, (shopper, cookie, action, op): &Request) -> StepEvent {
        let client = self.clients.entry(*shopper).or_default();
        client.steps += 1;
        let seals = client.seals;
        let phase =
            if self.in_final_reads { Phase::Final } else { self.header.scenario.phases.at(self.now_us) };
        StepEvent {
            tab: self.tab,
            retry_of: None,
            idempotent: false,
            shopper: *shopper,
            step: client.steps - 1,
            phase,
            action: *action,
            op: op.clone(),
            planned_us: self.now_us,
            sent_us: Some(self.now_us + 100),
            first_byte_us: None,
            done_us: self.now_us + 5_000,
            outcome: Outcome::Ok,
            status: None,
            error: None,
            server: Some("server-1.1".to_owned()),
            view: None,
            sid: cookie.map(|id| fingerprint(id, seals)),
            new_sid: None,
        }
    }

    fn push(mut self, step: StepEvent) -> Self {
        self.events.push(Event::Step(step));
        self.now_us += 50_000;
        self
    }

    /// Changes the latest answer.
    pub fn but(mut self, change: impl FnOnce(&mut StepEvent)) -> Self {
        match self.events.last_mut() {
            Some(Event::Step(step)) => change(step),
            other => panic!("no answer to change: {other:?}"),
        }
        self
    }

    /// The latest answer shows this cart.
    pub fn but_sees(self, ops: &[&str]) -> Self {
        self.but(|step| {
            if let Some(view) = &mut step.view {
                view.ops = ops.iter().map(|op| (*op).to_owned()).collect();
            }
        })
    }

    /// The latest answer was an error page.
    pub fn but_gets_503(self) -> Self {
        self.but(|step| {
            step.outcome = if step.action.is_write() { Outcome::Unknown } else { Outcome::Failed };
            step.status = Some(503);
            step.error = Some("store_unavailable".to_owned());
            step.view = None;
        })
    }

    /// The tier forgets the shopper's session.
    pub fn loses_the_session(mut self) -> Self {
        let cookie = self.clients.get(&self.shopper).and_then(|client| client.cookie);
        assert!(cookie.and_then(|cookie| self.tier.sessions.remove(&cookie)).is_some(), "nothing to lose");
        self
    }

    /// The tier forgets a line.
    pub fn loses_the_line(mut self, op: &str) -> Self {
        let cookie =
            self.clients.get(&self.shopper).and_then(|client| client.cookie).expect("nobody is logged in");
        self.tier.sessions.get_mut(&cookie).expect("the session is gone").ops.retain(|line| line != op);
        self
    }

    /// The next request goes to a server that knows nobody.
    pub fn elsewhere(mut self) -> Self {
        self.elsewhere = true;
        self
    }

    pub fn fault(mut self) -> Self {
        self.now_us = self.now_us.max(FAULT_US);
        let at_us = self.now_us;
        for (stage, at_us) in [(FaultStage::Called, at_us), (FaultStage::Landed, at_us + 1_000)] {
            self.events.push(Event::Fault(FaultEvent {
                fault: 0,
                at_us,
                stage,
                process: "server-1.1".to_owned(),
                detail: "killed by signal 9".to_owned(),
            }));
        }
        self
    }

    pub fn process(mut self, process: &str, change: ProcessChange) -> Self {
        let process = process.to_owned();
        self.events.push(Event::Process(ProcessEvent { at_us: self.now_us, process, pid: 7, change }));
        self
    }

    /// Healed, every shopper reads, and the generator gives its account.
    pub fn ends(mut self) -> Self {
        self = self.heals();
        let shoppers: Vec<u32> = self.clients.keys().copied().collect();
        for shopper in shoppers {
            self = self.shopper(shopper).reads();
        }
        self.gives_account()
    }

    pub fn heals(mut self) -> Self {
        self.now_us = self.now_us.max(18_000_000);
        self.in_final_reads = true;
        self.events.push(Event::Healthy { at_us: self.now_us, proof: "all are up".to_owned() });
        self
    }

    pub fn gives_account(mut self) -> Self {
        let under_load = self
            .events
            .iter()
            .filter(|e| matches!(e, Event::Step(step) if step.phase != Phase::Final))
            .count() as u64;
        self.header.planned_steps = under_load;
        self.events.push(Event::Generator(GeneratorEvent {
            at_us: self.now_us,
            sent: under_load,
            unsent: 0,
            lag_p99_us: 2_000,
            lag_max_us: 9_000,
            cpu_us: 1_800_000,
            journal_backlog: 3,
            interrupted: false,
        }));
        self
    }

    pub fn generator(mut self, change: impl FnOnce(&mut GeneratorEvent)) -> Self {
        let account = self.events.iter_mut().find_map(|event| match event {
            Event::Generator(generator) => Some(generator),
            _ => None,
        });
        change(account.expect("the generator has given its account"));
        self
    }

    pub fn without(mut self, unwanted: impl Fn(&Event) -> bool) -> Self {
        self.events.retain(|event| !unwanted(event));
        self
    }

    pub fn entries(&self) -> impl Iterator<Item = Result<Entry, JournalError>> {
        (1..).zip(self.events.clone()).map(|(seq, event)| Ok(Entry { seq, event }))
    }

    pub fn judged(&self) -> TrialFindings {
        judge(&self.header, self.entries())
    }

    /// The kinds of what was found, most specific first, each as often as it was found.
    pub fn kinds(&self) -> Vec<AnomalyKind> {
        let findings = self.judged();
        let kinds: Vec<AnomalyKind> = findings.anomalies.iter().map(|anomaly| anomaly.kind).collect();
        assert_eq!(kinds.len() as u64, findings.anomalies_found());
        kinds
    }
}
