//! The client: tokens, what is sent, what is repeated and what is not, and what a refusal says.

mod actions;
mod clouds;
mod compare;
mod create;
mod every;
mod examples;
mod forbidden;
mod pages;
mod refusals;
mod repeats;
mod rules;
mod tokens;
mod wire;
