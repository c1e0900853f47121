//! The models against documented JSON and against junk.

mod examples;
mod junk;
