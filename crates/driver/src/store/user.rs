//! Whom Postgres runs as when the lab is root.

use crate::error::DriverError;
use nix::unistd::User;
use std::path::Path;

/// Postgres refuses to run as root; `None` when the lab is not root anyway.
pub(super) fn unprivileged_user() -> Result<Option<User>, DriverError> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Ok(Some(user)) = User::from_name(name) {
            return Ok(Some(user));
        }
    }
    Err(DriverError::Machine(
        "Postgres does not run as root, and there is neither a user 'postgres' nor 'nobody' to run it as; run the lab as \
         an ordinary user, or name a server with --postgres-url"
            .to_owned(),
    ))
}

/// Every folder on the way must let the user through.
pub(super) fn check_may_enter(user: &User, folder: &Path) -> Result<(), DriverError> {
    use std::os::unix::fs::MetadataExt;
    let closed = folder.ancestors().find(|above| {
        above.metadata().is_ok_and(|meta| {
            let bit = match (meta.uid() == user.uid.as_raw(), meta.gid() == user.gid.as_raw()) {
                (true, _) => 0o100,
                (false, true) => 0o010,
                (false, false) => 0o001,
            };
            meta.mode() & bit == 0
        })
    });
    closed.map_or(Ok(()), |closed| {
        Err(DriverError::Machine(format!(
            "Postgres does not run as root, and the user '{}' that it runs as instead may not enter {}; point TMPDIR at a \
             folder that everybody may enter, or run the lab as an ordinary user",
            user.name,
            closed.display()
        )))
    })
}
