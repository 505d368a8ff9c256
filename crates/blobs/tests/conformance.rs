//! The promises of blobs, on a folder.

use tempfile::TempDir;
use windlass_blobs::Folder;
use windlass_conformance::blobs;

#[tokio::test]
async fn a_folder_keeps_its_promises() {
    let place = TempDir::new().unwrap();

    blobs::check(&Folder::open(place.path()).unwrap()).await;
}
