//! The words of a fingerprint, and the 512 bits that summarize it.

/// 512 bits that summarize a fingerprint: its 64-byte blocks joined by OR.
pub(crate) type Fold = [u64; 8];

/// Bytes of a fold.
pub(crate) const FOLD_BYTES: usize = 64;

/// The 64-bit words of a fingerprint, whose width is a multiple of 8 bytes.
pub(crate) fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().map(|word| u64::from_le_bytes(*word))
}

/// Bits of a fold.
pub(crate) fn fold_bits(fold: &Fold) -> u32 {
    fold.iter().map(|word| word.count_ones()).sum()
}
