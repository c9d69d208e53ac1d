//! Logins of every kind, server and client machine against each other, and peers that cheat.
