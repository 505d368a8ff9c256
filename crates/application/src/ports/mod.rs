//! The ports: small traits, named for what the use cases need. Every writing method is one
//! transaction: state, events, deliveries, idempotency record and audit entry commit together or
//! not at all.

pub mod agents;
pub mod audit;
pub mod blobs;
pub mod clock;
pub mod credentials;
pub mod deliveries;
pub mod destination;
pub mod destinations;
pub mod egress;
pub mod error;
pub mod events;
pub mod files;
pub mod keys;
pub mod limits;
pub mod organizations;
pub mod playbooks;
pub mod retention;
pub mod runs;
pub mod screenshots;
pub mod sealed_values;
pub mod sessions;
pub mod signals;
pub mod sources;
pub mod tasks;
pub mod tokens;
pub mod vault;
pub mod workers;

pub use agents::Agents;
pub use audit::Audit;
pub use blobs::Blobs;
pub use clock::Clock;
pub use credentials::Credentials;
pub use deliveries::Deliveries;
pub use destination::DestinationSender;
pub use destinations::Destinations;
pub use egress::EgressPolicy;
pub use error::{StoreError, WriteError};
pub use events::Events;
pub use files::Files;
pub use keys::Keys;
pub use limits::Limits;
pub use organizations::Organizations;
pub use playbooks::{PlaybookRules, Playbooks};
pub use retention::Retention;
pub use runs::Runs;
pub use screenshots::Screenshots;
pub use sealed_values::SealedValues;
pub use sessions::Sessions;
pub use signals::{Listener, Queue, Signals};
pub use sources::Sources;
pub use tasks::Tasks;
pub use tokens::Tokens;
pub use vault::{DataKeys, OrganizationVault, Vault};
pub use workers::Workers;
