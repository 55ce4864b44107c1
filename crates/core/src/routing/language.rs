//! Which language a text is in, told from its script, else from its commonest words.

use crate::config::document::Language;

/// How much of a text is looked at, in bytes.
const LOOKED_AT: usize = 4_000;

/// Short words that are common in one language and rare in the others here.
const WORDS: [(Language, &[&str]); 9] = [
    (
        Language::En,
        &["the", "and", "is", "of", "to", "what", "how", "you", "this", "that", "with", "for", "my", "are"],
    ),
    (
        Language::De,
        &[
            "der", "die", "das", "und", "ist", "nicht", "ein", "eine", "ich", "wie", "mit", "für", "auf",
            "wird",
        ],
    ),
    (
        Language::Fr,
        &["le", "la", "les", "et", "est", "une", "des", "je", "pour", "que", "dans", "du", "vous", "quel"],
    ),
    (
        Language::Es,
        &["el", "los", "las", "y", "es", "una", "por", "para", "cómo", "qué", "del", "con", "mi", "está"],
    ),
    (
        Language::It,
        &["il", "gli", "è", "che", "di", "una", "per", "non", "come", "della", "sono", "con", "mi", "questo"],
    ),
    (
        Language::Pt,
        &["o", "os", "é", "não", "uma", "para", "como", "do", "da", "em", "você", "meu", "isso", "são"],
    ),
    (
        Language::Nl,
        &["de", "het", "een", "en", "niet", "ik", "van", "hoe", "voor", "wat", "dit", "zijn", "met", "mijn"],
    ),
    (
        Language::Pl,
        &["jest", "nie", "się", "na", "jak", "co", "czy", "dla", "to", "że", "i", "w", "z", "mój"],
    ),
    (
        Language::Tr,
        &[
            "ve", "bir", "bu", "için", "nasıl", "ne", "mi", "çok", "değil", "ile", "benim", "var", "olan",
            "gibi",
        ],
    ),
];

/// The language of `text`; `None` where it cannot be told.
pub fn tell(text: &str) -> Option<Language> {
    let end = (0..=LOOKED_AT.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let text = text.get(..end).unwrap_or_default();
    by_script(text).or_else(|| by_words(text))
}

/// By the letters, where more than a fifth of them is of one script that only one language here has.
fn by_script(text: &str) -> Option<Language> {
    let mut letters = 0_usize;
    let mut found: [(Language, usize); 10] = [
        (Language::Ja, 0),
        (Language::Zh, 0),
        (Language::Ko, 0),
        (Language::Uk, 0),
        (Language::Ru, 0),
        (Language::Ar, 0),
        (Language::He, 0),
        (Language::Hi, 0),
        (Language::El, 0),
        (Language::Th, 0),
    ];
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        letters += 1;
        let language = match c {
            '\u{3040}'..='\u{30ff}' => Language::Ja,
            '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' => Language::Zh,
            '\u{ac00}'..='\u{d7af}' | '\u{1100}'..='\u{11ff}' => Language::Ko,
            'і' | 'ї' | 'є' | 'ґ' | 'І' | 'Ї' | 'Є' | 'Ґ' => Language::Uk,
            '\u{400}'..='\u{4ff}' => Language::Ru,
            '\u{600}'..='\u{6ff}' => Language::Ar,
            '\u{590}'..='\u{5ff}' => Language::He,
            '\u{900}'..='\u{97f}' => Language::Hi,
            '\u{370}'..='\u{3ff}' => Language::El,
            '\u{e00}'..='\u{e7f}' => Language::Th,
            _ => continue,
        };
        found.iter_mut().filter(|(known, _)| *known == language).for_each(|(_, count)| *count += 1);
    }
    let many = |language: Language, share: usize| {
        found
            .iter()
            .any(|(known, count)| *known == language && letters <= count.saturating_mul(share) && 0 < *count)
    };
    // Japanese has Chinese signs too, Ukrainian most letters of Russian.
    if many(Language::Ja, 10) {
        return Some(Language::Ja);
    }
    if many(Language::Ru, 5) && many(Language::Uk, 40) {
        return Some(Language::Uk);
    }
    found.iter().map(|(language, _)| *language).find(|language| many(*language, 5))
}

/// By the commonest words, where there are two of one language at least and fewer of every other.
fn by_words(text: &str) -> Option<Language> {
    let mut found = WORDS.map(|(language, _)| (language, 0_usize));
    for word in text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
        let word = word.to_lowercase();
        for ((_, words), (_, count)) in WORDS.iter().zip(&mut found) {
            *count += usize::from(words.contains(&word.as_str()));
        }
    }
    found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    match found {
        [(language, most), (_, second), ..] if second < most && 2 <= most => Some(language),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_by_script_and_by_words() {
        for (text, language) in [
            ("What is the capital of France, and how do I get there?", Language::En),
            ("Wie ist das Wetter heute, und was ziehe ich an?", Language::De),
            ("Quel est le meilleur moyen pour aller dans le centre ?", Language::Fr),
            ("¿Cómo está el tiempo para mañana en los Alpes?", Language::Es),
            ("Qual è il modo migliore per non perdere il treno della sera?", Language::It),
            ("Você pode explicar como isso funciona em uma frase? Não entendi.", Language::Pt),
            ("Hoe kan ik het beste van Utrecht naar de kust reizen met een fiets?", Language::Nl),
            ("Jak się nazywa stolica Polski i co warto tam zobaczyć? Nie wiem.", Language::Pl),
            ("Bu cümle nasıl çevrilir ve ne için kullanılır, çok merak ettim", Language::Tr),
            ("今日は天気がいいですね", Language::Ja),
            ("今天天气怎么样", Language::Zh),
            ("오늘 날씨 어때요?", Language::Ko),
            ("Как дела?", Language::Ru),
            ("Де знаходиться найближчий їдальня, і коли вона відчинена?", Language::Uk),
            ("كيف حالك اليوم", Language::Ar),
            ("Τι ώρα είναι;", Language::El),
        ] {
            assert_eq!(tell(text), Some(language), "{text}");
        }
        for unclear in ["", "42", "ok", "SELECT 1;", "\u{1f642}"] {
            assert_eq!(tell(unclear), None, "{unclear}");
        }
        let long = "é".repeat(LOOKED_AT);
        assert_eq!(tell(&long), None);
    }
}
