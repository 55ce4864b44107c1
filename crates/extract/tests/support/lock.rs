//! The older encryption of PDFs (RC4, 128 bits, revision 3), with an empty password to open and another to print.

/// What stands for the owner's password and the file: anything will do.
pub const OWNER: [u8; 32] = [0x5A; 32];
/// The file's id.
pub const ID: [u8; 16] = [0x11; 16];
/// What the file may be used for: neither printing nor copying.
pub const PERMISSIONS: i32 = -44;

/// What passwords are filled up with.
const FILLER: [u8; 32] = [
    0x28, 0xBF, 0x4E, 0x5E, 0x4E, 0x75, 0x8A, 0x41, 0x64, 0x00, 0x4E, 0x56, 0xFF, 0xFA, 0x01, 0x08, 0x2E,
    0x2E, 0x00, 0xB6, 0xD0, 0x68, 0x3E, 0x80, 0x2F, 0x0C, 0xA9, 0xFE, 0x64, 0x53, 0x69, 0x7A,
];

/// The key of a file that opens with an empty password.
pub fn key() -> [u8; 16] {
    let mut key = md5(&[&FILLER[..], &OWNER, &PERMISSIONS.to_le_bytes(), &ID].concat());
    for _ in 0..50 {
        key = md5(&key);
    }
    key
}

/// What readers compare the password with.
pub fn user() -> [u8; 32] {
    let mut check = md5(&[&FILLER[..], &ID].concat()).to_vec();
    for round in 0..20_u8 {
        let key = key().map(|byte| byte ^ round);
        check = rc4(&key, &check);
    }
    let mut user = [0; 32];
    user[..16].copy_from_slice(&check);
    user
}

/// An object's bytes, encrypted.
pub fn locked(object: usize, bytes: &[u8]) -> Vec<u8> {
    let number = &object.to_le_bytes()[..3];
    rc4(&md5(&[&key()[..], number, &[0, 0]].concat()), bytes)
}

fn rc4(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut state: Vec<u8> = (0..=255).collect();
    let mut at = 0_usize;
    for step in 0..256 {
        at = (at + state[step] as usize + key[step % key.len()] as usize) % 256;
        state.swap(step, at);
    }
    let (mut one, mut other) = (0, 0_usize);
    bytes
        .iter()
        .map(|byte| {
            one = (one + 1) % 256;
            other = (other + state[one] as usize) % 256;
            state.swap(one, other);
            byte ^ state[(state[one] as usize + state[other] as usize) % 256]
        })
        .collect()
}

/// RFC 1321.
fn md5(bytes: &[u8]) -> [u8; 16] {
    const TURNS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let mut message = bytes.to_vec();
    message.push(0x80);
    while message.len() % 64 != 56 {
        message.push(0);
    }
    message.extend_from_slice(&(bytes.len() as u64 * 8).to_le_bytes());
    let mut state = [0x6745_2301_u32, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476];
    for block in message.as_chunks::<64>().0 {
        let words: Vec<u32> = block.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        let [mut a, mut b, mut c, mut d] = state;
        for step in 0..64_usize {
            let (mix, word) = match step / 16 {
                0 => ((b & c) | (!b & d), step),
                1 => ((d & b) | (!d & c), (5 * step + 1) % 16),
                2 => (b ^ c ^ d, (3 * step + 5) % 16),
                _ => (c ^ (b | !d), (7 * step) % 16),
            };
            let sine = (((step + 1) as f64).sin().abs() * 4_294_967_296.0) as u32;
            let sum = a.wrapping_add(mix).wrapping_add(sine).wrapping_add(words[word]);
            (a, d, c) = (d, c, b);
            b = b.wrapping_add(sum.rotate_left(TURNS[step / 16][step % 4]));
        }
        for (own, new) in state.iter_mut().zip([a, b, c, d]) {
            *own = own.wrapping_add(new);
        }
    }
    let mut digest = [0; 16];
    for (at, word) in state.iter().enumerate() {
        digest[at * 4..at * 4 + 4].copy_from_slice(&word.to_le_bytes());
    }
    digest
}
