//! What to ask a server to learn its catalog, and how to read the answers.
