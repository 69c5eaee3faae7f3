//! What is seen on a terminal while a server dies, and what keys do.

use super::draw::draw;
use super::model::Model;
use super::view::{Answer, Then, View};
use ::demo::control::{Control, Which, Whom};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Value, json};

/// Six shoppers on three servers on each side.
fn opened() -> View {
    let servers = |states: [&str; 3]| -> Value {
        (1..).zip(states).map(|(place, state)| json!({ "place": place, "state": state, "pid": 7 })).collect()
    };
    let tier = |name: &str, holds: &str, store: Value| {
        json!({
            "name": name, "holds": holds, "store": store, "servers": servers(["up"; 3]), "busy": null,
            "where": [1, 1, 2, 2, 2, 3], "fate": "aaaaaa", "counters": counters(6, 0),
        })
    };
    let store = json!({ "kind": "redis", "name": "Redis", "process": true, "state": "up" });
    let snapshot = json!({
        "at_us": 61_000_000, "state": "running", "load": { "factor": 1.0 }, "slo": { "ok_ratio": 0.99, "p99_ms": 500.0 },
        "tiers": { "a": tier("Stateful", "each server's memory", Value::Null), "b": tier("Stateless", "Redis", store) },
        "series": { "a": [], "b": [] }, "log": [], "marks": [],
    });
    let model = Model::new(&snapshot.to_string()).unwrap();
    View::new(
        model,
        "http://127.0.0.1:46029/".to_owned(),
        vec!["http://127.0.0.1:46029/#token=secret".to_owned()],
    )
}

fn counters(alive: u64, lost: u64) -> Value {
    json!({
        "alive": alive, "lost": lost, "carts_lost": lost, "lines_lost": lost, "writes_lost": 0, "strayed": 0,
        "unknown": 4 * lost, "requests": 900, "errors": lost, "ok_per_s": 41, "errors_per_s": lost,
        "slo_percent": 98.7, "p50_ms": 3.1, "p99_ms": null,
    })
}

fn hears(view: &mut View, kind: &str, data: Value) {
    view.newest.apply(kind, &data.to_string()).unwrap();
}

/// Server 2 of both tiers is killed; its three shoppers find out on one side only.
fn a_server_dies(view: &mut View) {
    let dead = json!([
        { "place": 1, "state": "up" }, { "place": 2, "state": "dead" }, { "place": 3, "state": "up" },
    ]);
    let delta = |lost: u64, fate: Value| {
        json!({
            "servers": dead, "where": [], "fate": fate, "flow": { "1": 5, "3": 4 }, "errors": 3,
            "counters": counters(6 - lost, lost),
        })
    };
    let gone = json!([[2, "l"], [3, "l"], [4, "l"]]);
    hears(view, "tick", json!({ "at_us": 63_000_000, "a": delta(3, gone), "b": delta(0, json!([])) }));
    for tier in ["a", "b"] {
        let text = "Server 2 is killed: gone at once.";
        hears(view, "line", json!({ "at_us": 62_000_000, "tier": tier, "text": text, "severity": "bad" }));
    }
    let text = "3 sessions gone from this tier: 3 so far.";
    hears(view, "line", json!({ "at_us": 63_000_000, "tier": "a", "text": text, "severity": "bad" }));
}

fn seen(view: &View, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(view, frame.area(), frame.buffer_mut())).unwrap();
    let cells = terminal.backend().buffer().content();
    let row = |row: &[ratatui::buffer::Cell]| row.iter().map(ratatui::buffer::Cell::symbol).collect();
    cells.chunks(usize::from(width)).map(row).collect()
}

/// The row with this text, cut into the two tiers.
#[track_caller]
fn sides(screen: &[String], text: &str) -> (String, String) {
    let row =
        screen.iter().find(|row| row.contains(text)).unwrap_or_else(|| panic!("no {text}: {screen:#?}"));
    let half = row.chars().count() / 2;
    (row.chars().take(half).collect(), row.chars().skip(half).collect())
}

fn press(view: &mut View, key: char) -> Vec<Control> {
    match view.press(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE)) {
        Then::Order(orders) => orders,
        _ => Vec::new(),
    }
}

