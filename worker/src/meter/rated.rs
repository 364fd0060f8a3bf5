//! The rated power of GPUs, from NVIDIA's data sheets, for GPUs without a meter. It is the highest
//! sustained power, so it errs on the high side.

/// Words of a GPU's name, and its rated power in watts. The first entry whose words all occur is
/// used.
///
/// Each figure is "max thermal design power", "max power consumption" or "total graphics power" in
/// NVIDIA's source named above it. If a product has several limits that its name does not
/// distinguish, the highest is used.
const RATED: &[(&[&str], u64)] = &[
    // Data sheets of GB200 NVL72, HGX B200 and GH200 (the module's limit, with its processor).
    (&["GB200"], 1200),
    (&["B200"], 1000),
    (&["GH200"], 1000),
    // "NVIDIA H200 Tensor Core GPU", "NVIDIA H100 Tensor Core GPU": SXM where nothing else is said.
    (&["H200", "NVL"], 600),
    (&["H200"], 700),
    (&["H100", "PCIe"], 350),
    (&["H100", "NVL"], 400),
    (&["H100"], 700),
    // "NVIDIA A100 Tensor Core GPU": PCIe with 40 GB and with 80 GB, else SXM.
    (&["A100", "PCIE", "40GB"], 250),
    (&["A100", "PCIe"], 300),
    (&["A100"], 400),
    // "NVIDIA V100 Tensor Core GPU": PCIe, else SXM2; SXM3 as in DGX-2.
    (&["V100S"], 250),
    (&["V100", "PCIE"], 250),
    (&["V100", "SXM3"], 350),
    (&["V100"], 300),
    // "NVIDIA Tesla P100", "P40", "T4".
    (&["P100", "PCIE"], 250),
    (&["P100"], 300),
    (&["P40"], 250),
    (&["T4"], 70),
    // "NVIDIA L40S", "L40", "L4", "A40", "A30", "A16", "A10", "A2".
    (&["L40S"], 350),
    (&["L40"], 300),
    (&["L4"], 72),
    (&["A40"], 300),
    (&["A30"], 165),
    (&["A16"], 250),
    (&["A10"], 150),
    (&["A2"], 60),
    // "NVIDIA RTX A6000", "RTX A5000", "RTX A4000", "RTX 6000 Ada Generation", "RTX PRO 6000
    // Blackwell" of a workstation or server, and its Max-Q.
    (&["A6000"], 300),
    (&["A5000"], 230),
    (&["A4000"], 140),
    (&["6000", "Ada"], 300),
    (&["PRO", "6000", "Max", "Q"], 300),
    (&["PRO", "6000"], 600),
    // The products' pages of GeForce RTX; in laptops with what Dynamic Boost adds.
    (&["5090", "Laptop"], 175),
    (&["5090"], 575),
    (&["4090", "Laptop"], 175),
    (&["4090"], 450),
    (&["3090", "Ti"], 450),
    (&["3090"], 350),
];

/// The rated power of a GPU of this name in watts, if known.
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
            ("NVIDIA H100 NVL", Some(400)),
            ("NVIDIA H200", Some(700)),
            ("NVIDIA H200 NVL", Some(600)),
            ("NVIDIA B200", Some(1000)),
            ("NVIDIA GH200 480GB", Some(1000)),
            ("Tesla V100-SXM2-16GB", Some(300)),
            ("Tesla V100S-PCIE-32GB", Some(250)),
            ("Tesla V100-PCIE-16GB", Some(250)),
            ("NVIDIA RTX A6000", Some(300)),
            ("NVIDIA RTX 6000 Ada Generation", Some(300)),
            ("NVIDIA GeForce RTX 3090 Ti", Some(450)),
            ("NVIDIA GeForce RTX 4090 Laptop GPU", Some(175)),
            ("NVIDIA T400 4GB", None),
            ("NVIDIA A10G", None),
            ("NVIDIA GeForce RTX 4090", Some(450)),
        ];
        for (name, expected) in all {
            assert_eq!(watts(name), expected, "{name}");
        }
    }
}
