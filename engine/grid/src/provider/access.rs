//! Keys and addresses of providers, read once from the environment.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::client::Client;
use super::open_meteo::OpenMeteo;
use super::options::{OpenAdrOptions, Options};
use super::secret::Secret;
use super::{GridSignal, SignalError};
use super::{carbon_aware, eia, electricity_maps, entsoe, openadr, uk, watttime};

/// A provider of grid signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provider {
    /// Electricity Maps, API version 4 or 3.
    ElectricityMaps,
    /// WattTime, API version 3: marginal intensities.
    WattTime,
    /// The Carbon Intensity API of Great Britain.
    Uk,
    /// A self-hosted Carbon Aware SDK WebAPI.
    CarbonAwareSdk,
    /// The ENTSO-E Transparency Platform: generation by type, times emission factors.
    EntsoE,
    /// The EIA of the United States, version 2: generation by fuel, times emission factors.
    Eia,
    /// A site's OpenADR server: the prices and intensities of its events.
    OpenAdr,
}

impl Provider {
    /// All providers.
    pub const ALL: [Self; 7] = [
        Self::ElectricityMaps,
        Self::WattTime,
        Self::Uk,
        Self::CarbonAwareSdk,
        Self::EntsoE,
        Self::Eia,
        Self::OpenAdr,
    ];

    /// The provider's name in settings and messages.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ElectricityMaps => "electricity-maps",
            Self::WattTime => "watttime",
            Self::Uk => "uk",
            Self::CarbonAwareSdk => "carbon-aware-sdk",
            Self::EntsoE => "entsoe",
            Self::Eia => "eia",
            Self::OpenAdr => "openadr",
        }
    }

    /// The provider of this name.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }

    /// The name of one of its environment variables, for example `SUNWARD_UK_URL`.
    #[must_use]
    pub fn variable(self, what: &str) -> String {
        let word = self.word().to_uppercase().replace('-', "_");
        format!("SUNWARD_{word}_{what}")
    }

    /// The provider's public address; a Carbon Aware SDK and a site's server have none.
    const fn home(self) -> Option<&'static str> {
        match self {
            Self::ElectricityMaps => Some("https://api.electricitymaps.com"),
            Self::WattTime => Some("https://api.watttime.org"),
            Self::Uk => Some("https://api.carbonintensity.org.uk"),
            Self::CarbonAwareSdk | Self::OpenAdr => None,
            Self::EntsoE => Some("https://web-api.tp.entsoe.eu"),
            Self::Eia => Some("https://api.eia.gov"),
        }
    }
}

/// The name of one of the environment variables of the provider of weather.
fn of_weather(what: &str) -> String {
    format!("SUNWARD_OPEN_METEO_{what}")
}

/// The public addresses of the newest forecasts and of those of the days before, without a key and
/// with one.
const WEATHER_HOMES: [[&str; 2]; 2] = [
    [
        "https://api.open-meteo.com",
        "https://previous-runs-api.open-meteo.com",
    ],
    [
        "https://customer-api.open-meteo.com",
        "https://customer-previous-runs-api.open-meteo.com",
    ],
];

/// Keys and addresses of providers.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The key and the address of the provider of weather.
    weather: (Option<Secret>, Option<String>),
    keys: BTreeMap<Provider, Secret>,
    addresses: BTreeMap<Provider, String>,
    options: Options,
}

