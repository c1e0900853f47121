//! The client: tokens, what is repeated and what is not, and what a refusal says.

mod create;
mod refusals;
mod tokens;
mod wire;
