//! Why a statement gets its verdict (being filled below).
