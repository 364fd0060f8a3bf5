//! Names of zones. Sunward uses those of Electricity Maps; this translates them for other
//! providers.

use super::SignalError;

/// ENTSO-E's domain codes of bidding zones and countries.
const DOMAINS: &[(&str, &str)] = &[
    ("AL", "10YAL-KESH-----5"),
    ("AT", "10YAT-APG------L"),
    ("BA", "10YBA-JPCC-----D"),
    ("BE", "10YBE----------2"),
    ("BG", "10YCA-BULGARIA-R"),
    ("CH", "10YCH-SWISSGRIDZ"),
    ("CY", "10YCY-1001A0003J"),
    ("CZ", "10YCZ-CEPS-----N"),
    ("DE", "10Y1001A1001A83F"),
    ("DK", "10Y1001A1001A65H"),
    ("DK-DK1", "10YDK-1--------W"),
    ("DK-DK2", "10YDK-2--------M"),
    ("EE", "10Y1001A1001A39I"),
    ("ES", "10YES-REE------0"),
    ("FI", "10YFI-1--------U"),
    ("FR", "10YFR-RTE------C"),
    ("GB", "10YGB----------A"),
    ("GB-NIR", "10Y1001A1001A016"),
    ("GE", "10Y1001A1001B012"),
    ("GR", "10YGR-HTSO-----Y"),
    ("HR", "10YHR-HEP------M"),
    ("HU", "10YHU-MAVIR----U"),
    ("IE", "10YIE-1001A00010"),
    ("IT", "10YIT-GRTN-----B"),
    ("IT-CNO", "10Y1001A1001A70O"),
    ("IT-CSO", "10Y1001A1001A71M"),
    ("IT-NO", "10Y1001A1001A73I"),
    ("IT-SAR", "10Y1001A1001A74G"),
    ("IT-SIC", "10Y1001A1001A75E"),
    ("IT-SO", "10Y1001A1001A788"),
    ("LT", "10YLT-1001A0008Q"),
    ("LU", "10YLU-CEGEDEL-NQ"),
    ("LV", "10YLV-1001A00074"),
    ("MD", "10Y1001A1001A990"),
    ("ME", "10YCS-CG-TSO---S"),
    ("MK", "10YMK-MEPSO----8"),
    ("MT", "10Y1001A1001A93C"),
    ("NL", "10YNL----------L"),
    ("NO", "10YNO-0--------C"),
    ("NO-NO1", "10YNO-1--------2"),
    ("NO-NO2", "10YNO-2--------T"),
    ("NO-NO3", "10YNO-3--------J"),
    ("NO-NO4", "10YNO-4--------9"),
    ("NO-NO5", "10Y1001A1001A48H"),
    ("PL", "10YPL-AREA-----S"),
    ("PT", "10YPT-REN------W"),
    ("RO", "10YRO-TEL------P"),
    ("RS", "10YCS-SERBIATSOV"),
    ("SE", "10YSE-1--------K"),
    ("SE-SE1", "10Y1001A1001A44P"),
    ("SE-SE2", "10Y1001A1001A45N"),
    ("SE-SE3", "10Y1001A1001A46L"),
    ("SE-SE4", "10Y1001A1001A47J"),
    ("SI", "10YSI-ELES-----O"),
    ("SK", "10YSK-SEPS-----K"),
    ("TR", "10YTR-TEIAS----W"),
    ("UA", "10Y1001C--00003F"),
    ("XK", "10Y1001C--00100H"),
];

/// ENTSO-E's domain of a zone. A domain code is accepted as it is.
pub(crate) fn entsoe_domain(zone: &str) -> Result<&str, SignalError> {
    if zone.len() == 16 && zone.starts_with("10Y") {
        return Ok(zone);
    }
    let found = DOMAINS.iter().find(|(name, _)| *name == zone);
    found.map(|(_, code)| *code).ok_or_else(|| {
        let known: Vec<&str> = DOMAINS.iter().map(|(name, _)| *name).collect();
        SignalError::NoZone {
            zone: zone.to_owned(),
            what: format!(
                "entsoe covers {}, or a domain code such as 10Y1001A1001A82H",
                known.join(", ")
            ),
        }
    })
}

