//! The table of who moves: which sessions change their server when one dies, drains or is added, under each policy.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const KEYS: u64 = 40_000;

fn up(serial: Serial, id: &str) -> Member {
    Member { health: Health::Up, ..Member::new(serial, id, Token::from(serial) + 1) }
}

fn table(policy: Policy, ids: &[String]) -> Table {
    (0..).zip(ids).fold(Table::new(policy), |table, (serial, id)| table.with(up(serial, id)))
}

fn three(policy: Policy) -> Table {
    table(policy, &["a", "b", "c"].map(String::from))
}

/// Where each key goes: by serial, which stays when the places change.
fn owners(table: &Table) -> Vec<Option<Serial>> {
    let owner = |key: u64| {
        let ask = Ask { key: hash::bytes(&key.to_le_bytes()), ..Ask::default() };
        table.pick(&ask, |_| Load::default()).map(|pick| table.members()[pick.index].serial)
    };
    (0..KEYS).map(owner).collect()
}

/// The share of keys in percent that have another owner.
fn moved(before: &[Option<Serial>], after: &[Option<Serial>]) -> f64 {
    let moved = before.iter().zip(after).filter(|(before, after)| before != after).count();
    moved as f64 * 100.0 / before.len() as f64
}

fn dead(table: &Table, serial: Serial) -> Table {
    table.clone().changing(serial, |member| member.health = Health::Down)
}

fn drained(table: &Table, serial: Serial, drain: Drain) -> Table {
    table.clone().changing(serial, |member| member.drain = drain)
}

fn bound_to(serial: Serial) -> Ask<'static> {
    Ask { token: Some(Token::from(serial) + 1), ..Ask::default() }
}

fn ids() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::hash_set("[a-z0-9-]{1,12}", 4).prop_map(|ids| ids.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_fourth_server_takes_a_quarter_from_a_ring_or_by_weight_and_three_quarters_move_by_modulo(ids in ids()) {
        let expected = [
            (Policy::ConsistentHash, 23.0..=27.0),
            (Policy::RendezvousHash, 24.0..=26.0),
            (Policy::HashModulo, 74.0..=76.0),
            (Policy::SourceIpHash, 74.0..=76.0),
        ];
        for (policy, range) in expected {
            let before = table(policy, &ids[..3]);
            let after = before.clone().with(up(3, &ids[3]));
            let share = moved(&owners(&before), &owners(&after));
            prop_assert!(range.contains(&share), "{policy}: {share}% moved with {ids:?}");
        }
    }

    #[test]
    fn who_moves_to_a_new_server_of_a_ring_or_by_weight_moves_to_that_server_only(ids in ids()) {
        for policy in [Policy::ConsistentHash, Policy::RendezvousHash] {
            let before = table(policy, &ids[..3]);
            let after = before.clone().with(up(3, &ids[3]));
            for (before, after) in owners(&before).into_iter().zip(owners(&after)) {
                prop_assert!(after == before || after == Some(3));
            }
        }
    }

    #[test]
    fn a_dead_or_draining_server_moves_only_its_own_keys_on_a_ring_or_by_weight(ids in ids(), gone in 0..4_u64) {
        for policy in [Policy::ConsistentHash, Policy::RendezvousHash] {
            let all = table(policy, &ids);
            let before = owners(&all);
            let without = [dead(&all, gone), drained(&all, gone, Drain::BoundOnly), all.clone().without(gone)];
            for after in without.iter().map(owners) {
                for (before, after) in before.iter().zip(&after) {
                    prop_assert_ne!(*after, Some(gone));
                    prop_assert!(*before == Some(gone) || before == after);
                }
                let share = moved(&before, &after);
                prop_assert!((22.5..=27.5).contains(&share), "{policy}: {share}% moved with {ids:?}");
            }
        }
    }

    #[test]
    fn keys_are_spread_evenly_by_every_hash(ids in ids()) {
        for policy in [Policy::HashModulo, Policy::SourceIpHash, Policy::ConsistentHash, Policy::RendezvousHash] {
            let mut shares = BTreeMap::<_, f64>::new();
            for owner in owners(&table(policy, &ids)) {
                *shares.entry(owner).or_default() += 100.0 / KEYS as f64;
            }
            prop_assert!(shares.values().all(|share| (22.5..=27.5).contains(share)), "{policy}: {shares:?}");
        }
    }

    #[test]
    fn nobody_is_chosen_who_is_not_up_or_refused_or_drains(
        states in proptest::collection::vec((0..3_u8, 0..3_u8, any::<bool>(), 0..9_u64, 0..9_u64), 0..6),
        key: u64,
        turn: usize,
        token in 0..9_u128,
    ) {
        let healths = [Health::Starting, Health::Up, Health::Down];
        let drains = [Drain::No, Drain::BoundOnly, Drain::Over];
        let refused_by: Vec<_> = (0..).zip(&states).filter(|(_, state)| state.2).map(|(serial, _)| serial).collect();
        for policy in Policy::ALL {
            let mut table = Table::new(policy);
            for (serial, (health, drain, ..)) in (0..).zip(&states) {
                let (health, drain) = (healths[usize::from(*health)], drains[usize::from(*drain)]);
                table = table.with(Member { health, drain, ..up(serial, &serial.to_string()) });
            }
            let ask = Ask { key, token: Some(token), turn, refused_by: &refused_by };
            let load = |index: usize| Load { in_flight: states[index].3, bound: states[index].4 };
            let pick = table.pick(&ask, load);
            let open = |member: &&Member| {
                member.health == Health::Up && member.drain == Drain::No && !refused_by.contains(&member.serial)
            };
            prop_assert!(pick.is_some() || table.members().iter().find(open).is_none(), "{policy}");
            if let Some(pick) = pick {
                let member = &table.members()[pick.index];
                let is_bound = policy == Policy::CookieInsert && !pick.bind;
                prop_assert!(member.health == Health::Up && !refused_by.contains(&member.serial));
                prop_assert!(member.drain == Drain::No || is_bound && member.drain == Drain::BoundOnly);
            }
        }
    }
}

