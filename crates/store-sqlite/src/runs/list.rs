//! `Runs::list`: runs of an organization, newest first.

use windlass_application::ports::StoreError;
use windlass_application::ports::runs::{RunFilter, RunView};
use windlass_application::{OrganizationContext, Page, PageRequest};
use windlass_domain::id::RunId;
use windlass_records::columns::Id;
use windlass_records::page::{self, First};
use windlass_records::rows::ViewRow;
use windlass_records::select_views;

use crate::error::read;
use crate::query::Query;
use crate::store::SqliteStore;

pub(super) async fn list(
    store: &SqliteStore,
    organization: OrganizationContext,
    filter: RunFilter,
    page: PageRequest,
) -> Result<Page<RunView>, StoreError> {
    let mut query = Query::new(select_views!("WHERE "));
    if let Some(session_id) = filter.session_id {
        query.push("run.session_id = ");
        query.push_bind(Id(session_id.uuid()));
        // The plus keeps SQLite from reading all runs of the organization by its index.
        query.push(" AND +");
    }
    query.push("run.organization_id = ");
    query.push_bind(Id(organization.organization_id().uuid()));
    push_filter(&mut query, &filter);
    let parse = |text: &str| RunId::parse(text).map(RunId::uuid);
    page::push_page_by_id(
        &mut query,
        "run",
        filter.created,
        &page,
        First::Newest,
        parse,
    )?;
    let rows: Vec<ViewRow> = store
        .read(move |connection| connection.rows_of(query))
        .await?;
    page::cut(rows, &page).read(read)
}

fn push_filter(query: &mut Query, filter: &RunFilter) {
    let statuses = filter.statuses.iter().map(ToString::to_string);
    page::push_one_of(query, "run.status", statuses);
    let results = filter
        .results
        .iter()
        .map(|result| result.as_str().to_owned());
    page::push_one_of(query, "run.result", results);
    let source_ids = filter.source_ids.iter().map(ToString::to_string);
    page::push_one_of(query, "run.source_id", source_ids);
    if let Some(agent_id) = &filter.agent_id {
        query.push(" AND run.agent_id = ");
        query.push_bind(agent_id.to_string());
    }
    if let Some(credential_id) = filter.credential_id {
        query.push(" AND run.credential_id = ");
        query.push_bind(Id(credential_id.uuid()));
    }
    if let Some(task_id) = &filter.task_id {
        query.push(" AND run.task_id = ");
        query.push_bind(task_id.to_string());
    }
}
