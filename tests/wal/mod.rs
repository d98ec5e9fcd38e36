//! The log: what is told, in which form, and through breaks.

mod feed;
mod values;
