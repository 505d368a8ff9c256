//! The customers of the demo site, each with a login of their own.

/// The first user's name; the others are `kunde-2@bolig.example` and so on.
pub const FIRST_USERNAME: &str = "kari@bolig.example";

/// Every user's password. It is not ASCII, so that a form that is encoded wrongly is noticed.
pub const PASSWORD: &str = "vinter-og-vår";

/// The most users that a site may have.
pub const MAX_USERS: usize = 1_000;

const FIRST_CUSTOMER_NUMBER: usize = 400_812;

/// A customer of the demo site and their login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// What the login page takes as user name.
    pub username: String,
    /// What the login page takes as password.
    pub password: String,
    /// The name that the account summary shows.
    pub customer_name: String,
    /// The number that the account summary shows, and that each invoice number begins with.
    pub customer_number: String,
    /// The last two digits of the phone that codes are sent to.
    pub phone_ending: String,
    /// Which customer this is, counted from 0; it tells their amounts apart.
    pub(crate) position: usize,
}

impl User {
    pub(crate) fn at(position: usize) -> Self {
        let (username, customer_name) = if position == 0 {
            (FIRST_USERNAME.to_owned(), "Kari Nordmann".to_owned())
        } else {
            let number = position + 1;
            (
                format!("kunde-{number}@bolig.example"),
                format!("Kunde Nordmann {number}"),
            )
        };
        Self {
            username,
            password: PASSWORD.to_owned(),
            customer_name,
            customer_number: (FIRST_CUSTOMER_NUMBER + position).to_string(),
            phone_ending: format!("{:02}", (position + 42) % 100),
            position,
        }
    }
}
