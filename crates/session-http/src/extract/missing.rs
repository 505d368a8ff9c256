//! Values that were not where the playbook looks for them. A page may lack a value; that the task's
//! output schema requires it shows only at the end, and then its reader wants to know where it was
//! looked for.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use windlass_domain::run::{ErrorCode, RunError};

use super::typed::Schema;

/// How many are remembered, and how many errors a run tells of.
const MAX_MISSING: usize = 10;

/// A value that was looked for and not found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Missing {
    /// The list, and the place of the row in it.
    pub(super) row: Option<(String, usize)>,
    pub(super) name: String,
    /// What was looked for and what came of it, such as `#amount found nothing`.
    pub(super) sought: String,
    /// The page's address, without what may be secret.
    pub(super) page: String,
    /// Counted from 1.
    pub(super) step: u32,
}

/// What was not found, as far as it is remembered.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct AllMissing(Vec<Missing>);

impl AllMissing {
    /// Remembers one, unless its like was remembered: of a list, one row tells of all.
    pub(super) fn add(&mut self, missing: Missing) {
        let list = |missing: &Missing| missing.row.as_ref().map(|(list, _)| list.clone());
        let known = self
            .0
            .iter()
            .any(|known| known.name == missing.name && list(known) == list(&missing));
        if !known && self.0.len() < MAX_MISSING {
            self.0.push(missing);
        }
    }

    /// An error for each that the output must have and does not.
    pub(crate) fn errors(
        &self,
        schema: Option<&Value>,
        output: &Map<String, Value>,
    ) -> Vec<RunError> {
        let Some(schema) = schema.map(Schema::of) else {
            return Vec::new();
        };
        let required = self.0.iter().filter(|missing| match &missing.row {
            None => match output.get(&missing.name) {
                None => schema.requires(&missing.name),
                Some(value) => {
                    let is_empty = value.as_array().is_some_and(Vec::is_empty);
                    is_empty && schema.field(&missing.name).requires_items()
                }
            },
            Some((list, _)) => schema.field(list).items().requires(&missing.name),
        });
        required.map(Missing::error).collect()
    }
}

impl Missing {
    fn error(&self) -> RunError {
        let field = match &self.row {
            None => format!("/{}", escaped(&self.name)),
            Some((list, row)) => format!("/{}/{row}/{}", escaped(list), escaped(&self.name)),
        };
        let message = format!(
            "`{}` is required and was not found: step {}, {} on {}.",
            self.name, self.step, self.sought, self.page
        );
        RunError {
            code: ErrorCode::OutputInvalid,
            message,
            field: Some(field),
        }
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn missing(row: Option<(&str, usize)>, name: &str) -> Missing {
        Missing {
            row: row.map(|(list, row)| (list.to_owned(), row)),
            name: name.to_owned(),
            sought: "#a found nothing".to_owned(),
            page: "x.example/bills".to_owned(),
            step: 3,
        }
    }

    #[test]
    fn what_must_be_there_is_told_with_its_place() {
        let mut all = AllMissing::default();
        for one in [
            missing(None, "due"),
            missing(None, "note"),
            missing(None, "later"),
            missing(Some(("bills", 4)), "sum"),
            missing(Some(("bills", 5)), "sum"),
        ] {
            all.add(one);
        }
        let schema = json!({"required": ["due", "later", "bills"],
            "properties": {"bills": {"items": {"required": ["sum"]}}}});
        let output = json!({"later": 1, "bills": [{}]});

        let errors = all.errors(Some(&schema), output.as_object().unwrap());

        let told: Vec<_> = errors
            .iter()
            .map(|error| (error.field.as_deref().unwrap(), error.message.as_str()))
            .collect();
        let text =
            "`due` is required and was not found: step 3, #a found nothing on x.example/bills.";
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told[0], ("/due", text));
        assert_eq!(told[1].0, "/bills/4/sum");
    }

    #[test]
    fn without_a_schema_nothing_is_required() {
        let mut all = AllMissing::default();
        all.add(missing(None, "due"));

        assert!(all.errors(None, &Map::new()).is_empty());
    }
}
