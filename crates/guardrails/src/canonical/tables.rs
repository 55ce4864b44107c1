//! Characters that stand for a Latin letter.

/// The Latin letter a letter of another script looks like.
pub fn look_alike(char: char) -> Option<char> {
    Some(match char {
        'а' | 'α' | 'ӓ' => 'a',
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'Ь' | 'ь' => 'b',
        'с' | 'ϲ' | 'ⅽ' => 'c',
        'С' | 'Ϲ' => 'C',
        'ԁ' | 'ժ' => 'd',
        'е' | 'є' | 'ε' | 'ё' | 'ҽ' => 'e',
        'Е' | 'Ε' => 'E',
        'ɡ' | 'ց' => 'g',
        'һ' | 'հ' => 'h',
        'Н' | 'Η' => 'H',
        'і' | 'ι' | 'ı' | 'ї' | 'ɩ' => 'i',
        'І' | 'Ι' => 'I',
        'ј' | 'ϳ' => 'j',
        'Ј' => 'J',
        'к' | 'κ' => 'k',
        'К' | 'Κ' => 'K',
        'ӏ' | 'ⅼ' | 'ا' => 'l',
        'м' => 'm',
        'М' | 'Μ' => 'M',
        'ո' | 'п' | 'η' => 'n',
        'Ν' => 'N',
        'о' | 'ο' | 'օ' | 'σ' | 'ơ' => 'o',
        'О' | 'Ο' => 'O',
        'р' | 'ρ' => 'p',
        'Р' | 'Ρ' => 'P',
        'ԛ' => 'q',
        'г' => 'r',
        'ѕ' | 'ʂ' => 's',
        'Ѕ' => 'S',
        'т' | 'τ' => 't',
        'Т' | 'Τ' => 'T',
        'υ' | 'ս' | 'ц' | 'μ' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' | 'ѡ' | 'ш' => 'w',
        'х' | 'χ' => 'x',
        'Х' | 'Χ' => 'X',
        'у' | 'γ' | 'ү' => 'y',
        'У' | 'Υ' | 'Ү' => 'Y',
        'ᴢ' | 'ʐ' => 'z',
        'Ζ' => 'Z',
        _ => return None,
    })
}

/// Small capitals, letters in boxes and Braille, which compatibility forms leave as they are.
pub fn plain_letter(char: char) -> Option<char> {
    Some(match char {
        'ᴀ' => 'a',
        'ʙ' => 'b',
        'ᴄ' => 'c',
        'ᴅ' => 'd',
        'ᴇ' => 'e',
        'ꜰ' => 'f',
        'ɢ' => 'g',
        'ʜ' => 'h',
        'ɪ' => 'i',
        'ᴊ' => 'j',
        'ᴋ' => 'k',
        'ʟ' => 'l',
        'ᴍ' => 'm',
        'ɴ' => 'n',
        'ᴏ' => 'o',
        'ᴘ' => 'p',
        'ꞯ' => 'q',
        'ʀ' => 'r',
        'ꜱ' => 's',
        'ᴛ' => 't',
        'ᴜ' => 'u',
        'ᴠ' => 'v',
        'ᴡ' => 'w',
        'ʏ' => 'y',
        'ᴢ' => 'z',
        '🅐'..='🅩' => letter(char, '🅐'),
        '🅰'..='🆉' => letter(char, '🅰'),
        '🇦'..='🇿' => letter(char, '🇦'),
        '⠁'..='⠿' => braille(char)?,
        _ => return None,
    })
}

fn letter(char: char, first: char) -> char {
    u8::try_from(u32::from(char) - u32::from(first)).map_or(char, |nth| char::from(b'a' + nth.min(25)))
}

/// Braille cells of the letters a to z, in order.
const BRAILLE: [u8; 26] = [
    0x01, 0x03, 0x09, 0x19, 0x11, 0x0B, 0x1B, 0x13, 0x0A, 0x1A, 0x05, 0x07, 0x0D, 0x1D, 0x15, 0x0F, 0x1F,
    0x17, 0x0E, 0x1E, 0x25, 0x27, 0x3A, 0x2D, 0x3D, 0x35,
];

fn braille(char: char) -> Option<char> {
    let dots = u8::try_from(u32::from(char) - 0x2800).ok()?;
    let nth = BRAILLE.iter().position(|cell| *cell == dots)?;
    Some(char::from(b'a' + u8::try_from(nth).ok()?))
}
