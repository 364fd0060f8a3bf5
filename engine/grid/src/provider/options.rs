//! How providers are asked, beside their keys: what a user's settings choose.

use super::points::Points;
use super::weather_feed::WeatherOptions;

/// How providers are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How Electricity Maps is asked.
    pub electricity_maps: ElectricityMapsOptions,
    /// Where zones are, for providers that are asked by coordinates.
    pub points: Points,
    /// How the site's OpenADR server is asked.
    pub openadr: OpenAdrOptions,
    /// Where weather is asked for; `None` if it is not.
    pub weather: Option<WeatherOptions>,
}

/// How a site's OpenADR server is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenAdrOptions {
    /// Its address, up to the part before `/events`.
    pub url: Option<String>,
    /// The program whose events count, by name or id; `None` for all programs.
    pub program: Option<String>,
    /// The site's names: of its client (VEN), of its resources, and of the groups that it is in. Events
    /// for others do not count. If there are none, the server selects.
    pub names: Vec<String>,
    /// Whether `GHG` is a marginal intensity, as the specification says, or an average one.
    pub ghg: Ghg,
    /// The zone of the site. Its prices and intensities are used for no other zone.
    pub zone: Option<String>,
}

/// What `GHG` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ghg {
    /// "An estimate of marginal greenhouse gas emissions, in g/kWh": the specification's meaning.
    #[default]
    Marginal,
    /// The average over all consumption, as some programs mean it.
    Average,
}

/// How Electricity Maps is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElectricityMapsOptions {
    /// The version of its API.
    pub version: ApiVersion,
    /// Whether emission factors are of the life-cycle, as by default, or of combustion alone
    /// (`direct`).
    pub is_direct: bool,
    /// Whether hours that it estimates count. Without them, such hours are missing.
    pub with_estimates: bool,
}

impl Default for ElectricityMapsOptions {
    fn default() -> Self {
        Self {
            version: ApiVersion::V4,
            is_direct: false,
            with_estimates: true,
        }
    }
}

/// A version of Electricity Maps' API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApiVersion {
    /// Version 3. It has no prices of hours to come.
    V3,
    /// Version 4, the only one that the provider's reference describes
    /// (<https://app.electricitymaps.com/developer-hub/api/reference>).
    #[default]
    V4,
}

impl ApiVersion {
    /// Its part of the path: `v4`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::V3 => "v3",
            Self::V4 => "v4",
        }
    }
}
