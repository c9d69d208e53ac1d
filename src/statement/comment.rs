//! Sqlcommenter.
