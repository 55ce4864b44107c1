//! Files as the gateway takes them: one part of a form each, read as it is sent.

use std::{
    fs::{self, File},
    io::{Cursor, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::remote::Body;

/// The files that are named, and those in the folders that are named, by name. Hidden ones are left out there.
pub fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in named {
        let about = fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
        if about.is_dir() { folder(path, &mut files)? } else { files.push(path.clone()) }
    }
    Ok(files)
}

fn folder(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let read = || format!("{} cannot be read", path.display());
    let mut entries =
        fs::read_dir(path).with_context(read)?.collect::<Result<Vec<_>, _>>().with_context(read)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        // A link is not followed: it may lead in a circle.
        let kind = entry.file_type().with_context(read)?;
        if kind.is_dir() {
            folder(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// A file's own name.
pub fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// A form with a file in it; `sent` is told how many more bytes of it have gone.
pub fn body(path: &Path, sent: impl Fn(u64) + 'static) -> Result<Body> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let size = file.metadata().with_context(|| format!("{} cannot be read", path.display()))?.len();
    let boundary = boundary()?;
    let head = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n--{boundary}\r\n\
         content-disposition: form-data; name=\"file\"; filename=\"{}\"\r\ncontent-type: application/octet-stream\r\n\r\n",
        quoted(&name(path))
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let length = head.len() as u64 + size + tail.len() as u64;
    // A file that grows meanwhile is cut where it ended.
    let content = Cursor::new(head).chain(Told { file: file.take(size), sent }).chain(Cursor::new(tail));
    Ok(Body {
        media_type: format!("multipart/form-data; boundary={boundary}"),
        length,
        content: Box::new(content),
    })
}

/// What parts are parted by: long enough to be in no file.
fn boundary() -> Result<String> {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        bail!("this machine has no random numbers");
    }
    Ok(bytes.iter().fold("sluice-".to_owned(), |text, byte| text + &format!("{byte:02x}")))
}

/// A name within quotes, as browsers write it.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// A file that tells how far it has been read.
struct Told<F> {
    file: std::io::Take<File>,
    sent: F,
}

impl<F: Fn(u64)> Read for Told<F> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(into)?;
        (self.sent)(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_as_long_as_it_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let mut body = body(&path, |_| {}).unwrap();
        let mut content = String::new();
        body.content.read_to_string(&mut content).unwrap();
        assert_eq!(content.len() as u64, body.length);
        let boundary = body.media_type.split_once("boundary=").unwrap().1;
        assert_eq!(content.matches(boundary).count(), 3);
        assert!(content.contains("filename=\"Cargo.toml\"\r\n") && content.contains("sluice-cli"));
        assert_eq!(quoted("a\"b\n.txt"), "a%22b%0A.txt");
    }
}
