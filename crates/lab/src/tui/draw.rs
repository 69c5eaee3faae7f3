//! The picture: a function of what is known and what is chosen, onto cells. No colour says what no word says.

use super::model::{Line as Sentence, Model, Tier};
use super::view::{KEYS, View};
use ::demo::control::{Which, Whom};
use ::demo::show::{Severity, Side};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Paragraph, Sparkline, Widget, Wrap};

/// The smallest terminal on which everything has its place.
const SMALLEST: (u16, u16) = (80, 24);
/// Rows of a tier besides its servers: the frame, the counters, the store, the lost, how it answers.
const ROWS_BESIDES: u16 = 9;
/// Columns of a row before its bar.
const BEFORE_BAR: u16 = 26;
/// The log gets at least so many rows, with its title.
const LOG_ROWS: u16 = 6;
const FOOT: &str = "1-9 server  k kill  s stop  h hang  r restart  D deploy  b side  ? keys  q end";

/// Draws everything.
pub(super) fn draw(view: &View, area: Rect, buffer: &mut Buffer) {
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let (columns, rows) = SMALLEST;
        let text = format!("{}x{} is too small: make it {columns}x{rows}; q ends", area.width, area.height);
        return Paragraph::new(text).wrap(Wrap { trim: true }).render(area, buffer);
    }
    let model = view.model();
    let most = Side::BOTH.iter().map(|side| model.tiers.of(*side).servers.len()).max().unwrap_or(0);
    let wanted = ROWS_BESIDES + u16::try_from(most.max(3)).unwrap_or(u16::MAX).min(area.height);
    let room = area.height - LOG_ROWS - 4;
    let rows = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(wanted.min(room)),
        Constraint::Fill(1),
        Constraint::Length(2),
        Constraint::Length(1),
    ]);
    let [head, tiers, log, answer, foot] = rows.areas(area);
    Paragraph::new(header(view)).render(head, buffer);
    let sides = Layout::horizontal([Constraint::Ratio(1, 2); 2]).areas::<2>(tiers);
    for (side, area) in Side::BOTH.into_iter().zip(sides) {
        draw_tier(view, side, area, buffer);
    }
    draw_log(model, log, buffer);
    if let Some(said) = &view.answer {
        let text = match said.refused {
            true => Line::from(vec!["Not done: ".bold(), said.text.as_str().into()]).red(),
            false => Line::from(said.text.as_str()),
        };
        Paragraph::new(text).wrap(Wrap { trim: true }).render(answer, buffer);
    }
    Paragraph::new(FOOT.dim()).render(foot, buffer);
    if view.help {
        draw_help(view, area, buffer);
    }
}

fn header(view: &View) -> Line<'static> {
    let model = view.model();
    let aim = match view.which {
        Which::Both => "both tiers",
        Which::A => "stateful only",
        Which::B => "stateless only",
    };
    let whom = match view.whom {
        Whom::Place(place) => format!("server {place}"),
        Whom::Busiest => "busiest server".to_owned(),
    };
    let mut parts = vec![clock(model.at_us).bold()];
    if view.held.is_some() {
        parts.push(" HELD ".reversed());
    } else if model.state != "running" {
        parts.push(format!(" {} ", model.state).reversed());
    }
    parts.push(format!(" load {}x  aim: {whom}, {aim}  {}", model.load.factor, view.page).into());
    Line::from(parts)
}

fn draw_tier(view: &View, side: Side, area: Rect, buffer: &mut Buffer) {
    let model = view.model();
    let tier = model.tiers.of(side);
    let hit = matches!((view.which, side), (Which::Both, _) | (Which::A, Side::A) | (Which::B, Side::B));
    let title = format!(" {}: in {} ", tier.name, tier.holds);
    let mut block = Block::bordered().title(if hit { title.bold() } else { title.into() });
    if let Some(busy) = &tier.busy {
        block = block.title_bottom(format!(" {busy} ").reversed());
    }
    let inside = block.inner(area);
    block.render(area, buffer);
    let [picture, errors] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(inside);
    let mut lines = counters(model, tier);
    let tail = tail(model, tier, inside.width);
    let room = usize::from(picture.height).saturating_sub(lines.len() + tail.len());
    let fits = if tier.servers.len() > room { room.saturating_sub(1) } else { room };
    lines.extend(tier.servers.iter().take(fits).map(|server| {
        let chosen = hit && view.whom == Whom::Place(server.place);
        let held = tier.in_memory().then(|| tier.sessions_at(server.place));
        let name = format!("{}server {}", if chosen { ">" } else { " " }, server.place);
        let mut line = row(&name, &server.state, held, model, inside.width);
        if held.is_none() && server.state != "dead" {
            line.push_span(format!("{:>4}/s", tier.answers_of(server.place)));
        }
        if chosen { line.bold() } else { line }
    }));
    if tier.servers.len() > fits {
        lines.push(Line::from(format!(" and {} servers more", tier.servers.len() - fits)));
    }
    lines.extend(tail);
    Paragraph::new(lines).render(picture, buffer);
    let [label, bars] = Layout::horizontal([Constraint::Length(15), Constraint::Fill(1)]).areas(errors);
    let series = model.series.of(side);
    let old = series.len().saturating_sub(usize::from(bars.width));
    let data: Vec<u64> = series.iter().skip(old).map(|second| second.errors).collect();
    Paragraph::new(format!(" errors/s {:>4}", data.last().unwrap_or(&0))).render(label, buffer);
    Sparkline::default().data(data).style(Style::new().fg(Color::Red)).render(bars, buffer);
}

