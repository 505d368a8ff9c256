//! Playbooks that were read before: most runs play what a run before them has played.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use windlass_playbook::{Playbook, Problem};

/// How many are kept.
const MOST: usize = 16;

/// The playbooks that were played last.
#[derive(Default)]
pub(crate) struct Playbooks {
    /// Each beside its document, the latest first.
    known: Mutex<VecDeque<(Value, Arc<Playbook>)>>,
}

impl Playbooks {
    /// Reads a document, unless it was read before.
    ///
    /// # Errors
    /// Where it is no playbook.
    pub(crate) fn read(&self, document: &Value) -> Result<Arc<Playbook>, Vec<Problem>> {
        if let Some(known) = self.find(document) {
            return Ok(known);
        }
        let playbook = Arc::new(windlass_playbook::parse(document)?);
        let mut known = self.lock();
        known.truncate(MOST - 1);
        known.push_front((document.clone(), Arc::clone(&playbook)));
        Ok(playbook)
    }

    fn find(&self, document: &Value) -> Option<Arc<Playbook>> {
        let mut known = self.lock();
        let place = known.iter().position(|(known, _)| known == document)?;
        let found = known.remove(place)?;
        let playbook = Arc::clone(&found.1);
        known.push_front(found);
        Some(playbook)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(Value, Arc<Playbook>)>> {
        // Whatever a panic elsewhere left out is read again.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(number: usize) -> Value {
        json!({"title": format!("Number {number}"), "steps": [
            {"type": "navigate", "url": "https://nordlys.example/"},
        ]})
    }

    #[test]
    fn a_document_is_read_once_while_it_is_among_the_latest() {
        let playbooks = Playbooks::default();
        let first = playbooks.read(&document(0)).unwrap();
        for number in 1..MOST {
            playbooks.read(&document(number)).unwrap();
        }
        assert!(Arc::ptr_eq(&first, &playbooks.read(&document(0)).unwrap()));

        for number in 0..MOST {
            playbooks.read(&document(MOST + number)).unwrap();
        }

        assert!(!Arc::ptr_eq(&first, &playbooks.read(&document(0)).unwrap()));
        assert!(playbooks.lock().len() <= MOST);
    }

    #[test]
    fn what_is_no_playbook_is_not_kept() {
        let playbooks = Playbooks::default();

        assert!(playbooks.read(&json!({})).is_err());

        assert!(playbooks.lock().is_empty());
    }
}
