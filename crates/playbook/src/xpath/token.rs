//! The signs and words of an expression. Source: XPath 1.0, 3.7.

/// One sign or word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name, which may also be an operator such as `and`.
    Word(String),
    Text(String),
    Number(f64),
    Sign(&'static str),
}

/// Longer signs before those that they start with.
const SIGNS: [&str; 21] = [
    "//", "::", "..", "!=", "<=", ">=", "/", "(", ")", "[", "]", "@", ",", "|", "+", "-", "=", "<",
    ">", "*", ".",
];

/// Reads an expression into its signs and words.
///
/// # Errors
/// What cannot stand in one.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut read = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = token(first, rest)?;
        read.push(token);
        rest = after.trim_start();
    }
    Ok(read)
}

fn token(first: char, rest: &str) -> Result<(Token, &str), String> {
    if matches!(first, '"' | '\'') {
        let closed = rest[1..].split_once(first);
        let (inside, after) = closed.ok_or_else(|| format!("a text has no closing {first}"))?;
        return Ok((Token::Text(inside.to_owned()), after));
    }
    let after_point = rest[first.len_utf8()..].chars().next();
    let is_fraction = first == '.' && after_point.is_some_and(|next| next.is_ascii_digit());
    if first.is_ascii_digit() || is_fraction {
        let not_in_number = |letter: char| !letter.is_ascii_digit() && letter != '.';
        let (number, after) = rest.split_at(rest.find(not_in_number).unwrap_or(rest.len()));
        let read = number.parse();
        let read = read.map_err(|_| format!("{number} is no number"))?;
        return Ok((Token::Number(read), after));
    }
    if first.is_alphabetic() || first == '_' {
        let end = rest.find(|letter: char| !is_in_name(letter));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        return Ok((Token::Word(word.to_owned()), after));
    }
    let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
    match sign {
        Some(sign) => Ok((Token::Sign(sign), &rest[sign.len()..])),
        None if first == '$' => Err("there are no variables".to_owned()),
        None if first == ':' => Err("there are no namespaces".to_owned()),
        None => Err(format!("{first:?} cannot stand there")),
    }
}

fn is_in_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '\u{b7}')
}
