//! Reading a file that a run has captured.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents, ToolAnnotations};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::call::{Call, encoded};
use crate::reach::Reach;
use crate::tool::{Tool, failure, json, reads};

/// The largest file that an assistant gets, in bytes: what it reads fills its memory.
const MAX_BYTES: u64 = 1024 * 1024;

/// A file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadFile {
    /// Which file: its `id` from `list_files` or `read_run` with `storage`.
    file_id: String,
}

#[async_trait]
impl Tool for ReadFile {
    const NAME: &'static str = "read_file";
    const TITLE: &'static str = "Read a file";
    const DESCRIPTION: &'static str = "Answers the content of a file that a run has captured, of at most 1 MiB: text as text, an image as an image, anything else as a resource. For a larger one give your user the `url` of `list_files`, which is good for an hour and needs no key.";

    fn hints() -> ToolAnnotations {
        reads()
    }

    async fn run(self, reach: &Reach) -> CallToolResult {
        match content(&self.file_id, reach).await {
            Ok(block) => CallToolResult::success(vec![block]),
            Err(refused) => *refused,
        }
    }
}

async fn content(file_id: &str, reach: &Reach) -> Result<ContentBlock, Box<CallToolResult>> {
    let file = json(reach.call(Call::get(&["storage", file_id])).await)?;
    let refused = |why: String| Box::new(failure(why));
    let Some(url) = file["url"].as_str().and_then(|url| Url::parse(url).ok()) else {
        return Err(refused("the file is gone: it was kept for its time".into()));
    };
    let size = file["file_size"].as_u64().unwrap_or(u64::MAX);
    if size > MAX_BYTES {
        return Err(refused(format!(
            "the file has {size} bytes, more than the {MAX_BYTES} that can be read here: it lies at {url}"
        )));
    }
    let signed = local(&url).ok_or_else(|| refused("the file has no address here".into()))?;
    let answer = reach.call(Call::get_at(signed)).await;
    let answer = answer.map_err(|error| refused(error.to_string()))?;
    if !answer.status.is_success() {
        return Err(refused(format!("the file answers {}", answer.status)));
    }
    Ok(block(&file, &answer.body))
}

/// Where a signed address leads at the server itself: the one that others fetch it at has the host, and
/// maybe a path, of what stands before the server.
fn local(url: &Url) -> Option<String> {
    let path = url.path();
    let path = &path[path.rfind("/files/")?..];
    Some(match url.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    })
}

fn block(file: &Value, content: &[u8]) -> ContentBlock {
    let of = |name: &str| file[name].as_str().unwrap_or_default();
    let file_type = of("file_type");
    if file_type.starts_with("image/") {
        return ContentBlock::image(STANDARD.encode(content), file_type);
    }
    match std::str::from_utf8(content) {
        Ok(text) if is_text(file_type) => ContentBlock::text(text),
        _ => {
            let name = encoded(of("file_name"));
            let uri = format!("windlass://storage/{}/{name}", of("id"));
            let content = ResourceContents::blob(STANDARD.encode(content), uri);
            ContentBlock::resource(content.with_mime_type(file_type))
        }
    }
}

fn is_text(file_type: &str) -> bool {
    let essence = file_type.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/")
        || essence.ends_with("json")
        || essence.ends_with("xml")
        || essence == "application/csv"
}
