//! A source in its row.

use windlass_domain::id::SourceId;
use windlass_domain::source::Source;

use super::Row;
use crate::Impossible;
use crate::columns::At;

row! {
    /// A row of `source`.
    #[derive(Debug)]
    pub struct SourceRow {
        id: String,
        name: Option<String>,
        url: String,
        created_at: At,
        updated_at: At,
    }
}

impl Row for SourceRow {
    type Kept = Source;
    const TABLE: &'static str = "source";

    fn name(&self) -> String {
        self.id.clone()
    }

    fn kept(self) -> Result<Source, Impossible> {
        Ok(Source {
            id: SourceId::parse(&self.id)?,
            name: self.name,
            url: self.url,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        })
    }
}
