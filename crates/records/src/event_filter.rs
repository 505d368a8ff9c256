//! Which events a destination gets, as its row keeps it.

use serde::{Deserialize, Serialize};
use windlass_domain::destination::{EventFilter, EventPattern};
use windlass_domain::event::EventType;

use crate::Impossible;

const ALL: &str = "*";

/// Which events a destination gets: `*`, or types and families such as `task_run.*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventFilterRecord(Vec<String>);

impl From<&EventFilter> for EventFilterRecord {
    fn from(filter: &EventFilter) -> Self {
        match filter {
            EventFilter::All => Self(vec![ALL.to_owned()]),
            EventFilter::Some(patterns) => Self(patterns.iter().map(text).collect()),
        }
    }
}

fn text(pattern: &EventPattern) -> String {
    match pattern {
        EventPattern::Type(event_type) => event_type.as_str().to_owned(),
        EventPattern::Family(family) => format!("{family}.*"),
    }
}

impl TryFrom<EventFilterRecord> for EventFilter {
    type Error = Impossible;

    fn try_from(record: EventFilterRecord) -> Result<Self, Impossible> {
        match record.0.as_slice() {
            [] => Err(Impossible::new("a filter of events is not empty")),
            [only] if only == ALL => Ok(Self::All),
            patterns => patterns
                .iter()
                .map(|text| pattern(text))
                .collect::<Result<_, _>>()
                .map(Self::Some),
        }
    }
}

fn pattern(text: &str) -> Result<EventPattern, Impossible> {
    let pattern = match text.strip_suffix(".*") {
        Some(family) => EventType::ALL
            .iter()
            .map(|event_type| event_type.family())
            .find(|known| *known == family)
            .map(EventPattern::Family),
        None => EventType::parse(text).map(EventPattern::Type),
    };
    pattern.ok_or_else(|| {
        Impossible::new(format!(
            "a filter names types and families of events; it has `{text}`"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_reads_back_from_the_json_that_rows_have() {
        let some = EventFilter::Some(vec![
            EventPattern::Family("task_run"),
            EventPattern::Type(EventType::StorageCreated),
        ]);
        for (filter, json) in [
            (EventFilter::All, r#"["*"]"#),
            (some, r#"["task_run.*","storage.created"]"#),
        ] {
            assert_eq!(crate::write(&EventFilterRecord::from(&filter)), json);
            let record: EventFilterRecord = crate::read(json).expect("the shape");
            assert_eq!(EventFilter::try_from(record), Ok(filter));
        }
    }

    #[test]
    fn a_filter_of_nothing_that_exists_names_the_rule() {
        for json in ["[]", r#"["weather.*"]"#, r#"["task_run.exploded"]"#] {
            let record: EventFilterRecord = crate::read(json).expect("the shape");
            assert!(EventFilter::try_from(record).is_err(), "{json}");
        }
    }
}
