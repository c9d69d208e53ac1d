//! Where things are kept. The traits belong to their users (`gate::desk`, `audit::store`, `identity::store`); here are
//! RocksDB for one machine and a memory that can fail on demand for tests.

#[cfg(test)]
mod contract;
pub mod memory;
pub mod rocks;
