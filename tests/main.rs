//! Tests.
mod architecture;
