//! Everything that is sealed: found by the key that it is sealed with, and sealed anew.

use async_trait::async_trait;
use uuid::Uuid;
use windlass_application::ports::sealed_values::{Found, SealedColumn, SealedRow, SealedValue};
use windlass_application::ports::{SealedValues, StoreError};
use windlass_domain::id::{CredentialId, DestinationId, OrganizationId, RunId};
use windlass_domain::sealed::Sealed;
use windlass_records::columns::Id;
use windlass_records::{is_sealed_before, sealed_in_state, sealed_text, version_bytes};

use crate::error::{corrupt, store_error};
use crate::store::SqliteStore;

#[async_trait]
impl SealedValues for SqliteStore {
    async fn sealed_before(
        &self,
        organization_id: OrganizationId,
        column: SealedColumn,
        version: u32,
        after: Option<SealedRow>,
        limit: u32,
    ) -> Result<Found, StoreError> {
        let owner = Id(organization_id.uuid());
        match column {
            SealedColumn::RunState => self.in_states(owner, version, after, limit).await,
            SealedColumn::IdempotencyAnswer => self.in_answers(owner, version, after, limit).await,
            SealedColumn::AuditHead => self.in_head(organization_id, version).await,
            SealedColumn::RunInput
            | SealedColumn::CredentialSummary
            | SealedColumn::CredentialSecret
            | SealedColumn::CredentialLogin
            | SealedColumn::WebhookSecret
            | SealedColumn::WebhookHeaders => {
                self.in_rows(owner, column, version, after, limit).await
            }
        }
    }

    async fn reseal(
        &self,
        organization_id: OrganizationId,
        found: SealedValue,
        sealed: Sealed,
    ) -> Result<bool, StoreError> {
        let owner = Id(organization_id.uuid());
        let statement = match found.column {
            SealedColumn::RunState => return self.in_state(owner, &found, &sealed).await,
            SealedColumn::IdempotencyAnswer => {
                return self.in_answer(owner, &found, &sealed).await;
            }
            SealedColumn::RunInput => {
                "UPDATE run_input SET input = ?
                 WHERE run_id = ? AND input = ?
                   AND EXISTS (SELECT 1 FROM run WHERE id = run_id AND organization_id = ?)"
            }
            SealedColumn::CredentialSummary => {
                "UPDATE credential SET summary = ?
                 WHERE id = ? AND summary = ? AND organization_id = ?"
            }
            SealedColumn::CredentialSecret => {
                "UPDATE credential SET secret = ?
                 WHERE id = ? AND secret = ? AND organization_id = ?"
            }
            SealedColumn::CredentialLogin => {
                "UPDATE credential SET login = ?
                 WHERE id = ? AND login = ? AND organization_id = ?"
            }
            SealedColumn::WebhookSecret => {
                "UPDATE destination SET secret = ?
                 WHERE id = ? AND secret = ? AND organization_id = ?"
            }
            SealedColumn::WebhookHeaders => {
                "UPDATE destination SET headers = ?
                 WHERE id = ? AND headers = ? AND organization_id = ?"
            }
            SealedColumn::AuditHead => {
                "UPDATE audit_head SET sealed = ?
                 WHERE organization_id = ? AND sealed = ? AND organization_id = ?"
            }
        };
        let mut transaction = self.begin(None).await?;
        let resealed = sqlx::query(statement)
            .bind(sealed.as_bytes())
            .bind(Id(number(&found.row)))
            .bind(found.sealed.as_bytes())
            .bind(owner)
            .execute(transaction.connection())
            .await
            .map_err(store_error)?;
        transaction.commit().await?;
        Ok(resealed.rows_affected() > 0)
    }
}

