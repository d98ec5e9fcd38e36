//! S3's dialect.
mod checksum;
mod chunked;
mod error;
mod page;
mod policy;
mod signature;
mod signing;
mod xml;
