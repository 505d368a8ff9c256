//! Whether what comes is the file that was promised, and not a page in its place, such as the login
//! of a session that has ended.

/// Endings of names that are pages.
const PAGES: [&str; 5] = [".html", ".htm", ".xhtml", ".mht", ".mhtml"];

/// Endings of addresses that lead to files; others may be anything.
const FILES: [&str; 20] = [
    ".pdf", ".csv", ".tsv", ".xls", ".xlsx", ".ods", ".doc", ".docx", ".odt", ".zip", ".gz",
    ".xml", ".json", ".txt", ".ics", ".png", ".jpg", ".jpeg", ".tif", ".eml",
];

/// How a page begins, in small letters.
const PAGE_STARTS: [&[u8]; 3] = [b"<!doctype html", b"<html", b"<head"];

/// What was said of a file before its content came.
pub(super) struct Promise {
    /// `Content-Disposition: attachment`.
    pub(super) is_attached: bool,
    /// Its own name is a page's.
    pub(super) is_named_page: bool,
    /// Its address was a file's.
    pub(super) was_named_file: bool,
    pub(super) was_redirected: bool,
}

impl Promise {
    /// Whether a page came instead.
    pub(super) fn is_broken(&self, file_type: &str, start: &[u8]) -> bool {
        let says_page = file_type
            .trim_start()
            .get(..9)
            .is_some_and(|start| start.eq_ignore_ascii_case("text/html"));
        let is_page = is_page(start);
        if self.is_attached || !says_page {
            // A page may be the file: one that says so.
            return is_page && !says_page && !self.is_named_page;
        }
        self.was_redirected || self.was_named_file
    }
}

pub(super) fn is_page_name(name: &str) -> bool {
    ends(name, &PAGES)
}

pub(super) fn is_file_name(path: &str) -> bool {
    ends(path, &FILES)
}

fn ends(name: &str, endings: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    endings.iter().any(|ending| name.ends_with(ending))
}

fn is_page(start: &[u8]) -> bool {
    let start = start
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(start)
        .trim_ascii_start();
    PAGE_STARTS.iter().any(|page| {
        start
            .get(..page.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(page))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::file(
        "/bill.pdf",
        "bill.pdf",
        false,
        false,
        "application/pdf",
        "%PDF-",
        false
    )]
    #[case::page_for_a_file("/bill.pdf", "bill.pdf", false, false, "text/html", "<p>", true)]
    #[case::page_after_a_redirect("/get?id=1", "login", false, true, "TEXT/HTML;x", "<p>", true)]
    #[case::page_that_was_asked_for("/get?id=1", "get", false, false, "text/html", "<html>", false)]
    #[case::attached_page("/get", "report", true, true, "text/html", "<html>", false)]
    #[case::page_that_says_pdf(
        "/get",
        "bill.pdf",
        true,
        false,
        "application/pdf",
        "\u{feff}\n<HTML>",
        true
    )]
    #[case::page_of_no_type(
        "/get",
        "report.html",
        true,
        false,
        "application/octet-stream",
        "<html>",
        false
    )]
    #[case::no_page("/get", "a.xml", false, false, "text/xml", "<htm", false)]
    fn a_page_is_told_from_a_file(
        #[case] path: &str,
        #[case] name: &str,
        #[case] is_attached: bool,
        #[case] was_redirected: bool,
        #[case] file_type: &str,
        #[case] start: &str,
        #[case] expected: bool,
    ) {
        let promise = Promise {
            is_attached,
            is_named_page: is_page_name(name),
            was_named_file: is_file_name(path),
            was_redirected,
        };

        assert_eq!(promise.is_broken(file_type, start.as_bytes()), expected);
    }
}
