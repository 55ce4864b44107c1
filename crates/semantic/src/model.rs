//! `builtin/static`: one vector a WordPiece, distilled from all-MiniLM-L6-v2, four bits a number.
//!
//! The file's layout is told in `tools/semantic/model_file.py`, which writes it. Parsing borrows and checks shapes
//! only (microseconds); [`Model::intact`] reads the checksum of the whole file and is for tests and tools.

use std::{error, fmt, str};

use crate::normal;

/// The weights that this build carries, if it carries any (feature `embedded-model`).
#[cfg(feature = "embedded-model")]
pub const EMBEDDED: Option<&[u8]> = Some(include_bytes!("../model/static-v1.bin"));
/// The weights that this build carries, if it carries any (feature `embedded-model`).
#[cfg(not(feature = "embedded-model"))]
pub const EMBEDDED: Option<&[u8]> = None;

/// Numbers a vector has at most.
pub const DIMS: usize = 256;
/// Longest word that is cut into pieces, in characters; a longer one is unknown, as in the reference.
const MAX_WORD: usize = 100;
const HEADER: usize = 64;
const EMPTY: u16 = u16::MAX;
/// Longest piece that a group may hold, in bytes, plus one.
const LENGTHS: usize = 32;

/// A piece of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Piece {
    /// One of the model's pieces.
    Known(u16),
    /// A word that the model's pieces cannot spell.
    Unknown,
}

/// How a text was cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pieces, the unknown ones included.
    pub pieces: u32,
    /// Pieces the model does not know.
    pub unknown: u32,
}

impl Counts {
    /// Share of unknown pieces, `0.0..=1.0`; 0 for an empty text.
    #[must_use]
    pub fn unknown_share(self) -> f32 {
        if self.pieces == 0 { 0.0 } else { self.unknown as f32 / self.pieces as f32 }
    }
}

/// Why the bytes are not a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelError {
    /// The file does not begin as a model's does.
    NotAModel,
    /// A version or a shape that this build does not read.
    Unsupported,
    /// The file ends early, or holds more than its header says.
    Length,
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAModel => {
                "not a model file of Sluice: give the file that tools/semantic/distil.py writes"
            }
            Self::Unsupported => {
                "a model file of another version or shape: make it anew with tools/semantic/distil.py"
            }
            Self::Length => "the model file is cut short or has trailing bytes: copy it again",
        })
    }
}

impl error::Error for ModelError {}

/// Where the pieces of one length lie.
#[derive(Clone, Copy, Default)]
struct Group {
    first_piece: u32,
    first_byte: u32,
    pieces: u32,
}

/// The model, over borrowed bytes.
pub struct Model<'a> {
    dims: usize,
    rows: &'a [u8],
    scales: &'a [u8],
    slots: &'a [u8],
    strings: &'a [u8],
    /// By length in bytes; word starts first, continuations second.
    groups: [[Group; LENGTHS]; 2],
    longest: usize,
    checksum: u32,
    body: &'a [u8],
}

impl fmt::Debug for Model<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Model({} pieces, {} dims, {:08x})", self.pieces(), self.dims, self.checksum)
    }
}

