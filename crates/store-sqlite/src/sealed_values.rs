//! Everything that is sealed: found by the key that it is sealed with, and sealed anew.

use async_trait::async_trait;
use rusqlite::params;
use windlass_application::ports::sealed_values::{Found, SealedColumn, SealedRow, SealedValue};
use windlass_application::ports::{SealedValues, StoreError};
use windlass_domain::id::OrganizationId;
use windlass_domain::sealed::Sealed;
use windlass_records::columns::Id;
use windlass_records::{
    SealedAnswerRow, found_in_answers, found_in_head, found_in_rows, found_in_states,
    sealed_in_state, sealed_row_number, sealed_row_texts, sealed_text, version_bytes,
};

use crate::audit;
use crate::error::corrupt;
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
        self.change(None, move |transaction| {
            let resealed = transaction.change(
                statement,
                params![
                    sealed.as_bytes(),
                    sealed_row_number(Some(&found.row)),
                    found.sealed.as_bytes(),
                    owner
                ],
            )?;
            Ok(resealed > 0)
        })
        .await
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
        let statement = match column {
            SealedColumn::RunInput => {
                "SELECT run.id, CASE WHEN substr(run_input.input, 2, 4) < ? THEN run_input.input END
                 FROM run JOIN run_input ON run_input.run_id = run.id
                 WHERE run.organization_id = ? AND run.id > ?
                 ORDER BY run.id
                 LIMIT ? + 0"
            }
            SealedColumn::CredentialSummary => {
                "SELECT id, CASE WHEN substr(summary, 2, 4) < ? THEN summary END
                 FROM credential
                 WHERE organization_id = ? AND id > ?
                 ORDER BY id
                 LIMIT ? + 0"
            }
            SealedColumn::CredentialSecret => {
                "SELECT id, CASE WHEN substr(secret, 2, 4) < ? THEN secret END
                 FROM credential
                 WHERE organization_id = ? AND id > ?
                 ORDER BY id
                 LIMIT ? + 0"
            }
            SealedColumn::CredentialLogin => {
                "SELECT id, CASE WHEN substr(login, 2, 4) < ? THEN login END
                 FROM credential
                 WHERE organization_id = ? AND id > ?
                 ORDER BY id
                 LIMIT ? + 0"
            }
            SealedColumn::WebhookSecret => {
                "SELECT id, CASE WHEN substr(secret, 2, 4) < ? THEN secret END
                 FROM destination
                 WHERE organization_id = ? AND id > ?
                 ORDER BY id
                 LIMIT ? + 0"
            }
            SealedColumn::WebhookHeaders => {
                "SELECT id, CASE WHEN substr(headers, 2, 4) < ? THEN headers END
                 FROM destination
                 WHERE organization_id = ? AND id > ?
                 ORDER BY id
                 LIMIT ? + 0"
            }
            SealedColumn::RunState | SealedColumn::IdempotencyAnswer | SealedColumn::AuditHead => {
                return Ok(Found::default());
            }
        };
        let rows: Vec<(Id, Option<Vec<u8>>)> = self
            .read(move |connection| {
                connection.rows(
                    statement,
                    params![
                        version_bytes(version),
                        owner,
                        sealed_row_number(after.as_ref()),
                        limit
                    ],
                )
            })
            .await?;
        Ok(found_in_rows(column, rows, limit))
    }

    /// Inside the states of runs that have not ended: those that have are without secrets.
    async fn in_states(
        &self,
        owner: Id,
        version: u32,
        after: Option<SealedRow>,
        limit: u32,
    ) -> Result<Found, StoreError> {
        let rows: Vec<(Id, String)> = self
            .read(move |connection| {
                connection.rows(
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
                     LIMIT ?3 + 0",
                    params![owner, sealed_row_number(after.as_ref()), limit],
                )
            })
            .await?;
        let states = rows.into_iter().map(|(id, state)| {
            let sealed = sealed_in_state(&state).map_err(|rule| corrupt("run", &id.0, &rule))?;
            Ok((id, sealed))
        });
        let states = states.collect::<Result<_, StoreError>>()?;
        Ok(found_in_states(states, version, limit))
    }

    /// Replaces the text of a sealed value in a state, whatever else of the state has changed: no two
    /// values have the same text.
    async fn in_state(
        &self,
        owner: Id,
        found: &SealedValue,
        sealed: &Sealed,
    ) -> Result<bool, StoreError> {
        let (old, new) = (sealed_text(&found.sealed), sealed_text(sealed));
        let row = sealed_row_number(Some(&found.row));
        let replacing = self.change(None, move |transaction| {
            transaction.change(
                "UPDATE run SET state = replace(state, ?1, ?2)
                 WHERE organization_id = ?3 AND id = ?4 AND instr(state, ?1) > 0",
                params![old, new, owner, row],
            )
        });
        Ok(replacing.await? > 0)
    }

    async fn in_answers(
        &self,
        owner: Id,
        version: u32,
        after: Option<SealedRow>,
        limit: u32,
    ) -> Result<Found, StoreError> {
        let (method, path, key) = sealed_row_texts(after);
        let rows: Vec<SealedAnswerRow> = self
            .read(move |connection| {
                connection.rows(
                    "SELECT method, path, key, CASE WHEN substr(answer, 2, 4) < ? THEN answer END
                     FROM idempotency
                     WHERE organization_id = ? AND (method, path, key) > (?, ?, ?)
                     ORDER BY method, path, key
                     LIMIT ? + 0",
                    params![version_bytes(version), owner, method, path, key, limit],
                )
            })
            .await?;
        Ok(found_in_answers(rows, limit))
    }

    async fn in_answer(
        &self,
        owner: Id,
        found: &SealedValue,
        sealed: &Sealed,
    ) -> Result<bool, StoreError> {
        let (method, path, key) = sealed_row_texts(Some(found.row.clone()));
        let (old, new) = (found.sealed.clone(), sealed.clone());
        let resealing = self.change(None, move |transaction| {
            transaction.change(
                "UPDATE idempotency SET answer = ?
                 WHERE organization_id = ? AND method = ? AND path = ? AND key = ?
                   AND answer = ?",
                params![new.as_bytes(), owner, method, path, key, old.as_bytes()],
            )
        });
        Ok(resealing.await? > 0)
    }

    async fn in_head(
        &self,
        organization_id: OrganizationId,
        version: u32,
    ) -> Result<Found, StoreError> {
        let owner = Id(organization_id.uuid());
        let head = self.read(move |connection| audit::sealed_head(connection, owner));
        let head = head.await?;
        Ok(found_in_head(organization_id, head, version))
    }
}
