//! Cuts a list into pages.

use std::cmp::Ordering;

use windlass_application::{Created, Key, Page, PageRequest, Position};
use windlass_domain::Timestamp;

/// The page of these items, newest first, by their moments and ids.
pub(super) fn newest_first<T>(
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> (Timestamp, String),
    created: Created,
    page: &PageRequest,
) -> Page<T> {
    cut(items, key, Ordering::reverse, created, page)
}

/// The page of these items, oldest first.
pub(super) fn oldest_first<T>(
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> (Timestamp, String),
    created: Created,
    page: &PageRequest,
) -> Page<T> {
    cut(items, key, |ordering| ordering, created, page)
}

fn cut<T>(
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> (Timestamp, String),
    turned: fn(Ordering) -> Ordering,
    created: Created,
    page: &PageRequest,
) -> Page<T> {
    let beyond = |item: &T, from: &Key| {
        let from = (from.created_at, from.id.clone());
        turned(key(item).cmp(&from))
    };
    let mut items: Vec<T> = items
        .filter(|item| {
            let (at, _) = key(item);
            created.after.is_none_or(|after| at > after)
                && created.before.is_none_or(|before| at < before)
        })
        .filter(|item| match &page.position {
            Position::Start => true,
            Position::After(from) => beyond(item, from) == Ordering::Greater,
            Position::Before(from) => beyond(item, from) == Ordering::Less,
        })
        .collect();
    items.sort_by(|one, other| turned(key(one).cmp(&key(other))));
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let has_more = items.len() > limit;
    match page.position {
        Position::Before(_) => drop(items.drain(..items.len().saturating_sub(limit))),
        Position::Start | Position::After(_) => items.truncate(limit),
    }
    Page { items, has_more }
}
