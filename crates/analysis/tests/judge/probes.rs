//! Stories of those who try what no shopper does: what is refused, what is accepted, and what nobody knows.

use crate::history::History;
use analysis::{AnomalyKind, Cause, ProbeFindings, TrialFindings, Verdict, judge};
use journal::{Entry, Event, Expected, Outcome, ProbeCookie, ProbeEvent, ProbeOverEvent, View};
use scenario::{Action, Expectation, Metric, Probe, ProbeKind};

/// A probe's entries beside a trial in which every shopper is well.
struct Story {
    history: History,
    kind: ProbeKind,
    n: u64,
}

const OWN: &str = "probe-0-0";

impl Story {
    fn of(kind: ProbeKind) -> Self {
        let mut history = History::without_a_fault().busy_shop().ends();
        history.events.retain(|event| !matches!(event, Event::Fault(_)));
        history.header.scenario.probes = vec![Probe { at_us: 3_000_000, kind, times: 1 }];
        Self { history, kind, n: 0 }
    }

    fn promising(mut self, metric: Metric, min: Option<f64>, max: Option<f64>) -> Self {
        let because = "so".to_owned();
        let promise = Expectation { stacks: vec!["stateful".to_owned()], metric, min, max, because };
        self.history.header.scenario.expect.push(promise);
        self
    }

    fn tells(mut self, change: impl FnOnce(&mut ProbeEvent)) -> Self {
        self.n += 1;
        let mut event = ProbeEvent {
            probe: 0,
            round: 0,
            kind: self.kind,
            action: Action::Read,
            op: None,
            cookie: ProbeCookie::Own,
            expected: Expected::Done,
            sent_us: Some(3_000_000 + self.n),
            done_us: 3_000_001 + self.n,
            outcome: Outcome::Ok,
            status: Some(200),
            error: None,
            server: None,
            view: Some(View { owner: Some(OWN.to_owned()), epoch: 1, version: self.n, ops: Vec::new() }),
            sid: Some("old".to_owned()),
            new_sid: None,
            dropped_bytes: None,
        };
        change(&mut event);
        self.history.events.push(Event::Probe(event));
        self
    }

    fn does(self, action: Action) -> Self {
        self.tells(|event| event.action = action)
    }

    /// A try that shows the session of `owner`, or nobody's.
    fn tries(self, cookie: ProbeCookie, owner: Option<&str>) -> Self {
        self.tells(|event| {
            (event.cookie, event.expected) = (cookie, Expected::Refused);
            let view = event.view.as_mut().unwrap();
            view.owner = owner.map(str::to_owned);
            view.version = 1;
        })
    }

    /// A try that is answered with this status.
    fn told(self, cookie: ProbeCookie, status: Option<u16>) -> Self {
        self.tells(|event| {
            (event.cookie, event.expected) = (cookie, Expected::Refused);
            (event.status, event.view, event.outcome) = (status, None, Outcome::Failed);
        })
    }

    fn adds(self, op: &str, status: u16) -> Self {
        self.tells(|event| {
            (event.action, event.op, event.expected) = (Action::Add, Some(op.to_owned()), Expected::Either);
            if status != 200 {
                (event.status, event.view, event.outcome) = (Some(status), None, Outcome::Failed);
            }
        })
    }

    fn looks(self, ops: &[&str]) -> Self {
        self.tells(|event| {
            event.view.as_mut().unwrap().ops = ops.iter().map(|op| (*op).to_owned()).collect();
        })
    }

    fn over(mut self, why: Option<&str>) -> Self {
        let broken_off = why.map(str::to_owned);
        let event = ProbeOverEvent { probe: 0, round: 0, at_us: 4_000_000, broken_off };
        self.history.events.push(Event::ProbeOver(event));
        self
    }

    fn judged(&self) -> TrialFindings {
        let entries = (1..).zip(self.history.events.clone()).map(|(seq, event)| Ok(Entry { seq, event }));
        judge(&self.history.header, entries)
    }

    fn found(&self) -> ProbeFindings {
        let mut findings = self.judged();
        assert_eq!(findings.anomalies, [], "no shopper meets a probe");
        assert_eq!(findings.probes.len(), 1);
        findings.probes.remove(0)
    }
}

