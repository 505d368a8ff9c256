//! Whether what comes is the file that was promised, and not a page in its place, such as the login
//! of a session that has ended.

/// Endings of names that are pages.
const PAGES: [&str; 5] = [".html", ".htm", ".xhtml", ".mht", ".mhtml"];

const PAGE_TYPES: [&str; 2] = ["text/html", "application/xhtml+xml"];

/// How a page begins, in small letters.
const PAGE_STARTS: [&[u8]; 3] = [b"<!doctype html", b"<html", b"<head"];

/// What was said of a file before its content came.
pub(super) struct Promise {
    /// `Content-Disposition: attachment`.
    pub(super) is_attached: bool,
    /// Its own name is a page's.
    pub(super) is_named_page: bool,
    /// The playbook takes a page too, or its link names one.
    pub(super) takes_page: bool,
}

impl Promise {
    /// Whether a page came instead.
    pub(super) fn is_broken(&self, file_type: &str, start: &[u8]) -> bool {
        if self.takes_page {
            return false;
        }
        let file_type = file_type.trim_start().to_ascii_lowercase();
        let mut types = PAGE_TYPES.iter();
        let says_page = types.any(|page| file_type.starts_with(page));
        let is_page = is_page(start);
        if self.is_attached || !says_page {
            // A page may be the file: one that says so.
            return is_page && !says_page && !self.is_named_page && !is_office(&file_type);
        }
        true
    }
}

/// Tables and letters that are written as pages, which the programs that open them read.
fn is_office(file_type: &str) -> bool {
    let types = [
        "application/vnd.ms-",
        "application/msexcel",
        "application/msword",
    ];
    types.iter().any(|office| file_type.starts_with(office))
}

pub(super) fn is_page_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PAGES.iter().any(|ending| name.ends_with(ending))
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
    #[case::file("bill.pdf", false, false, "application/pdf", "%PDF-", false)]
    #[case::page_for_a_file("bill.pdf", false, false, "text/html", "<p>", true)]
    #[case::page_of_any_name("get", false, false, "TEXT/HTML;x", "<html>", true)]
    #[case::page_as_xml("get", false, false, "application/xhtml+xml", "<?xml", true)]
    #[case::page_that_is_taken("get", false, true, "text/html", "<html>", false)]
    #[case::attached_page("report", true, false, "text/html", "<html>", false)]
    #[case::page_that_says_pdf(
        "bill.pdf",
        true,
        false,
        "application/pdf",
        "\u{feff}\n<HTML>",
        true
    )]
    #[case::any_page_that_is_taken("bill.pdf", true, true, "application/pdf", "<HTML>", false)]
    #[case::table_for_excel("report.xls", true, false, "application/vnd.ms-excel", "<html>", false)]
    #[case::page_of_no_type(
        "report.html",
        true,
        false,
        "application/octet-stream",
        "<html>",
        false
    )]
    #[case::no_page("a.xml", false, false, "text/xml", "<htm", false)]
    fn a_page_is_told_from_a_file(
        #[case] name: &str,
        #[case] is_attached: bool,
        #[case] takes_page: bool,
        #[case] file_type: &str,
        #[case] start: &str,
        #[case] expected: bool,
    ) {
        let promise = Promise {
            is_attached,
            is_named_page: is_page_name(name),
            takes_page,
        };

        assert_eq!(promise.is_broken(file_type, start.as_bytes()), expected);
    }
}
