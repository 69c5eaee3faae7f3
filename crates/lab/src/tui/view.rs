//! What whoever sits before the terminal has chosen, and what a key does: it changes the view, or is an order to the demo.

use super::model::{Model, Server};
use ::demo::control::{Control, Which, Whom};
use ::demo::show::Side;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Every key and what it does, for the help.
pub(super) const KEYS: [(&str, &str); 15] = [
    ("1 to 9, 0", "choose a server; 0: the busiest of each tier"),
    ("b", "who is hit: both tiers, the stateful, the stateless"),
    ("k", "kill it"),
    ("s", "stop it gracefully"),
    ("h", "hang it: alive, and silent"),
    ("r", "start it again, or let it go on; without a choice, what is broken"),
    ("a", "add a server"),
    ("x", "remove it: drained, then taken away"),
    ("d", "drain it: no new sessions; again: it takes them"),
    ("D", "rolling deployment"),
    ("o", "outage: kill the store; again: start it"),
    ("e", "heal everything"),
    ("+ -", "twice the load, half the load"),
    ("p", "hold the picture, and let it go on"),
    ("q, Ctrl-C", "end the demo; Ctrl-C once more ends at once"),
];

/// What came of an order, in a sentence.
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) refused: bool,
}

/// What is shown, and at whom orders are aimed.
pub(super) struct View {
    pub(super) newest: Model,
    /// Shown instead, while the picture is held.
    pub(super) held: Option<Model>,
    pub(super) which: Which,
    pub(super) whom: Whom,
    pub(super) help: bool,
    pub(super) answer: Option<Answer>,
    /// Where the page is.
    pub(super) page: String,
    /// What the help tells besides keys: the address that steers, and where a class joins.
    pub(super) addresses: Vec<String>,
}

/// What follows from a key.
pub(super) enum Then {
    Draw,
    /// These are ordered, one after the other.
    Order(Vec<Control>),
    Quit,
}

impl View {
    /// Both tiers, and the busiest server of each.
    pub(super) fn new(newest: Model, page: String, addresses: Vec<String>) -> Self {
        let (which, whom) = (Which::Both, Whom::Busiest);
        Self { newest, held: None, which, whom, help: false, answer: None, page, addresses }
    }

    /// What is shown.
    pub(super) fn model(&self) -> &Model {
        self.held.as_ref().unwrap_or(&self.newest)
    }

    /// A key was pressed.
    pub(super) fn press(&mut self, key: KeyEvent) -> Then {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return if key.code == KeyCode::Char('c') { Then::Quit } else { Then::Draw };
        }
        let KeyCode::Char(letter) = key.code else {
            self.help = false;
            return Then::Draw;
        };
        let help = std::mem::take(&mut self.help);
        match letter {
            'q' => return Then::Quit,
            '?' => self.help = !help,
            'p' => self.held = if self.held.is_some() { None } else { Some(self.newest.clone()) },
            'b' => {
                self.which = match self.which {
                    Which::Both => Which::A,
                    Which::A => Which::B,
                    Which::B => Which::Both,
                }
            }
            '0' => self.whom = Whom::Busiest,
            '1'..='9' => self.whom = Whom::Place(u32::from(letter) - u32::from('0')),
            letter => {
                let orders = self.orders(letter);
                if !orders.is_empty() {
                    // What is ordered is to be seen.
                    self.held = None;
                    return Then::Order(orders);
                }
            }
        }
        Then::Draw
    }

    fn orders(&self, letter: char) -> Vec<Control> {
        let (tier, server) = (self.which, self.whom);
        vec![match letter {
            'k' => Control::Kill { tier, server },
            's' => Control::Terminate { tier, server },
            'h' => Control::Pause { tier, server },
            'r' => return self.restarts(),
            'a' => Control::Add { tier },
            'x' => Control::Remove { tier, server },
            'd' if self.chosen().any(|(_, server)| server.state == "draining") => {
                Control::Undrain { tier, server }
            }
            'd' => Control::Drain { tier, server },
            'D' => Control::Roll { tier, drain_ms: 0 },
            'o' if self.store_is_dead() => Control::StartStore { tier },
            'o' => Control::KillStore { tier },
            'e' => Control::Heal { tier },
            '+' | '=' => Control::Load { factor: self.newest.load.factor * 2.0 },
            '-' => Control::Load { factor: self.newest.load.factor / 2.0 },
            _ => return Vec::new(),
        }]
    }

    fn sides(&self) -> impl Iterator<Item = (Which, Side)> + use<> {
        let which = self.which;
        let both = [(Which::A, Side::A), (Which::B, Side::B)];
        both.into_iter().filter(move |(one, _)| which == Which::Both || which == *one)
    }

    /// The chosen server in each tier that is hit.
    fn chosen(&self) -> impl Iterator<Item = (Which, &Server)> {
        self.sides().filter_map(|(one, side)| match self.whom {
            Whom::Place(place) => Some((one, self.newest.tiers.of(side).server(place)?)),
            Whom::Busiest => None,
        })
    }

    fn store_is_dead(&self) -> bool {
        let mut stores = self.sides().filter_map(|(_, side)| self.newest.tiers.of(side).store.as_ref());
        stores.any(|store| store.state == "stopped")
    }

    /// What is broken in one tier need not be what is broken in the other: each gets an order of its own.
    fn restarts(&self) -> Vec<Control> {
        let broken = |server: &&Server| matches!(server.state.as_str(), "dead" | "paused");
        let first = self.sides().filter_map(|(one, side)| {
            let servers = &self.newest.tiers.of(side).servers;
            Some((one, servers.iter().find(broken)?))
        });
        let found: Vec<(Which, &Server)> = match self.whom {
            Whom::Place(_) => self.chosen().filter(|(_, server)| broken(server)).collect(),
            Whom::Busiest => first.collect(),
        };
        if found.is_empty() {
            // The demo says why not.
            return vec![Control::Start { tier: self.which, server: self.whom }];
        }
        let order = |(tier, server): (Which, &Server)| {
            let whom = Whom::Place(server.place);
            match server.state.as_str() {
                "paused" => Control::Resume { tier, server: whom },
                _ => Control::Start { tier, server: whom },
            }
        };
        found.into_iter().map(order).collect()
    }
}