impl Access {
    /// Reads `SUNWARD_<PROVIDER>_KEY`, or the file named by `SUNWARD_<PROVIDER>_KEY_FILE`, and
    /// `SUNWARD_<PROVIDER>_URL`. `WattTime`'s key is `user:password`.
    ///
    /// # Errors
    ///
    /// Fails if a key file cannot be read.
    pub fn of_environment() -> Result<Self, SignalError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// The same, with `variable` in place of the environment.
    ///
    /// # Errors
    ///
    /// Fails if a key file cannot be read.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SignalError> {
        let mut access = Self {
            weather: (
                key_in(&variable, &of_weather("KEY"))?.map(Secret::new),
                given_in(&variable, &of_weather("URL")),
            ),
            ..Self::default()
        };
        for provider in Provider::ALL {
            if let Some(key) = key_in(&variable, &provider.variable("KEY"))? {
                access.keys.insert(provider, Secret::new(key));
            }
            if let Some(address) = given_in(&variable, &provider.variable("URL")) {
                access.addresses.insert(provider, address);
            }
        }
        Ok(access)
    }

    /// Sets how providers are asked.
    #[must_use]
    pub fn with(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Whether a key or an address of this provider is given.
    #[must_use]
    pub fn names(&self, provider: Provider) -> bool {
        let of_settings = provider == Provider::OpenAdr && self.options.openadr.url.is_some();
        of_settings || self.keys.contains_key(&provider) || self.addresses.contains_key(&provider)
    }

    /// Sets an address for a provider that has none yet.
    #[must_use]
    pub fn or_at(mut self, provider: Provider, address: &str) -> Self {
        self.addresses
            .entry(provider)
            .or_insert_with(|| address.to_owned());
        self
    }

    /// The address of a provider.
    ///
    /// # Errors
    ///
    /// Fails if the provider has no public address and none was given.
    pub fn address(&self, provider: Provider) -> Result<&str, SignalError> {
        let of_settings = match provider {
            Provider::OpenAdr => self.options.openadr.url.as_deref(),
            _ => None,
        };
        self.addresses
            .get(&provider)
            .map(String::as_str)
            .or(of_settings)
            .or(provider.home())
            .ok_or_else(|| SignalError::Access {
                variable: provider.variable("URL"),
                what: "is not set, and this provider has no public address; set it to your own, for example http://localhost:5073"
                    .to_owned(),
            })
    }

    fn key(&self, provider: Provider) -> Result<Secret, SignalError> {
        self.keys
            .get(&provider)
            .cloned()
            .ok_or_else(|| SignalError::NoKey {
                variable: provider.variable("KEY"),
            })
    }

    /// The provider as a signal that uses this client.
    ///
    /// # Errors
    ///
    /// Fails if its key or address is missing or invalid.
    pub fn signal(
        &self,
        provider: Provider,
        client: &Arc<Client>,
    ) -> Result<Box<dyn GridSignal>, SignalError> {
        let site = client.site(self.address(provider)?, &provider.variable("URL"))?;
        Ok(match provider {
            Provider::ElectricityMaps => Box::new(electricity_maps::ElectricityMaps::new(
                site,
                self.key(provider)?,
                self.options.electricity_maps,
            )),
            Provider::WattTime => {
                let points = self.options.points.clone();
                Box::new(watttime::WattTime::new(site, self.key(provider)?, points))
            }
            Provider::Uk => Box::new(uk::Uk::new(site)),
            Provider::CarbonAwareSdk => Box::new(carbon_aware::CarbonAware::new(site)),
            Provider::EntsoE => Box::new(entsoe::EntsoE::new(site, self.key(provider)?)),
            Provider::Eia => Box::new(eia::Eia::new(site, self.key(provider)?)),
            Provider::OpenAdr => {
                let options = &self.options.openadr;
                Box::new(openadr::OpenAdr::new(self.vtn(client)?, options))
            }
        })
    }

    /// The provider of weather, Open-Meteo. Without a key, its API for non-commercial use is asked;
    /// `SUNWARD_OPEN_METEO_URL` is the address of an own server.
    ///
    /// # Errors
    ///
    /// Fails if that address is invalid.
    pub fn open_meteo(&self, client: &Arc<Client>) -> Result<OpenMeteo, SignalError> {
        let (key, address) = &self.weather;
        let homes = WEATHER_HOMES[usize::from(key.is_some())];
        let site = |home: &str| {
            let address = address.as_deref().unwrap_or(home);
            client.site(address, &of_weather("URL"))
        };
        let [newest, before] = homes;
        Ok(OpenMeteo::new(site(newest)?, site(before)?, key.clone()))
    }

    /// The site's OpenADR server. Its key is a token, or `client_id:client_secret`; without a key
    /// nothing proves who asks.
    ///
    /// # Errors
    ///
    /// Fails if its address is missing or invalid.
    pub fn vtn(&self, client: &Arc<Client>) -> Result<openadr::Vtn, SignalError> {
        let provider = Provider::OpenAdr;
        let site = client.site(self.address(provider)?, &provider.variable("URL"))?;
        let key = self.keys.get(&provider).cloned();
        let given = openadr::Given::here();
        Ok(openadr::Vtn::new(site, key, given, &self.options.openadr))
    }

    /// The OpenADR server of a fleet's pool. Its key is in `SUNWARD_OPENADR_KEY_<POOL>`, or in the
    /// file named by `SUNWARD_OPENADR_KEY_<POOL>_FILE`, where the pool's name is in capitals with `_`
    /// for all that is no letter or digit. A server that is also this machine's has its key; no
    /// other gets that.
    ///
    /// # Errors
    ///
    /// Fails if its address is invalid, or its key file cannot be read.
    pub fn vtn_of_pool(
        &self,
        client: &Arc<Client>,
        pool: &str,
        options: &OpenAdrOptions,
    ) -> Result<openadr::Vtn, SignalError> {
        let given = openadr::Given::of_pool(pool);
        let address = options.url.as_deref().unwrap_or_default();
        let site = client.site(address, &given.address)?;
        let own = key_in(&|name| std::env::var(name).ok(), &given.key)?;
        let key = own.map(Secret::new).or_else(|| {
            let is_here = self
                .address(Provider::OpenAdr)
                .is_ok_and(|here| here == address);
            self.keys
                .get(&Provider::OpenAdr)
                .filter(|_| is_here)
                .cloned()
        });
        Ok(openadr::Vtn::new(site, key, given, options))
    }
}

