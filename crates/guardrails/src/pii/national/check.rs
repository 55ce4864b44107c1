//! Check digits. Each takes digits as numbers, of the right count, and says whether they agree.

/// Sum of digits times weights.
fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(&digit, &weight)| u32::from(digit) * weight).sum()
}

fn digit(digits: &[u8], at: usize) -> u32 {
    digits.get(at).copied().map_or(0, u32::from)
}

/// The number some digits write.
fn value(digits: Option<&[u8]>) -> u64 {
    digits.unwrap_or(&[]).iter().fold(0, |sum, &digit| sum * 10 + u64::from(digit))
}

fn same(digits: &[u8]) -> bool {
    digits.windows(2).all(|pair| pair.first() == pair.last())
}

/// Whether a month and a day can be a date.
fn day_and_month(month: u64, day: u64) -> bool {
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 29,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Luhn (ISO/IEC 7812-1 annex B).
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, &digit)| match u32::from(digit) * (1 + at as u32 % 2) {
            doubled @ 10.. => doubled - 9,
            small => small,
        })
        .sum();
    sum.is_multiple_of(10) && !same(digits)
}

/// US social security: areas never given out (SSA, 2011).
pub(super) fn ssn(digits: &[u8]) -> bool {
    let (area, group, serial) = (value(digits.get(..3)), value(digits.get(3..5)), value(digits.get(5..)));
    area != 0 && area != 666 && area < 900 && group != 0 && serial != 0 && !same(digits)
}

