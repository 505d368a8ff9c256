//! Files that a run captured.

use serde_json::{Map, Value};

use crate::id::{RunId, StorageId};
use crate::time::Timestamp;

/// A file that a run captured. Its content lies in the blob store under its id, so that no two rows
/// share one.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredFile {
    /// Its id.
    pub id: StorageId,
    /// The run that captured it.
    pub run_id: RunId,
    /// Its name without any path; at most 255 bytes.
    pub file_name: String,
    /// Its MIME type.
    pub file_type: String,
    /// How long it is, in bytes.
    pub file_size: u64,
    /// SHA-256 of its content.
    pub sha256: [u8; 32],
    /// What the agent noted of it.
    pub metadata: Option<Map<String, Value>>,
    /// What the agent took out of it, where its task asks for that.
    pub extraction: Extraction,
    /// SHA-256 of the fields by which its task knows it from others; None where the task compares
    /// contents, or where the fields were not found in it.
    pub fields_sha256: Option<[u8; 32]>,
    /// When it was captured.
    pub created_at: Timestamp,
    /// When its content was dropped; the record stays as long as its run.
    pub expired_at: Option<Timestamp>,
}

/// What an agent took out of a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Extraction {
    /// Nothing: it was not asked for, or the agent does not do it.
    #[default]
    None,
    /// This data.
    Taken(Value),
    /// Nothing, though it tried, or nothing that the task's schema allows.
    Failed,
}

impl Extraction {
    /// The data, where there is some.
    pub fn data(&self) -> Option<&Value> {
        match self {
            Self::Taken(data) => Some(data),
            Self::None | Self::Failed => None,
        }
    }
}

/// A file as its event shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSummary {
    /// Its id.
    pub id: StorageId,
    /// The run that captured it.
    pub run_id: RunId,
    /// Its name without any path.
    pub file_name: String,
    /// Its MIME type.
    pub file_type: String,
    /// How long it is, in bytes.
    pub file_size: u64,
    /// When it was captured.
    pub created_at: Timestamp,
}

impl StoredFile {
    /// What its event shows of it.
    pub fn summary(&self) -> FileSummary {
        FileSummary {
            id: self.id,
            run_id: self.run_id,
            file_name: self.file_name.clone(),
            file_type: self.file_type.clone(),
            file_size: self.file_size,
            created_at: self.created_at,
        }
    }
}

/// The longest file, in bytes.
pub const MAX_FILE_BYTES: u64 = 100 * 1024 * 1024;

/// The longest note that an agent makes of a file, in bytes of JSON: it travels in a header.
/// Source: docs/workers.md, "What an agent does".
pub const MAX_METADATA_BYTES: usize = 4 * 1024;

/// The most that is taken out of a file, in bytes of JSON: a list may show a hundred files.
/// Source: docs/workers.md, "What an agent does".
pub const MAX_EXTRACTION_BYTES: usize = 64 * 1024;

/// The longest name of a file, in bytes: the longest that file systems take.
pub const MAX_NAME_BYTES: usize = 255;

/// The longest ending that is kept where a name is cut.
const MAX_ENDING_BYTES: usize = 16;

/// The name without any path, control character or character that turns the direction of reading
/// (`fdp.exe` is shown for one), without dots and spaces around it, at most 255 bytes. Empty where
/// nothing is left.
pub fn harmless_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown: String = last
        .chars()
        .filter(|letter| !letter.is_control() && !is_invisible(*letter))
        .collect();
    let trimmed = shown.trim_matches(|letter: char| letter == '.' || letter.is_whitespace());
    shorten(trimmed)
}

fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Cuts a name from the middle, so that its ending stays.
fn shorten(name: &str) -> String {
    if name.len() <= MAX_NAME_BYTES {
        return name.to_owned();
    }
    let ending = name.rfind('.').map_or("", |dot| &name[dot..]);
    let ending = if ending.len() <= MAX_ENDING_BYTES {
        ending
    } else {
        ""
    };
    let length = name.floor_char_boundary(MAX_NAME_BYTES - ending.len());
    format!("{}{ending}", &name[..length])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("bill.pdf", "bill.pdf")]
    #[case("../../etc/passwd", "passwd")]
    #[case("C:\\bills\\january.pdf", "january.pdf")]
    #[case("bill\u{202e}fdp.exe", "billfdp.exe")]
    #[case("a\u{0}b\r\nc.pdf", "abc.pdf")]
    #[case(".htaccess", "htaccess")]
    #[case("..", "")]
    #[case("bills/", "")]
    fn a_name_is_made_harmless(#[case] given: &str, #[case] kept: &str) {
        assert_eq!(harmless_name(given), kept);
    }

    #[test]
    fn a_long_name_is_cut_and_keeps_its_ending() {
        let name = harmless_name(&format!("{}.pdf", "å".repeat(400)));

        assert!(
            name.len() <= MAX_NAME_BYTES && name.ends_with("å.pdf"),
            "{name}"
        );
    }
}
