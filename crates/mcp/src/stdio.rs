//! The Model Context Protocol over standard input and output.

use std::io;

use rmcp::ServiceExt;
use rmcp::transport::stdio;

use crate::assistant::{Assistant, Door};
use crate::reach::{Reach, Remote};
use crate::task_tools::TaskTools;

/// Answers one assistant until it goes. Nothing else may write to standard output.
///
/// # Errors
/// The assistant does not speak the protocol, or a stream breaks.
pub async fn serve_stdio(remote: Remote, tasks: TaskTools) -> io::Result<()> {
    let door = Door::Stdio {
        reach: Reach::Remote(remote),
        tasks,
    };
    let assistant = Assistant::new(door).serve(stdio()).await;
    let assistant = assistant.map_err(io::Error::other)?;
    assistant.waiting().await.map_err(io::Error::other)?;
    Ok(())
}