#[test]
fn a_killed_server_is_seen_dead_on_both_sides_and_its_sessions_lost_on_one() {
    let mut view = opened();
    let before = seen(&view, 80, 24);
    let (a, b) = sides(&before, "server 2");
    assert!(a.contains("up          3 ■") && b.contains("up") && !b.contains('■'), "{before:#?}");
    assert!(sides(&before, "Redis  ").1.contains("6 ■"), "the store holds all: {before:#?}");
    assert!(sides(&before, "What happened").0.contains("What") && before.join("").contains("Nothing yet"));

    a_server_dies(&mut view);
    let after = seen(&view, 80, 24);
    let (a, b) = sides(&after, "server 2");
    assert!(a.contains("dead        0") && b.contains("dead"), "{after:#?}");
    let (a, b) = sides(&after, "lost for good");
    assert!(a.contains("alive 3") && a.contains("lost for good 3"), "{a}");
    assert!(b.contains("alive 6") && b.contains("lost for good 0"), "{b}");
    let (a, b) = sides(&after, "carts lost");
    assert!(a.contains("carts lost 3") && a.contains("writes lost 0") && b.contains("carts lost 0"));
    let (a, _) = sides(&after, "unknown writes");
    assert!(a.contains("in 500 ms 98.7 %") && a.contains("unknown writes 12"), "{a}");
    assert!(sides(&after, "p50").0.contains("p50 3.1 ms   p99 -   41/s"), "{after:#?}");
    assert!(sides(&after, "server 1").1.contains("5/s"), "{after:#?}");
    let told: Vec<&String> = after.iter().filter(|row| row.contains("1:0")).skip(1).collect();
    assert!(
        told[0].contains("1:03 stateful  3 sessions gone from this tier: 3 so far."),
        "newest first: {told:?}"
    );
    assert!(told[1].contains("1:02 both      Server 2 is killed: gone at once."), "said once: {told:?}");
}

#[test]
fn every_size_from_80_by_24_on_has_room_for_everything() {
    let mut view = opened();
    a_server_dies(&mut view);
    view.answer = Some(Answer { text: "stateful: server 2 is dead already; ".repeat(4), refused: true });
    for (width, height) in [(80, 24), (82, 25), (120, 40), (300, 90)] {
        let screen = seen(&view, width, height);
        for text in [
            "  http://127.0.0.1:46029/",
            "lost for good 3",
            "server 3",
            "Redis",
            "errors/s",
            "so far.",
            "q end",
        ] {
            assert!(screen.iter().any(|row| row.contains(text)), "{text} at {width}x{height}: {screen:#?}");
        }
        let (a, b) = sides(&screen, "errors/s");
        assert!(a.trim_end().ends_with('│') && b.starts_with('│') && b.ends_with('│'), "framed: {a}{b}");
    }
}

#[test]
fn servers_that_have_no_row_are_counted() {
    let mut view = opened();
    let many: Vec<Value> = (1..=12).map(|place| json!({ "place": place, "state": "up" })).collect();
    let delta = json!({ "servers": many, "where": [], "fate": [], "flow": {}, "counters": counters(6, 0) });
    hears(&mut view, "tick", json!({ "at_us": 62_000_000, "a": delta, "b": delta }));
    let screen = seen(&view, 80, 24);
    assert!(sides(&screen, "servers more").1.contains("and 8 servers more"), "{screen:#?}");
    assert!(sides(&seen(&view, 80, 40), "server 12").1.contains("server 12"));
}

#[test]
fn a_narrow_terminal_is_told_in_one_line_what_is_needed() {
    let screen = seen(&opened(), 60, 20);
    assert_eq!(screen[0].trim_end(), "60x20 is too small: make it 80x24; q ends");
    assert!(screen[1..].iter().all(|row| row.trim().is_empty()));
    for (width, height) in [(1, 1), (79, 24), (80, 23), (3, 100)] {
        seen(&opened(), width, height);
    }
}

