//! What a presenter orders: faults of either tier or of both, the load, and the class's vote.

use super::{Inner, Refusal, lock};
use crate::control::{Aim, Control, Which, Whom, tempo};
use crate::segment::Segment;
use crate::show::{Message, Side, Sides};
use crate::vote::{MOST_QUESTION_BYTES, Standing};
use scenario::{FaultAction, Target};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Inner {
    /// Carries out an order, or gets it under way.
    pub(crate) async fn control(self: &Arc<Self>, control: Control) -> Result<String, Refusal> {
        if let Some((which, action, aim)) = control.fault().map_err(Refusal::Malformed)? {
            return self.fault(which, action, aim).await;
        }
        match control {
            Control::Load { factor } => {
                let factor = tempo(factor).map_err(Refusal::Malformed)?;
                self.running().await?.set_tempo(factor);
                let line = format!("The load is {factor} times what was planned, on both sides.");
                self.say(&line);
                Ok(line)
            }
            Control::Heal { tier } => self.heal(tier).await,
            Control::Reset {} => {
                self.reset()?;
                Ok("everything is healed and read once more; then the next segment begins".to_owned())
            }
            Control::Hello {} => Ok(String::new()),
            vote => self.vote(vote),
        }
    }

    async fn fault(self: &Arc<Self>, which: Which, action: FaultAction, aim: Aim) -> Result<String, Refusal> {
        let (mut said, mut refused) = (Vec::new(), Vec::new());
        for side in sides(which) {
            let segment = self.running().await?;
            let live = segment.tier(side);
            let target = match aim {
                Aim::At(target) => Some(target),
                Aim::Server(Whom::Place(place)) => Some(Target::Server(place)),
                Aim::Server(Whom::Busiest) => live.busiest().await.map(Target::Server),
            };
            let Some(target) = target else {
                refused.push(format!("{}: no server runs", live.stack()));
                continue;
            };
            match live.refuses(action, target).await {
                Some(why) => refused.push(format!("{}: {why}", live.stack())),
                None => said.push((side, target, segment)),
            }
        }
        if said.is_empty() {
            return Err(Refusal::NotNow(refused.join("; ")));
        }
        if !action.mends() {
            self.close_vote();
        }
        let names: Vec<String> = said
            .iter()
            .map(|(side, target, segment)| format!("{} {target}", segment.tier(*side).stack()))
            .collect();
        for (side, target, segment) in said {
            // Whoever asked may leave: what has begun is carried out.
            let inner = Arc::clone(self);
            self.handle.spawn(async move { inner.order(&segment, side, action, target).await });
        }
        let not =
            if refused.is_empty() { String::new() } else { format!(" (not {})", refused.join("; not ")) };
        Ok(format!("{}: {}{not}", action.name(), names.join(", ")))
    }

    async fn order(&self, segment: &Segment, side: Side, action: FaultAction, target: Target) {
        if let Some(why) = segment.tier(side).order(action, target).await {
            self.say(&format!("Not done: {why}."));
        }
    }

    async fn heal(self: &Arc<Self>, which: Which) -> Result<String, Refusal> {
        let mut many = 0;
        for side in sides(which) {
            let segment = self.running().await?;
            if let Some(long) = segment.tier(side).under_way() {
                return Err(Refusal::NotNow(format!("a {long} is under way; wait until it is over")));
            }
            let cures = segment.tier(side).ailments().await;
            many += cures.len();
            let inner = Arc::clone(self);
            self.handle.spawn(async move {
                for (action, target) in cures {
                    inner.order(&segment, side, action, target).await;
                }
            });
        }
        Ok(if many == 0 { "nothing is broken".to_owned() } else { format!("{many} things are mended") })
    }

    /// Something is about to cost sessions: nobody predicts it any more, and what is lost is counted from here.
    fn close_vote(&self) {
        let Some(class) = &self.class else { return };
        let now = self.standing();
        let closed = lock(class).close(now).is_ok();
        if closed {
            self.tell_class();
        }
    }

    fn standing(&self) -> Sides<Standing> {
        let staged = self.hub.show();
        let of = |side| {
            let counters = staged.show.tier(side).counters();
            Standing { alive: counters.alive, lost: counters.lost }
        };
        Sides { a: of(Side::A), b: of(Side::B) }
    }

    fn vote(&self, control: Control) -> Result<String, Refusal> {
        let class = self.class.as_ref();
        let class =
            class.ok_or_else(|| Refusal::NotNow("there is no class: start with --class".to_owned()))?;
        let now = self.standing();
        let mut room = lock(class);
        let done = match control {
            Control::VoteOpen { question: Some(question) } if question.len() > MOST_QUESTION_BYTES => {
                return Err(Refusal::Malformed("the question is too long".to_owned()));
            }
            Control::VoteOpen { question } => {
                room.open(question);
                Ok("the vote is open")
            }
            Control::VoteClose {} => {
                room.close(now).map(|()| "the vote is closed: what is lost from now on is the truth")
            }
            Control::VoteReveal {} => room.reveal(&now).map(|()| "the truth beside the vote"),
            _ => {
                room.clear();
                Ok("nobody has voted")
            }
        };
        drop(room);
        self.tell_class();
        done.map(str::to_owned).map_err(|why| Refusal::NotNow(why.to_owned()))
    }

    /// A phone has changed something. However many do, the board is told once in a tick.
    pub(crate) fn class_changed(&self) {
        self.class_changed.store(true, Ordering::SeqCst);
    }

    /// The board is told how the class stands. It is asked while nothing else is sent, so that the last word is the newest.
    pub(super) fn tell_class(&self) {
        let Some(class) = &self.class else { return };
        let mut staged = self.hub.show();
        let board = lock(class).for_the_board();
        let message = Message::of("class", staged.now_us(), &board);
        staged.show.class = board;
        self.hub.send(&message);
    }
}

fn sides(which: Which) -> Vec<Side> {
    match which {
        Which::Both => Side::BOTH.to_vec(),
        Which::A => vec![Side::A],
        Which::B => vec![Side::B],
    }
}