/// Bidding zones whose prices are published under another domain than their generation: Germany with
/// Luxembourg, and the island of Ireland.
const PRICE_DOMAINS: &[(&str, &str)] = &[
    ("DE", "10Y1001A1001A82H"),
    ("GB-NIR", "10Y1001A1001A59C"),
    ("IE", "10Y1001A1001A59C"),
    ("LU", "10Y1001A1001A82H"),
];

/// Countries of several bidding zones. They have no price of their own.
const DIVIDED: [&str; 4] = ["DK", "IT", "NO", "SE"];

/// ENTSO-E's domain of a zone's day-ahead prices, if it has some. A domain code is accepted as it is.
pub(crate) fn price_domain(zone: &str) -> Option<&str> {
    let other = PRICE_DOMAINS.iter().find(|(name, _)| *name == zone);
    if let Some((_, code)) = other {
        return Some(code);
    }
    entsoe_domain(zone)
        .ok()
        .filter(|_| !DIVIDED.contains(&zone))
}

/// EIA's respondent: the last part of `US-CAL-CISO`, or the whole text.
pub(crate) fn eia_respondent(zone: &str) -> Result<&str, SignalError> {
    let parts: Vec<&str> = zone.split('-').collect();
    let code = match parts.as_slice() {
        ["US", _, code] => Some(*code),
        [code] if code.len() > 2 => Some(*code),
        _ => None,
    };
    code.filter(|code| {
        code.bytes()
            .all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
    })
    .ok_or_else(|| SignalError::NoZone {
        zone: zone.to_owned(),
        what: "eia covers balancing authorities, for example US-CAL-CISO, US-TEX-ERCO or CISO"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{DOMAINS, PRICE_DOMAINS, eia_respondent, entsoe_domain, price_domain};

    #[test]
    fn zones_have_other_names_elsewhere() {
        assert_eq!(eia_respondent("US-CAL-CISO").unwrap(), "CISO");
        assert_eq!(eia_respondent("ERCO").unwrap(), "ERCO");
        assert!(eia_respondent("DE").is_err());
        assert_eq!(entsoe_domain("DE").unwrap(), "10Y1001A1001A83F");
        assert!(entsoe_domain("US-CAL-CISO").is_err());
    }

    /// The last letter of a code checks the others (ENTSO-E, "The Energy Identification Coding
    /// Scheme Reference Manual").
    fn check_letter(code: &str) -> char {
        const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-";
        let value = |letter| LETTERS.iter().position(|one| *one == letter).unwrap();
        let weighed = code.bytes().take(15).zip((2..=16).rev());
        let sum: usize = weighed.map(|(letter, weight)| value(letter) * weight).sum();
        char::from(LETTERS[36 - (sum - 1) % 37])
    }

    #[test]
    fn every_domain_code_is_spelled_right() {
        for (zone, code) in DOMAINS.iter().chain(PRICE_DOMAINS) {
            assert_eq!(code.len(), 16, "{zone}");
            assert!(code.ends_with(check_letter(code)), "{zone}: {code}");
            assert_eq!(entsoe_domain(code).unwrap(), *code);
        }
        assert!(DOMAINS.is_sorted());
    }

    #[test]
    fn a_price_is_that_of_the_bidding_zone() {
        assert_eq!(price_domain("LU"), price_domain("DE"));
        assert_ne!(price_domain("DE"), entsoe_domain("DE").ok());
        assert_eq!(price_domain("FR"), entsoe_domain("FR").ok());
        assert_eq!(price_domain("NO"), None);
        assert_eq!(price_domain("NO-NO1"), entsoe_domain("NO-NO1").ok());
        assert_eq!(price_domain("US-CAL-CISO"), None);
    }
}
