//! The only place that joins slices: build, route, spawn, shut down.
