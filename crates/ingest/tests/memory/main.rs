//! Documents' way in on the host in memory. One program, so that it is compiled for that host once.

mod crash;
mod isolation;
mod pipeline;
mod support;
