//! What currencies are called beside an amount.

/// Codes of ISO 4217, and what stands for them in their countries, as they are written there: `ft` is a
/// foot.
const NAMES: [&str; 60] = [
    "AED", "ARS", "AUD", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "EUR", "GBP",
    "HKD", "HUF", "IDR", "ILS", "INR", "ISK", "JPY", "KRW", "MXN", "MYR", "NOK", "NZD", "PHP",
    "PLN", "RON", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "UAH", "USD", "VND", "ZAR", "Euro",
    "Ft", "Fr", "KR", "Kr", "Kč", "R", "RM", "Rp", "Rs", "SFr", "TL", "euro", "kr", "lei", "zł",
    "грн", "руб", "円", "元", "圓", "원",
];

/// Whether there is nothing but a currency, or not even one.
pub(super) fn is_currency(text: &str) -> bool {
    let mut words = text.split(|letter: char| letter.is_whitespace() || letter == '.');
    words.all(|word| {
        let name = word.trim_matches(is_symbol);
        let is_dollar = word.ends_with('$') && name.len() <= 2;
        name.is_empty() || is_dollar || is_name(name)
    })
}

/// Whether this is the code or name of one.
pub(super) fn is_name(word: &str) -> bool {
    NAMES.contains(&word)
}

pub(super) fn is_symbol(letter: char) -> bool {
    matches!(letter, '$' | '¢'..='¥' | '฿' | '\u{20a0}'..='\u{20cf}' | '￥')
}
