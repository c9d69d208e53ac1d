//! Greetings and responses as servers and drivers send them.