/// What the judge says, in the words of the page.
fn counters(model: &Model, tier: &Tier) -> Vec<Line<'static>> {
    let counters = &tier.counters;
    let bad = |label: &'static str, n: u64| match n {
        0 => Span::from(format!("{label} 0")),
        n => format!("{label} {n}").red().bold().reversed(),
    };
    let in_time = format!(" in {:.0} ms {}", model.slo.p99_ms, figure(counters.slo_percent, " %"));
    let large = vec![format!(" alive {:<6}", counters.alive).bold(), bad("lost for good", counters.lost)];
    vec![
        Line::from(large),
        Line::from(vec![
            " ".into(),
            bad("carts lost", counters.carts_lost),
            "   ".into(),
            bad("writes lost", counters.writes_lost),
        ]),
        Line::from(format!("{in_time}  unknown writes {}", counters.unknown)),
    ]
}

/// What is below the servers: the store where there is one, the lost, how it answers.
fn tail(model: &Model, tier: &Tier, width: u16) -> Vec<Line<'static>> {
    let alive = usize::try_from(tier.counters.alive).unwrap_or(usize::MAX);
    let store = match &tier.store {
        Some(store) => row(&format!(" {}", store.name), &store.state, Some(alive), model, width),
        None if tier.in_memory() => Line::from(" no store: memory dies with its server").dim(),
        None => row(" cookies", "up", Some(alive), model, width),
    };
    let lost = usize::try_from(tier.counters.lost).unwrap_or(usize::MAX);
    let pile = row(" lost", "", Some(lost), model, width);
    let counters = &tier.counters;
    let (p50, p99) = (figure(counters.p50_ms, " ms"), figure(counters.p99_ms, " ms"));
    vec![
        store,
        if lost > 0 { pile.red().bold() } else { pile },
        Line::from(format!(" p50 {p50}   p99 {p99}   {}/s", figure(counters.ok_per_s, ""))),
    ]
}

/// A name, a state, and sessions as a number and a bar; a bar of all shoppers' sessions is as long as the row has room for.
fn row(name: &str, state: &str, sessions: Option<usize>, model: &Model, width: u16) -> Line<'static> {
    let (word, style) = match state {
        "up" => ("up", Style::new()),
        "paused" => ("hangs", Style::new().red().bold()),
        "dead" | "stopped" => ("dead", Style::new().red().bold()),
        "down" => ("down", Style::new().red()),
        "starting" => ("starting", Style::new().yellow()),
        "draining" => ("draining", Style::new().yellow()),
        "slow" => ("slow", Style::new().yellow()),
        _ => ("", Style::new()),
    };
    let mut line =
        Line::from(vec![Span::from(format!("{name:<11} ")), Span::styled(format!("{word:<8}"), style)]);
    if let Some(sessions) = sessions {
        let room = usize::from(width.saturating_sub(BEFORE_BAR));
        let long = (sessions * room).div_ceil(model.shoppers().max(1)).min(room);
        line.push_span(format!("{sessions:>5} {}", "■".repeat(long)));
    }
    line
}

fn draw_log(model: &Model, area: Rect, buffer: &mut Buffer) {
    let block = Block::new().borders(Borders::TOP).title(" What happened ");
    let lines: Vec<Line> = together(model).into_iter().map(sentence).collect();
    let lines =
        if lines.is_empty() { vec![Line::from("Nothing yet. Everybody is shopping.")] } else { lines };
    Paragraph::new(lines).wrap(Wrap { trim: false }).block(block).render(area, buffer);
}

fn sentence(line: Sentence) -> Line<'static> {
    let who = match line.tier.as_str() {
        "a" => "stateful",
        "b" => "stateless",
        _ => "both",
    };
    let text = match line.severity {
        Severity::Bad => line.text.red(),
        Severity::Good => line.text.green(),
        Severity::Info => line.text.into(),
    };
    Line::from(vec![format!("{:>5} {who:<9} ", clock(line.at_us)).dim(), text])
}

/// The newest first; what both tiers say within a second is said once.
fn together(model: &Model) -> Vec<Sentence> {
    let mut told: Vec<Sentence> = Vec::new();
    for line in &model.log {
        let same = |before: &&mut Sentence| {
            before.text == line.text && before.tier != line.tier && line.at_us < before.at_us + 1_000_000
        };
        match told.iter_mut().rev().take(4).find(same) {
            Some(before) => "both".clone_into(&mut before.tier),
            None => told.push(line.clone()),
        }
    }
    told.reverse();
    told
}

fn draw_help(view: &View, area: Rect, buffer: &mut Buffer) {
    let keys = KEYS.iter().map(|(key, what)| Line::from(vec![format!("{key:>10}  ").bold(), (*what).into()]));
    let lines: Vec<Line> = keys.chain(view.addresses.iter().map(|line| Line::from(line.as_str()))).collect();
    Clear.render(area, buffer);
    let block = Block::bordered().title(" Keys (any key goes back) ");
    Paragraph::new(lines).wrap(Wrap { trim: false }).block(block).render(area, buffer);
}

fn clock(at_us: u64) -> String {
    let s = at_us / 1_000_000;
    format!("{}:{:02}", s / 60, s % 60)
}

/// What is not known is a dash, and never a zero.
fn figure(value: Option<impl std::fmt::Display>, unit: &str) -> String {
    value.map_or("-".to_owned(), |value| format!("{value}{unit}"))
}
