//! Result columns -> `Plan` -> `MaskedCell`. Pure; one file per kind of mask.

pub mod column;
