//! Keeps the contents of files and screenshots, each under `organization/id`, in a folder.

mod folder;

pub use folder::{Folder, OpenError};
