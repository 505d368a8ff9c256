//! Playbooks: recorded ways through a website, in the user-flow JSON of the Chrome DevTools Recorder
//! with `windlass.…` custom steps. This crate reads them, says all that is wrong with them at once,
//! and fills in their placeholders. It knows no engine: what a step does is the engine's part.
//! Source: docs/guides/write-a-playbook.md.

mod address;
mod custom;
mod extraction;
mod note;
mod parse;
mod placeholder;
mod problem;
mod question;
mod reader;
mod recorded;
mod schema;
mod selector;
mod step;
mod tier;
mod totp;
mod values;
pub mod xpath;

pub use extraction::{
    DateOrder, Decimal, Extract, Extraction, JsonPlace, Pages, Place, Reading, Rows, Rule,
};
pub use note::Note;
pub use parse::parse;
pub use placeholder::{CredentialPart, Placeholder, Template};
pub use problem::{Problem, ProblemKind, StepName};
pub use question::{Interact, PageOptions, Question, QuestionOption, QuestionOptions};
pub use schema::SCHEMA;
pub use selector::{AriaQuery, Selector, SelectorKind, Selectors};
pub use step::{
    Action, Count, CountOperator, Download, Fail, HttpCredential, Navigation, Operation,
    OtherButton, Playbook, Step, Wait,
};
pub use tier::{OverHttp, Tier};
pub use totp::{Authenticator, totp_code};
pub use values::{MissingValue, Values};

/// The largest playbook, as JSON without spaces: recordings of an hour have a tenth of it.
pub const MAX_PLAYBOOK_BYTES: usize = 256 * 1024;

/// The most steps of a playbook.
pub const MAX_STEPS: usize = 500;

/// The most alternatives of one step's selectors; the Recorder writes five.
pub const MAX_ALTERNATIVES: usize = 20;

/// The longest that a step may be given, in milliseconds, as the Recorder's own replayer has it.
pub const MAX_TIMEOUT_MS: u32 = 30_000;

/// The deepest that frames lie in frames.
pub const MAX_FRAMES: usize = 10;

/// The longest selector, URL, value or message, in characters: what the server lets a worker say.
pub const MAX_TEXT_CHARACTERS: usize = 4000;

/// The longest name of a title or a field, in characters.
pub const MAX_NAME_CHARACTERS: usize = 255;

/// The most fields of an extraction, or of one of its rows.
pub const MAX_FIELDS: usize = 100;

/// The most fields of a question: what the server lets a worker ask.
pub const MAX_QUESTION_FIELDS: usize = 20;

/// The longest name or type of a question and its fields, in characters: as above.
pub const MAX_QUESTION_NAME_CHARACTERS: usize = 64;

/// The most options of a question's field.
pub const MAX_OPTIONS: usize = 200;

/// The most pages that a list is followed over.
pub const MAX_PAGES: u32 = 1000;

/// The most times that steps are repeated.
pub const MAX_REPEATS: u32 = 10;

/// How often steps are repeated where the playbook does not say: a code is wrong twice at most before
/// websites lock the account.
pub const DEFAULT_REPEATS: u32 = 2;

/// How many pages a list is followed over where the playbook names `next` and no `limit`.
pub const DEFAULT_PAGES: u32 = 100;
