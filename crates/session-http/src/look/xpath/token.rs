//! The words of an XPath. Source: XML Path Language 1.0, 3.7.

/// One word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A bracket, `@`, `,`, `.`, `..`, `::`, or an operator, `and` and `div` included.
    Sign(&'static str),
    /// The name of an element, attribute, axis or function, or `*` in its place.
    Name(String),
    Text(String),
    Number(f64),
}

const SIGNS: [&str; 21] = [
    "::", "..", "//", "!=", "<=", ">=", "(", ")", "[", "]", "@", ",", ".", "/", "|", "+", "-", "=",
    "<", ">", "*",
];

/// Names that are operators after an operand (3.7, disambiguation).
const OPERATORS: [&str; 4] = ["and", "or", "div", "mod"];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = text.trim_start();
    while let Some(letter) = rest.chars().next() {
        let after_operand = tokens.last().is_some_and(ends_operand);
        let (token, after) = if letter == '"' || letter == '\'' {
            let (text, after) = rest[1..]
                .split_once(letter)
                .ok_or_else(|| "a text has no end".to_owned())?;
            (Token::Text(text.to_owned()), after)
        } else if letter.is_ascii_digit() || (letter == '.' && followed_by_digit(rest)) {
            let end = rest
                .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
                .unwrap_or(rest.len());
            let number = rest[..end]
                .parse()
                .map_err(|_| format!("{} is no number", &rest[..end]))?;
            (Token::Number(number), &rest[end..])
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            let token = match sign {
                "*" if !after_operand => Token::Name(sign.to_owned()),
                sign => Token::Sign(sign),
            };
            (token, &rest[sign.len()..])
        } else {
            name(rest, after_operand)?
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

fn name(rest: &str, after_operand: bool) -> Result<(Token, &str), String> {
    let part_of_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let end = rest
        .find(|letter: char| !part_of_name(letter))
        .unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    if name.is_empty() {
        let letter = rest.chars().next().unwrap_or_default();
        return Err(format!("{letter:?} has no meaning here"));
    }
    let operator = OPERATORS
        .into_iter()
        .find(|operator| *operator == name && after_operand);
    let token = operator.map_or_else(|| Token::Name(name.to_owned()), Token::Sign);
    Ok((token, after))
}

fn followed_by_digit(rest: &str) -> bool {
    rest.chars()
        .nth(1)
        .is_some_and(|letter| letter.is_ascii_digit())
}

fn ends_operand(token: &Token) -> bool {
    match token {
        Token::Sign(sign) => matches!(*sign, ")" | "]" | "." | ".."),
        Token::Name(_) | Token::Text(_) | Token::Number(_) => true,
    }
}
