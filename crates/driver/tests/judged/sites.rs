//! A whole site is lost and another takes its place.

use crate::harness::{self, Trial};
use analysis::SiteFindings;
use journal::{Event, ProcessChange, SiteStep};

const DISASTER: &str = r#"
[[faults]]
at_s = 3.5
action = "disaster"
target = "site-a""#;

/// `site` is how the second site stands by, in TOML.
async fn run(stack: &str, site: &str, fault_s: f64, faults: &str) -> Trial {
    let rest = format!(
        r#"
phases = {{ warm_up_s = 1, baseline_s = 1.5, fault_s = {fault_s}, recovery_s = 1, quiet_s = 0.5 }}
standby_site = {{ {site}, probe_every_ms = 200, misses = 3, declare_s = 0.2 }}
{faults}"#
    );
    harness::run(stack, &rest).await
}

impl Trial {
    fn site(&self) -> &SiteFindings {
        self.findings.site.as_ref().unwrap()
    }

    fn site_steps(&self) -> Vec<SiteStep> {
        let moments = &self.site().moments;
        assert!(moments.is_sorted_by_key(|moment| moment.at_us), "{moments:?}");
        moments.iter().map(|moment| moment.step).collect()
    }

    /// Names that were ready when the load began, and those that became so later.
    fn ready(&self, later: bool) -> Vec<&str> {
        let found = self.events.iter().filter_map(|event| match event {
            Event::Process(process) if matches!(process.change, ProcessChange::Ready { .. }) => {
                ((process.at_us > 0) == later).then_some(process.process.as_str())
            }
            _ => None,
        });
        found.collect()
    }

    /// Names of those that were killed while the load ran, all of them by order.
    fn killed(&self) -> Vec<&str> {
        let found = self.events.iter().filter_map(|event| match event {
            Event::Process(process) => match &process.change {
                ProcessChange::Exited { ordered: true, status } if status == "signal 9" => {
                    Some(process.process.as_str())
                }
                _ => None,
            },
            _ => None,
        });
        let mut names: Vec<&str> = found.collect();
        names.sort_unstable();
        names
    }

    /// Nearly everybody is served at the end, and by servers of site B alone.
    fn site_b_serves(&self) {
        let recovery = &self.findings.phases[scenario::Phase::Recovery as usize];
        let requests = &recovery.requests;
        assert!(requests.answered() > 50 && requests.errors() * 10 < requests.planned, "{requests:?}");
        let servers: Vec<&String> = recovery.servers.keys().collect();
        assert_eq!(servers, ["b-server-1.1", "b-server-2.1"]);
    }
}

const WHOLE: [SiteStep; 6] = [
    SiteStep::Detected,
    SiteStep::Declared,
    SiteStep::Promoted,
    SiteStep::Started,
    SiteStep::Rerouted,
    SiteStep::Served,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_site_promotes_its_replica_and_serves_without_starting_anything() {
    let trial = run("stateless-postgres", r#"strategy = "hot", link_delay_ms = 300"#, 4.0, DISASTER).await;
    assert_eq!(trial.site_steps(), WHOLE);
    assert_eq!(trial.killed(), ["postgres", "router", "server-1.1", "server-2.1"]);
    assert_eq!(trial.ready(true), Vec::<&str>::new());
    assert_eq!(trial.site().processes, 4);
    trial.site_b_serves();
    let (lost, oldest_us) = (trial.writes_lost(), trial.oldest_loss_us());
    assert!(lost > 0, "what was on its way for 300 ms is gone: {:?}", trial.findings.writes);
    assert!(oldest_us < 1_500_000, "and nothing that is much older: {oldest_us} us");
    assert_eq!(trial.findings.sessions.lost, 0, "everybody had logged in long before");
    let landed = &trial.findings.faults[0].detail;
    assert!(landed.contains("the link is cut") && landed.contains("server-2.1: process"), "{landed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_site_restores_the_last_dump_into_a_fresh_store() {
    let trial = run("stateless-postgres", r#"strategy = "cold", dump_every_s = 2"#, 9.0, DISASTER).await;
    assert_eq!(trial.site_steps(), WHOLE);
    let site = trial.site();
    assert_eq!((site.processes, site.dumps), (0, 1));
    let mut started = trial.ready(true);
    started.sort_unstable();
    assert_eq!(started, ["b-postgres", "b-router", "b-server-1.1", "b-server-2.1"]);
    trial.site_b_serves();
    let (lost, oldest_us) = (trial.writes_lost(), trial.oldest_loss_us());
    let dump_age_us = site.dump_age_us.unwrap();
    assert!((1_300_000..1_700_000).contains(&dump_age_us), "a dump begun at 2 s, at 3.5 s: {dump_age_us}");
    assert!(lost > 20, "a second and a half of writes are gone: {:?}", trial.findings.writes);
    assert!(oldest_us < dump_age_us + 200_000, "nothing from before the dump: {oldest_us}");
    assert_eq!(trial.findings.sessions.lost, 0, "everybody had logged in before the dump");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_comes_back_from_a_replica_and_from_a_dump() {
    for (site, processes) in
        [(r#"strategy = "warm", link_delay_ms = 300"#, 3), (r#"strategy = "cold", dump_every_s = 2"#, 0)]
    {
        let trial = run("stateless-redis", site, 5.0, DISASTER).await;
        assert_eq!((trial.site_steps(), trial.site().processes), (WHOLE.to_vec(), processes));
        trial.site_b_serves();
        assert!(trial.writes_lost() > 0 && trial.findings.sessions.lost == 0, "{:?}", trial.findings.writes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stateful_tier_is_back_and_knows_nobody_and_a_cookie_knows_everybody() {
    let pilot_light = r#"strategy = "pilot-light", link_delay_ms = 300"#;
    let trial = run("stateful", pilot_light, 4.0, DISASTER).await;
    let without_a_store: Vec<SiteStep> =
        WHOLE.into_iter().filter(|step| *step != SiteStep::Promoted).collect();
    assert_eq!(trial.site_steps(), without_a_store);
    trial.site_b_serves();
    assert_eq!((trial.findings.sessions.lost, trial.findings.sessions.verified), (30, 30));

    let trial = run("stateless-cookie", pilot_light, 4.0, DISASTER).await;
    trial.site_b_serves();
    assert_eq!((trial.findings.sessions.lost, trial.writes_lost()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_takes_over_where_nothing_has_happened() {
    let trial = run("stateless-postgres", r#"strategy = "warm", link_delay_ms = 100"#, 1.0, "").await;
    assert_eq!(trial.site_steps(), Vec::new());
    assert_eq!(trial.killed(), Vec::<&str>::new());
    assert_eq!(trial.findings.anomalies_found(), 0);
}