/// Tries, refused, accepted, unclear.
fn counts(found: &ProbeFindings) -> [u64; 4] {
    [found.tries, found.refused, found.accepted, found.unclear]
}

fn anomalies(found: &ProbeFindings) -> Vec<Option<AnomalyKind>> {
    found.found.iter().map(|found| found.anomaly).collect()
}

#[test]
fn a_tampered_cookie_is_refused_as_nobody_or_with_a_no_and_accepted_as_anybody() {
    let story = Story::of(ProbeKind::Tamper).does(Action::LogIn).tries(ProbeCookie::Cut, None);
    let story = story.told(ProbeCookie::Forged, Some(401)).tries(ProbeCookie::BitFlipped, Some(OWN));
    let found = story.tries(ProbeCookie::OtherTier, Some("probe-other-tier")).over(None).found();
    assert_eq!(counts(&found), [4, 2, 2, 0]);
    assert_eq!(anomalies(&found), [None, None]);
    assert!(
        found.found[1]
            .text
            .contains("sent another tier's cookie to read and was accepted as probe-other-tier")
    );
}

#[test]
fn an_answer_of_500_or_none_at_all_is_no_refusal_and_counts_as_an_error() {
    let story = Story::of(ProbeKind::Tamper).promising(Metric::TampersRefusedPercent, Some(100.0), None);
    let story = story.promising(Metric::ProbeErrors, None, Some(2.0)).does(Action::LogIn);
    let story = story.told(ProbeCookie::Cut, Some(500)).told(ProbeCookie::Forged, None);
    let story = story.tries(ProbeCookie::Cut, None).over(None);
    let found = story.found();
    assert_eq!((counts(&found), found.errors), ([3, 1, 0, 2], 2));
    let verdicts: Vec<_> = story.judged().expectations.iter().map(|e| e.verdict).collect();
    assert_eq!(verdicts, [Verdict::Inconclusive, Verdict::Holds]);
}

#[test]
fn somebody_elses_session_breaks_the_trial_whoever_was_shown_it() {
    let story = Story::of(ProbeKind::Tamper).does(Action::LogIn);
    let story = story.tries(ProbeCookie::Forged, Some("shopper-100")).over(None);
    let findings = story.judged();
    assert_eq!(anomalies(&findings.probes[0]), [Some(AnomalyKind::CrossUserLeak)]);
    assert_eq!((findings.verdict, findings.reasons[0].cause), (Verdict::Broken, Cause::CrossUserLeak));
    // Another probe's, and another time's of the same probe, are strangers too.
    for owner in ["probe-1-0", "probe-0-01", "probe-other-tier"] {
        let found = Story::of(ProbeKind::Tamper).tries(ProbeCookie::Forged, Some(owner)).over(None).found();
        assert_eq!(anomalies(&found), [Some(AnomalyKind::CrossUserLeak)], "{owner}");
    }
}

#[test]
fn a_log_in_that_keeps_the_cookie_and_a_planted_one_that_shows_the_victim_are_accepted() {
    let log_in = |story: Story, owner: &'static str, new_sid: Option<&'static str>| {
        story.tells(move |event| {
            (event.action, event.cookie, event.expected) =
                (Action::LogIn, ProbeCookie::Planted, Expected::Refused);
            event.view.as_mut().unwrap().owner = Some(owner.to_owned());
            event.new_sid = new_sid.map(str::to_owned);
        })
    };
    let victim = "probe-0-0-victim";
    for (new_sid, accepted) in [(Some("new"), 0), (Some("old"), 1), (None, 1)] {
        let found = log_in(Story::of(ProbeKind::Fixation), victim, new_sid).over(None).found();
        assert_eq!(counts(&found), [1, 1 - accepted, accepted, 0], "{new_sid:?}");
    }
    let planted = || log_in(Story::of(ProbeKind::Fixation), victim, Some("new"));
    let found = planted().tries(ProbeCookie::Copied, Some(victim)).over(None).found();
    assert_eq!((counts(&found), anomalies(&found)), ([2, 1, 1, 0], vec![Some(AnomalyKind::CrossUserLeak)]));
    // What it showed before the log-in is the attacker's own.
    let found = planted().tries(ProbeCookie::Copied, Some("probe-0-0-attacker")).over(None).found();
    assert_eq!(counts(&found), [2, 2, 0, 0]);
}

