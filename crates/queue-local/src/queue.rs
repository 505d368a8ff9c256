//! The queue's wake-ups inside one process.

use async_trait::async_trait;
use windlass_application::ports::signals::{Listener, Queue};
use windlass_domain::pool::Pool;

use crate::bells::Bells;

/// Wakes the workers of this process, and those whose request waits in it.
#[derive(Default)]
pub struct LocalQueue {
    bells: Bells<Pool>,
}

#[async_trait]
impl Queue for LocalQueue {
    /// Wakes all who listen to the pool: the first may have no room for the run.
    async fn announce(&self, pool: &Pool) {
        self.bells.ring(pool);
    }

    fn listen(&self, pools: &[Pool]) -> Box<dyn Listener> {
        self.bells.listen(pools)
    }
}
