//! The way that is measured: log in through the form, and read a list over three pages.

use serde_json::{Value, json};

use crate::site::{PAGES, ROWS_OF_PAGE};

/// The playbook.
pub(crate) fn playbook() -> Value {
    json!({"title": "Invoices", "steps": [
        {"type": "navigate", "url": "{{source.url}}"},
        {"type": "change", "selectors": [["#username"]], "value": "{{credential.username}}"},
        {"type": "change", "selectors": [["#password"]], "value": "{{credential.password}}"},
        {"type": "click", "selectors": [["#log-in"]], "offsetX": 4, "offsetY": 4},
        {"type": "customStep", "name": "windlass.extract", "parameters": {"fields": {
            "customer": {"selector": "#customer", "as": "text"},
            "invoices": {
                "rows": "#invoices tbody tr",
                "fields": {
                    "number": {"selector": ".number", "as": "text"},
                    "issued": {"selector": ".issued", "as": "date"},
                    "amount": {"selector": ".amount", "as": "number"},
                    "status": {"selector": ".status", "as": "text"}},
                "next": "a[rel=next]",
                "limit": PAGES}}}},
    ]})
}

/// What its output is.
pub(crate) fn output_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "customer": {"type": "string", "minLength": 1},
            "invoices": {"type": "array", "minItems": 1, "items": {
                "type": "object",
                "properties": {
                    "number": {"type": "string", "minLength": 1},
                    "issued": {"type": "string", "format": "date"},
                    "amount": {"type": "number"},
                    "status": {"type": "string"}
                },
                "required": ["number", "issued", "amount", "status"],
                "additionalProperties": false
            }}
        },
        "required": ["customer", "invoices"],
        "additionalProperties": false
    })
}

/// How many rows a whole output has.
pub(crate) const ROWS: usize = PAGES * ROWS_OF_PAGE;