#[test]
fn keys_give_the_orders_of_the_page_and_say_at_whom_they_are_aimed() {
    let mut view = opened();
    let busiest = Whom::Busiest;
    assert_eq!(press(&mut view, 'k'), [Control::Kill { tier: Which::Both, server: busiest }]);
    press(&mut view, 'b');
    press(&mut view, '2');
    let (tier, server) = (Which::A, Whom::Place(2));
    assert!(seen(&view, 80, 24)[0].contains("aim: server 2, stateful only"));
    assert!(sides(&seen(&view, 80, 24), "server 2  ").0.contains(">server 2"));
    assert_eq!(press(&mut view, 's'), [Control::Terminate { tier, server }]);
    assert_eq!(press(&mut view, 'h'), [Control::Pause { tier, server }]);
    assert_eq!(press(&mut view, 'x'), [Control::Remove { tier, server }]);
    assert_eq!(press(&mut view, 'd'), [Control::Drain { tier, server }]);
    assert_eq!(press(&mut view, 'a'), [Control::Add { tier }]);
    assert_eq!(press(&mut view, 'D'), [Control::Roll { tier, drain_ms: 0 }]);
    assert_eq!(press(&mut view, 'o'), [Control::KillStore { tier }]);
    assert_eq!(press(&mut view, '+'), [Control::Load { factor: 2.0 }]);
    assert_eq!(press(&mut view, '-'), [Control::Load { factor: 0.5 }]);
    assert_eq!(press(&mut view, 'z'), []);
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert!(matches!(view.press(ctrl_c), Then::Quit));
}

#[test]
fn a_restart_is_of_what_is_broken_in_each_tier() {
    let mut view = opened();
    assert_eq!(press(&mut view, 'r'), [Control::Start { tier: Which::Both, server: Whom::Busiest }]);
    let servers = |broken: u64, state: &str| -> Value {
        (1..=3)
            .map(|place| json!({ "place": place, "state": if place == broken { state } else { "up" } }))
            .collect()
    };
    let delta = |servers: Value, store: Value| {
        json!({
            "servers": servers, "store": store, "where": [], "fate": [], "flow": {},
            "busy": "rolling deployment", "counters": counters(6, 0),
        })
    };
    let store = json!({ "name": "Redis", "state": "stopped" });
    let (a, b) = (delta(servers(1, "dead"), Value::Null), delta(servers(3, "paused"), store));
    hears(&mut view, "tick", json!({ "at_us": 62_000_000, "a": a, "b": b }));
    let start = Control::Start { tier: Which::A, server: Whom::Place(1) };
    let go_on = Control::Resume { tier: Which::B, server: Whom::Place(3) };
    assert_eq!(press(&mut view, 'r'), [start, go_on.clone()]);
    press(&mut view, '3');
    assert_eq!(press(&mut view, 'r'), [go_on]);
    assert_eq!(press(&mut view, 'o'), [Control::StartStore { tier: Which::Both }]);
    let screen = seen(&view, 80, 24);
    assert!(sides(&screen, ">server 3").1.contains("hangs"), "{screen:#?}");
    assert!(sides(&screen, "rolling deployment").0.contains("rolling deployment"));
}

#[test]
fn a_refusal_is_a_sentence_below_the_log() {
    let mut view = opened();
    view.answer = Some(Answer { text: "stateful: server 2 is dead already".to_owned(), refused: true });
    assert!(seen(&view, 80, 24)[21].starts_with("Not done: stateful: server 2 is dead already"));
}

#[test]
fn a_held_picture_stays_until_it_is_let_go_or_something_is_ordered() {
    let mut view = opened();
    press(&mut view, 'p');
    a_server_dies(&mut view);
    let screen = seen(&view, 80, 24);
    assert!(screen[0].contains("HELD") && sides(&screen, "lost for good").0.contains("lost for good 0"));
    press(&mut view, 'k');
    let screen = seen(&view, 80, 24);
    assert!(!screen[0].contains("HELD") && sides(&screen, "lost for good").0.contains("lost for good 3"));
}

#[test]
fn the_help_names_every_key_and_the_address_that_steers() {
    let mut view = opened();
    press(&mut view, '?');
    let screen = seen(&view, 80, 24).join("\n");
    for text in ["rolling deployment", "once more ends at once", "#token=secret"] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
    press(&mut view, '?');
    assert!(!seen(&view, 80, 24).join("").contains("#token=secret"));
}
