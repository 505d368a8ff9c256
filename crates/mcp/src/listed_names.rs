//! Which task each tool's name stood for when an assistant was last told: a call need not read all named
//! tasks to find the one that it is for.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::task_tools::TaskTool;

/// Of how many assistants at once. Beyond that all are forgotten: whoever is, is read anew.
const AT_MOST: usize = 1_000;

/// Who was told of which tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Listener(u64);

/// Ids of tasks by the names of their tools.
#[derive(Default)]
pub(crate) struct ListedNames {
    hasher: RandomState,
    by_listener: Mutex<HashMap<Listener, BTreeMap<String, String>>>,
}

impl ListedNames {
    /// Who shows this key and asks for these tasks. No key is kept.
    pub(crate) fn listener(&self, key: &[u8], tasks: &[String]) -> Listener {
        Listener(self.hasher.hash_one((key, tasks)))
    }

    /// It was told these names.
    pub(crate) fn told(&self, listener: Listener, tools: &[TaskTool]) {
        // Where a name is the mark of another it is the name that counts.
        let marked = tools.iter().map(|tool| (&tool.marked, &tool.task.id));
        let named = tools.iter().map(|tool| (&tool.name, &tool.task.id));
        let names = marked.chain(named);
        let names = names.map(|(name, id)| (name.clone(), id.clone())).collect();
        let mut by_listener = self.lock();
        if by_listener.len() >= AT_MOST && !by_listener.contains_key(&listener) {
            by_listener.clear();
        }
        by_listener.insert(listener, names);
    }

    /// The task that it means.
    pub(crate) fn task_id(&self, listener: Listener, name: &str) -> Option<String> {
        self.lock().get(&listener)?.get(name).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Listener, BTreeMap<String, String>>> {
        // Each change replaces one value, or drops all.
        self.by_listener
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
