//! The JSON Schema of playbooks, for editors and other programs. It says what a schema can say; the
//! parser reads selectors, addresses and placeholders besides. What the parser reads the schema
//! accepts, which the tests beside this file and beside the parser hold them to.

/// The schema, in the draft of 2020-12.
pub const SCHEMA: &str = include_str!("../schema/playbook.schema.json");

/// Whether the schema accepts a document.
#[cfg(test)]
pub(crate) fn accepts(document: &serde_json::Value) -> bool {
    use std::sync::LazyLock;

    static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        let schema = serde_json::from_str(SCHEMA).expect("the schema is JSON");
        jsonschema::validator_for(&schema).expect("the schema is one")
    });
    VALIDATOR.is_valid(document)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::parse;

    const GUIDE: &str = include_str!("../../../docs/guides/write-a-playbook.md");

    #[rstest]
    #[case::demo(include_str!("../../demo-site/playbook.json"))]
    #[case::django(include_str!("../../../tests/tests/sites/django.json"))]
    fn every_example_is_accepted_by_both(#[case] text: &str) {
        let example: Value = serde_json::from_str(text).unwrap();

        assert_eq!(parse(&example).err(), None);
        assert!(accepts(&example));
    }

    #[test]
    fn every_example_of_the_guide_is_accepted_by_both() {
        let blocks = GUIDE.split("```json\n").skip(1);
        let examples = blocks.map(|block| block.split("```").next().unwrap());
        let mut playbooks = 0;
        for text in examples {
            let mut example: Value = serde_json::from_str(text).unwrap();
            if example.get("steps").is_none() {
                example = json!({"title": "x", "steps": [example]});
            }
            playbooks += 1;

            assert_eq!(parse(&example).err(), None, "{text}");
            assert!(accepts(&example), "{text}");
        }
        assert_eq!(playbooks, 5);
    }

    #[test]
    fn null_is_the_same_as_left_out_to_both() {
        let field = json!({"selector": "a", "term": null, "as": null, "attribute": null,
            "json": null, "json_type": null, "decimal": null, "format": null});
        let cell = json!({"column": "A", "selector": null, "term": null, "as": null});
        let custom = |name: &str, parameters: Value| json!({"type": "customStep", "name": name, "parameters": parameters});
        let example = json!({"title": "x", "timeout": null, "selectorAttribute": null, "steps": [
            {"type": "click", "selectors": ["a"], "offsetX": null, "button": null, "deviceType": null,
             "frame": null, "target": null, "timeout": null, "assertedEvents": null},
            {"type": "setViewport", "width": null, "isMobile": null},
            {"type": "scroll", "x": null, "selectors": null},
            {"type": "waitForElement", "selectors": ["a"], "operator": null, "count": null,
             "visible": null, "attributes": null, "properties": null},
            {"type": "customStep", "name": "windlass.screenshot", "parameters": null},
            {"type": "customStep", "name": "windlass.authenticate", "parameters": null},
            custom("windlass.interact", json!({"type": "mfa", "message": "m", "when": null, "fields": null})),
            custom("windlass.interact", json!({"type": "mfa", "message": "m", "fields": [
                {"name": "a", "type": "b", "label": "c", "required": null, "options": ["d", {"value": "e", "label": null}]},
                {"name": "f", "type": "select", "label": "g", "options": {"selector": "h", "attribute": null}},
                {"name": "i", "type": "select", "label": "j", "options": null}]})),
            custom("windlass.repeat", json!({"when": "a", "steps": 1, "times": null})),
            custom("windlass.download", json!({"selector": "a", "all": null, "next": null, "limit": null, "html": null, "optional": null})),
            custom("windlass.extract", json!({"fields": {
                "value": field,
                "rows": {"rows": "tr", "fields": {"b": {"selector": "c"}}, "next": null, "limit": null},
                "table": {"table": "t", "fields": {"b": cell}}}})),
        ]});

        assert_eq!(parse(&example).err(), None);
        assert!(accepts(&example));
    }
}
