//! Published facts about grids: the errors of providers' forecasts, and the range of intensities.

/// The highest possible intensity of a grid in gCO2e/kWh, at the margin of the dirtiest plant
/// (lignite is near 1300). A larger figure has another unit.
pub(crate) const MOST_GRAMS: f64 = 3000.0;

/// The world's mean intensity in 2023, in mgCO2e/kWh (Ember, Global Electricity Review 2024).
pub(crate) const WORLD_MG_PER_KWH: u32 = 480_000;

/// Mean absolute error by horizon in hours, in thousandths: 4% at an hour, 12% at a day, 18% at
/// three days (CARBON.md §0).
const ERRORS: [(u64, u64); 4] = [(0, 20), (1, 40), (24, 120), (72, 180)];

/// The error for a horizon in hours, in thousandths. Beyond three days it stays constant.
pub(crate) fn error_permille(hours: u64) -> u16 {
    u16::try_from(between(&ERRORS, hours)).unwrap_or(u16::MAX)
}

/// The error for a horizon in steps, in thousandths.
pub(crate) fn error_of_step(step: usize, step_ms: u64) -> u16 {
    let step = u64::try_from(step).unwrap_or(u64::MAX);
    error_permille(step.saturating_mul(step_ms) / 3_600_000)
}

/// Linear interpolation between known points; the last value holds beyond.
fn between(points: &[(u64, u64)], at: u64) -> u64 {
    for pair in points.windows(2) {
        if let [(x0, y0), (x1, y1)] = pair
            && (*x0..*x1).contains(&at)
        {
            return y0 + (y1 - y0) * (at - x0) / (x1 - x0);
        }
    }
    points.last().map_or(0, |(_, y)| *y)
}
