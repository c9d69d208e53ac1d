//! Merkle trees as RFC 6962 §2.1 hashes them: root, inclusion and consistency proofs, and their checks (RFC 9162 §2.1.3.2,
//! §2.1.4.2).

use sha2::{Digest, Sha256};

/// A SHA-256.
pub type Hash = [u8; 32];

/// The hash of a leaf: SHA-256 over 0x00 and the record.
pub fn leaf(record: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(record).finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The right edge of a growing tree: the roots of its complete subtrees, biggest first. All that appending needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

impl Frontier {
    /// An edge as it was saved; `None` if the number of roots does not fit the size.
    pub fn from_parts(size: u64, roots: Vec<Hash>) -> Option<Self> {
        (usize::try_from(size.count_ones()).ok()? == roots.len()).then_some(Self { size, roots })
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the complete subtrees, biggest first.
    pub fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// Appends a leaf's hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        let mut rest = self.size;
        while rest & 1 == 1 {
            let Some(left) = self.roots.pop() else { break };
            hash = node(&left, &hash);
            rest >>= 1;
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// The root over all leaves; SHA-256 of nothing for an empty tree.
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        let Some(last) = roots.next() else { return Sha256::digest([]).into() };
        roots.fold(*last, |right, left| node(left, &right))
    }
}

/// The root over these leaf hashes.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

/// The largest power of two below `count`.
fn split(count: usize) -> usize {
    count.checked_sub(1).and_then(usize::checked_ilog2).map_or(0, |bits| 1 << bits)
}

/// The proof that leaf `index` is in the tree over `leaves`, lowest sibling first. `None` if there is no such leaf.
pub fn inclusion(index: usize, leaves: &[Hash]) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    if leaves.len() == 1 {
        return Some(Vec::new());
    }
    let (left, right) = leaves.split_at_checked(split(leaves.len()))?;
    let (mut proof, sibling) = match index.checked_sub(left.len()) {
        None => (inclusion(index, left)?, root(right)),
        Some(index) => (inclusion(index, right)?, root(left)),
    };
    proof.push(sibling);
    Some(proof)
}

/// Does `proof` lead from the leaf at `index` to `root` of a tree of `size` leaves?
pub fn includes(index: u64, size: u64, leaf: Hash, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// The proof that the tree over the first `old` leaves is a beginning of the tree over `leaves`. `None` unless
/// `0 < old <= leaves.len()`.
pub fn consistency(old: usize, leaves: &[Hash]) -> Option<Vec<Hash>> {
    (old > 0).then_some(())?;
    subproof(old, leaves, true)
}

fn subproof(old: usize, leaves: &[Hash], complete: bool) -> Option<Vec<Hash>> {
    if old == leaves.len() {
        return Some(if complete { Vec::new() } else { vec![root(leaves)] });
    }
    if old > leaves.len() {
        return None;
    }
    let (left, right) = leaves.split_at_checked(split(leaves.len()))?;
    let (mut proof, sibling) = match old.checked_sub(left.len()).filter(|rest| *rest > 0) {
        None => (subproof(old, left, complete)?, root(right)),
        Some(rest) => (subproof(rest, right, false)?, root(left)),
    };
    proof.push(sibling);
    Some(proof)
}

/// Is the tree of `old.0` leaves with root `old.1` a beginning of the tree `new`?
pub fn extends(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    if old.0 == 0 || old.0 > new.0 {
        return false;
    }
    if old.0 == new.0 {
        return proof.is_empty() && old.1 == new.1;
    }
    let mut path = proof.iter();
    let first = if old.0.is_power_of_two() { Some(old.1) } else { path.next() };
    let Some(first) = first else { return false };
    let (mut at, mut last) = (old.0 - 1, new.0 - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut before, mut after) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            before = node(sibling, &before);
            after = node(sibling, &after);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            after = node(&after, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && before == *old.1 && after == *new.1
}

#[cfg(test)]
mod tests;
