//! The test that finds the rows which may reach a similarity.

/// A least similarity, as an integer test without false negatives: `(common + slack) · scale >=
/// weight · (query bits + own bits)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// How many common bits a fold may have missed.
    slack: u32,
    /// c + u of the ratio c/u.
    scale: u32,
    /// c of the ratio.
    weight: u32,
    /// Bits of the query.
    query: u32,
}

impl Reach {
    /// The widest fingerprint in bytes for which the products fit 32 bits.
    pub(crate) const MAX_WIDTH: usize = 4096;

    /// The test for the ratio `c / u`, for a query with this number of bits.
    pub(crate) fn new((c, u): (u32, u32), query: u32, slack: u32) -> Self {
        Self {
            slack,
            scale: c + u,
            weight: c,
            query,
        }
    }

    /// Writes the indices of all rows that may reach the ratio.
    #[inline(always)]
    pub(crate) fn select(&self, common: &[u32], own: &[u32], out: &mut Vec<usize>) {
        out.clear();
        let passes =
            |c: u32, b: u32| (c + self.slack) * self.scale >= self.weight * (self.query + b);
        let (commons, common_rest) = common.as_chunks::<16>();
        let (owns, own_rest) = own.as_chunks::<16>();
        for (i, (c, b)) in commons.iter().zip(owns).enumerate() {
            // Without a branch inside, sixteen tests are a few vector instructions.
            let any = c
                .iter()
                .zip(b)
                .fold(false, |any, (&c, &b)| any | passes(c, b));
            if any {
                out.extend((0..16).filter(|&j| passes(c[j], b[j])).map(|j| i * 16 + j));
            }
        }
        let done = commons.len() * 16;
        let rest = common_rest.iter().zip(own_rest).enumerate();
        out.extend(
            rest.filter(|(_, (c, b))| passes(**c, **b))
                .map(|(j, _)| done + j),
        );
    }
}
