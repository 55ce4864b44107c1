//! The answer out of the object that wraps it, piece by piece.

use super::WRAPPER;

/// Takes JSON text cut anywhere, and gives the value of the wrapper's one member as it was written.
///
/// Nothing is kept but where in the text it is. Text that is no object is given as it is; members beside the wrapper's
/// are passed over.
///
/// ```text
/// Start ──{──► Between ──"──► Key ──"──► Colon ──:──► Value ──,──► Between
///   └─other─► Bare                                      └──}──► Done
/// ```
#[derive(Debug, Default)]
pub(super) struct Strip {
    state: State,
    /// How many bytes of the key are the wrapper's; `None` once one is not.
    key: Option<usize>,
    /// Whether the value is the wrapper's.
    wanted: bool,
    /// Objects and lists open within the value.
    depth: usize,
    in_string: bool,
    escaped: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    Bare,
    Between,
    Key,
    Colon,
    Value,
    Done,
}

impl Strip {
    /// Tells `emit` what of the answer `piece` holds.
    pub(super) fn push(&mut self, piece: &str, emit: &mut dyn FnMut(&str)) {
        let mut from = None;
        for (at, byte) in piece.bytes().enumerate() {
            // Every byte that changes anything is ASCII, so the text is never cut within a character.
            if self.byte(byte) {
                from.get_or_insert(at);
            } else if let Some(from) = from.take() {
                emit(piece.get(from..at).unwrap_or_default());
            }
        }
        if let Some(from) = from {
            emit(piece.get(from..).unwrap_or_default());
        }
    }

    /// Takes one more byte; whether it is the answer's.
    fn byte(&mut self, byte: u8) -> bool {
        match self.state {
            State::Bare => return true,
            State::Start if byte.is_ascii_whitespace() => {}
            State::Start if byte == b'{' => self.state = State::Between,
            State::Start => {
                self.state = State::Bare;
                return true;
            }
            State::Between if byte == b'"' => (self.state, self.key) = (State::Key, Some(0)),
            State::Between if byte == b'}' => self.state = State::Done,
            State::Key => self.key(byte),
            State::Colon if byte == b':' => {
                (self.state, self.wanted) = (State::Value, self.key == Some(WRAPPER.len()));
            }
            State::Value => return self.value(byte) && self.wanted,
            State::Between | State::Colon | State::Done => {}
        }
        false
    }

    fn key(&mut self, byte: u8) {
        if self.escaped {
            self.escaped = false;
        } else if byte == b'"' {
            self.state = State::Colon;
        } else {
            self.escaped = byte == b'\\';
            self.key = self.key.filter(|at| WRAPPER.as_bytes().get(*at) == Some(&byte)).map(|at| at + 1);
        }
    }

    /// Whether the byte is the value's; spaces around it are not.
    fn value(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return true;
        }
        match (byte, self.depth) {
            (b',', 0) => self.over(State::Between),
            (b'}', 0) => self.over(State::Done),
            (b' ' | b'\t' | b'\n' | b'\r', 0) => return false,
            (b'}' | b']', depth) => self.depth = depth.saturating_sub(1),
            (b'{' | b'[', depth) => self.depth = depth.saturating_add(1),
            (b'"', _) => self.in_string = true,
            _ => {}
        }
        self.state == State::Value
    }

    fn over(&mut self, next: State) {
        // What follows the answer is nothing to the caller.
        self.state = if self.wanted { State::Done } else { next };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped<'p>(pieces: impl IntoIterator<Item = &'p str>) -> String {
        let (mut strip, mut out) = (Strip::default(), String::new());
        for piece in pieces {
            strip.push(piece, &mut |text| out.push_str(text));
        }
        out
    }

    #[test]
    fn the_answer_comes_out_as_it_was_written_however_cut() {
        for (json, answer) in [
            (r#"{"answer":[1, {"a":"]}"}, 2.50]}"#, r#"[1, {"a":"]}"}, 2.50]"#),
            ("{ \"answer\" : \"a\\\"}, ä🦀 \\\\\" }", "\"a\\\"}, ä🦀 \\\\\""),
            (r#"{"answer":12 , "more":1}"#, "12"),
            (r#"{"think\"ing":{"answer":1},"answers":2,"answer":{"answer":3}}"#, r#"{"answer":3}"#),
            ("[1,2]", "[1,2]"),
            ("{}", ""),
            (r#"{"answer":[1,{"#, "[1,{"),
        ] {
            assert_eq!(stripped([json]), answer, "{json}");
            let mut buffer = [0; 4];
            let mut each = String::new();
            let mut strip = Strip::default();
            for c in json.chars() {
                strip.push(c.encode_utf8(&mut buffer), &mut |text| each.push_str(text));
            }
            assert_eq!(each, answer, "{json}");
        }
    }
}