impl<'a> Model<'a> {
    /// Reads a model's file without copying it.
    ///
    /// # Errors
    ///
    /// [`ModelError`] where the bytes are not a model, of another version, or cut.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ModelError> {
        if !bytes.starts_with(b"SLUICSEM") {
            return Err(ModelError::NotAModel);
        }
        let (head, body) = bytes.split_at_checked(HEADER).ok_or(ModelError::Length)?;
        let number = |at: usize| u32_at(head, at).ok_or(ModelError::Length);
        let (version, pieces, dims, slots) =
            (number(8)?, number(12)? as usize, number(16)? as usize, number(20)? as usize);
        let (groups, strings, checksum) = (number(24)? as usize, number(28)? as usize, number(32)?);
        let fits = version == 1
            && 0 < dims
            && dims <= DIMS
            && dims % 32 == 0
            && pieces < usize::from(EMPTY)
            && pieces < slots;
        if !fits || !slots.is_power_of_two() || 1 << 20 < slots || LENGTHS * 2 < groups {
            return Err(ModelError::Unsupported);
        }
        let mut rest = body;
        let mut take = |count: usize| -> Result<&'a [u8], ModelError> {
            let (taken, left) = rest.split_at_checked(count).ok_or(ModelError::Length)?;
            rest = left;
            Ok(taken)
        };
        let rows = take(pieces * dims / 2)?;
        let scales = take(pieces * 4)?;
        let slot_bytes = take(slots * 2)?;
        let group_bytes = take(groups * 4)?;
        let string_bytes = take(strings)?;
        if !rest.is_empty() {
            return Err(ModelError::Length);
        }
        let mut table = [[Group::default(); LENGTHS]; 2];
        let (mut piece, mut byte, mut longest) = (0_u32, 0_u32, 0);
        for group in group_bytes.chunks_exact(4) {
            let &[continuation, length, low, high] = group else { return Err(ModelError::Length) };
            let count = u32::from(u16::from_le_bytes([low, high]));
            let entry = table.get_mut(usize::from(continuation)).and_then(|t| t.get_mut(usize::from(length)));
            *entry.ok_or(ModelError::Unsupported)? =
                Group { first_piece: piece, first_byte: byte, pieces: count };
            piece += count;
            byte += count * u32::from(length);
            longest = usize::from(length).max(longest);
        }
        if piece as usize != pieces || byte as usize != strings {
            return Err(ModelError::Length);
        }
        Ok(Self {
            dims,
            rows,
            scales,
            slots: slot_bytes,
            strings: string_bytes,
            groups: table,
            longest,
            checksum,
            body,
        })
    }

    /// Whether the file's bytes are those it was written with. Reads all of it (about a millisecond).
    #[must_use]
    pub fn intact(&self) -> bool {
        crc32fast::hash(self.body) == self.checksum
    }

    /// The name that stored vectors carry, so that vectors of another model are never compared: `static-` and the
    /// file's checksum.
    #[must_use]
    pub fn version(&self) -> String {
        format!("static-{:08x}", self.checksum)
    }

    /// How many pieces it knows.
    #[must_use]
    pub fn pieces(&self) -> usize {
        self.scales.len() / 4
    }

    /// How long its vectors are.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Calls `piece` with each piece of `text` and says how many there were.
    pub fn tokenize(&self, text: &str, mut piece: impl FnMut(Piece)) -> Counts {
        let mut counts = Counts::default();
        let mut found = Vec::with_capacity(8);
        normal::for_each_word(text, |word| {
            found.clear();
            self.word_pieces(word, &mut found);
            for &one in &found {
                counts.pieces += 1;
                counts.unknown += u32::from(one == Piece::Unknown);
                piece(one);
            }
        });
        counts
    }

    /// The pieces of one normalised word: the longest match first; the whole word is unknown if any part is.
    pub(crate) fn word_pieces(&self, word: &str, out: &mut Vec<Piece>) {
        let before = out.len();
        let bytes = word.as_bytes();
        let mut at = 0;
        if 4 * MAX_WORD < bytes.len() || MAX_WORD < word.chars().count() {
            at = bytes.len();
            out.push(Piece::Unknown);
        }
        while at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            let longest = rest.len().min(self.longest);
            let found = (1..=longest).rev().find_map(|length| {
                let part = rest.get(..length)?;
                self.find(part, at != 0).map(|piece| (piece, length))
            });
            let Some((piece, length)) = found else {
                out.truncate(before);
                out.push(Piece::Unknown);
                return;
            };
            out.push(Piece::Known(piece));
            at += length;
        }
    }

    fn find(&self, part: &[u8], continuation: bool) -> Option<u16> {
        let group = self.groups.get(usize::from(continuation))?.get(part.len())?;
        if group.pieces == 0 {
            return None;
        }
        let slots = self.slots.len() / 2;
        let mut slot = hash(part, continuation) as usize & (slots - 1);
        for _ in 0..slots {
            let piece = u16_at(self.slots, slot * 2)?;
            if piece == EMPTY {
                return None;
            }
            let within = u32::from(piece).wrapping_sub(group.first_piece);
            if within < group.pieces {
                let start = group.first_byte as usize + within as usize * part.len();
                if self.strings.get(start..start + part.len()) == Some(part) {
                    return Some(piece);
                }
            }
            slot = (slot + 1) & (slots - 1);
        }
        None
    }

    /// Adds a piece's vector to `sum`, whose length may be less than the model's.
    pub(crate) fn add(&self, piece: Piece, sum: &mut Sum) {
        let Piece::Known(index) = piece else { return };
        let at = usize::from(index);
        let half = self.dims / 2;
        let (Some(row), Some(scale)) =
            (self.rows.get(at * half..(at + 1) * half), f32_at(self.scales, at * 4))
        else {
            return;
        };
        let (low, high) = sum.values.split_at_mut(half);
        for ((low, high), &byte) in low.iter_mut().zip(high.iter_mut()).zip(row) {
            *low += scale * f32::from(byte & 15);
            *high += scale * f32::from(byte >> 4);
        }
        sum.offset += scale * 8.0;
    }

    /// A sum for [`Self::add`].
    pub(crate) fn sum(&self) -> Sum {
        Sum { values: [0.0; DIMS], offset: 0.0 }
    }

    /// The text's vector, of length one, and how the text was cut. All zeros where no piece is known.
    #[must_use]
    pub fn embed(&self, text: &str) -> (Vec<f32>, Counts) {
        let mut sum = self.sum();
        let counts = self.tokenize(text, |piece| self.add(piece, &mut sum));
        (sum.unit(self.dims), counts)
    }

    /// [`Self::embed`] cut to the first `dims` numbers (the leading ones carry most), of length one again. More than
    /// the model has is as many as it has.
    #[must_use]
    pub fn embed_short(&self, text: &str, dims: usize) -> (Vec<f32>, Counts) {
        let mut sum = self.sum();
        let counts = self.tokenize(text, |piece| self.add(piece, &mut sum));
        (sum.unit(dims.min(self.dims)), counts)
    }

    /// A piece as text, continuations with their `##`.
    #[must_use]
    pub fn piece(&self, index: u16) -> Option<String> {
        for (continuation, lengths) in self.groups.iter().enumerate() {
            for (length, group) in lengths.iter().enumerate() {
                let within = u32::from(index).wrapping_sub(group.first_piece);
                if within < group.pieces {
                    let start = group.first_byte as usize + within as usize * length;
                    let text = str::from_utf8(self.strings.get(start..start + length)?).ok()?;
                    return Some(if continuation == 1 { format!("##{text}") } else { text.to_owned() });
                }
            }
        }
        None
    }
}

