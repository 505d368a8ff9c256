//! A question to a person, and its answer, as the row of its run keeps them.

use serde::{Deserialize, Serialize};
use windlass_domain::Timestamp;
use windlass_domain::id::InteractionId;
use windlass_domain::run::{Answered, Field, FieldOption, Interaction};

use crate::Impossible;
use crate::sealed::SealedText;

/// A question to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InteractionRecord {
    id: String,
    r#type: String,
    message: String,
    fields: Vec<FieldRecord>,
    attempt: u32,
    created_at: i64,
    expires_at: i64,
}

/// One thing that a person is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FieldRecord {
    name: String,
    r#type: String,
    label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    options: Option<Vec<OptionRecord>>,
    required: bool,
}

/// One choice of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OptionRecord {
    value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

/// The last question of a lease that is running again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnsweredRecord {
    interaction: InteractionRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answers: Option<SealedText>,
}

impl From<&Interaction> for InteractionRecord {
    fn from(interaction: &Interaction) -> Self {
        Self {
            id: interaction.id.to_string(),
            r#type: interaction.kind.clone(),
            message: interaction.message.clone(),
            fields: interaction.fields.iter().map(FieldRecord::from).collect(),
            attempt: interaction.attempt,
            created_at: interaction.created_at.millis(),
            expires_at: interaction.expires_at.millis(),
        }
    }
}

impl From<&Field> for FieldRecord {
    fn from(field: &Field) -> Self {
        let options = field.options.as_ref();
        Self {
            name: field.name.clone(),
            r#type: field.kind.clone(),
            label: field.label.clone(),
            options: options.map(|options| options.iter().map(OptionRecord::from).collect()),
            required: field.required,
        }
    }
}

impl From<&FieldOption> for OptionRecord {
    fn from(option: &FieldOption) -> Self {
        Self {
            value: option.value.clone(),
            label: option.label.clone(),
        }
    }
}

impl From<&Answered> for AnsweredRecord {
    fn from(answered: &Answered) -> Self {
        Self {
            interaction: (&answered.interaction).into(),
            answers: SealedText::of(answered.answers.as_ref()),
        }
    }
}

impl TryFrom<InteractionRecord> for Interaction {
    type Error = Impossible;

    fn try_from(record: InteractionRecord) -> Result<Self, Impossible> {
        let id = InteractionId::parse(&record.id).map_err(|_| {
            Impossible::new(format!("an interaction has an id; it has `{}`", record.id))
        })?;
        Ok(Self {
            id,
            kind: record.r#type,
            message: record.message,
            fields: record.fields.into_iter().map(Field::from).collect(),
            attempt: record.attempt,
            created_at: Timestamp::from_millis(record.created_at),
            expires_at: Timestamp::from_millis(record.expires_at),
        })
    }
}

impl From<FieldRecord> for Field {
    fn from(record: FieldRecord) -> Self {
        let options = record.options;
        Self {
            name: record.name,
            kind: record.r#type,
            label: record.label,
            options: options.map(|options| options.into_iter().map(FieldOption::from).collect()),
            required: record.required,
        }
    }
}

impl From<OptionRecord> for FieldOption {
    fn from(record: OptionRecord) -> Self {
        Self {
            value: record.value,
            label: record.label,
        }
    }
}

impl TryFrom<AnsweredRecord> for Answered {
    type Error = Impossible;

    fn try_from(record: AnsweredRecord) -> Result<Self, Impossible> {
        Ok(Self {
            interaction: record.interaction.try_into()?,
            answers: record.answers.map(|answers| answers.0),
        })
    }
}
