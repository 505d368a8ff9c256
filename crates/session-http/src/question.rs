//! Questions to the person that a run works for.

use secrecy::{SecretSlice, SecretString};
use windlass_domain::run::{Field, FieldOption};
use windlass_playbook::{Interact, QuestionOption};
use windlass_worker::{RunContext, RunFailure};

/// Asks as the step says, and waits for the answers, by field.
pub(crate) async fn ask(
    context: &RunContext,
    interact: &Interact,
    checkpoint: Option<SecretSlice<u8>>,
) -> Result<Vec<(String, SecretString)>, RunFailure> {
    let option = |option: &QuestionOption| FieldOption {
        value: option.value.clone(),
        label: option.label.clone(),
    };
    let fields = interact.fields.iter().map(|question| Field {
        name: question.name.clone(),
        kind: question.kind.clone(),
        label: question.label.clone(),
        options: question
            .options
            .as_ref()
            .map(|options| options.iter().map(option).collect()),
        required: question.required,
    });
    let (kind, message) = (&interact.kind, &interact.message);
    context
        .ask(kind, message, fields.collect(), checkpoint)
        .await
}
