//! What a server counts, as OpenMetrics text: the same in every stack. Counting is one atomic addition a request; the text is put
//! together when somebody asks for it.

use crate::refusal::Reason;
use actix_web::http::StatusCode;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The classes of statuses, from 1xx.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// Refusals for which the store is to blame.
const STORES: [&str; 2] = ["store_unavailable", "store_corrupt"];

/// Counters of one process.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Answers to requests that need a session, by class.
    answered: [Counter; CLASSES.len()],
    /// Refusals, as in [`Reason::WORDS`].
    refused: [Counter; Reason::WORDS.len()],
}

type Labels = [(&'static str, &'static str); 1];

impl Metrics {
    /// A request that needs a session was answered.
    pub(crate) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.answered.get(class) {
            counter.inc();
        }
    }

    /// Any request was turned down.
    pub(crate) fn refused(&self, reason: &Reason) {
        let word = reason.word();
        if let Some(place) = Reason::WORDS.iter().position(|known| *known == word) {
            self.refused[place].inc();
        }
    }

    /// Everything as text. `held` are the sessions in this process, where it holds any.
    pub(crate) fn openmetrics(&self, instance: &str, held: Option<u64>, draining: bool) -> String {
        let labels = [("server".into(), instance.to_owned().into())];
        let mut registry = Registry::with_prefix_and_labels("lab_server", labels.into_iter());
        let family = |name: &'static str, words: &[&'static str], counters: &[Counter]| {
            let family = Family::<Labels, Counter>::default();
            for (word, counter) in words.iter().zip(counters) {
                family.get_or_create(&[(name, *word)]).inc_by(counter.get());
            }
            family
        };
        let answers = family("class", &CLASSES, &self.answered);
        registry.register(
            "requests",
            "Requests that need a session, by class of the answer's status",
            answers,
        );
        let refusals = family("reason", &Reason::WORDS, &self.refused);
        registry.register("refusals", "Requests that were turned down, readiness checks included", refusals);
        let store = Counter::<u64>::default();
        for (word, counter) in Reason::WORDS.iter().zip(&self.refused) {
            if STORES.contains(word) {
                store.inc_by(counter.get());
            }
        }
        registry.register("store_errors", "Requests that the session store failed", store);
        let gauge = |value: u64| {
            let gauge = Gauge::<i64>::default();
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            gauge
        };
        registry.register("draining", "Whether it is shutting down", gauge(u64::from(draining)));
        if let Some(held) = held {
            registry.register(
                "sessions",
                "Sessions in this process's memory, expired ones that are not swept yet included",
                gauge(held),
            );
        }
        let mut out = String::new();
        // A string takes everything.
        let written = text::encode(&mut out, &registry);
        debug_assert!(written.is_ok());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_counted_under_its_word() {
        let metrics = Metrics::default();
        for reason in [Reason::NoSession, Reason::NoSession, Reason::StoreUnavailable("down".into())] {
            metrics.refused(&reason);
        }
        metrics.answered(StatusCode::OK);
        metrics.answered(StatusCode::SERVICE_UNAVAILABLE);
        let text = metrics.openmetrics("server-1.1", Some(3), false);
        for line in [
            "lab_server_requests_total{server=\"server-1.1\",class=\"2xx\"} 1\n",
            "lab_server_requests_total{server=\"server-1.1\",class=\"5xx\"} 1\n",
            "lab_server_refusals_total{server=\"server-1.1\",reason=\"no_session\"} 2\n",
            "lab_server_store_errors_total{server=\"server-1.1\"} 1\n",
            "lab_server_sessions{server=\"server-1.1\"} 3\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(text.ends_with("# EOF\n"));
        assert!(!metrics.openmetrics("s", None, true).contains("lab_server_sessions"));
    }

    #[test]
    fn every_reason_has_its_word_in_the_list() {
        let reasons = [
            Reason::Malformed(String::new()),
            Reason::BadName { field: "op", bytes: 0 },
            Reason::ForeignKey,
            Reason::CartFull,
            Reason::NoSession,
            Reason::Conflict,
            Reason::SessionTooLarge(String::new()),
            Reason::StoreUnavailable(String::new()),
            Reason::StoreCorrupt(String::new()),
            Reason::Draining,
            Reason::UnknownRoute,
            Reason::WrongMethod("GET"),
        ];
        for reason in reasons {
            assert!(Reason::WORDS.contains(&reason.word()), "{reason}");
        }
    }
}