impl SqliteStore {
    /// In a column of bytes of rows that have an id.
    async fn in_rows(
        &self,
        owner: Id,
        column: SealedColumn,
        version: u32,
        after: Option<SealedRow>,
        limit: u32,
    ) -> Result<Found, StoreError> {
        let (statement, row): (_, fn(Uuid) -> SealedRow) = match column {
            SealedColumn::RunInput => ("SELECT run.id, CASE WHEN substr(run_input.input, 2, 4) < ? THEN run_input.input END
                 FROM run JOIN run_input ON run_input.run_id = run.id
                 WHERE run.organization_id = ? AND run.id > ?
                 ORDER BY run.id
                 LIMIT ?", run),
            SealedColumn::CredentialSummary => ("SELECT credential.id, CASE WHEN substr(credential.summary, 2, 4) < ? THEN credential.summary END
                 FROM credential
                 WHERE credential.organization_id = ? AND credential.id > ?
                 ORDER BY credential.id
                 LIMIT ?", credential),
            SealedColumn::CredentialSecret => ("SELECT credential.id, CASE WHEN substr(credential.secret, 2, 4) < ? THEN credential.secret END
                 FROM credential
                 WHERE credential.organization_id = ? AND credential.id > ?
                 ORDER BY credential.id
                 LIMIT ?", credential),
            SealedColumn::CredentialLogin => ("SELECT credential.id, CASE WHEN substr(credential.login, 2, 4) < ? THEN credential.login END
                 FROM credential
                 WHERE credential.organization_id = ? AND credential.id > ?
                 ORDER BY credential.id
                 LIMIT ?", credential),
            SealedColumn::WebhookSecret => ("SELECT destination.id, CASE WHEN substr(destination.secret, 2, 4) < ? THEN destination.secret END
                 FROM destination
                 WHERE destination.organization_id = ? AND destination.id > ?
                 ORDER BY destination.id
                 LIMIT ?", destination),
            SealedColumn::WebhookHeaders => ("SELECT destination.id, CASE WHEN substr(destination.headers, 2, 4) < ? THEN destination.headers END
                 FROM destination
                 WHERE destination.organization_id = ? AND destination.id > ?
                 ORDER BY destination.id
                 LIMIT ?", destination),
            SealedColumn::RunState | SealedColumn::IdempotencyAnswer | SealedColumn::AuditHead => {
                return Ok(nothing());
            }
        };
        let rows: Vec<(Id, Option<Vec<u8>>)> = sqlx::query_as(statement)
            .bind(version_bytes(version))
            .bind(owner)
            .bind(Id(after.as_ref().map_or(Uuid::nil(), number)))
            .bind(limit)
            .fetch_all(self.readers())
            .await
            .map_err(store_error)?;
        let next = next(&rows, limit).map(|(id, _)| row(id.0));
        let name = column.name().unwrap_or_default();
        let values = rows.into_iter().filter_map(|(id, sealed)| {
            Some(SealedValue {
                column,
                row: row(id.0),
                name,
                sealed: Sealed::from_bytes(sealed?),
            })
        });
        Ok(Found {
            values: values.collect(),
            next,
        })
    }

    /// Inside the states of runs that have not ended: those that have are without secrets.
    async fn in_states(
        &self,
        owner: Id,
        version: u32,
        after: Option<SealedRow>,
        limit: u32,
    ) -> Result<Found, StoreError> {
        let rows: Vec<(Id, String)> = sqlx::query_as(
            "SELECT run.id, run.state
                 FROM run
                 WHERE run.id IN (
                     SELECT run_id FROM queue WHERE organization_id = ?1 AND run_id > ?2
                     UNION ALL
                     SELECT run_id FROM parked WHERE organization_id = ?1 AND run_id > ?2
                     UNION ALL
                     SELECT run_id FROM live WHERE organization_id = ?1 AND run_id > ?2
                 )
                 ORDER BY run.id
                 LIMIT ?3",
        )
        .bind(owner)
        .bind(Id(after.as_ref().map_or(Uuid::nil(), number)))
        .bind(limit)
        .fetch_all(self.readers())
        .await
        .map_err(store_error)?;
        let next = next(&rows, limit).map(|(id, _)| run(id.0));
        let mut values = Vec::new();
        for (id, state) in rows {
            let sealed = sealed_in_state(&state).map_err(|rule| corrupt("run", &id.0, &rule))?;
            let old = sealed
                .into_iter()
                .filter(|(_, sealed)| is_sealed_before(sealed, version));
            values.extend(old.map(|(name, sealed)| SealedValue {
                column: SealedColumn::RunState,
                row: run(id.0),
                name,
                sealed,
            }));
        }
        Ok(Found { values, next })
    }

    /// Replaces the text of a sealed value in a state, whatever else of the state has changed: no two
    /// values have the same text.
    async fn in_state(
        &self,
        owner: Id,
        found: &SealedValue,
        sealed: &Sealed,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin(None).await?;
        let replaced = sqlx::query(
            "UPDATE run SET state = replace(state, ?1, ?2) WHERE organization_id = ?3 AND id = ?4 AND instr(state, ?1) > 0",
        )
        .bind(sealed_text(&found.sealed))
        .bind(sealed_text(sealed))
        .bind(owner)
        .bind(Id(number(&found.row)))
        .execute(transaction.connection())
        .await
        .map_err(store_error)?;
        transaction.commit().await?;
        Ok(replaced.rows_affected() > 0)
    }

    async fn in_answers(
        &self,
        owner: Id,
        version: u32,
        after: Option<SealedRow>,
        limit: u32,
    ) -> Result<Found, StoreError> {
        let (method, path, key) = answer(after);
        let rows: Vec<(String, String, String, Option<Vec<u8>>)> = sqlx::query_as(
            "SELECT method, path, key, CASE WHEN substr(answer, 2, 4) < ? THEN answer END
             FROM idempotency
             WHERE organization_id = ? AND (method, path, key) > (?, ?, ?)
             ORDER BY method, path, key
             LIMIT ?",
        )
        .bind(version_bytes(version))
        .bind(owner)
        .bind(method)
        .bind(path)
        .bind(key)
        .bind(limit)
        .fetch_all(self.readers())
        .await
        .map_err(store_error)?;
        let row = |method: &str, path: &str, key: &str| SealedRow::Answer {
            method: method.to_owned(),
            path: path.to_owned(),
            key: key.to_owned(),
        };
        let next = next(&rows, limit).map(|(method, path, key, _)| row(method, path, key));
        let column = SealedColumn::IdempotencyAnswer;
        let values = rows.iter().filter_map(|(method, path, key, sealed)| {
            Some(SealedValue {
                column,
                row: row(method, path, key),
                name: column.name().unwrap_or_default(),
                sealed: Sealed::from_bytes(sealed.clone()?),
            })
        });
        Ok(Found {
            values: values.collect(),
            next,
        })
    }

    async fn in_answer(
        &self,
        owner: Id,
        found: &SealedValue,
        sealed: &Sealed,
    ) -> Result<bool, StoreError> {
        let (method, path, key) = answer(Some(found.row.clone()));
        let mut transaction = self.begin(None).await?;
        let resealed = sqlx::query(
            "UPDATE idempotency SET answer = ?
             WHERE organization_id = ? AND method = ? AND path = ? AND key = ?
               AND answer = ?",
        )
        .bind(sealed.as_bytes())
        .bind(owner)
        .bind(method)
        .bind(path)
        .bind(key)
        .bind(found.sealed.as_bytes())
        .execute(transaction.connection())
        .await
        .map_err(store_error)?;
        transaction.commit().await?;
        Ok(resealed.rows_affected() > 0)
    }

    async fn in_head(
        &self,
        organization_id: OrganizationId,
        version: u32,
    ) -> Result<Found, StoreError> {
        let head: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT sealed FROM audit_head WHERE organization_id = ?")
                .bind(Id(organization_id.uuid()))
                .fetch_optional(self.readers())
                .await
                .map_err(store_error)?;
        let column = SealedColumn::AuditHead;
        let head = head.map(Sealed::from_bytes).map(|sealed| SealedValue {
            column,
            row: SealedRow::Organization(organization_id),
            name: column.name().unwrap_or_default(),
            sealed,
        });
        Ok(Found {
            values: head
                .into_iter()
                .filter(|head| is_sealed_before(&head.sealed, version))
                .collect(),
            next: None,
        })
    }
}

fn nothing() -> Found {
    Found {
        values: Vec::new(),
        next: None,
    }
}

/// The last of a whole step.
fn next<R>(rows: &[R], limit: u32) -> Option<&R> {
    rows.last().filter(|_| rows.len() >= limit as usize)
}

fn run(id: Uuid) -> SealedRow {
    SealedRow::Run(RunId::from_uuid(id))
}

fn credential(id: Uuid) -> SealedRow {
    SealedRow::Credential(CredentialId::from_uuid(id))
}

fn destination(id: Uuid) -> SealedRow {
    SealedRow::Destination(DestinationId::from_uuid(id))
}

/// The number of a row's id in its column.
fn number(row: &SealedRow) -> Uuid {
    match row {
        SealedRow::Run(id) => id.uuid(),
        SealedRow::Credential(id) => id.uuid(),
        SealedRow::Destination(id) => id.uuid(),
        SealedRow::Organization(id) => id.uuid(),
        // Has no number, and is found by its texts.
        SealedRow::Answer { .. } => Uuid::nil(),
    }
}

/// The texts of a kept answer's row; those before all others where there is none.
fn answer(row: Option<SealedRow>) -> (String, String, String) {
    match row {
        Some(SealedRow::Answer { method, path, key }) => (method, path, key),
        Some(_) | None => Default::default(),
    }
}
