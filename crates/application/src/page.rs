//! Pages of a list: keyset, so that page 1,000 costs what page 1 costs.

use windlass_domain::Timestamp;

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items at most; 1 to 100.
    pub limit: u32,
    /// Where it starts.
    pub position: Position,
}

/// Where a page starts in the list's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// At the first item.
    Start,
    /// Right below this item.
    After(Key),
    /// Right above this item; the page is in the list's order all the same.
    Before(Key),
}

/// What orders an item in its list: its moment, then its id as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// When it was made.
    pub created_at: Timestamp,
    /// Its id.
    pub id: String,
}

/// A range over moments; both ends are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Created {
    /// Made after this.
    pub after: Option<Timestamp>,
    /// Made before this.
    pub before: Option<Timestamp>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// Whether there is more beyond, in the direction that was asked.
    pub has_more: bool,
}
