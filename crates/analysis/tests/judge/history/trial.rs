//! What happens to the trial around the shoppers: faults, processes, healing, the generator's account.

use super::{FAULT_US, History};
use journal::{Event, FaultEvent, FaultStage, GeneratorEvent, ProcessChange, ProcessEvent};
use scenario::Phase;

impl History {
    pub fn fault(mut self) -> Self {
        self.now_us = self.now_us.max(FAULT_US);
        let at_us = self.now_us;
        for (stage, at_us) in [(FaultStage::Called, at_us), (FaultStage::Landed, at_us + 1_000)] {
            self.events.push(Event::Fault(FaultEvent {
                fault: 0,
                at_us,
                stage,
                process: "server-1.1".to_owned(),
                detail: "killed by signal 9".to_owned(),
            }));
        }
        self
    }

    pub fn process(mut self, process: &str, change: ProcessChange) -> Self {
        let process = process.to_owned();
        self.events.push(Event::Process(ProcessEvent { at_us: self.now_us, process, pid: 7, change }));
        self
    }

    /// Healed, every shopper reads, and the generator gives its account.
    pub fn ends(mut self) -> Self {
        self = self.heals();
        let shoppers: Vec<u32> = self.clients.keys().copied().collect();
        for shopper in shoppers {
            self = self.shopper(shopper).reads();
        }
        self.gives_account()
    }

    pub fn heals(mut self) -> Self {
        self.now_us = self.now_us.max(18_000_000);
        self.in_final_reads = true;
        self.events.push(Event::Healthy { at_us: self.now_us, proof: "all are up".to_owned() });
        self
    }

    pub fn gives_account(mut self) -> Self {
        let under_load = self
            .events
            .iter()
            .filter(|e| matches!(e, Event::Step(step) if step.phase != Phase::Final))
            .count() as u64;
        self.header.planned_steps = under_load;
        self.events.push(Event::Generator(GeneratorEvent {
            at_us: self.now_us,
            sent: under_load,
            unsent: 0,
            lag_p99_us: 2_000,
            lag_max_us: 9_000,
            cpu_us: 1_800_000,
            journal_backlog: 3,
            interrupted: false,
        }));
        self
    }

    pub fn generator(mut self, change: impl FnOnce(&mut GeneratorEvent)) -> Self {
        let account = self.events.iter_mut().find_map(|event| match event {
            Event::Generator(generator) => Some(generator),
            _ => None,
        });
        change(account.expect("the generator has given its account"));
        self
    }

    pub fn without(mut self, unwanted: impl Fn(&Event) -> bool) -> Self {
        self.events.retain(|event| !unwanted(event));
        self
    }
}
