//! From a listener to an orderly end.

use crate::args::ServerArgs;
use session::Backend;

/// Why a server did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {}

/// Serves the application with these sessions until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve<B: Backend>(_args: &ServerArgs, _sessions: B) -> Result<(), ServeError> {
    Ok(())
}
