//! A figure that holds during each slot of an outlook, and its integral over time.

/// A figure by slot. After the last slot its value continues.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    slot_ms: u64,
    begin_ms: u64,
    values: Vec<u64>,
    /// Prefix sums of the values.
    sums: Vec<u64>,
}

impl Steps {
    pub(super) fn new(
        slot_ms: u64,
        first_slot: u64,
        values: impl IntoIterator<Item = u64>,
    ) -> Self {
        let values: Vec<u64> = values.into_iter().collect();
        let mut sums = vec![0];
        let mut sum = 0_u64;
        for value in &values {
            sum = sum.saturating_add(*value);
            sums.push(sum);
        }
        Self {
            slot_ms: slot_ms.max(1),
            begin_ms: first_slot.saturating_mul(slot_ms),
            values,
            sums,
        }
    }

    /// The sum of the value over each millisecond of a span.
    #[must_use]
    pub fn over(&self, start_ms: u64, end_ms: u64) -> u64 {
        self.upto(end_ms).saturating_sub(self.upto(start_ms))
    }

    /// The sum over all slots.
    pub(super) fn total(&self) -> u64 {
        self.sums.last().copied().unwrap_or(0)
    }

    fn upto(&self, at_ms: u64) -> u64 {
        let within = at_ms.saturating_sub(self.begin_ms);
        let whole = usize::try_from(within / self.slot_ms).unwrap_or(usize::MAX);
        if let (Some(sum), Some(value)) = (self.sums.get(whole), self.values.get(whole)) {
            let into = (within % self.slot_ms).saturating_mul(*value);
            return sum.saturating_mul(self.slot_ms).saturating_add(into);
        }
        let slots = u64::try_from(self.values.len()).unwrap_or(0);
        let beyond = within.saturating_sub(slots.saturating_mul(self.slot_ms));
        let last = self.values.last().copied().unwrap_or(0);
        let known = self.total().saturating_mul(self.slot_ms);
        known.saturating_add(beyond.saturating_mul(last))
    }
}

#[cfg(test)]
mod tests {
    use super::Steps;

    #[test]
    fn a_part_of_a_slot_counts_in_proportion_and_the_last_one_continues() {
        let steps = Steps::new(10, 2, [3, 5]);
        assert_eq!(steps.over(20, 40), 80);
        assert_eq!(steps.over(25, 32), 15 + 10);
        assert_eq!(steps.over(35, 50), 25 + 50);
        assert_eq!(steps.total(), 8);
    }
}
