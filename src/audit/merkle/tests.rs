//! Roots and proofs against Certificate Transparency's known values.

use super::*;

/// The leaves that Certificate Transparency implementations test with.
fn known() -> Vec<Hash> {
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
        .iter()
        .map(|text| leaf(&hex::decode(text).unwrap()))
        .collect()
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|index| leaf(index.to_string().as_bytes())).collect()
}

#[test]
fn roots_match_the_known_ones() {
    let expected = [
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ];
    for (size, text) in expected {
        assert_eq!(hex::encode(root(&known()[..size])), text, "{size} leaves");
    }
}

#[test]
fn every_inclusion_proof_holds_and_none_for_another_leaf() {
    for size in 1..33 {
        let leaves = leaves(size);
        let root = root(&leaves);
        for index in 0..size {
            let proof = inclusion(index, &leaves).unwrap();
            let check = |at: usize, proof: &[Hash]| includes(at as u64, size as u64, leaves[index], proof, &root);
            assert!(check(index, &proof), "{index} of {size}");
            assert!((0..size).filter(|other| *other != index).all(|other| !check(other, &proof)), "{index} of {size}");
            assert!(proof.is_empty() || !check(index, &proof[1..]));
        }
    }
}

#[test]
fn every_consistency_proof_holds_and_not_for_a_changed_past() {
    let leaves = leaves(33);
    for new in 1..34 {
        for old in 1..=new {
            let proof = consistency(old, &leaves[..new]).unwrap();
            let (before, after) = (root(&leaves[..old]), root(&leaves[..new]));
            assert!(extends((old as u64, &before), (new as u64, &after), &proof), "{old} to {new}");
            let mut forged = leaves[..old].to_vec();
            forged[old - 1] = leaf(b"forged");
            assert!(!extends((old as u64, &root(&forged)), (new as u64, &after), &proof), "{old} to {new} forged");
        }
    }
}

#[test]
fn frontier_is_restored_only_with_the_right_number_of_roots() {
    let mut frontier = Frontier::default();
    leaves(11).into_iter().for_each(|leaf| frontier.push(leaf));
    let restored = Frontier::from_parts(11, frontier.roots().to_vec());
    assert_eq!(restored.as_ref(), Some(&frontier));
    assert_eq!(Frontier::from_parts(12, frontier.roots().to_vec()), None);
}
