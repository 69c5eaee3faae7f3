//! Who stands at the door: accepts connections, and shuts it under `refuse` and while nobody listens at the upstream, so that a
//! client of a process that is gone is refused as it would be without a relay.

use crate::connection;
use crate::door::Door;
use crate::log;
use crate::relay::Relay;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;

/// The pause after a failed accept, which most often means that there is no free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// From one look at the upstream to the next.
const PROBE_PAUSE: Duration = Duration::from_millis(10);
/// An upstream that does not answer this long is not one that refuses.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Accepts connections for ever.
pub async fn accept(relay: Rc<Relay>, mut door: Door) {
    let (mut levels, mut absences) = (relay.levels(), relay.absences());
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        let level = *levels.borrow_and_update();
        absences.mark_unchanged();
        if !relay.should_listen(level) {
            door.shut();
        } else if let Err(error) = door.open() {
            log::line(format_args!("cannot listen on {} again: {error}; trying on", door.addr()));
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        }
        relay.listening.set(door.is_open());
        tokio::select! {
            biased;
            Ok(()) = levels.changed() => {}
            Ok(()) = absences.changed() => {}
            Some(_ended) = connections.join_next() => {}
            accepted = door.accept() => match accepted {
                Ok(client) => {
                    connections.spawn_local(connection::serve(Rc::clone(&relay), client, number));
                    number += 1;
                }
                Err(error) => {
                    log::line(format_args!("cannot accept a connection: {error}; raise the limit of open files if it lasts"));
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Looks whether somebody listens at the upstream whenever there is a doubt, and again and again while nobody does.
pub async fn watch_upstream(relay: Rc<Relay>) {
    loop {
        relay.doubt.notified().await;
        loop {
            let looking = connection::reach(relay.upstream());
            let refused = match tokio::time::timeout(PROBE_TIMEOUT, looking).await {
                Ok(Err(error)) => error.kind() == ErrorKind::ConnectionRefused,
                Ok(Ok(_)) | Err(_) => false,
            };
            relay.set_absent(refused);
            // Not more often, whatever happens: a look costs the upstream a connection.
            tokio::time::sleep(PROBE_PAUSE).await;
            if !refused {
                break;
            }
        }
    }
}
