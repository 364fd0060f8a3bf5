//! Changes bytes in the ways in which files are damaged and attackers write them. The same name
//! gives the same changes.

/// Numbers that readers often handle wrongly.
const NUMBERS: &[u64] = &[
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 40,
    u64::MAX >> 1,
    u64::MAX,
];

/// Texts that readers often handle wrongly.
const WORDS: &[&str] = &[
    "\0",
    "\"",
    "'",
    "\n",
    "\r\n",
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
    "*a",
    "&a",
    "-",
    "NaN",
    "inf",
    "1e999",
    "-1",
    "99999999999999999999",
    "0x",
    "\u{feff}",
    "\u{2028}",
    "${{ ",
    " }}",
    "| ",
    "(",
    "\u{1b}[2J",
    "1970-01-01",
    "M  END",
    "$$$$",
];

/// The largest size of an input.
const LARGEST_BYTES: usize = 256 << 10;

/// A generator of changes. Its state is that of the random number generator.
pub(super) struct Mutator {
    state: u64,
}

impl Mutator {
    /// A generator that starts with the hash of a name.
    pub(super) fn new(name: &str) -> Self {
        let state = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |state: u64, byte| {
                (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Self { state }
    }

    /// A seed with a few changes. Some insert pieces of `others`.
    pub(super) fn change(&mut self, seed: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            self.once(&mut bytes, others);
        }
        bytes.truncate(LARGEST_BYTES);
        bytes
    }

    fn once(&mut self, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
        let at = self.below(bytes.len() + 1);
        let end = (at + 1 + self.below(16)).min(bytes.len());
        match self.below(8) {
            0 => bytes.truncate(at),
            1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (self.state % 8);
                }
            }
            2 | 3 => {
                let number = NUMBERS.get(self.below(NUMBERS.len())).copied().unwrap_or(0);
                let width = 1 << self.below(4);
                let raw = match self.below(2) {
                    0 => number.to_le_bytes(),
                    _ => number.to_be_bytes(),
                };
                let from = if self.below(2) == 0 { 0 } else { 8 - width };
                for (place, byte) in bytes
                    .iter_mut()
                    .skip(at)
                    .zip(raw.iter().skip(from).take(width))
                {
                    *place = *byte;
                }
            }
            4 => {
                let word = WORDS.get(self.below(WORDS.len())).copied().unwrap_or("");
                bytes.splice(at..at, word.bytes());
            }
            5 => {
                bytes.splice(at..end.max(at), []);
            }
            6 => {
                let piece: Vec<u8> = bytes.get(at..end).unwrap_or_default().to_vec();
                let times = 1 + self.below(64);
                bytes.splice(at..at, piece.repeat(times));
            }
            _ => {
                let other = others
                    .get(self.below(others.len()))
                    .cloned()
                    .unwrap_or_default();
                let from = self.below(other.len() + 1);
                let to = (from + self.below(64)).min(other.len());
                bytes.splice(
                    at..at,
                    other.get(from..to).unwrap_or_default().iter().copied(),
                );
            }
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        // Xorshift: quick, and good enough to choose a place.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let limit = u64::try_from(limit).unwrap_or(1).max(1);
        usize::try_from(self.state % limit).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_gives_the_same_inputs_and_they_differ_from_the_seed() {
        let seed = b"name: w\nstages: { a: { run: [/bin/true] } }\n".to_vec();
        let others = [seed.clone()];
        let inputs = |name: &str| -> Vec<Vec<u8>> {
            let mut mutator = Mutator::new(name);
            (0..100).map(|_| mutator.change(&seed, &others)).collect()
        };
        assert_eq!(inputs("yaml"), inputs("yaml"));
        assert_ne!(inputs("yaml"), inputs("csv"));
        assert!(
            inputs("yaml")
                .iter()
                .filter(|input| **input != seed)
                .count()
                > 80
        );
    }
}
