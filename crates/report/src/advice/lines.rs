//! The arithmetic, line by line, and what it takes for granted.

use super::facts::{Architecture, Facts, Known, Loss};
use super::outlook::{Cause, Outlook, WEEKS, share};
use super::range::{Range, digits, given, ranged};
use super::service::Service;
use crate::words::{counted, ratio_percent};
use schemars::JsonSchema;
use serde::Serialize;

/// One line of the arithmetic.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Line {
    /// Of which stack.
    pub stack: String,
    /// What is worked out.
    pub what: String,
    /// From which numbers, and where these come from.
    pub how: String,
    /// What comes out.
    pub gives: String,
}

/// Every line of every stack.
pub(crate) fn lines(facts: &Facts, service: &Service, outlooks: &[Outlook]) -> Vec<Line> {
    let of = |(architecture, outlook): (&Architecture, &Outlook)| {
        let mut out = Vec::new();
        for cause in Cause::ALL {
            of_cause(&mut out, cause, architecture, outlook, service);
        }
        if let (Some(total), Some(cost)) = (outlook.total, outlook.cost) {
            let parts = Cause::ALL.map(|cause| match outlook.of(cause) {
                Known::Measured(range) => Some(digits(range.expected)),
                _ => None,
            });
            let sum = parts.into_iter().flatten().collect::<Vec<_>>().join(" + ");
            out.push(line(architecture, "sessions lost a year", sum, ranged(total)));
            let times =
                format!("{} x {} (your session_cost)", digits(total.expected), given(service.session_cost));
            out.push(line(architecture, "what they cost", times, ranged(cost)));
        }
        out
    };
    facts.all().zip(outlooks).flat_map(of).collect()
}

fn line(architecture: &Architecture, what: &str, how: String, gives: String) -> Line {
    Line { stack: architecture.stack.clone(), what: what.to_owned(), how, gives }
}

fn of_cause(
    out: &mut Vec<Line>,
    cause: Cause,
    architecture: &Architecture,
    outlook: &Outlook,
    service: &Service,
) {
    let (Known::Measured(lost), Known::Measured(loss)) = (outlook.of(cause), cause.of(architecture)) else {
        return;
    };
    let often = cause.a_year(service);
    if often.high == 0.0 {
        return;
    }
    let event = match cause {
        Cause::ServerCrash => "a crash of a server",
        Cause::Deployment => "a deployment",
        Cause::StoreCrash => "a crash of the store",
    };
    let taken = share(cause, architecture, loss, service);
    out.push(line(
        architecture,
        &format!("share lost by {event}"),
        measured(cause, architecture, loss, service),
        percents(taken),
    ));
    let met = Range::exactly(cause.meets(service)).times(taken);
    let sessions = if cause == Cause::Deployment && service.sessions_at_deploy.is_some() {
        "sessions_at_deploy"
    } else {
        "sessions"
    };
    let how =
        format!("{} (your {sessions}) x {}", given(cause.meets(service)), ratio_percent(taken.expected));
    out.push(line(architecture, &format!("sessions lost by {event}"), how, ranged(met)));
    let how = format!("{} x {}", often_words(cause, service), digits(met.expected));
    let what = match cause {
        Cause::ServerCrash => "lost to crashes a year",
        Cause::Deployment => "lost to deployments a year",
        Cause::StoreCrash => "lost to the store's crashes a year",
    };
    out.push(line(architecture, what, how, ranged(*lost)));
}

fn measured(cause: Cause, architecture: &Architecture, loss: &Loss, service: &Service) -> String {
    let seen = format!(
        "{} of {} (measured: {}, {}, sessions lost)",
        given(loss.lost as f64),
        given(loss.verified as f64),
        loss.scenario,
        architecture.stack
    );
    if cause == Cause::ServerCrash && architecture.in_servers {
        let servers = given(service.servers);
        let there = counted(loss.servers.into(), "server", "servers");
        return format!("{seen} x {there} there / {servers} (your servers)");
    }
    seen
}