/// A running sum of pieces' vectors.
#[derive(Clone)]
pub(crate) struct Sum {
    values: [f32; DIMS],
    /// What the codes' zero point added to every number.
    offset: f32,
}

impl Sum {
    /// The sum as a vector of `dims` numbers and of length one; zeros stay zeros.
    pub(crate) fn unit(&self, dims: usize) -> Vec<f32> {
        let (mut values, length) = self.with_length(dims);
        if 0.0 < length {
            values.iter_mut().for_each(|v| *v /= length);
        }
        values
    }

    /// The sum and its length.
    pub(crate) fn with_length(&self, dims: usize) -> (Vec<f32>, f32) {
        let values: Vec<f32> = self.values.iter().take(dims).map(|v| v - self.offset).collect();
        let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
        (values, length)
    }
}

/// FNV-1a of a piece's bytes, begun apart for continuations, folded.
fn hash(bytes: &[u8], continuation: bool) -> u32 {
    let start = 0x811C_9DC5 ^ if continuation { 0x9E37_79B9 } else { 0 };
    let value =
        bytes.iter().fold(start, |hash: u32, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    value ^ (value >> 15)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

pub(crate) fn f32_at(bytes: &[u8], at: usize) -> Option<f32> {
    bytes.get(at..)?.first_chunk().map(|b| f32::from_le_bytes(*b))
}
