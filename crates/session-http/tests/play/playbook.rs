//! The steps that the tests play.

use serde_json::{Value, json};

/// A custom step of this name, without its prefix.
pub(crate) fn custom(name: &str, parameters: &Value) -> Value {
    json!({"type": "customStep", "name": format!("windlass.{name}"), "parameters": parameters})
}

/// Login, a code that is asked for again where it was wrong, the bills of all pages, a file.
pub(crate) fn whole_way() -> Value {
    json!([
        {"type": "setViewport", "width": 1, "height": 1},
        {"type": "navigate", "url": "{{source.url}}"},
        custom("skip", &json!({"when": "#name", "steps": 12})),
        {"type": "click", "selectors": [["aria/User"], ["label[for=user]"]]},
        {"type": "change", "selectors": [["aria/User"], ["#user"]], "value": "{{credential.username}}"},
        {"type": "change", "selectors": [["#pass"]], "value": "{{credential.password}}"},
        {"type": "click", "selectors": [["#go"]]},
        custom("fail", &json!({"when": ".error", "type": "auth", "code": "auth_invalid", "message": "Wrong password"})),
        custom("interact", &json!({"type": "mfa", "message": "Code from the text message"})),
        {"type": "change", "selectors": [["#code"]], "value": "{{interaction.code}}"},
        {"type": "click", "selectors": [["#verify"]]},
        custom("interact", &json!({"type": "mfa", "message": "That was wrong. Code?", "when": ".wrong"})),
        custom("skip", &json!({"when": "#name", "steps": 2})),
        {"type": "change", "selectors": [["#code"]], "value": "{{interaction.code}}"},
        {"type": "click", "selectors": [["#verify"]]},
        {"type": "waitForElement", "selectors": [["table tr"]], "count": 2},
        custom("download", &json!({"selector": "a.pdf"})),
        custom("extract", &json!({"fields": {
            "name": {"selector": "#name", "as": "text"},
            "due": {"selector": "#due", "as": "number"},
            "profile": {"selector": "#me", "as": "attribute", "attribute": "href"},
            "absent": {"selector": ".absent", "as": "number"},
            "bills": {
                "rows": "tr",
                "fields": {
                    "month": {"selector": "td:nth-child(1)"},
                    "amount": {"selector": "td:nth-child(2)", "as": "number"},
                    "due_on": {"selector": ":scope > td:nth-child(3)", "as": "date"},
                    "pdf": {"selector": "a.pdf", "as": "attribute", "attribute": "href"},
                },
                "next": "a.next",
            },
        }})),
    ])
}