#[test]
fn a_dead_server_moves_two_thirds_by_modulo() {
    for policy in [Policy::HashModulo, Policy::SourceIpHash] {
        let all = three(policy);
        let share = moved(&owners(&all), &owners(&dead(&all, 1)));
        assert!((65.0..=68.0).contains(&share), "{policy}: {share}%");
    }
}

#[test]
fn a_bound_session_stays_when_another_server_dies_drains_or_is_added() {
    let all = three(Policy::CookieInsert);
    let changed =
        [dead(&all, 1), drained(&all, 1, Drain::BoundOnly), all.clone().with(up(3, "d")), all.without(1)];
    for table in changed {
        for serial in [0, 2] {
            let pick = table.pick(&bound_to(serial), |_| Load::default()).unwrap();
            assert_eq!((table.members()[pick.index].serial, pick.bind), (serial, false));
        }
    }
}

#[test]
fn a_session_bound_to_a_draining_server_stays_until_the_deadline_and_is_bound_elsewhere_after_it() {
    let all = three(Policy::CookieInsert);
    let place = |table: Table| table.pick(&bound_to(0), |_| Load::default()).unwrap();
    assert_eq!(place(drained(&all, 0, Drain::BoundOnly)), Pick { index: 0, bind: false });
    assert_eq!(place(drained(&all, 0, Drain::Over)), Pick { index: 1, bind: true });
    assert_eq!(place(dead(&all, 0)), Pick { index: 1, bind: true });
}

#[test]
fn new_sessions_are_bound_where_the_fewest_are() {
    let all = three(Policy::CookieInsert);
    let mut bound = [0; 3];
    for _ in 0..300 {
        let pick = all.pick(&Ask::default(), |index| Load { in_flight: 0, bound: bound[index] }).unwrap();
        assert!(pick.bind);
        bound[pick.index] += 1;
    }
    assert_eq!(bound, [100; 3]);
    let unknown = all.pick(&Ask { token: Some(99), ..Ask::default() }, |_| Load::default()).unwrap();
    assert!(unknown.bind, "a token that nobody has is no binding");
}

#[test]
fn round_robin_takes_the_open_servers_in_turn() {
    let table = dead(&three(Policy::RoundRobin), 1);
    let places = |turn| table.pick(&Ask { turn, ..Ask::default() }, |_| Load::default()).unwrap().index;
    assert_eq!([0, 1, 2, 3].map(places), [0, 2, 0, 2]);
}

#[test]
fn least_connections_takes_the_least_loaded_and_ties_in_turn() {
    let table = three(Policy::LeastConnections);
    let place = |turn, loads: [u64; 3]| {
        let load = |index: usize| Load { in_flight: loads[index], bound: 0 };
        table.pick(&Ask { turn, ..Ask::default() }, load).unwrap().index
    };
    assert_eq!([0, 1, 2, 3].map(|turn| place(turn, [4; 3])), [0, 1, 2, 0]);
    assert_eq!([0, 1, 2, 3].map(|turn| place(turn, [4, 4, 3])), [2; 4]);
}
