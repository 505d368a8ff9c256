//! Tools for assistants: a Model Context Protocol server whose tools are calls of the API.
//!
//! An assistant reaches Windlass in two ways: over HTTP at `/mcp` of the server ([`router`]), and over
//! the standard streams of a process beside it ([`serve_stdio`]). In both a tool is one or two calls
//! of the API with the caller's own key, so that keys, limits, rules and errors are the API's, and
//! nothing of them stands here. Source: docs/guides/use-from-an-assistant.md.

mod assistant;
mod call;
mod http_server;
mod listed_names;
mod reach;
mod stdio;
mod task_tools;
mod tool;
mod tools;

pub use self::http_server::router;
pub use self::reach::Remote;
pub use self::stdio::serve_stdio;
pub use self::task_tools::{TaskTools, UnknownTaskTools};
