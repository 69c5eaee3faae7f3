//! A journal is believed as a whole or not at all.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use journal::{Batch, Entry, Event, Header, JournalError, Reader, Writer};
use scenario::{Scenario, Stack};
use std::collections::BTreeMap;

const SCENARIO: &str = r#"
name = "mine"
question = "?"
story = "."
stacks = ["stateful"]
topology = { servers = 1 }
load = { shoppers = 1, think_time_ms = 100, mix = { read = 1, add = 1 } }
phases = { warm_up_s = 1, baseline_s = 1, fault_s = 0, recovery_s = 0, quiet_s = 0 }
steady_state = { ok_ratio = 0.9, p99_ms = 100, sustain_s = 1 }
"#;

fn header() -> Header {
    Header {
        format: journal::FORMAT,
        run: "run".to_owned(),
        order: 1,
        repeat: 1,
        stack: Stack::stateful(),
        replica: 0,
        router: "builtin".to_owned(),
        seed: 1,
        plan_sha256: "00".to_owned(),
        planned_steps: 3,
        scenario: Scenario::parse("mine.toml", SCENARIO).unwrap(),
        store: BTreeMap::new(),
        start_up_ms: None,
        growth: None,
        started_unix_ms: 0,
    }
}

fn event(n: u64) -> Event {
    Event::Usage { at_us: n, process: "router".to_owned(), cpu_us: n, rss_bytes: 1 }
}

fn written(events: u64) -> String {
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    // One batch after another, of different lengths, in the room of two.
    let (mut batch, mut room) = (Batch::default(), Batch::default());
    for n in 0..events {
        assert_eq!(batch.append(&event(n)), n + 1);
        if n % 3 == 1 {
            room = batch.take(room);
            writer.write(&room).unwrap();
        }
    }
    writer.write(&batch).unwrap();
    String::from_utf8(writer.seal().unwrap()).unwrap()
}

fn read(text: &str) -> Result<Vec<Entry>, JournalError> {
    Reader::new(text.as_bytes())?.collect()
}

#[test]
fn what_was_written_is_read_back_in_order() {
    let entries = read(&written(3)).unwrap();
    assert_eq!(entries.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(entries[2].event, event(2));
    assert_eq!(Reader::new(written(0).as_bytes()).unwrap().header(), &header());
}

#[test]
fn a_batch_that_was_left_out_is_not_written_over() {
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    let mut batch = Batch::default();
    batch.append(&event(0));
    drop(batch.take(Batch::default()));
    batch.append(&event(1));
    assert!(writer.write(&batch).unwrap_err().to_string().contains("entry 2 follows entry 0"));
}

#[test]
fn a_journal_cut_anywhere_is_refused() {
    let text = written(5);
    for cut in 0..text.len() {
        assert!(read(&text[..cut]).is_err(), "cut at byte {cut}");
    }
}

#[test]
fn a_journal_without_its_seal_is_told_as_cut_short_with_the_last_whole_line() {
    let text = written(5);
    let unsealed = &text[..text[..text.len() - 1].rfind('\n').unwrap() + 1];
    assert!(matches!(read(unsealed), Err(JournalError::CutShort { line: 6 })));
}

#[test]
fn lines_that_were_swapped_removed_or_doubled_are_refused() {
    let text = written(5);
    let lines: Vec<&str> = text.lines().collect();
    let join = |lines: Vec<&str>| lines.join("\n") + "\n";
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    let mut removed = lines.clone();
    removed.remove(3);
    let mut doubled = lines.clone();
    doubled.insert(3, lines[3]);
    for (edited, line) in [(swapped, 3), (removed, 4), (doubled, 5)] {
        let Err(JournalError::OutOfOrder { line: told, .. }) = read(&join(edited)) else {
            panic!("line {line}")
        };
        let near = told.abs_diff(line) <= 1;
        assert!(near, "told line {told}, edited near {line}");
    }
}

#[test]
fn an_edited_value_breaks_the_seal() {
    let edited = written(5).replacen("\"cpu_us\":3", "\"cpu_us\":9", 1);
    assert!(matches!(read(&edited), Err(JournalError::BrokenSeal { line: 7 })));
}

#[test]
fn an_edited_header_breaks_the_seal() {
    let edited = written(1).replacen("\"seed\":1", "\"seed\":2", 1);
    assert!(matches!(read(&edited), Err(JournalError::BrokenSeal { .. })));
}

#[test]
fn a_line_after_the_seal_is_refused() {
    assert!(matches!(read(&(written(1) + "{}\n")), Err(JournalError::AfterSeal { line: 4 })));
}

#[test]
fn a_newer_format_is_refused_by_its_number() {
    let newer = written(1).replacen("\"format\":1", "\"format\":99", 1);
    assert!(matches!(read(&newer), Err(JournalError::Newer { found: 99 })));
}

#[test]
fn a_line_that_is_no_json_is_told_with_its_number() {
    let text = written(2).replacen("{\"seq\":2", "{seq:2", 1);
    assert!(matches!(read(&text), Err(JournalError::Malformed { line: 3, .. })));
}

#[test]
fn a_header_whose_phases_no_trial_can_have_is_refused_before_anybody_makes_room_for_them() {
    let endless = written(3).replace("\"end_us\":2000000", "\"end_us\":1000000000000000");
    let said = read(&endless).unwrap_err().to_string();
    assert!(said.contains("line 1: ") && said.contains("a phase ends after 1000000000 s"), "{said}");
}
