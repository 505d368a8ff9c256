//! Statements that change rows and bring nothing back. They wait for each other and go to the thread of
//! the file together: the way there and back costs more than most of them.

use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Either, Encode, Executor, Sqlite, Type};

/// How often one statement stands in a text. Many rows of a kind are several texts, so that there are
/// few different ones, however many rows there are.
const MOST_ALIKE: usize = 3;

/// Statements that were not sent yet, in their order.
#[derive(Default)]
pub(crate) struct Pending {
    texts: Vec<Text>,
    /// Why a value cannot be bound.
    unbound: Option<sqlx::Error>,
}

/// Statements that are sent together. The connection knows the whole text again.
#[derive(Default)]
struct Text {
    statements: Vec<&'static str>,
    arguments: SqliteArguments,
}

/// Takes the values of one statement, in the order of its parameters.
pub(crate) struct Binding<'pending> {
    arguments: &'pending mut SqliteArguments,
    unbound: &'pending mut Option<sqlx::Error>,
}

impl Pending {
    /// Adds a statement. Its parameters are plain `?`: a number would count over all that are sent
    /// together.
    pub(crate) fn add(&mut self, statement: &'static str) -> Binding<'_> {
        let has_room = self.texts.last().is_some_and(|text| text.takes(statement));
        if !has_room {
            self.texts.push(Text::default());
        }
        let last = self.texts.len() - 1;
        let text = &mut self.texts[last];
        text.statements.push(statement);
        Binding {
            arguments: &mut text.arguments,
            unbound: &mut self.unbound,
        }
    }

    /// Puts a statement without parameters before all others.
    pub(crate) fn put_first(&mut self, statement: &'static str) {
        match self.texts.first_mut() {
            Some(text) => text.statements.insert(0, statement),
            None => {
                self.add(statement);
            }
        }
    }

    /// Sends all of them, and answers the rows that each brought. Nothing is pending after that,
    /// whatever comes of it.
    pub(crate) async fn send(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<Vec<Vec<SqliteRow>>, sqlx::Error> {
        let pending = std::mem::take(self);
        if let Some(error) = pending.unbound {
            return Err(error);
        }
        let mut rows = Vec::new();
        for text in pending.texts {
            text.send(connection, &mut rows).await?;
        }
        Ok(rows)
    }
}

impl Text {
    fn takes(&self, statement: &str) -> bool {
        let alike = self.statements.iter().filter(|known| **known == statement);
        alike.count() < MOST_ALIKE
    }

    async fn send(
        self,
        connection: &mut SqliteConnection,
        rows: &mut Vec<Vec<SqliteRow>>,
    ) -> Result<(), sqlx::Error> {
        // Made of the store's own constant texts.
        let text = AssertSqlSafe(self.statements.join(";"));
        let mut brought = connection.fetch_many(sqlx::query_with(text, self.arguments));
        let mut of_statement = Vec::new();
        while let Some(next) = brought.try_next().await? {
            match next {
                Either::Right(row) => of_statement.push(row),
                Either::Left(_) => rows.push(std::mem::take(&mut of_statement)),
            }
        }
        Ok(())
    }
}

impl Binding<'_> {
    /// Gives the next parameter its value.
    pub(crate) fn bind<'value, Value>(self, value: Value) -> Self
    where
        Value: Encode<'value, Sqlite> + Type<Sqlite>,
    {
        if let Err(error) = self.arguments.add(value) {
            *self.unbound = Some(sqlx::Error::Encode(error));
        }
        self
    }
}
