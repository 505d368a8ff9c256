//! Rollbacks of transactions that were dropped, which only a task of their own can do, and who waits
//! for them.

use std::cell::RefCell;

use tokio::task::JoinHandle;

tokio::task_local! {
    /// Those of the call that is under way.
    static ROLLBACKS: RefCell<Vec<JoinHandle<()>>>;
}

/// What `call` answers, once the transactions that it dropped are rolled back.
pub(crate) async fn awaited<T>(call: impl Future<Output = T>) -> T {
    ROLLBACKS
        .scope(RefCell::default(), async {
            let answer = call.await;
            for rollback in ROLLBACKS.with(RefCell::take) {
                // One that panicked has given its connection up, and with it its locks.
                let _ = rollback.await;
            }
            answer
        })
        .await
}

/// Has the call that is under way wait for this rollback; outside of one nobody waits.
pub(crate) fn note(rollback: JoinHandle<()>) {
    // The task goes on without its handle.
    let _ = ROLLBACKS.try_with(|rollbacks| rollbacks.borrow_mut().push(rollback));
}
