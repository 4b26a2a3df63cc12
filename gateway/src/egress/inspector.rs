//! Reading requests for private data, away from the executor where that takes long.

use std::sync::Arc;

use router_policies::{Detectors, Finding};
use tokio::sync::Semaphore;

use crate::fault::{Fault, FaultKind};
use crate::openai::ChatRequest;

/// Largest reading that is made on the executor, in bytes times passes: well below half a millisecond, see
/// `cargo bench -p router-policies --bench privacy`.
const AT_ONCE: usize = 16 << 10;

/// Reads requests. At most one long reading a core runs at a time; further ones wait their turn.
#[derive(Debug)]
pub(crate) struct Inspector {
    turns: Arc<Semaphore>,
}

/// A request, and what keeps it from leaving.
pub(super) type Inspected = (ChatRequest, Option<Finding>);

impl Inspector {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            turns: Arc::new(Semaphore::new(cores)),
        }
    }

    /// Reads all of a request that would leave.
    ///
    /// # Errors
    /// [`FaultKind::Internal`] when the reading fell over: what could not be read is not sent anywhere.
    pub(super) async fn inspect(
        &self,
        detectors: &Detectors,
        request: ChatRequest,
    ) -> Result<Inspected, Fault> {
        let work = request.bytes.saturating_mul(detectors.passes());
        if work <= AT_ONCE {
            return Ok(inspected(detectors, request));
        }
        let unread = || Fault::new(FaultKind::Internal, "the request could not be inspected");
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_closed| unread())?;
        let detectors = detectors.clone();
        let reading = tokio::task::spawn_blocking(move || {
            // Kept to the end, even if the client has left: it is the thread that is scarce.
            let _turn = turn;
            inspected(&detectors, request)
        });
        reading.await.map_err(|_fell_over| unread())
    }
}

fn inspected(detectors: &Detectors, request: ChatRequest) -> Inspected {
    let finding = request.inspect(detectors);
    (request, finding)
}
