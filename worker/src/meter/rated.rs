//! What GPUs draw where no meter can say: their rated power, from NVIDIA's data sheets. That is the
//! most that one draws for long, and so errs to the side of too much.

/// Words of a GPU's name, and its rated power in watts; the first whose words are all there counts.
const RATED: &[(&[&str], u64)] = &[
    (&["B200"], 1000),
    (&["H200", "NVL"], 600),
    (&["H200"], 700),
    (&["H100", "PCIe"], 350),
    (&["H100", "NVL"], 400),
    (&["H100"], 700),
    (&["A100", "PCIE", "40GB"], 250),
    (&["A100", "PCIe"], 300),
    (&["A100"], 400),
    (&["V100", "PCIE"], 250),
    (&["V100"], 300),
    (&["P100", "PCIE"], 250),
    (&["P100"], 300),
    (&["L40S"], 350),
    (&["L40"], 300),
    (&["L4"], 72),
    (&["T4"], 70),
    (&["A40"], 300),
    (&["A30"], 165),
    (&["A10"], 150),
    (&["A6000"], 300),
    (&["4090"], 450),
    (&["3090"], 350),
];

/// The rated power of a GPU of this name in watts, if it is known.
pub(super) fn watts(name: &str) -> Option<u64> {
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let has = |wanted: &&str| words.iter().any(|word| word.eq_ignore_ascii_case(wanted));
    let found = RATED.iter().find(|(wanted, _)| wanted.iter().all(has));
    found.map(|(_, watts)| *watts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_by_its_words_and_not_by_what_it_begins_with() {
        let all = [
            ("NVIDIA H100 80GB HBM3", Some(700)),
            ("NVIDIA H100 PCIe", Some(350)),
            ("NVIDIA A100-SXM4-40GB", Some(400)),
            ("NVIDIA A100-PCIE-40GB", Some(250)),
            ("NVIDIA A100 80GB PCIe", Some(300)),
            ("NVIDIA L4", Some(72)),
            ("NVIDIA L40S", Some(350)),
            ("Tesla T4", Some(70)),
            ("NVIDIA T400 4GB", None),
            ("NVIDIA A10G", None),
            ("NVIDIA GeForce RTX 4090", Some(450)),
        ];
        for (name, expected) in all {
            assert_eq!(watts(name), expected, "{name}");
        }
    }
}
