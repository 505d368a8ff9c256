//! The rows that sealed values are in, by what their columns hold, and what a step along them found.

use uuid::Uuid;
use windlass_application::ports::sealed_values::{Found, SealedColumn, SealedRow, SealedValue};
use windlass_domain::id::{CredentialId, DestinationId, OrganizationId, RunId};
use windlass_domain::sealed::Sealed;

use crate::columns::Id;
use crate::is_sealed_before;

/// A kept answer's row: method, path and key, with the answer where it is sealed with an older key.
pub type SealedAnswerRow = (String, String, String, Option<Vec<u8>>);

/// What a step along a column of bytes found, of rows that have an id; a value that is not there, or
/// that is sealed with a newer key, is None.
pub fn found_in_rows(column: SealedColumn, rows: Vec<(Id, Option<Vec<u8>>)>, limit: u32) -> Found {
    let next = last_of_whole(&rows, limit).and_then(|(id, _)| sealed_row(column, id.0));
    let values = rows.into_iter().filter_map(|(id, sealed)| {
        Some(SealedValue {
            column,
            row: sealed_row(column, id.0)?,
            name: column.name()?,
            sealed: Sealed::from_bytes(sealed?),
        })
    });
    Found {
        values: values.collect(),
        next,
    }
}

/// What a step along the states of runs found, by all that is sealed in each.
pub fn found_in_states(
    states: Vec<(Id, Vec<(&'static str, Sealed)>)>,
    version: u32,
    limit: u32,
) -> Found {
    let run = |id: Id| SealedRow::Run(RunId::from_uuid(id.0));
    let next = last_of_whole(&states, limit).map(|(id, _)| run(*id));
    let mut values = Vec::new();
    for (id, sealed) in states {
        let old = sealed
            .into_iter()
            .filter(|(_, sealed)| is_sealed_before(sealed, version));
        values.extend(old.map(|(name, sealed)| SealedValue {
            column: SealedColumn::RunState,
            row: run(id),
            name,
            sealed,
        }));
    }
    Found { values, next }
}

/// What a step along the kept answers found.
pub fn found_in_answers(rows: Vec<SealedAnswerRow>, limit: u32) -> Found {
    let column = SealedColumn::IdempotencyAnswer;
    let row = |method: &str, path: &str, key: &str| SealedRow::Answer {
        method: method.to_owned(),
        path: path.to_owned(),
        key: key.to_owned(),
    };
    let next = last_of_whole(&rows, limit).map(|(method, path, key, _)| row(method, path, key));
    let values = rows.into_iter().filter_map(|(method, path, key, sealed)| {
        Some(SealedValue {
            column,
            row: row(&method, &path, &key),
            name: column.name()?,
            sealed: Sealed::from_bytes(sealed?),
        })
    });
    Found {
        values: values.collect(),
        next,
    }
}

/// The last link of an organization's chain, where it is sealed with a key before this version.
pub fn found_in_head(
    organization_id: OrganizationId,
    head: Option<Vec<u8>>,
    version: u32,
) -> Found {
    let column = SealedColumn::AuditHead;
    let head = head.map(Sealed::from_bytes);
    let old = head.filter(|head| is_sealed_before(head, version));
    let value = old.and_then(|sealed| {
        Some(SealedValue {
            column,
            row: SealedRow::Organization(organization_id),
            name: column.name()?,
            sealed,
        })
    });
    Found {
        values: value.into_iter().collect(),
        next: None,
    }
}

/// The number of a row's id in its column; nil, which is before all, where there is none. A kept
/// answer is found by its texts.
pub fn sealed_row_number(row: Option<&SealedRow>) -> Id {
    Id(match row {
        Some(SealedRow::Run(id)) => id.uuid(),
        Some(SealedRow::Credential(id)) => id.uuid(),
        Some(SealedRow::Destination(id)) => id.uuid(),
        Some(SealedRow::Organization(id)) => id.uuid(),
        Some(SealedRow::Answer { .. }) | None => Uuid::nil(),
    })
}

/// Method, path and key of a kept answer's row; empty, which is before all, where there is none.
pub fn sealed_row_texts(row: Option<SealedRow>) -> (String, String, String) {
    match row {
        Some(SealedRow::Answer { method, path, key }) => (method, path, key),
        Some(_) | None => Default::default(),
    }
}

/// The row of this number; None in a column whose rows have texts.
fn sealed_row(column: SealedColumn, id: Uuid) -> Option<SealedRow> {
    match column {
        SealedColumn::RunInput | SealedColumn::RunState => {
            Some(SealedRow::Run(RunId::from_uuid(id)))
        }
        SealedColumn::CredentialSummary
        | SealedColumn::CredentialSecret
        | SealedColumn::CredentialLogin => Some(SealedRow::Credential(CredentialId::from_uuid(id))),
        SealedColumn::WebhookSecret | SealedColumn::WebhookHeaders => {
            Some(SealedRow::Destination(DestinationId::from_uuid(id)))
        }
        SealedColumn::AuditHead => Some(SealedRow::Organization(OrganizationId::from_uuid(id))),
        SealedColumn::IdempotencyAnswer => None,
    }
}

/// The last row of a step that was not cut short by the end of the column.
fn last_of_whole<R>(rows: &[R], limit: u32) -> Option<&R> {
    rows.last().filter(|_| rows.len() >= limit as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(version: u8) -> Vec<u8> {
        vec![1, 0, 0, 0, version, 9]
    }

    #[test]
    fn a_step_goes_on_after_its_last_row_until_it_is_cut_short() {
        let row = |number: u128| (Id(Uuid::from_u128(number)), None);
        for (limit, expected) in [(1, Some(2)), (2, Some(2)), (3, None)] {
            let found = found_in_rows(SealedColumn::RunInput, vec![row(1), row(2)], limit);

            let next = found.next.as_ref();
            let number = next.map(|row| sealed_row_number(Some(row)).0.as_u128());
            assert_eq!((found.values.len(), number), (0, expected), "limit {limit}");
        }
    }

    #[test]
    fn each_column_of_bytes_names_its_rows() {
        let id = Uuid::from_u128(7);
        for column in SealedColumn::ALL {
            let found = found_in_rows(column, vec![(Id(id), Some(sealed(1)))], 1);

            match column {
                SealedColumn::RunState | SealedColumn::IdempotencyAnswer => {
                    assert_eq!(found.values, [], "{column:?} has no such rows");
                }
                SealedColumn::RunInput
                | SealedColumn::CredentialSummary
                | SealedColumn::CredentialSecret
                | SealedColumn::CredentialLogin
                | SealedColumn::WebhookSecret
                | SealedColumn::WebhookHeaders
                | SealedColumn::AuditHead => {
                    let [value] = &found.values[..] else {
                        panic!("{column:?}: {found:?}");
                    };
                    assert_eq!(Some(value.name), column.name());
                    assert_eq!(sealed_row_number(Some(&value.row)), Id(id));
                    assert_eq!(found.next.as_ref(), Some(&value.row));
                }
            }
        }
    }

    #[test]
    fn only_what_is_sealed_with_an_older_key_is_found() {
        let id = Id(Uuid::from_u128(7));
        let state = vec![
            ("run.checkpoint", Sealed::from_bytes(sealed(1))),
            ("interaction.answer", Sealed::from_bytes(sealed(2))),
        ];
        let organization_id = OrganizationId::from_uuid(id.0);

        let in_states = found_in_states(vec![(id, state)], 2, 1);
        let heads = [1, 2].map(|version| found_in_head(organization_id, Some(sealed(version)), 2));

        let names: Vec<_> = in_states.values.iter().map(|value| value.name).collect();
        assert_eq!(names, ["run.checkpoint"]);
        assert_eq!(heads.map(|found| found.values.len()), [1, 0]);
    }

    #[test]
    fn an_answers_row_is_its_texts() {
        let row = ("POST".to_owned(), "/v2/tasks".to_owned(), "k".to_owned());
        let (method, path, key) = row.clone();
        let found = found_in_answers(vec![(method, path, key, Some(sealed(1)))], 1);

        assert_eq!(found.values.len(), 1);
        assert_eq!(sealed_row_texts(found.next), row);
        assert_eq!(sealed_row_texts(None), Default::default());
    }
}
