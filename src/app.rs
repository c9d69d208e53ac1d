//! The composition root: builds store, rules, gate, listeners and API out of a configuration, and takes them down again.
