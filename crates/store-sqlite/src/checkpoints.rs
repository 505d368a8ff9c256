//! Folds the write-ahead log into the file beside the changes, on a connection and a thread of its own: a
//! commit that did so by itself would take tens of milliseconds, and all that wait for it with it.
//! Source: docs/decisions/0036-the-log-is-folded-beside-the-changes.md.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use tracing::warn;
use windlass_application::ports::StoreError;

use crate::connection::Connection;

/// How many pages more of the log, of 4 KiB each, there are each time that it is folded. It starts anew with
/// the next commit where nobody has written meanwhile.
const FOLDED_EACH: u32 = 4_000;

/// From how many pages on a commit folds the rest itself: where there is never a moment in which nobody writes.
const MOST_PAGES: u32 = 4 * FOLDED_EACH;

/// How many pages more there are each time from then on: somebody reads what is behind them.
const TRIED_EACH: u32 = 250;

thread_local! {
    /// How many pages the log had after the last commit of this thread.
    static PAGES: Cell<u32> = const { Cell::new(0) };
}

/// Who folds the log of the connection that writes.
pub(crate) struct Checkpoints {
    asks: SyncSender<()>,
    folding: JoinHandle<()>,
    /// How many pages it had when it was to be folded last.
    asked_at: u32,
    /// How many of its pages were folded then, by who folds beside the changes.
    folded: Arc<AtomicU32>,
}

impl Checkpoints {
    /// Has the log of the connection that writes folded from now on.
    pub(crate) fn of(writer: &Connection, path: &Path) -> io::Result<Self> {
        writer.count_log_pages();
        let connection = Connection::open(path).map_err(io::Error::other)?;
        let (asks, asked) = sync_channel(1);
        let folded = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&folded);
        let folding = thread::Builder::new()
            .name("sqlite-folder".into())
            .spawn(move || fold_when_asked(&connection, &asked, &told))?;
        Ok(Self {
            asks,
            folding,
            asked_at: 0,
            folded,
        })
    }

    /// After a commit of the connection that writes, on its thread.
    pub(crate) fn after_commit(&mut self, writer: &Connection) {
        let pages = PAGES.get();
        if pages < self.asked_at {
            // It has started anew.
            self.asked_at = 0;
        }
        let each = match pages < MOST_PAGES {
            true => FOLDED_EACH,
            false => TRIED_EACH,
        };
        if pages < self.asked_at + each {
            return;
        }
        self.asked_at = pages;
        let rest = pages.saturating_sub(self.folded.load(Ordering::Relaxed));
        let is_behind = rest > FOLDED_EACH + TRIED_EACH && pages < 16 * MOST_PAGES;
        if pages < MOST_PAGES || is_behind {
            // Where nothing more can be asked it is folded again in any case. The one who folds may come to
            // nothing, or not keep up: a gigabyte is enough.
            let _ = self.asks.try_send(());
        } else {
            fold(writer);
        }
    }

    /// Waits for what is being folded.
    pub(crate) fn end(self) {
        drop(self.asks);
        if self.folding.join().is_err() {
            warn!("the database's log was not folded: its thread broke down");
        }
    }
}

/// Notes how many pages the log has, by a commit on this thread.
pub(crate) fn note_pages(pages: u32) {
    PAGES.set(pages);
}

/// Folds what can be without anybody's waiting. How many pages of the log are folded now.
pub(crate) fn fold(connection: &Connection) -> u32 {
    let folded: Result<Option<(i64, i64, i64)>, StoreError> =
        connection.row("PRAGMA wal_checkpoint(PASSIVE)", ());
    match folded {
        Ok(folded) => folded.map_or(0, |(_, _, pages)| u32::try_from(pages).unwrap_or(0)),
        Err(error) => {
            warn!(%error, "the database's log was not folded");
            0
        }
    }
}

fn fold_when_asked(connection: &Connection, asked: &Receiver<()>, folded: &AtomicU32) {
    while asked.recv().is_ok() {
        folded.store(fold(connection), Ordering::Relaxed);
    }
}