fn often_words(cause: Cause, service: &Service) -> String {
    match cause {
        Cause::ServerCrash => {
            format!("{} (your server_crashes_per_year)", given(service.server_crashes_per_year))
        }
        Cause::Deployment => {
            format!("{} (your deploys_per_week) x {} weeks", given(service.deploys_per_week), given(WEEKS))
        }
        Cause::StoreCrash => match service.store_crashes_per_year {
            Some(crashes) => format!("{} (your store_crashes_per_year)", given(crashes)),
            None => format!(
                "{} (your {} server_crashes_per_year / {})",
                digits(service.store_crashes()),
                given(service.server_crashes_per_year),
                counted(service.servers as u64, "server", "servers")
            ),
        },
    }
}

fn percents(share: Range) -> String {
    let text = ratio_percent;
    if share.low == share.high {
        return text(share.expected);
    }
    format!("{} ({} to {})", text(share.expected), text(share.low), text(share.high))
}

/// What the arithmetic takes for granted.
pub(crate) fn assumptions(facts: &Facts, service: &Service) -> Vec<String> {
    let losses = || facts.all().flat_map(|a| Cause::ALL.map(|cause| cause.of(a).measured())).flatten();
    let mut out = vec![
        "A crash takes the sessions that live on one server and no others. So the share that was measured is multiplied by the \
         servers that were there and divided by yours; sessions are taken to be spread evenly over them."
            .to_owned(),
        "Crashes come by chance and one at a time: how many a year brings is between the 2.5% and the 97.5% quantile of the \
         Poisson distribution. Deployments are counted as you planned them, 52 weeks a year."
            .to_owned(),
        "An interval takes the ends of both, of the share and of the count, at once: it holds at least 90 times in 100. None \
         lost of n is not zero: its upper end is what n sessions cannot exclude."
            .to_owned(),
    ];
    if losses().any(|loss| loss.trials < 6) {
        let least = losses().map(|loss| loss.trials).min().unwrap_or(0);
        out.push(format!(
            "{} The intervals of the shares are exact for sessions that are lost one by one (Clopper-Pearson). Those of one server are \
             lost together, and how the next crash differs from this one only more trials can tell: --repeat 6.",
            if least == 1 { "There was one trial." } else { "There were fewer than six trials." }
        ));
    }
    if service.store_crashes_per_year.is_none() {
        out.push(
            "You did not say how often a shared store crashes (store_crashes_per_year): it is taken to crash as often as one of \
             your servers."
                .to_owned(),
        );
    }
    if service.store_cost_per_year.is_none() {
        out.push(
            "You did not say what a shared store costs (store_cost_per_year): it is taken to cost nothing, which favours the \
             stateless side."
                .to_owned(),
        );
    }
    if service.growth_percent_per_year.is_some_and(|growth| growth > 0.0)
        && service.peak_load_percent.is_none()
    {
        out.push(
            "You did not say how busy your servers are (peak_load_percent): they are taken to bear at the busiest hour as much as \
             they may, so that growth needs more of them."
                .to_owned(),
        );
    }
    if service.rpo_s.is_some() && service.session_minutes.is_none() {
        out.push(
            "You did not say how long a session lasts (session_minutes): it is taken to be longer than your recovery point objective."
                .to_owned(),
        );
    }
    if service.rto_s.is_some() {
        out.push(
            "A store without a replica is away until somebody starts it again: the lab did so after the time that is shown, and \
             your recovery time objective is compared with what the lab achieved."
                .to_owned(),
        );
    }
    out.push("Losses are those of today's size; a tier that has grown loses so much more.".to_owned());
    out.push(
        "Latency, CPU and memory are those of this machine, with the store beside the servers: a network between them adds its \
         round trips, which is measured by no number here."
            .to_owned(),
    );
    out
}
