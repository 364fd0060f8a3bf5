//! Runs a piece of work with the machine's widest instructions.

/// The instructions to use. All do the same operations in the same order (never fused), and hence
/// give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vectors {
    /// The instructions that the compiler may use everywhere.
    Baseline,
    /// 256 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Plain loops that the compiler may widen. `work` and everything that it calls must be
/// `#[inline(always)]`, or they are compiled for the baseline.
pub(crate) trait Work {
    /// The result.
    type Output;
    /// Does the work.
    fn work(self) -> Self::Output;
}

impl Vectors {
    /// The widest instructions of this machine.
    pub(crate) fn detect() -> Self {
        Self::available().last().copied().unwrap_or(Self::Baseline)
    }

    /// All instructions of this machine, narrowest first.
    pub(crate) fn available() -> Vec<Self> {
        let mut all = vec![Self::Baseline];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                all.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                all.push(Self::Avx512);
            }
        }
        all
    }

    /// Does the work with these instructions.
    #[inline]
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        match self {
            Self::Baseline => work.work(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => wide::avx2(work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => wide::avx512(work),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "feature-gated calls; see SAFETY at each")]
mod wide {
    use super::Work;

    pub(super) fn avx2<W: Work>(work: W) -> W::Output {
        // SAFETY: `Vectors::Avx2` only exists where avx2 was detected.
        unsafe { with_avx2(work) }
    }

    pub(super) fn avx512<W: Work>(work: W) -> W::Output {
        // SAFETY: `Vectors::Avx512` only exists where avx512f was detected.
        unsafe { with_avx512(work) }
    }

    #[target_feature(enable = "avx2")]
    fn with_avx2<W: Work>(work: W) -> W::Output {
        work.work()
    }

    #[target_feature(enable = "avx512f")]
    fn with_avx512<W: Work>(work: W) -> W::Output {
        work.work()
    }
}
