//! What orders an item in its list.

use windlass_application::Key;
use windlass_application::ports::credentials::CredentialView;
use windlass_application::ports::deliveries::DeliveryView;
use windlass_application::ports::runs::RunView;
use windlass_application::ports::sessions::SessionView;
use windlass_domain::agent::AgentWithTasks;
use windlass_domain::destination::Destination;
use windlass_domain::event::Event;
use windlass_domain::file::StoredFile;
use windlass_domain::id::{
    CredentialId, DeliveryId, DestinationId, EventId, RunId, ScreenshotId, SessionId, StorageId,
};
use windlass_domain::screenshot::Screenshot;
use windlass_domain::source::Source;
use windlass_domain::task::Task;

/// An item of a list.
pub(crate) trait Listed {
    /// What orders it.
    fn key(&self) -> Key;
}

macro_rules! listed {
    ($($type:ty: $($field:ident).* ;)+) => {
        $(impl Listed for $type {
            fn key(&self) -> Key {
                let item = &self$(.$field)*;
                Key { created_at: item.created_at, id: item.id.to_string() }
            }
        })+
    };
}

listed! {
    AgentWithTasks: agent;
    Source: ;
    CredentialView: credential;
    Task: ;
    RunView: run;
    StoredFile: ;
    Screenshot: ;
    Event: ;
    Destination: ;
    DeliveryView: delivery;
    SessionView: session;
}

/// An id that carries its moment, so that its item's place in a list is known by it alone.
pub(crate) trait TimedId {
    /// The place of the item of this id.
    fn place(text: &str) -> Option<Key>;
}

macro_rules! timed {
    ($($id:ident),+ $(,)?) => {
        $(impl TimedId for $id {
            fn place(text: &str) -> Option<Key> {
                let id = Self::parse(text).ok()?;
                Some(Key { created_at: id.created_at(), id: id.to_string() })
            }
        })+
    };
}

timed!(
    CredentialId,
    RunId,
    StorageId,
    ScreenshotId,
    EventId,
    DestinationId,
    DeliveryId,
    SessionId
);
