//! Where databases and Redis are. An address may hold a password, which is shown nowhere: not by its
//! `Debug` and `Display`, nor where the command line refuses it.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use url::Url;

/// Which database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Database {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(ServerUrl),
}

/// What carries wake-ups and counts between replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signals {
    /// Nothing: each replica has its own.
    Local,
    /// Redis.
    Redis(ServerUrl),
}

/// The address of a server, with what is needed to log in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl(Url);

/// A text names no database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "write sqlite: and the path of a file, as in sqlite:/var/lib/windlass/windlass.db, or the address \
     of a PostgreSQL database, as in postgres://windlass:PASSWORD@db.example/windlass"
)]
pub(crate) struct NotADatabase;

/// A text names nothing that carries signals.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "write local, or the address of a Redis server, as in redis://:PASSWORD@redis.example/ or, with \
     TLS, rediss://:PASSWORD@redis.example/"
)]
pub(crate) struct NotSignals;

impl ServerUrl {
    fn parse(text: &str, schemes: &[&str]) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        (schemes.contains(&url.scheme()) && url.has_host()).then_some(Self(url))
    }

    /// All of it, for the one who connects.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub(crate) fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path) = (self.0.scheme(), self.0.path());
        write!(
            formatter,
            "{scheme}://{}",
            self.0.host_str().unwrap_or_default()
        )?;
        if let Some(port) = self.0.port() {
            write!(formatter, ":{port}")?;
        }
        formatter.write_str(path)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Database {
    type Err = NotADatabase;

    fn from_str(text: &str) -> Result<Self, NotADatabase> {
        match text.strip_prefix("sqlite:") {
            // An address with two slashes is what other programs write for the same.
            Some(path) => match path.strip_prefix("//").unwrap_or(path) {
                "" => Err(NotADatabase),
                path => Ok(Self::Sqlite(PathBuf::from(path))),
            },
            None => ServerUrl::parse(text, &["postgres", "postgresql"])
                .map(Self::Postgres)
                .ok_or(NotADatabase),
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(formatter),
        }
    }
}

impl Database {
    /// Whether it is a file, which one server uses at a time.
    pub(crate) fn is_file(&self) -> bool {
        match self {
            Self::Sqlite(_) => true,
            Self::Postgres(_) => false,
        }
    }

    /// Whether it is a file that is not there yet.
    pub(crate) fn is_missing(&self) -> bool {
        match self {
            Self::Sqlite(path) => match fs::metadata(path) {
                // SQLite leaves an empty file where it was stopped before its first write.
                Ok(metadata) => metadata.len() == 0,
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            },
            Self::Postgres(_) => false,
        }
    }
}

impl FromStr for Signals {
    type Err = NotSignals;

    fn from_str(text: &str) -> Result<Self, NotSignals> {
        match text {
            "local" => Ok(Self::Local),
            address => ServerUrl::parse(address, &["redis", "rediss"])
                .map(Self::Redis)
                .ok_or(NotSignals),
        }
    }
}

/// Reads a value of the command line, and does not repeat it where it is wrong, as clap's own
/// parsers do: a password may be in it.
pub(crate) struct Unshown<T>(PhantomData<fn() -> T>);

/// See [`Unshown`].
pub(crate) fn unshown<T>() -> Unshown<T> {
    Unshown(PhantomData)
}

impl<T> Clone for Unshown<T> {
    fn clone(&self) -> Self {
        unshown()
    }
}

impl<T> TypedValueParser for Unshown<T>
where
    T: FromStr + Clone + Send + Sync + 'static,
    T::Err: fmt::Display,
{
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let refused = |why: &dyn fmt::Display| {
            let name = argument.map(ToString::to_string).unwrap_or_default();
            clap::Error::raw(
                ErrorKind::ValueValidation,
                format!("the value of {name} is not one: {why}\n"),
            )
            .with_cmd(command)
        };
        let text = value.to_str().ok_or_else(|| refused(&"it is no UTF-8"))?;
        text.parse().map_err(|error| refused(&error))
    }
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    #[test]
    fn a_database_is_named_by_its_scheme() {
        let relative = Database::Sqlite(PathBuf::from("data/windlass.db"));

        assert_eq!("sqlite:data/windlass.db".parse(), Ok(relative));
        assert_eq!(
            "sqlite:///var/lib/windlass.db".parse(),
            Ok(Database::Sqlite(PathBuf::from("/var/lib/windlass.db")))
        );
        for text in [
            "postgres://localhost/windlass",
            "postgresql://a:b@db:5433/w?sslmode=require",
        ] {
            let database: Database = text.parse().unwrap();
            assert!(
                matches!(&database, Database::Postgres(url) if url.0.as_str() == text),
                "{text}"
            );
        }
        for text in [
            "",
            "sqlite:",
            "windlass.db",
            "postgres:windlass",
            "mysql://localhost/windlass",
        ] {
            assert_eq!(text.parse::<Database>(), Err(NotADatabase), "{text}");
        }
    }

    #[test]
    fn signals_are_local_or_redis() {
        assert_eq!("local".parse(), Ok(Signals::Local));
        for text in ["redis://localhost", "rediss://:secret@redis.example:6380/2"] {
            assert!(matches!(text.parse(), Ok(Signals::Redis(_))), "{text}");
        }
        for text in ["", "redis", "redis:", "http://localhost"] {
            assert_eq!(text.parse::<Signals>(), Err(NotSignals), "{text}");
        }
    }

    #[test]
    fn an_address_shows_no_password() {
        let database: Database = "postgres://windlass:hunter2@db.example:5433/w?password=hunter3"
            .parse()
            .unwrap();

        for shown in [database.to_string(), format!("{database:?}")] {
            assert!(shown.contains("postgres://db.example:5433/w"), "{shown}");
            assert!(!shown.contains("hunter"), "{shown}");
        }
    }

    #[test]
    fn a_wrong_address_is_refused_without_being_shown() {
        let argument = Arg::new("database")
            .long("database")
            .value_parser(unshown::<Database>());
        let command = Command::new("windlass").arg(argument);

        let refused =
            command.try_get_matches_from(["windlass", "--database=mysql://a:hunter2@b/c"]);

        let said = refused.unwrap_err().to_string();
        assert!(
            said.contains("--database") && said.contains("postgres://"),
            "{said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
    }
}
