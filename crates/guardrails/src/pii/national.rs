//! Cards and the numbers states give to people, by their check digits.

mod check;
mod lettered;

use super::{Kind, context::Topics, digits::Number};
pub(super) use lettered::detect as lettered;

/// What a number of digits alone is, if it is one of ours.
pub(super) fn digits(number: &Number<'_>) -> Option<Kind> {
    let digits = number.digits;
    let one = number.shape.len() == 1;
    let topic = |wanted: Topics| (number.topics)().any(wanted);
    let shape = number.shape;
    if number.lead.ends_with('+') {
        return None;
    }
    if card(number) {
        return Some(Kind::CreditCard);
    }
    let dotted = number.between;
    match digits.len() {
        9 if shape == [3, 2, 4] || one => match digits {
            _ if check::ssn(digits) && (number.parted_by("-") || topic(Topics::SSN)) => Some(Kind::UsSsn),
            _ if check::itin(digits) && topic(Topics::TAX) => Some(Kind::UsItin),
            _ => nine(number, &topic),
        },
        8 | 9 => nine(number, &topic),
        10 if (one || shape == [3, 3, 4]) && topic(Topics::HEALTH) && check::nhs(digits) => Some(Kind::UkNhs),
        10 if one && topic(Topics::NPI) && check::npi(digits) => Some(Kind::UsNpi),
        10 if (shape == [6, 4] && dotted == ["-"] || one && topic(Topics::PERSONAL))
            && check::personnummer(digits) =>
        {
            Some(Kind::SePersonnummer)
        }
        11 if shape == [3, 3, 3, 2] && dotted == [".", ".", "-"] && check::cpf(digits) => Some(Kind::BrCpf),
        11 if topic(Topics::CPF) && check::cpf(digits) => Some(Kind::BrCpf),
        11 if one && topic(Topics::PESEL) && check::pesel(digits) => Some(Kind::PlPesel),
        11 if (shape == [2, 3, 3, 3] || one && topic(Topics::TAX)) && check::german_tax(digits) => {
            Some(Kind::DeTaxId)
        }
        11 if (shape == [2, 3, 3, 3] || one && topic(Topics::ABN)) && check::abn(digits) => Some(Kind::AuAbn),
        11 if one && check::turkish(digits) => Some(Kind::TrId),
        12 if (shape == [4, 4, 4] || topic(Topics::AADHAAR)) && check::aadhaar(digits) => {
            Some(Kind::InAadhaar)
        }
        12 if (shape == [8, 4] || one && topic(Topics::PERSONAL))
            && digits.get(2..).is_some_and(check::personnummer) =>
        {
            Some(Kind::SePersonnummer)
        }
        13 if shape == [6, 7] && dotted == ["-"] && check::korean(digits) => Some(Kind::KrRrn),
        13 if (one || shape == [6, 4, 3] || shape == [6, 4, 2, 1]) && check::south_african(digits) => {
            Some(Kind::ZaId)
        }
        15 if (one || shape == [1, 2, 2, 2, 3, 3, 2]) && check::french(digits) => Some(Kind::FrNir),
        18 if one && check::chinese(digits, digits.last().copied().unwrap_or(0)) => Some(Kind::CnId),
        _ => None,
    }
    .or_else(|| named(number, one, &topic))
}

/// Numbers of nine digits, which only a word tells apart.
fn nine(number: &Number<'_>, topic: &dyn Fn(Topics) -> bool) -> Option<Kind> {
    let digits = number.digits;
    let threes = number.shape == [3, 3, 3] || number.shape.len() == 1;
    if digits.len() == 9 && (threes || number.shape == [4, 2, 3]) && topic(Topics::BSN) && check::bsn(digits)
    {
        return Some(Kind::NlBsn);
    }
    if digits.len() == 9 && threes && topic(Topics::SIN) && check::luhn(digits) && digits.first() != Some(&0)
    {
        return Some(Kind::CaSin);
    }
    let tfn = digits.len() == 9 && threes && topic(Topics::TFN) && check::tfn(digits);
    if tfn { Some(Kind::AuTfn) } else { None }
}

/// Numbers without a check digit that a word names.
fn named(number: &Number<'_>, one: bool, topic: &dyn Fn(Topics) -> bool) -> Option<Kind> {
    let count = number.digits.len();
    if one && (7..=10).contains(&count) && topic(Topics::PASSPORT) {
        return Some(Kind::Passport);
    }
    if one && (6..=14).contains(&count) && topic(Topics::LICENSE) && topic(Topics::DRIVER) {
        return Some(Kind::DriverLicense);
    }
    (one && (6..=17).contains(&count) && topic(Topics::ACCOUNT) && !topic(Topics::PHONE))
        .then_some(Kind::BankAccount)
}

/// Whether a number is a payment card's: a range of an issuer, its length, Luhn's check digit and a usual grouping.
fn card(number: &Number<'_>) -> bool {
    let grouped = match number.shape {
        [_] | [4, 4, 4, 1..=4] | [4, 6, 4 | 5] | [4, 4, 4, 4, 1..=3] | [4, 4, 5] => {
            number.between.iter().all(|sign| matches!(*sign, " " | "-" | "."))
                && number.between.windows(2).all(|pair| pair.first() == pair.last())
        }
        _ => false,
    };
    grouped && issued(number.digits) && check::luhn(number.digits)
}

/// Whether some network issues cards of these first digits in this length (ISO/IEC 7812 ranges as published).
fn issued(digits: &[u8]) -> bool {
    let prefix =
        |count: usize| digits.iter().take(count).fold(0_u32, |sum, &digit| sum * 10 + u32::from(digit));
    let (two, three, four) = (prefix(2), prefix(3), prefix(4));
    match digits.len() {
        13 => prefix(1) == 4,
        14 => (300..=305).contains(&three) || four == 3095 || matches!(two, 36 | 38 | 39),
        15 => matches!(two, 34 | 37),
        16 => {
            prefix(1) == 4
                || (51..=55).contains(&two)
                || (2221..=2720).contains(&four)
                || (2200..=2204).contains(&four)
                || four == 6011
                || (644..=649).contains(&three)
                || matches!(two, 65 | 62 | 81 | 36)
                || (3528..=3589).contains(&four)
                || maestro(four)
                || three == 508
        }
        17 | 18 => two == 62 || maestro(four),
        19 => {
            prefix(1) == 4
                || two == 62
                || two == 65
                || four == 6011
                || (3528..=3589).contains(&four)
                || maestro(four)
        }
        _ => false,
    }
}

fn maestro(four: u32) -> bool {
    matches!(four, 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761 | 6762 | 6763)
}
