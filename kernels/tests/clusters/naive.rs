//! A naive clustering by the definition, on fingerprints of families.

use proptest::prelude::*;

use crate::{from_lists, rows, run, table};

/// The definition of `butina`, which compares all pairs of rows.
fn naive(bits: &[Vec<u8>], distance: f64) -> Vec<Vec<usize>> {
    let near = |a: &[u8], b: &[u8]| {
        let pairs = || a.iter().zip(b);
        let common: u32 = pairs().map(|(x, y)| (x & y).count_ones()).sum();
        let either: u32 = pairs().map(|(x, y)| (x | y).count_ones()).sum();
        1.0 - f64::from(common) / f64::from(either.max(1)) <= distance
    };
    let neighbors: Vec<Vec<usize>> = (0..bits.len())
        .map(|a| {
            (0..bits.len())
                .filter(|&b| a != b && near(&bits[a], &bits[b]))
                .collect()
        })
        .collect();
    let mut order: Vec<usize> = (0..bits.len()).collect();
    order.sort_by_key(|&row| std::cmp::Reverse((neighbors[row].len(), row)));
    let mut taken = vec![false; bits.len()];
    let mut lists = Vec::new();
    for row in order {
        if !std::mem::replace(&mut taken[row], true) {
            let mut list = vec![row];
            for &other in &neighbors[row] {
                if !std::mem::replace(&mut taken[other], true) {
                    list.push(other);
                }
            }
            lists.push(list);
        }
    }
    lists
}

/// Fingerprints of a few families, with some empty ones and copies.
fn families(rows: usize, width: usize, families: u64, noise: u64, seed: u64) -> Vec<Vec<u8>> {
    let mut state = seed | 1;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state >> 33
    };
    let founders: Vec<Vec<u8>> = (0..families)
        .map(|_| {
            (0..width)
                .map(|_| (random() & random() & 255) as u8)
                .collect()
        })
        .collect();
    (0..rows)
        .map(|_| {
            let mut row = founders[(random() % families) as usize].clone();
            if random() % 23 == 0 {
                row.fill(0);
            }
            for _ in 0..random() % (noise + 1) {
                row[(random() as usize) % width] ^= 1 << (random() % 8);
            }
            row
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn clusters_are_those_of_the_definition(
        count in 0_usize..180,
        words in prop_oneof![1_usize..12, Just(32)],
        kinds in 1_u64..30,
        noise in 0_u64..40,
        seed in any::<u64>(),
        distance in prop_oneof![Just(0.0), Just(0.5), Just(1.0), 0.0..1.0],
        batch_rows in 1_usize..60,
        threads in 1_usize..5,
    ) {
        let bits = families(count, words * 8, kinds, noise, seed);
        let found = run(table(&bits, words * 8, batch_rows), distance, threads).unwrap();
        prop_assert_eq!(rows(&found), from_lists(&naive(&bits, distance)));
    }
}

/// More rows than fit in a tile, a block and a round.
#[test]
fn many_rows_give_the_same_with_any_threads() {
    let bits = families(2600, 128, 400, 60, 7);
    let expected = from_lists(&naive(&bits, 0.45));
    for threads in [1, 2, 7] {
        let found = run(table(&bits, 128, 700), 0.45, threads).unwrap();
        assert!(rows(&found) == expected, "{threads} threads");
    }
    let clusters = expected.iter().filter(|row| row.1).count();
    assert!(
        (200..2400).contains(&clusters),
        "{clusters} clusters test little"
    );
}

/// Wider than the products of the quick test allow.
#[test]
fn very_wide_fingerprints_are_counted_in_full() {
    let bits = families(60, 8192, 5, 3000, 11);
    let found = run(table(&bits, 8192, 60), 0.3, 2).unwrap();
    assert_eq!(rows(&found), from_lists(&naive(&bits, 0.3)));
}