/// A variable that is set to more than spaces.
fn given_in(variable: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    let value = variable(name)?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// The key in a variable, or in the file that `<NAME>_FILE` names.
fn key_in(
    variable: &dyn Fn(&str) -> Option<String>,
    name: &str,
) -> Result<Option<String>, SignalError> {
    if let Some(key) = given_in(variable, name) {
        return Ok(Some(key));
    }
    let file = format!("{name}_FILE");
    given_in(variable, &file)
        .map(|path| read_key(&file, &path))
        .transpose()
}

fn read_key(variable: &str, path: &str) -> Result<String, SignalError> {
    let wrong = |what: String| SignalError::Access {
        variable: variable.to_owned(),
        what,
    };
    let text = sunward_files::read_text(std::path::Path::new(path))
        .map_err(|error| wrong(format!("{path} cannot be read: {error}")))?;
    let key = text.trim();
    if key.is_empty() {
        return Err(wrong(format!("{path} is empty; put the key in it")));
    }
    Ok(key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Access, Provider};

    #[test]
    fn words_name_providers_and_their_variables() {
        for provider in Provider::ALL {
            assert_eq!(Provider::named(provider.word()), Some(provider));
        }
        assert_eq!(
            Provider::CarbonAwareSdk.variable("URL"),
            "SUNWARD_CARBON_AWARE_SDK_URL"
        );
        assert_eq!(Provider::named("grid"), None);
    }

    #[test]
    fn a_key_may_lie_in_a_file_and_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "hush\n").unwrap();
        let read = || {
            Access::read(|name| {
                (name == "SUNWARD_EIA_KEY_FILE").then(|| path.display().to_string())
            })
        };
        let access = read().unwrap();
        assert_eq!(access.key(Provider::Eia).unwrap().reveal(), "hush");
        assert!(!format!("{access:?}").contains("hush"));
        std::fs::write(&path, "\n").unwrap();
        assert!(read().unwrap_err().to_string().contains("is empty"));
    }
}
