//! A text as a person or a program reads it: in small letters, without what does not show, and with what
//! was written for an address, JSON or HTML read back. It knows where each letter stood.

use std::ops::Range;

/// The longest name or number of a character in HTML that is read, in bytes.
const MAX_ENTITY_BYTES: usize = 10;

/// A text that was read.
#[derive(Default)]
pub(super) struct Reading {
    text: String,
    /// What each byte was read from.
    from: Vec<Range<usize>>,
}

impl Reading {
    pub(super) fn of(text: &str) -> Self {
        let mut reading = Self::default();
        for (start, letter) in text.char_indices() {
            reading.push(letter, start..start + letter.len_utf8());
        }
        reading
    }

    /// What was read.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where this stands in what it was read from.
    pub(super) fn places(&self, wanted: &str) -> impl Iterator<Item = Range<usize>> {
        self.text
            .match_indices(wanted)
            .map(|(start, found)| self.span(start..start + found.len()))
    }

    /// The same without what stands between groups of digits.
    pub(super) fn without_gaps(&self) -> Self {
        let mut dense = Self::default();
        for (start, letter) in self.text.char_indices() {
            if !matches!(letter, ' ' | '-') {
                dense.push(letter, self.span(start..start + letter.len_utf8()));
            }
        }
        dense
    }

    /// The same with what was written for an address, JSON or HTML read back; None where nothing was.
    pub(super) fn decoded(&self) -> Option<Self> {
        let mut decoded = Self::default();
        let (mut done, mut is_other) = (0, false);
        while let Some(next) = self.text[done..].find(['%', '\\', '&']) {
            let at = done + next;
            decoded.take(self, done..at);
            let escape = &self.text[at..];
            let length = match escape.as_bytes().first() {
                Some(b'%') => decoded.take_bytes(self, at),
                Some(b'\\') => decoded.take_one(self, at, in_json(escape)),
                _ => decoded.take_one(self, at, in_html(escape)),
            };
            is_other |= length > 0;
            if length == 0 {
                decoded.take(self, at..at + 1);
            }
            done = at + length.max(1);
        }
        decoded.take(self, done..self.text.len());
        is_other.then_some(decoded)
    }

    /// Adds what stands there in the other as it is.
    fn take(&mut self, other: &Self, range: Range<usize>) {
        for (place, letter) in other.text[range.clone()].char_indices() {
            let start = range.start + place;
            self.push(letter, other.span(start..start + letter.len_utf8()));
        }
    }

    /// Adds the letter that is written there, in so many bytes; their number.
    fn take_one(&mut self, other: &Self, at: usize, read: Option<(char, usize)>) -> usize {
        let Some((letter, length)) = read else {
            return 0;
        };
        self.push(letter, other.span(at..at + length));
        length
    }

    /// Adds what is written there in bytes of an address (`%c3%a4`), in UTF-8 or else Latin-1; the
    /// length of that.
    fn take_bytes(&mut self, other: &Self, at: usize) -> usize {
        let mut bytes = Vec::new();
        let mut rest = &other.text[at..];
        while let Some(byte) = rest.strip_prefix('%').and_then(|rest| hex(rest, 2))
            && let Ok(byte) = u8::try_from(byte)
        {
            bytes.push(byte);
            rest = &rest[3..];
        }
        let mut start = at;
        let mut add = |letter: char, written: usize| {
            self.push(letter, other.span(start..start + 3 * written));
            start += 3 * written;
        };
        for chunk in bytes.utf8_chunks() {
            for letter in chunk.valid().chars() {
                add(letter, letter.len_utf8());
            }
            for byte in chunk.invalid() {
                add(char::from(*byte), 1);
            }
        }
        3 * bytes.len()
    }

    fn push(&mut self, letter: char, from: Range<usize>) {
        if does_not_show(letter) {
            return;
        }
        if letter.is_whitespace() || letter == '+' {
            // A form writes a space as `+`.
            match self.from.last_mut() {
                Some(last) if self.text.ends_with(' ') => last.end = from.end,
                _ => self.add(' ', from),
            }
            return;
        }
        for small in letter.to_lowercase() {
            self.add(small, from.clone());
        }
    }

