//! Life-cycle emissions of a kilowatt-hour by kind of power.

/// A kind of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum Fuel {
    Coal,
    Lignite,
    Gas,
    Oil,
    Biomass,
    Geothermal,
    Hydro,
    Nuclear,
    Solar,
    WindOnshore,
    WindOffshore,
    Marine,
    /// Waste, and everything unnamed.
    Other,
}

/// A factor and its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    /// The kind of power.
    pub fuel: Fuel,
    /// Life-cycle emissions in gCO2e/kWh.
    pub grams_per_kwh: u32,
    /// Whether it counts as renewable.
    pub is_renewable: bool,
    /// The publication.
    pub source: &'static str,
}

/// Medians of IPCC AR5 WG III (2014), Annex III, table A.III.2.
const AR5: &str = "IPCC AR5 WG III, Annex III, table A.III.2, median";

/// For kinds missing in AR5's table: means of the World Nuclear Association's comparison of
/// studies.
const WNA: &str = "WNA, Comparison of Lifecycle GHG Emissions (2011), mean; not from AR5";

/// All factors. AR5's table lacks lignite, oil and unnamed kinds.
pub const FACTORS: [Factor; 13] = [
    // Pulverised coal.
    factor(Fuel::Coal, 820, false, AR5),
    factor(Fuel::Lignite, 1054, false, WNA),
    // Combined cycle.
    factor(Fuel::Gas, 490, false, AR5),
    factor(Fuel::Oil, 733, false, WNA),
    // Dedicated.
    factor(Fuel::Biomass, 230, true, AR5),
    factor(Fuel::Geothermal, 38, true, AR5),
    factor(Fuel::Hydro, 24, true, AR5),
    factor(Fuel::Nuclear, 12, false, AR5),
    // Utility scale.
    factor(Fuel::Solar, 48, true, AR5),
    factor(Fuel::WindOnshore, 11, true, AR5),
    factor(Fuel::WindOffshore, 12, true, AR5),
    factor(Fuel::Marine, 17, true, AR5),
    factor(
        Fuel::Other,
        700,
        false,
        "what Electricity Maps assumes of unknown power; not from AR5",
    ),
];

const fn factor(
    fuel: Fuel,
    grams_per_kwh: u32,
    is_renewable: bool,
    source: &'static str,
) -> Factor {
    Factor {
        fuel,
        grams_per_kwh,
        is_renewable,
        source,
    }
}

impl Fuel {
    /// The factor of this kind.
    pub(crate) fn factor(self) -> Factor {
        FACTORS
            .into_iter()
            .find(|factor| factor.fuel == self)
            .unwrap_or(factor(self, 700, false, "unknown"))
    }
}

#[cfg(test)]
mod tests {
    use super::{FACTORS, Fuel};

    #[test]
    fn each_kind_has_one_factor_and_what_is_not_from_ar5_says_so() {
        let mut fuels: Vec<Fuel> = FACTORS.iter().map(|factor| factor.fuel).collect();
        fuels.dedup();
        assert_eq!(fuels.len(), FACTORS.len());
        assert_eq!(Fuel::Marine.factor().grams_per_kwh, 17);
        let others: Vec<Fuel> = FACTORS
            .iter()
            .filter(|factor| factor.source.contains("not from AR5"))
            .map(|factor| factor.fuel)
            .collect();
        assert_eq!(others, [Fuel::Lignite, Fuel::Oil, Fuel::Other]);
    }
}
