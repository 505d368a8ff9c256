//! The way through the site for the built-in agent, and what goes in and comes out.

use serde_json::{Value, json};

use crate::invoice::{Invoice, InvoiceStatus, iso_date};
use crate::user::User;

/// The playbook: logs in where it must, asks for the code (twice where the first is wrong), reads the
/// account, downloads the newest invoice, and lists all invoices over their pages.
pub fn playbook() -> Value {
    serde_json::from_str(include_str!("../playbook.json"))
        .expect("the file is JSON, as a test shows")
}

/// What a task with this playbook takes: nothing.
pub fn input_schema() -> Value {
    json!({"type": "object", "properties": {}, "additionalProperties": false})
}

/// What a task with this playbook answers.
pub fn output_schema() -> Value {
    let date = json!({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"});
    json!({
        "type": "object",
        "properties": {
            "customer_name": {"type": "string", "minLength": 1},
            "amount_due": {"type": "number", "minimum": 0},
            "due_date": date,
            "invoices": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "properties": {
                        "month": {"type": "string", "minLength": 1},
                        "number": {"type": "string", "minLength": 1},
                        "issued": date,
                        "due": date,
                        "amount": {"type": "number", "minimum": 0},
                        "status": {"enum": ["Paid", "Unpaid"]}
                    },
                    "required": ["month", "number", "issued", "due", "amount", "status"],
                    "additionalProperties": false
                }
            }
        },
        "required": ["customer_name", "amount_due", "due_date", "invoices"],
        "additionalProperties": false
    })
}

impl User {
    /// What a run of [`playbook`] for this user must answer.
    pub fn expected_output(&self) -> Value {
        let invoices = Invoice::all_of(self);
        let rows: Vec<Value> = invoices.iter().map(row).collect();
        let unpaid = invoices
            .iter()
            .find(|invoice| invoice.status == InvoiceStatus::Unpaid);
        json!({
            "customer_name": self.customer_name,
            "amount_due": unpaid.map(|invoice| kroner(invoice.amount_in_ore)),
            "due_date": unpaid.map(|invoice| iso_date(invoice.due_on)),
            "invoices": rows
        })
    }

    /// The name of the file that a run of [`playbook`] for this user must download.
    pub fn expected_file_name(&self) -> String {
        Invoice::all_of(self)
            .first()
            .map(Invoice::file_name)
            .unwrap_or_default()
    }
}

fn row(invoice: &Invoice) -> Value {
    json!({
        "month": invoice.month_label(),
        "number": invoice.number,
        "issued": iso_date(invoice.issued_on),
        "due": iso_date(invoice.due_on),
        "amount": kroner(invoice.amount_in_ore),
        "status": invoice.status.label()
    })
}

fn kroner(amount_in_ore: u64) -> Value {
    let (kroner, ore) = (amount_in_ore / 100, amount_in_ore % 100);
    // Read from text, as a reader of the page does: a division could end beside its number.
    let text = format!("{kroner}.{ore:02}");
    serde_json::from_str(&text).expect("digits with a point between them are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps() -> Vec<Value> {
        playbook()["steps"].as_array().unwrap().clone()
    }

    #[test]
    fn each_skip_ends_at_the_wait_for_the_invoices() {
        let steps = steps();
        let target = steps
            .iter()
            .position(|step| step["type"] == "waitForElement")
            .unwrap();

        for (position, step) in steps.iter().enumerate() {
            if step["name"] == "windlass.skip" {
                let left_out = step["parameters"]["steps"].as_u64().unwrap();
                assert_eq!(
                    position as u64 + left_out + 1,
                    target as u64,
                    "the skip at {position}"
                );
            }
        }
    }

    #[test]
    fn the_extracted_names_are_those_of_the_output_schema() {
        let mut extracted = Vec::new();
        for step in steps()
            .iter()
            .filter(|step| step["name"] == "windlass.extract")
        {
            extracted.extend(
                step["parameters"]["fields"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .cloned(),
            );
        }
        extracted.sort();

        let schema = output_schema();
        let promised: Vec<String> = schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        assert_eq!(extracted, promised);
    }

    #[test]
    fn the_expected_output_matches_the_schema() {
        let schema = jsonschema::validator_for(&output_schema()).unwrap();

        let expected = User::at(0).expected_output();

        assert!(schema.is_valid(&expected), "{expected}");
        assert_eq!(expected["amount_due"], json!(1249.5));
        assert_eq!(expected["due_date"], json!("2026-11-20"));
        assert_eq!(expected["invoices"].as_array().unwrap().len(), 14);
        assert!(
            jsonschema::validator_for(&input_schema())
                .unwrap()
                .is_valid(&json!({}))
        );
    }
}