    fn add(&mut self, letter: char, from: Range<usize>) {
        self.text.push(letter);
        self.from.resize(self.text.len(), from);
    }

    fn span(&self, range: Range<usize>) -> Range<usize> {
        let first = self.from.get(range.start);
        let last = self.from.get(..range.end).and_then(<[_]>::last);
        match (first, last) {
            (Some(first), Some(last)) => first.start..last.end,
            _ => 0..0,
        }
    }
}

/// Whether it takes no room: it may stand in a long word, to say where that may break.
fn does_not_show(letter: char) -> bool {
    let is_mark =
        matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    is_mark || letter.is_control() && !letter.is_whitespace()
}

/// What stands for a letter in JSON, and its length.
fn in_json(escape: &str) -> Option<(char, usize)> {
    let letter = match escape.as_bytes().get(1)? {
        b'u' => return in_units(escape),
        b'n' | b'r' | b't' => ' ',
        quoted @ (b'"' | b'\\' | b'/' | b'\'') => char::from(*quoted),
        _ => return None,
    };
    Some((letter, 2))
}

/// `\u00e4`, or two of them for a letter beyond the first 65,536.
fn in_units(escape: &str) -> Option<(char, usize)> {
    let unit = |text: &str| {
        let unit = hex(text.strip_prefix("\\u")?, 4)?;
        u16::try_from(unit).ok()
    };
    let first = unit(escape)?;
    let second = escape.get(6..).and_then(unit);
    let letter = |units: &[u16]| match char::decode_utf16(units.iter().copied()).next() {
        Some(Ok(letter)) => Some((letter, 6 * letter.len_utf16())),
        Some(Err(_)) | None => None,
    };
    letter(&[first]).or_else(|| letter(&[first, second?]))
}

/// What stands for a letter in HTML, and its length.
fn in_html(escape: &str) -> Option<(char, usize)> {
    let end = escape
        .bytes()
        .take(MAX_ENTITY_BYTES)
        .position(|byte| byte == b';')?;
    let name = escape.get(1..end)?;
    let letter = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((letter, end + 1))
}

/// The number that so many hexadecimal digits write.
fn hex(text: &str, digits: usize) -> Option<u32> {
    let digits = text.get(..digits)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::address("/p%C3%84%22ss+w", "/pä\"ss w")]
    #[case::latin_1("p%c4q", "päq")]
    #[case::json(r#"p\u00C4\"\/\\\n\uD83D\uDE00"#, "pä\"/\\ 😀")]
    #[case::html("&lt;&#39;&#X27;&amp;lt;", "<''&lt;")]
    #[case::all_at_once("%25&amp;\\\\", "%&\\")]
    #[case::none_of_it(
        "50% & 1\\2 &none; %zz \\u12 \\ud83d",
        "50% & 1\\2 &none; %zz \\u12 \\ud83d"
    )]
    fn what_was_written_for_others_is_read_back(#[case] text: &str, #[case] expected: &str) {
        let reading = Reading::of(text);
        let decoded = reading.decoded().unwrap_or(reading);

        assert_eq!(decoded.text(), expected);
    }

    #[rstest]
    #[case("A\u{ad}b\u{200b}C", "abc", "A\u{ad}b\u{200b}C")]
    #[case("x %41%42 y", "ab", "%41%42")]
    #[case("x A &amp; B y", "a & b", "A &amp; B")]
    #[case("a  b", "a b", "a  b")]
    fn it_knows_where_each_letter_stood(
        #[case] text: &str,
        #[case] wanted: &str,
        #[case] expected: &str,
    ) {
        let reading = Reading::of(text);
        let decoded = reading.decoded().unwrap_or(reading);

        let places = decoded.places(wanted).map(|place| &text[place]);
        assert_eq!(places.collect::<Vec<_>>(), [expected]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_with_places_in_it(text in "([%\\\\&+;#u0-9a-fA-F -]|\\PC){0,40}") {
            let mut reading = Some(Reading::of(&text));
            while let Some(read) = reading {
                for one in [&read, &read.without_gaps()] {
                    prop_assert_eq!(one.text.len(), one.from.len());
                    for from in &one.from {
                        prop_assert!(text.get(from.clone()).is_some());
                    }
                }
                reading = read.decoded();
            }
        }
    }
}