#[test]
fn a_copy_that_is_served_after_the_log_out_is_a_resurrected_session() {
    let out = || Story::of(ProbeKind::ReplayAfterLogOut).does(Action::LogIn).does(Action::LogOut);
    let found = out().tries(ProbeCookie::Copied, Some(OWN)).over(None).found();
    assert_eq!(
        (counts(&found), anomalies(&found)),
        ([1, 0, 1, 0], vec![Some(AnomalyKind::ResurrectedSession)])
    );
    let evidence = &found.found[0].evidence;
    assert_eq!(evidence.len(), 2, "the log-out, and what was accepted after it: {evidence:?}");
    let found = out().tries(ProbeCookie::Copied, None).over(None).found();
    assert_eq!(counts(&found), [1, 1, 0, 0]);
    // Without an acknowledged log-out it says nothing.
    let kind = ProbeKind::ReplayAfterLogOut;
    let found = Story::of(kind).does(Action::LogIn).tries(ProbeCookie::Copied, Some(OWN)).over(None).found();
    assert_eq!(counts(&found), [1, 0, 0, 1]);
}

#[test]
fn an_older_cookie_is_a_rollback_only_when_it_shows_an_older_state() {
    let story = || Story::of(ProbeKind::Rollback).does(Action::Add).does(Action::Add).does(Action::CheckOut);
    let found = story().tries(ProbeCookie::Copied, Some(OWN)).over(None).found();
    assert_eq!((counts(&found), anomalies(&found)), ([1, 0, 1, 0], vec![Some(AnomalyKind::ReplayedCookie)]));
    // Version 4, the newest: the cookie is a name, and no state.
    let newest = story().tells(|event| {
        (event.cookie, event.expected) = (ProbeCookie::Copied, Expected::Refused);
    });
    assert_eq!(counts(&newest.over(None).found()), [1, 1, 0, 0]);
}

#[test]
fn an_overgrown_session_is_refused_clearly_or_fits_or_loses_what_was_acknowledged() {
    let story = || Story::of(ProbeKind::Overgrow).does(Action::LogIn).adds("a", 200).adds("b", 200);
    let refused = story().adds("c", 413).looks(&["a", "b"]).over(None).found();
    assert_eq!((counts(&refused), refused.lines_lost), ([1, 1, 0, 0], 0));
    let fits = story().looks(&["a", "b"]).over(None).found();
    assert_eq!((counts(&fits), fits.fitted), ([1, 0, 0, 0], 1));
    let lost = story().adds("c", 413).looks(&["a"]).over(None).found();
    assert_eq!((counts(&lost), lost.lines_lost), ([1, 0, 1, 0], 1));
    assert_eq!(anomalies(&lost), [Some(AnomalyKind::LostWrite)]);
    let unclear = story().adds("c", 500).looks(&["a", "b"]).over(None).found();
    assert_eq!((counts(&unclear), unclear.errors), ([1, 0, 0, 1], 1));
}

#[test]
fn a_probe_that_was_not_carried_out_leaves_its_promise_unmeasured_and_the_trial_inconclusive() {
    let promised =
        || Story::of(ProbeKind::Rollback).promising(Metric::RollbacksRefusedPercent, None, Some(100.0));
    let tried = || promised().does(Action::LogIn).does(Action::Add).tries(ProbeCookie::Copied, None);
    let fine = tried().over(None).judged();
    assert_eq!(fine.verdict, Verdict::Holds, "{:?}", fine.reasons);
    let refused = |story: Story| {
        story.tells(|event| {
            (event.action, event.outcome, event.status) = (Action::CheckOut, Outcome::Failed, Some(401));
        })
    };
    let stories = [promised(), tried(), tried().over(Some("nobody let it in")), refused(tried()).over(None)];
    for (which, story) in stories.iter().enumerate() {
        let findings = story.judged();
        assert_eq!(findings.verdict, Verdict::Inconclusive, "story {which}");
        assert_eq!(findings.reasons[0].cause, Cause::PromiseUnmeasured, "story {which}");
        assert_eq!(findings.probes[0].carried_out, 0, "story {which}");
        assert!(findings.probes[0].broken_off.is_some(), "story {which}");
    }
}
