//! Folds the write-ahead log into the file beside the changes, on a connection and a thread of its own: a
//! commit that did so by itself would take tens of milliseconds, and all that wait for it with it.
//! Source: docs/decisions/0036-the-log-is-folded-beside-the-changes.md.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use tracing::warn;
use windlass_application::ports::StoreError;

use crate::connection::Connection;

/// How many pages more of the log, of 4 KiB each, there are each time that it is folded. It starts anew with
/// the next commit where nobody has written meanwhile.
const FOLDED_EACH: u32 = 4_000;

/// From how many pages on a commit waits until it is folded: where there is never a moment in which nobody
/// writes.
const MOST_PAGES: u32 = 4 * FOLDED_EACH;

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
}

impl Checkpoints {
    /// Has the log of the connection that writes folded from now on.
    pub(crate) fn of(writer: &Connection, path: &Path) -> io::Result<Self> {
        writer.count_log_pages();
        let connection = Connection::open(path).map_err(io::Error::other)?;
        let (asks, asked) = sync_channel(1);
        let folding = thread::Builder::new()
            .name("sqlite-folder".into())
            .spawn(move || fold_when_asked(&connection, &asked))?;
        Ok(Self {
            asks,
            folding,
            asked_at: 0,
        })
    }

    /// After a commit of the connection that writes, on its thread.
    pub(crate) fn after_commit(&mut self, writer: &Connection) {
        let pages = PAGES.get();
        if pages < self.asked_at {
            // It has started anew.
            self.asked_at = 0;
        }
        if pages < self.asked_at + FOLDED_EACH {
            return;
        }
        self.asked_at = pages;
        if pages < MOST_PAGES {
            // Where nothing more can be asked it is folded again in any case.
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

fn fold_when_asked(connection: &Connection, asked: &Receiver<()>) {
    while asked.recv().is_ok() {
        fold(connection);
    }
}

/// Folds what can be without anybody's waiting.
fn fold(connection: &Connection) {
    let folded: Result<i64, StoreError> =
        connection.only_value("PRAGMA wal_checkpoint(PASSIVE)", ());
    if let Err(error) = folded {
        warn!(%error, "the database's log was not folded");
    }
}
