//! Pages that answered with an error and on which no step found anything: a form that was refused, in a
//! page that the playbook left by an address, in a frame, or in a window that was closed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use windlass_domain::run::{ErrorCode, RunError};

use crate::page::Page;
use crate::player::{Player, is_refusal};

/// How many are remembered. The first is told of.
const MAX_UNREAD: usize = 100;

/// What clicks and Enter led to in a run.
#[derive(Default, Clone, Serialize, Deserialize)]
pub(crate) struct Unread {
    /// How many of the pages were errors.
    came: u32,
    /// Those on which nothing was found yet, by the number of the page.
    errors: BTreeMap<u32, ErrorPage>,
}

#[derive(Clone, Serialize, Deserialize)]
struct ErrorPage {
    /// The step that led there, counted from 1.
    step: u32,
    /// Without what may be secret.
    address: String,
    status: u16,
}

impl Unread {
    /// A step found something on this page, or it may be what it is.
    pub(crate) fn forget(&mut self, page: &Page) {
        if let Some(number) = page.error_number {
            self.errors.remove(&number);
        }
    }

    /// Whether this page is one of them.
    pub(crate) fn has(&self, page: &Page) -> bool {
        let number = page.error_number;
        number.is_some_and(|number| self.errors.contains_key(&number))
    }

    /// The error of a run that ends now.
    pub(crate) fn error(&self) -> Option<RunError> {
        let ErrorPage {
            step,
            address,
            status,
        } = self.errors.values().next()?;
        let code = match is_refusal(*status) {
            true => ErrorCode::SourceBlocked,
            false => ErrorCode::TaskFailed,
        };
        let message = format!(
            "Step {step} led to {address}, which answered with status {status}, and no step found \
             anything there."
        );
        Some(RunError::new(code, message))
    }
}

impl Player<'_> {
    /// A step found on the page that it is on what it looked for there.
    pub(crate) fn meet(&mut self) {
        self.met = true;
        self.let_be();
    }

    /// The page that it is on may be what it is.
    pub(crate) fn let_be(&mut self) {
        if let Some(page) = &self.session.page {
            self.unread.forget(page);
        }
    }

    /// Remembers the page that a step led to, where it is an error.
    pub(crate) fn note_error(&mut self) {
        let page = self.session.page.as_ref();
        let Some(page) = page.filter(|page| !page.status.is_success()) else {
            return;
        };
        let error = ErrorPage {
            step: self.number,
            address: self.without_values(&page.url),
            status: page.status.as_u16(),
        };
        let unread = &mut self.unread;
        unread.came += 1;
        if unread.errors.len() < MAX_UNREAD {
            unread.errors.insert(unread.came, error);
        }
        let number = unread.came;
        if let Some(page) = &mut self.session.page {
            page.error_number = Some(number);
        }
    }
}
