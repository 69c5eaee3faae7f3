//! Guests: people who are in no plan and come while a steered load runs. Each has a tab of its own, like any shopper, and reads
//! once more at the end.

use super::{Attempt, Floor, Progress, Tab};
use crate::jar::Jar;
use crate::load::Stage;
use crate::steering::Visit;
use scenario::ShopperPlan;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How many requests of one guest may wait for the one before them.
const MOST_WAITING: usize = 8;

/// Hands each request to its guest, who lives until the last final read.
pub(super) async fn receive(floor: Rc<Floor>, mut visits: mpsc::Receiver<Visit>) {
    let mut inside: HashMap<u32, mpsc::Sender<Visit>> = HashMap::new();
    let mut everybody = JoinSet::new();
    let mut stage = floor.stage.clone();
    loop {
        let visit = tokio::select! {
            visit = visits.recv() => visit,
            _ = stage.wait_for(|stage| *stage != Stage::Running) => None,
        };
        let Some(visit) = visit else { break };
        let guest = inside.entry(visit.shopper).or_insert_with(|| {
            let (guest, visits) = mpsc::channel(MOST_WAITING);
            everybody.spawn_local(stay(Rc::clone(&floor), visit.shopper, visits));
            guest
        });
        // One who does not wait for answers is not answered.
        let _ = guest.try_send(visit);
    }
    drop(inside);
    while everybody.join_next().await.is_some() {}
}

async fn stay(floor: Rc<Floor>, shopper: u32, mut visits: mpsc::Receiver<Visit>) {
    let me = ShopperPlan { shopper, owner: format!("shopper-{shopper}"), steps: Vec::new() };
    let jar = Rc::new(RefCell::new(Jar::of(&me.owner)));
    let client = floor.client(jar);
    let progress = Rc::new(Progress::default());
    let mut tab = Tab { index: 0, number: 0, client, progress, floor: Rc::clone(&floor) };
    let mut steps = 0;
    while let Some(Visit { step, action, op, .. }) = visits.recv().await {
        steps = steps.max(step + 1);
        let planned_us = floor.clock.now_us();
        let phases = &floor.plan.phases;
        let phase = phases.at(planned_us.min(phases.end_us().saturating_sub(1)));
        tab.make_with(&me, &Attempt { step, action, planned_us, phase, retry: false }, op).await;
    }
    if let Some(planned_us) = floor.final_read_us(shopper).await {
        tab.make(&me, &Attempt::final_read(steps, planned_us)).await;
    }
}
