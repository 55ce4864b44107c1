//! `Log`: standard error, which Spin keeps in its log folder or shows.

use std::io::Write;

use sluice_core::port::Log;

use crate::Spin;

impl Log for Spin {
    fn log(&self, line: &str) {
        // A log that cannot be written must not end the request.
        _ = writeln!(std::io::stderr(), "{line}");
    }
}
