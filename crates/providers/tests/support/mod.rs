//! What the walk through `tests/cases` needs: folders of cases, readable JSON, streams run from bytes to bytes.

pub mod frames;
pub mod stream;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    fs,
    path::PathBuf,
};

/// A folder of cases, each a file beside what is expected of it. Mismatches are told together, when it is closed.
pub struct Folder {
    path: PathBuf,
    extension: &'static str,
    expected: RefCell<BTreeSet<String>>,
    wrong: RefCell<Vec<String>>,
    blessed: Cell<usize>,
}

impl Folder {
    /// The folder `path` under `tests/cases`, whose cases are called `NAME.extension`.
    pub fn open(path: &str, extension: &'static str) -> Self {
        let path = crate::cases().join(path);
        Self {
            path,
            extension,
            expected: RefCell::default(),
            wrong: RefCell::default(),
            blessed: Cell::new(0),
        }
    }

    fn files(&self) -> Vec<String> {
        let entries =
            fs::read_dir(&self.path).unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        let mut files: Vec<_> = entries
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        files.sort();
        files
    }

    /// The name and the bytes of every case.
    pub fn cases(&self) -> Vec<(String, Vec<u8>)> {
        let is_case = |file: &String| file.split('.').skip(1).eq([self.extension]);
        let cases: Vec<_> = self
            .files()
            .into_iter()
            .filter(is_case)
            .map(|file| {
                (file.split('.').next().unwrap().to_owned(), fs::read(self.path.join(&file)).unwrap())
            })
            .collect();
        assert!(!cases.is_empty(), "no cases in {}", self.path.display());
        cases
    }

    /// Expects the file `NAME.of.extension` to hold `actual`; with `BLESS=1` makes it so.
    pub fn expect(&self, name: &str, of: &str, extension: &str, actual: &[u8]) {
        let file = format!("{name}.{of}.{extension}");
        let path = self.path.join(&file);
        let expected = fs::read(&path).unwrap_or_default();
        self.expected.borrow_mut().insert(file);
        if expected == actual {
            return;
        }
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, actual).unwrap();
            self.blessed.set(self.blessed.get() + 1);
            return;
        }
        let (expected, actual) = (String::from_utf8_lossy(&expected), String::from_utf8_lossy(actual));
        let line = expected.lines().zip(actual.lines()).position(|(is, was)| is != was);
        let line = line.unwrap_or_else(|| expected.lines().count().min(actual.lines().count()));
        let at = |text: &str| text.lines().nth(line).unwrap_or("(end)").to_owned();
        self.wrong.borrow_mut().push(format!(
            "{}:{}\n  expected {}\n  but got  {}",
            path.display(),
            line + 1,
            at(&expected),
            at(&actual)
        ));
    }

    /// Tells what was not as expected, and files that belong to no case.
    pub fn close(self) {
        let expected = self.expected.borrow();
        let is_stray =
            |file: &String| !expected.contains(file) && !file.split('.').skip(1).eq([self.extension]);
        let stray: Vec<_> = self.files().into_iter().filter(is_stray).collect();
        assert!(stray.is_empty(), "files without a case in {}: {stray:?}", self.path.display());
        let wrong = self.wrong.borrow();
        assert!(wrong.is_empty(), "{}\n(BLESS=1 rewrites them)", wrong.join("\n"));
        if self.blessed.get() != 0 {
            eprintln!("blessed {} files in {}", self.blessed.get(), self.path.display());
        }
    }
}

/// `json` with a line for each member and item, in the order they come, every value as it was written.
pub fn pretty(json: &str) -> String {
    serde_json::from_str::<serde::de::IgnoredAny>(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    let mut out = String::new();
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let mut chars = json.chars().filter(|c| !matches!(c, '\n' | '\r' | '\t')).peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(c) = chars.next() {
        if in_text {
            out.push(c);
            in_text = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            ' ' => {}
            '"' => {
                in_text = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                while chars.next_if_eq(&' ').is_some() {}
                if chars.peek().is_some_and(|next| matches!(next, '}' | ']')) {
                    out.extend(chars.next());
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c => out.push(c),
        }
    }
    out.push('\n');
    out
}
