//! One page of text as a PDF 1.4 file.
//!
//! Source: ISO 32000-1, 7.5 "File structure": objects, a table of their offsets, and a trailer.

/// Where the first line stands, in points from the lower left corner of an A4 page.
const FIRST_LINE: (u16, u16) = (72, 770);

/// Points from line to line.
const LINE_HEIGHT: u16 = 22;

/// Points of the letters: the first line's, and the others'.
const FONT_SIZES: (u16, u16) = (20, 12);

/// Lines that fit on the page.
const MAX_LINES: usize = 30;

/// A PDF of one A4 page. Lines beyond the page's end are left out, and so is what Latin-1 has no letter for.
pub(crate) fn one_page(title: &str, lines: &[String]) -> Vec<u8> {
    let content = content_stream(title, lines);
    let mut content_object = format!("<< /Length {} >>\nstream\n", content.len()).into_bytes();
    content_object.extend_from_slice(&content);
    content_object.extend_from_slice(b"\nendstream");
    let objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_vec(),
        content_object,
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
        [b"<< /Title (".as_slice(), &literal(title), b") >>"].concat(),
    ];
    assemble(&objects)
}

fn content_stream(title: &str, lines: &[String]) -> Vec<u8> {
    let (x, y) = FIRST_LINE;
    let (title_size, line_size) = FONT_SIZES;
    let mut content =
        format!("BT\n{LINE_HEIGHT} TL\n/F1 {title_size} Tf\n{x} {y} Td\n(").into_bytes();
    content.extend(literal(title));
    content.extend_from_slice(format!(") Tj\nT*\n/F1 {line_size} Tf\n").as_bytes());
    for line in lines.iter().take(MAX_LINES) {
        content.extend_from_slice(b"T*\n(");
        content.extend(literal(line));
        content.extend_from_slice(b") Tj\n");
    }
    content.extend_from_slice(b"ET");
    content
}

fn assemble(objects: &[Vec<u8>]) -> Vec<u8> {
    // The four bytes above 127 tell programs that the file is not text.
    let mut file = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut offsets = Vec::with_capacity(objects.len());
    for (position, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.extend_from_slice(format!("{} 0 obj\n", position + 1).as_bytes());
        file.extend_from_slice(object);
        file.extend_from_slice(b"\nendobj\n");
    }
    let table_offset = file.len();
    let size = objects.len() + 1;
    // Each row of the table has exactly 20 bytes, the space before the line's end among them.
    file.extend_from_slice(format!("xref\n0 {size}\n0000000000 65535 f \n").as_bytes());
    for offset in offsets {
        file.extend_from_slice(format!("{offset:010} 00000 n \n").as_bytes());
    }
    let information = objects.len();
    file.extend_from_slice(
        format!("trailer\n<< /Size {size} /Root 1 0 R /Info {information} 0 R >>\nstartxref\n{table_offset}\n%%EOF\n")
            .as_bytes(),
    );
    file
}

/// The inside of a PDF string: Latin-1, with its own brackets and backslashes escaped.
fn literal(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for byte in text.chars().filter_map(|letter| u8::try_from(letter).ok()) {
        if matches!(byte, b'(' | b')' | b'\\') {
            bytes.push(b'\\');
        }
        bytes.push(byte);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_points_to_each_object() {
        let file = one_page("Faktura (vår)", &["1 249,50 kr".to_owned()]);

        let text = String::from_utf8_lossy(&file);
        assert!(text.starts_with("%PDF-1.4\n"), "{text}");
        assert!(text.ends_with("%%EOF\n"), "{text}");
        let rows: Vec<usize> = text
            .lines()
            .filter_map(|line| line.strip_suffix(" 00000 n "))
            .map(|offset| offset.parse().unwrap())
            .collect();
        assert_eq!(rows.len(), 6);
        for (position, offset) in rows.into_iter().enumerate() {
            let object = format!("{} 0 obj\n", position + 1);
            assert!(
                file[offset..].starts_with(object.as_bytes()),
                "object {object:?} at {offset}"
            );
        }
        let table = text.lines().rev().nth(1).unwrap().parse::<usize>().unwrap();
        assert!(file[table..].starts_with(b"xref\n"), "the table at {table}");
    }

    #[test]
    fn letters_are_latin_1_and_brackets_escaped() {
        assert_eq!(literal("vår (1) \\ 漢"), b"v\xe5r \\(1\\) \\\\ ".to_vec());
    }
}
