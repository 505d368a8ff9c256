//! The invoices of a customer. They are worked out from the customer alone, and so the same at every
//! start: a test knows what a run must bring home.

use time::{Date, Month};

use crate::user::User;

/// Invoices of each customer: more than two pages of them.
pub(crate) const INVOICE_COUNT: usize = 14;

/// The month of the newest invoice.
const NEWEST: (i32, Month) = (2026, Month::October);

/// What the first customer pays for each month, January first, in øre: much in winter, little in summer. None
/// is a whole amount of kroner, so that a reader which drops the øre is noticed.
const MONTHLY_AMOUNTS: [u64; 12] = [
    238_975, 221_040, 187_325, 142_630, 98_850, 71_215, 64_915, 69_430, 93_785, 124_950, 176_425,
    219_260,
];

/// What each further customer pays more than the one before, in øre, so that no two share an amount.
const AMOUNT_STEP: u64 = 1_100;

/// One month's invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invoice {
    pub(crate) number: String,
    pub(crate) year: i32,
    pub(crate) month: Month,
    pub(crate) issued_on: Date,
    pub(crate) due_on: Date,
    pub(crate) amount_in_ore: u64,
    pub(crate) status: InvoiceStatus,
}

/// Whether an invoice is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvoiceStatus {
    Paid,
    Unpaid,
}

impl InvoiceStatus {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Paid => "Paid",
            Self::Unpaid => "Unpaid",
        }
    }
}

impl Invoice {
    /// All invoices of a customer, newest first. The newest is unpaid.
    pub(crate) fn all_of(user: &User) -> Vec<Self> {
        let (mut year, mut month) = NEWEST;
        let mut invoices = Vec::with_capacity(INVOICE_COUNT);
        for position in 0..INVOICE_COUNT {
            let status = if position == 0 {
                InvoiceStatus::Unpaid
            } else {
                InvoiceStatus::Paid
            };
            invoices.push(Self::of_month(user, year, month, status));
            if month == Month::January {
                year -= 1;
            }
            month = month.previous();
        }
        invoices
    }

    fn of_month(user: &User, year: i32, month: Month, status: InvoiceStatus) -> Self {
        let billed_in_year = if month == Month::December {
            year + 1
        } else {
            year
        };
        let in_billing_month = |day| {
            Date::from_calendar_date(billed_in_year, month.next(), day)
                .expect("every month has the days that this is called with")
        };
        let month_number = u8::from(month);
        let extra = AMOUNT_STEP * user.position as u64;
        Self {
            number: format!("{}-{year}-{month_number:02}", user.customer_number),
            year,
            month,
            issued_on: in_billing_month(5),
            due_on: in_billing_month(20),
            amount_in_ore: MONTHLY_AMOUNTS[usize::from(month_number) - 1] + extra,
            status,
        }
    }

    /// The month in words, as in "October 2026".
    pub(crate) fn month_label(&self) -> String {
        format!("{} {}", self.month, self.year)
    }

    /// The name that the PDF is saved under.
    pub(crate) fn file_name(&self) -> String {
        format!("faktura-{}-{:02}.pdf", self.year, u8::from(self.month))
    }
}

/// An amount as Norwegians write it, as in "1 249,50 kr".
pub(crate) fn kroner(amount_in_ore: u64) -> String {
    let (kroner, ore) = (amount_in_ore / 100, amount_in_ore % 100);
    let digits = kroner.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    format!("{grouped},{ore:02} kr")
}

/// A date as Norwegians write it, as in "20.11.2026".
pub(crate) fn short_date(date: Date) -> String {
    format!(
        "{:02}.{:02}.{}",
        date.day(),
        u8::from(date.month()),
        date.year()
    )
}

/// A date as machines write it, as in "2026-11-20".
pub(crate) fn iso_date(date: Date) -> String {
    format!(
        "{}-{:02}-{:02}",
        date.year(),
        u8::from(date.month()),
        date.day()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped_by_thousands() {
        assert_eq!(kroner(5), "0,05 kr");
        assert_eq!(kroner(99_900), "999,00 kr");
        assert_eq!(kroner(124_950), "1 249,50 kr");
        assert_eq!(kroner(123_456_789), "1 234 567,89 kr");
    }

    #[test]
    fn each_month_has_one_invoice_and_the_newest_is_unpaid() {
        let invoices = Invoice::all_of(&User::at(0));

        let newest = &invoices[0];
        assert_eq!(newest.month_label(), "October 2026");
        assert_eq!(newest.number, "400812-2026-10");
        assert_eq!(newest.file_name(), "faktura-2026-10.pdf");
        assert_eq!(iso_date(newest.issued_on), "2026-11-05");
        assert_eq!(short_date(newest.due_on), "20.11.2026");
        assert_eq!(newest.amount_in_ore, 124_950);
        let december = &invoices[10];
        assert_eq!(december.month_label(), "December 2025");
        assert_eq!(iso_date(december.due_on), "2026-01-20");
        let oldest = &invoices[INVOICE_COUNT - 1];
        assert_eq!(oldest.month_label(), "September 2025");
        let unpaid = invoices
            .iter()
            .filter(|invoice| invoice.status == InvoiceStatus::Unpaid);
        assert_eq!(unpaid.count(), 1);
    }

    #[test]
    fn no_amount_is_whole() {
        for position in [0, 1, 999] {
            for invoice in Invoice::all_of(&User::at(position)) {
                assert_ne!(invoice.amount_in_ore % 100, 0, "{invoice:?}");
            }
        }
    }

    #[test]
    fn no_two_customers_share_an_amount() {
        let first = Invoice::all_of(&User::at(0));
        let second = Invoice::all_of(&User::at(1));

        assert_ne!(first[0].amount_in_ore, second[0].amount_in_ore);
        assert_ne!(first[0].number, second[0].number);
    }
}