/// US individual taxpayer number: area 9xx and the groups the IRS gives out.
pub(super) fn itin(digits: &[u8]) -> bool {
    digit(digits, 0) == 9 && matches!(value(digits.get(3..5)), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// UK National Health Service.
pub(super) fn nhs(digits: &[u8]) -> bool {
    let check = 11 - weighted(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    check % 11 == digit(digits, 9) && check != 10 && !same(digits)
}

/// US national provider: Luhn with the prefix 80840.
pub(super) fn npi(digits: &[u8]) -> bool {
    let prefixed: Vec<u8> = [8, 0, 8, 4, 0].into_iter().chain(digits.iter().copied()).collect();
    matches!(digits.first(), Some(1 | 2)) && luhn(&prefixed)
}

/// Sweden: a date and Luhn over ten digits; days over 60 are coordination numbers.
pub(super) fn personnummer(digits: &[u8]) -> bool {
    let day = value(digits.get(4..6));
    luhn(digits) && day_and_month(value(digits.get(2..4)), if 60 < day { day - 60 } else { day })
}

/// Brazil.
pub(super) fn cpf(digits: &[u8]) -> bool {
    let check = |count: usize| {
        let sum: u32 = digits
            .iter()
            .take(count)
            .enumerate()
            .map(|(at, &digit)| u32::from(digit) * (count + 1 - at) as u32)
            .sum();
        sum * 10 % 11 % 10
    };
    check(9) == digit(digits, 9) && check(10) == digit(digits, 10) && !same(digits)
}

/// Poland: a date with the century in its month, and a check digit.
pub(super) fn pesel(digits: &[u8]) -> bool {
    let check = (10 - weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10;
    check == digit(digits, 10) && day_and_month(value(digits.get(2..4)) % 20, value(digits.get(4..6)))
}

/// Germany: ISO 7064 MOD 11,10; among the first ten digits one comes two or three times, the others once at most.
pub(super) fn german_tax(digits: &[u8]) -> bool {
    let product = digits.iter().take(10).fold(10_u32, |product, &digit| {
        let sum = match (u32::from(digit) + product) % 10 {
            0 => 10,
            sum => sum,
        };
        sum * 2 % 11
    });
    let mut counts = [0_u8; 10];
    for &digit in digits.iter().take(10) {
        if let Some(count) = counts.get_mut(usize::from(digit)) {
            *count += 1;
        }
    }
    let repeated: Vec<u8> = counts.into_iter().filter(|&count| 1 < count).collect();
    let check = (11 - product) % 10;
    check == digit(digits, 10) && digit(digits, 0) != 0 && matches!(repeated.as_slice(), [2 | 3])
}

/// Netherlands: the eleven test.
pub(super) fn bsn(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]);
    sum % 11 == digit(digits, 8) && sum != 0 && !same(digits)
}

/// Australia, tax file.
pub(super) fn tfn(digits: &[u8]) -> bool {
    weighted(digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) && !same(digits)
}

/// Australia, business.
pub(super) fn abn(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    digit(digits, 0) != 0 && (sum + 89 - 10).is_multiple_of(89)
}

/// Turkey.
pub(super) fn turkish(digits: &[u8]) -> bool {
    let sum =
        |from: usize| digits.iter().take(9).skip(from).step_by(2).map(|&digit| u32::from(digit)).sum::<u32>();
    let tenth = (sum(0) * 7 + 100 - sum(1)) % 10;
    let eleventh = digits.iter().take(10).map(|&digit| u32::from(digit)).sum::<u32>() % 10;
    digit(digits, 0) != 0 && tenth == digit(digits, 9) && eleventh == digit(digits, 10) && !same(digits)
}

/// India: Verhoeff's check over the dihedral group of ten.
pub(super) fn aadhaar(digits: &[u8]) -> bool {
    2 <= digit(digits, 0) && verhoeff(digits) && !same(digits)
}

fn verhoeff(digits: &[u8]) -> bool {
    // Multiplication in the dihedral group: the first five are turns, the others reflections.
    let times = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (a + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    const TURN: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let turned = |digit: u8, count: usize| {
        (0..count % 8).fold(digit, |digit, _| TURN.get(usize::from(digit)).copied().unwrap_or(0))
    };
    digits.iter().rev().enumerate().fold(0, |sum, (at, &digit)| times(sum, turned(digit, at))) == 0
}

/// South Korea: a date, a century and the check digit.
pub(super) fn korean(digits: &[u8]) -> bool {
    let check = (11 - weighted(digits, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11) % 10;
    check == digit(digits, 12)
        && day_and_month(value(digits.get(2..4)), value(digits.get(4..6)))
        && (1..=8).contains(&digit(digits, 6))
}

/// South Africa: a date, citizenship and Luhn.
pub(super) fn south_african(digits: &[u8]) -> bool {
    luhn(digits) && day_and_month(value(digits.get(2..4)), value(digits.get(4..6))) && digit(digits, 10) <= 2
}

/// France: sex, year, month and a key of two digits.
pub(super) fn french(digits: &[u8]) -> bool {
    let month = value(digits.get(3..5));
    97 - value(digits.get(..13)) % 97 == value(digits.get(13..))
        && matches!(digit(digits, 0), 1 | 2 | 3 | 4 | 7 | 8)
        && (matches!(month, 1..=12 | 20..=42) || 50 <= month)
}

/// China: region, date and the check character (ISO 7064 MOD 11-2), 10 standing for `X`.
pub(super) fn chinese(digits: &[u8], check: u8) -> bool {
    let sum = weighted(digits, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let expected = (12 - sum % 11) % 11;
    expected == u32::from(check)
        && digit(digits, 0) != 0
        && (1900..=2099).contains(&value(digits.get(6..10)))
        && day_and_month(value(digits.get(10..12)), value(digits.get(12..14)))
}

/// Finland: the remainder of 31 of the nine digits.
pub(super) fn finnish(digits: &[u8], check: char) -> bool {
    let expected = "0123456789ABCDEFHJKLMNPRSTUVWXY".chars().nth((value(Some(digits)) % 31) as usize);
    expected == Some(check) && day_and_month(value(digits.get(2..4)), value(digits.get(..2)))
}

/// Spain: the letter of the remainder of 23.
pub(super) fn spanish(number: u64, letter: char) -> bool {
    "TRWAGMYFPDXBNJZSQVHLCKE".chars().nth((number % 23) as usize) == Some(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().map(|byte| byte - b'0').collect()
    }

    /// Published examples, and each with one digit changed: none is accepted then.
    #[test]
    fn check_digits_catch_every_single_change() {
        type Check = fn(&[u8]) -> bool;
        let cases: &[(&str, Check)] = &[
            ("4111111111111111", luhn),
            ("9434765919", nhs),
            ("1234567893", npi),
            ("8112189876", personnummer),
            ("52998224725", cpf),
            ("44051401359", pesel),
            ("111222333", bsn),
            ("10000000146", turkish),
            ("234123412346", aadhaar),
            ("8001015009087", south_african),
            ("51824753556", abn),
            ("123456782", tfn),
            ("255081416802538", french),
        ];
        for (number, check) in cases {
            let mut number = digits(number);
            assert!(check(&number), "{number:?} is valid");
            for at in 0..number.len() {
                let kept = number[at];
                for other in (0..10).filter(|&other| other != kept) {
                    number[at] = other;
                    // The eleven tests cannot tell some pairs where the check is ten; none of these examples is one.
                    assert!(!check(&number), "{number:?} is not");
                }
                number[at] = kept;
            }
        }
    }

    #[test]
    fn german_numbers_repeat_one_digit() {
        assert!(german_tax(&digits("86095742719")));
        assert!(!german_tax(&digits("86095742718")));
        assert!(!german_tax(&digits("12345678903")));
    }
}
