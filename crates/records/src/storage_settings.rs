//! What becomes of the files of a task's runs, as the rows of its versions keep it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use windlass_domain::task::StorageSettings;

/// What becomes of the files of a task's runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StorageSettingsRecord {
    enabled: bool,
    extraction: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extraction_schema: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extraction_prompt: Option<String>,
    deduplication: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deduplication_schema: Option<Value>,
}

impl From<&StorageSettings> for StorageSettingsRecord {
    fn from(settings: &StorageSettings) -> Self {
        Self {
            enabled: settings.enabled,
            extraction: settings.extraction,
            extraction_schema: settings.extraction_schema.clone(),
            extraction_prompt: settings.extraction_prompt.clone(),
            deduplication: settings.deduplication,
            deduplication_schema: settings.deduplication_schema.clone(),
        }
    }
}

impl From<StorageSettingsRecord> for StorageSettings {
    fn from(record: StorageSettingsRecord) -> Self {
        Self {
            enabled: record.enabled,
            extraction: record.extraction,
            extraction_schema: record.extraction_schema,
            extraction_prompt: record.extraction_prompt,
            deduplication: record.deduplication,
            deduplication_schema: record.deduplication_schema,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_read_back_from_the_json_that_rows_have() {
        let plain = StorageSettings {
            enabled: true,
            extraction: false,
            extraction_schema: None,
            extraction_prompt: None,
            deduplication: false,
            deduplication_schema: None,
        };
        let full = StorageSettings {
            enabled: false,
            extraction: true,
            extraction_schema: Some(json!({"type": "object"})),
            extraction_prompt: Some("The total.".to_owned()),
            deduplication: true,
            deduplication_schema: Some(json!(["number"])),
        };
        for (settings, json) in [
            (
                plain,
                r#"{"enabled":true,"extraction":false,"deduplication":false}"#,
            ),
            (
                full,
                r#"{"enabled":false,"extraction":true,"extraction_schema":{"type":"object"},"extraction_prompt":"The total.","deduplication":true,"deduplication_schema":["number"]}"#,
            ),
        ] {
            assert_eq!(crate::write(&StorageSettingsRecord::from(&settings)), json);
            let record: StorageSettingsRecord = crate::read(json).expect("the shape");
            assert_eq!(StorageSettings::from(record), settings);
        }
    }
}
