//! AutoDock's atom types.

/// The element of an atom type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// Polar or not.
    Hydrogen,
    Carbon,
    Nitrogen,
    Oxygen,
    Sulfur,
    Phosphorus,
    Fluorine,
    Chlorine,
    Bromine,
    Iodine,
    Silicon,
    Astatine,
    Metal,
    /// Closes a macrocycle: AutoDock's `G0` to `G3`, each at the carbon `CG0` to `CG3` that it
    /// stands for.
    Glue,
    /// A water molecule of AutoDock's hydrated docking (`W`).
    Water,
    /// The preferred position of a zinc ion's fourth partner (`TZ` of AutoDock4Zn).
    ZincSite,
}

/// An atom type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) element: Element,
    /// In Å.
    pub(super) covalent_radius: f64,
    /// Accepts hydrogen bonds (NA, OA).
    pub(super) accepts: bool,
    /// Can be donated in a hydrogen bond (HD).
    pub(super) polar: bool,
    /// Makes an adjacent carbon polar. For Vina these are all but `C`, `A`, `H` and `HD`, including
    /// the carbons of a macrocycle's closure (`ad_is_heteroatom` in `atom_constants.h`).
    pub(super) hetero: bool,
}

/// The known types, for messages.
pub(super) const KNOWN: &str = "C A N NA NS O OA OS S SA P H HD HS F Cl Br I At Si Se Mg Mn Zn Ca Fe Cu Na K Hg Co U Cd Ni, of \
     macrocycles CG0 to CG3 and G0 to G3, W and TZ";

/// The type of this name, with the covalent radii of Vina's `atom_constants.h`.
pub(super) fn kind(name: &str) -> Option<Kind> {
    use Element::{
        Astatine, Bromine, Carbon, Chlorine, Fluorine, Glue, Hydrogen, Iodine, Metal, Nitrogen,
        Oxygen, Phosphorus, Silicon, Sulfur, Water, ZincSite,
    };
    let (element, covalent_radius) = match name {
        "H" | "HD" | "HS" => (Hydrogen, 0.37),
        "C" | "A" | "CG0" | "CG1" | "CG2" | "CG3" => (Carbon, 0.77),
        "G0" | "G1" | "G2" | "G3" => (Glue, 0.77),
        "W" => (Water, 0.0),
        // Vina does not know it. It has no bonds, like a water.
        "TZ" => (ZincSite, 0.0),
        "N" | "NA" | "NS" => (Nitrogen, 0.75),
        "O" | "OA" | "OS" => (Oxygen, 0.73),
        "S" | "SA" => (Sulfur, 1.02),
        // Vina treats selenium as sulfur.
        "Se" | "SE" => (Sulfur, 1.02),
        "P" => (Phosphorus, 1.06),
        "F" => (Fluorine, 0.71),
        "Cl" | "CL" => (Chlorine, 0.99),
        "Br" | "BR" => (Bromine, 1.14),
        "I" => (Iodine, 1.33),
        "At" | "AT" => (Astatine, 1.44),
        "Si" | "SI" => (Silicon, 1.11),
        "Mg" | "MG" => (Metal, 1.30),
        "Mn" | "MN" => (Metal, 1.39),
        "Zn" | "ZN" => (Metal, 1.31),
        "Ca" | "CA" => (Metal, 1.74),
        "Fe" | "FE" => (Metal, 1.25),
        "Cu" | "CU" | "Na" | "K" | "Hg" | "HG" | "Co" | "CO" | "U" | "Cd" | "CD" | "Ni" | "NI" => {
            (Metal, 1.75)
        }
        _ => return None,
    };
    Some(Kind {
        element,
        covalent_radius,
        accepts: matches!(name, "NA" | "OA"),
        polar: name == "HD",
        hetero: !matches!(name, "C" | "A" | "H" | "HD" | "HS" | "TZ"),
    })
}
