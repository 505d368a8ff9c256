//! The names of the months: English, German, the Nordic languages, Dutch, French, Spanish, Italian,
//! Portuguese and Polish, whole and as CLDR shortens them. No name means two months.

use time::Month;

const NAMES: [(Month, &[&str]); 12] = [
    (
        Month::January,
        &[
            "jan", "january", "januar", "januari", "jänner", "jän", "janvier", "janv", "enero",
            "ene", "gennaio", "gen", "janeiro", "stycznia", "styczeń", "sty",
        ],
    ),
    (
        Month::February,
        &[
            "feb",
            "february",
            "februar",
            "februari",
            "febr",
            "feber",
            "février",
            "févr",
            "febrero",
            "febbraio",
            "fevereiro",
            "fev",
            "lutego",
            "luty",
            "lut",
        ],
    ),
    (
        Month::March,
        &[
            "mar", "march", "märz", "mär", "mars", "marts", "maart", "mrt", "marzo", "março",
            "marca", "marzec",
        ],
    ),
    (
        Month::April,
        &[
            "apr",
            "april",
            "avril",
            "avr",
            "abril",
            "abr",
            "aprile",
            "kwietnia",
            "kwiecień",
            "kwi",
        ],
    ),
    (
        Month::May,
        &[
            "may", "mai", "maj", "mei", "mayo", "maggio", "mag", "maio", "maja",
        ],
    ),
    (
        Month::June,
        &[
            "jun", "june", "juni", "juin", "junio", "giugno", "giu", "junho", "czerwca",
            "czerwiec", "cze",
        ],
    ),
    (
        Month::July,
        &[
            "jul", "july", "juli", "juillet", "juil", "julio", "luglio", "lug", "julho", "lipca",
            "lipiec", "lip",
        ],
    ),
    (
        Month::August,
        &[
            "aug",
            "august",
            "augusti",
            "augustus",
            "août",
            "agosto",
            "ago",
            "sierpnia",
            "sierpień",
            "sie",
        ],
    ),
    (
        Month::September,
        &[
            "sep",
            "sept",
            "september",
            "septembre",
            "septiembre",
            "setiembre",
            "settembre",
            "sett",
            "set",
            "setembro",
            "września",
            "wrzesień",
            "wrz",
        ],
    ),
    (
        Month::October,
        &[
            "oct",
            "october",
            "oktober",
            "okt",
            "octobre",
            "octubre",
            "ottobre",
            "ott",
            "outubro",
            "out",
            "października",
            "październik",
            "paź",
        ],
    ),
    (
        Month::November,
        &[
            "nov",
            "november",
            "novembre",
            "noviembre",
            "novembro",
            "listopada",
            "listopad",
            "lis",
        ],
    ),
    (
        Month::December,
        &[
            "dec",
            "december",
            "dezember",
            "dez",
            "desember",
            "des",
            "décembre",
            "déc",
            "diciembre",
            "dic",
            "dicembre",
            "dezembro",
            "grudnia",
            "grudzień",
            "gru",
        ],
    ),
];

/// The month of this name.
pub(super) fn named(word: &str) -> Option<Month> {
    let word = word.to_lowercase();
    let mut months = NAMES.iter();
    let found = months.find(|(_, names)| names.contains(&word.as_str()));
    found.map(|(month, _)| *month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_means_two_months() {
        for (month, names) in NAMES {
            for name in names {
                assert_eq!(named(name), Some(month), "{name}");
            }
        }
    }
}
