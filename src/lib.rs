//! Walkie.
pub mod config;
pub mod observe;

pub mod identity;

pub mod embedded;
pub mod http;
pub mod pg;

pub mod wal;

pub mod auth;
pub mod realtime;
pub mod rest;

pub mod server;
