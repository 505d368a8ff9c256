//! What an agent says of a file, as the server hears it.

use std::io::Write;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use windlass_worker::{
    Bytes, CapturedFile, Extraction, MAX_EXTRACTION_BYTES, MAX_METADATA_BYTES, Protocol,
    RunContext, RunFailure, Stopped,
};

use crate::LONG;
use crate::server::{Call, PATIENCE, Server, run};

/// A text that has this many bytes as JSON, with what is around it.
fn text(bytes: usize, around: &str) -> String {
    "x".repeat(bytes - around.len() - r#""""#.len())
}

fn metadata(bytes: usize) -> Option<Map<String, Value>> {
    let note = text(bytes, r#"{"a":}"#);
    json!({"a": note}).as_object().cloned()
}

fn extraction(bytes: usize) -> Extraction {
    Extraction::Taken(text(bytes, "").into())
}

#[tokio::test]
async fn a_file_goes_without_what_is_too_long_of_it() {
    let server = Arc::new(Server::new(LONG));
    let protocol = Arc::clone(&server) as Arc<dyn Protocol>;
    let token = CancellationToken::new;
    let context = RunContext::new(run(1, 1), protocol, token(), token());

    let longest = (
        metadata(MAX_METADATA_BYTES),
        extraction(MAX_EXTRACTION_BYTES),
    );
    let too_long = (
        metadata(MAX_METADATA_BYTES + 1),
        extraction(MAX_EXTRACTION_BYTES + 1),
    );
    for (metadata, extraction) in [longest.clone(), too_long] {
        let file = CapturedFile {
            file_name: "bill.pdf".to_owned(),
            file_type: "application/pdf".to_owned(),
            metadata,
            extraction,
            content: stream::empty().boxed(),
        };
        assert!(context.store_file(file).await.is_ok());
    }

    let calls = server.told(|calls| calls.len() == 2).await;
    let told: Vec<_> = calls
        .iter()
        .filter_map(|call| match call {
            Call::File(metadata, extraction) => Some((metadata.clone(), extraction.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(told, [longest, (None, Extraction::Failed)]);
}

#[tokio::test]
async fn a_file_is_bytes_or_what_is_read() {
    let bytes = b"%PDF-1.7 a bill".repeat(10_000);
    let mut written = tempfile::NamedTempFile::new().unwrap();
    written.write_all(&bytes).unwrap();
    let read = tokio::fs::File::open(written.path()).await.unwrap();

    for file in [
        CapturedFile::new("bill.pdf", "application/pdf", bytes.clone()),
        CapturedFile::reading("bill.pdf", "application/pdf", read),
    ] {
        assert_eq!(
            (&*file.file_name, &*file.file_type),
            ("bill.pdf", "application/pdf")
        );
        let content: Vec<Bytes> = file.content.try_collect().await.unwrap();
        assert!(content.concat() == bytes);
    }
}

#[tokio::test]
async fn a_file_that_is_still_coming_is_let_go_of_once_its_run_is_to_stop() {
    for stops in [Stopped::LeaseLost, Stopped::Canceled] {
        let server = Arc::new(Server::new(LONG));
        let protocol = Arc::clone(&server) as Arc<dyn Protocol>;
        let (canceled, lost) = (CancellationToken::new(), CancellationToken::new());
        let context = RunContext::new(run(1, 1), protocol, canceled.clone(), lost.clone());
        let file = CapturedFile {
            file_name: "bill.pdf".to_owned(),
            file_type: "application/pdf".to_owned(),
            metadata: None,
            extraction: Extraction::None,
            content: stream::pending().boxed(),
        };
        let keeping = tokio::spawn(async move { context.store_file(file).await });
        let keeping = AbortOnDropHandle::new(keeping);
        server.told(|calls| calls.len() == 1).await;

        match stops {
            Stopped::LeaseLost => lost.cancel(),
            Stopped::Canceled => canceled.cancel(),
        }

        let kept = tokio::time::timeout(PATIENCE, keeping).await.unwrap();
        assert_eq!(kept.unwrap(), Err(RunFailure::Stopped(stops)));
    }
}
