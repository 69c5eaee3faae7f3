//! `GET /metrics` of the admin API: what the router counts anyway, as OpenMetrics text. It is put together when it is asked for, so
//! that a request through the router pays nothing for it.

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use protocol::admin::{Health, ServerStatus, Snapshot};

type Labels = [(&'static str, String); 1];

/// A name, what it means, and how it is read of a server.
type Column = (&'static str, &'static str, fn(&ServerStatus) -> u64);

/// The servers as they are now.
///
/// # Errors
/// Never: a string takes everything.
pub fn openmetrics(snapshot: &Snapshot) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("lab_router");
    registry.register("policy", "How a server is chosen", Info::new([("policy", snapshot.policy.name())]));
    let counters: [Column; 2] = [
        ("requests", "Requests sent to a server since it was added", |s| s.requests),
        ("failures", "Requests that got no complete answer from it", |s| s.failures),
    ];
    for (name, help, read) in counters {
        let family = Family::<Labels, Counter>::default();
        for server in &snapshot.servers {
            family.get_or_create(&labels(server)).inc_by(read(server));
        }
        registry.register(name, help, family);
    }
    let gauges: [Column; 4] = [
        ("in_flight", "Requests in flight to a server", |s| s.in_flight),
        ("bound_sessions", "Sessions that the router's cookie binds to it; 0 under other policies", |s| {
            s.bound
        }),
        ("up", "Whether it takes requests: 1, or 0 while it starts or is down", |s| {
            u64::from(s.health == Health::Up)
        }),
        ("draining", "Whether it takes the sessions alone that are bound to it", |s| u64::from(s.draining)),
    ];
    for (name, help, read) in gauges {
        let family = Family::<Labels, Gauge>::default();
        for server in &snapshot.servers {
            family.get_or_create(&labels(server)).set(i64::try_from(read(server)).unwrap_or(i64::MAX));
        }
        registry.register(name, help, family);
    }
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}

fn labels(server: &ServerStatus) -> Labels {
    [("server", server.id.clone())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::admin::Policy;

    #[test]
    fn each_server_is_told_and_hostile_ids_stay_inside_their_quotes() {
        let server = |id: &str, health| ServerStatus {
            id: id.to_owned(),
            addr: "127.0.0.1:1".parse().unwrap(),
            health,
            draining: health == Health::Down,
            in_flight: 1,
            requests: 7,
            failures: 2,
            bound: 3,
        };
        let servers = vec![server("a-1", Health::Up), server("b\"\n\\", Health::Down)];
        let text = openmetrics(&Snapshot { policy: Policy::CookieInsert, servers }).unwrap();
        for line in [
            "# TYPE lab_router_requests counter\n",
            "lab_router_requests_total{server=\"a-1\"} 7\n",
            "lab_router_failures_total{server=\"a-1\"} 2\n",
            "lab_router_bound_sessions{server=\"a-1\"} 3\n",
            "lab_router_up{server=\"a-1\"} 1\n",
            "lab_router_up{server=\"b\\\"\\n\\\\\"} 0\n",
            "lab_router_draining{server=\"b\\\"\\n\\\\\"} 1\n",
            "lab_router_policy_info{policy=\"cookie-insert\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
