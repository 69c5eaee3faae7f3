//! The one sentence that a stack is remembered by.

use crate::probes;
use crate::results::Setting;
use crate::summary::{RecoverySummary, StackSummary};
use crate::words::{below, clip, count, counted, duration};
use analysis::{AnomalyKind, ServiceRecovery};

/// "back after 0.3 s; 104 of 300 shoppers never got their cart back."
pub(crate) fn sentence(stack: &StackSummary, setting: &Setting) -> String {
    if stack.is_inconclusive() {
        return doubt(stack);
    }
    let mut parts: Vec<String> = Vec::new();
    if let Some(leaks) = stack.found(AnomalyKind::CrossUserLeak).filter(|n| *n > 0) {
        let answers = counted(leaks, "answer", "answers");
        parts.push(format!("{answers} showed one shopper another's session"));
    }
    parts.extend(stack.recovery.as_ref().map(|recovery| service(recovery, stack.trials)));
    parts.extend(stack.recovery.as_ref().and_then(|recovery| meanwhile(stack, recovery)));
    parts.push(carts(stack, setting));
    parts.extend(probes::sentence(&stack.probes));
    format!("{}.", parts.join("; "))
}

fn doubt(stack: &StackSummary) -> String {
    let why = stack.reasons.first().map_or("the evidence does not carry a verdict", String::as_str);
    let why = clip(why.trim_end_matches('.'), 200);
    let s = &stack.sessions;
    format!(
        "no claim: {why}. Seen all the same: {} of {} lost.",
        count(s.lost),
        counted(s.verified, "verified session", "verified sessions")
    )
}

fn service(recovery: &RecoverySummary, trials: u64) -> String {
    match (recovery.service, recovery.service_back_us) {
        (ServiceRecovery::NotInterrupted, _) => "the service kept its steady state".to_owned(),
        (ServiceRecovery::NotMeasured, _) => {
            "no time was left to see whether the service came back".to_owned()
        }
        (ServiceRecovery::NotBack, _) | (ServiceRecovery::Back, None) => {
            "service not back before the load ended".to_owned()
        }
        (ServiceRecovery::LeftLater, _) => {
            "service well at the fault, but not for the whole time after it".to_owned()
        }
        (ServiceRecovery::Back, Some(us)) => {
            let over = if trials > 1 { format!(" (median of {trials} trials)") } else { String::new() };
            format!("back after {}{over}", duration(us, recovery.resolution_us))
        }
    }
}

/// Whom it cost time and nothing else; those that met a stranger's server are told with the carts.
fn meanwhile(stack: &StackSummary, recovery: &RecoverySummary) -> Option<String> {
    let s = &stack.sessions;
    let only_late = recovery.recovered > 0 && s.misrouted == 0;
    only_late.then(|| {
        let all = counted(s.verified, "session", "sessions");
        format!("meanwhile {} of {all} met a refusal or a long wait", count(recovery.recovered))
    })
}

fn carts(stack: &StackSummary, setting: &Setting) -> String {
    let s = &stack.sessions;
    // With log-outs a shopper has several sessions, and a count of shoppers would be too high.
    let of_shoppers = s.acknowledged <= u64::from(setting.shoppers) * stack.trials;
    let lost_lines = match stack.writes.lost {
        0 => String::new(),
        n => {
            format!("; {} vanished from living carts", counted(n, "acknowledged line", "acknowledged lines"))
        }
    };
    let back_later = match s.misrouted {
        0 => String::new(),
        n => format!("; {} for a while and came back", counted(n, "session was gone", "sessions were gone")),
    };
    if s.lost > 0 {
        let (whom, what) = if of_shoppers {
            ("shoppers", "never got their cart back")
        } else {
            ("sessions", "never came back")
        };
        return format!("{} of {} {whom} {what}{lost_lines}{back_later}", count(s.lost), count(s.verified));
    }
    let none = format!("0 of {}: below {} with 95% confidence", count(s.verified), below(s.verified));
    if s.verified == 0 {
        return format!(
            "nobody knows what became of the sessions: none was verified{lost_lines}{back_later}"
        );
    }
    if stack.checks.iter().filter_map(|check| check.found).sum::<u64>() == 0 {
        return format!("nobody lost anything ({none})");
    }
    format!("no session was lost ({none}){lost_lines}{back_later}")
}
