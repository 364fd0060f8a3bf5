//! What Vina's scoring function knows of an atom: its XS type.

/// An atom's radius and properties, as in Vina's `xs_radius`, `xs_is_hydrophobic`, `xs_is_donor`
/// and `xs_is_acceptor`. Flags are 1 or 0, so that a pair's flag is a product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Atom {
    /// In Å.
    pub(super) radius: f32,
    /// Whether contacts between two such atoms are rewarded.
    pub(super) hydrophobic: f32,
    /// Whether it donates hydrogen bonds; metals count as donors.
    pub(super) donor: f32,
    /// Whether it accepts hydrogen bonds.
    pub(super) acceptor: f32,
}

/// The known types, for messages.
pub(super) const KNOWN: &str = "C_H, C_P, N_P, N_D, N_A, N_DA, O_P, O_D, O_A, O_DA, S_P, P_P, F_H, \
                                Cl_H, Br_H, I_H, Si, At, Met_D, H, G, W, TZ";

/// The atom of an XS type: `Some(None)` for one that does not count, `None` for an unknown type.
/// Besides hydrogens, Vina ignores the glue atoms of macrocycles (`non_cache::eval`) and waters
/// (`model::assign_types`). It refuses `TZ`, which has parameters only in AutoDock4Zn's function;
/// its zinc ion counts as any metal.
pub(super) fn typed(name: &str) -> Option<Option<Atom>> {
    let (radius, hydrophobic, donor, acceptor) = match name {
        "H" | "G" | "W" | "TZ" => return Some(None),
        "C_H" => (1.9, 1.0, 0.0, 0.0),
        "C_P" => (1.9, 0.0, 0.0, 0.0),
        "N_P" => (1.8, 0.0, 0.0, 0.0),
        "N_D" => (1.8, 0.0, 1.0, 0.0),
        "N_A" => (1.8, 0.0, 0.0, 1.0),
        "N_DA" => (1.8, 0.0, 1.0, 1.0),
        "O_P" => (1.7, 0.0, 0.0, 0.0),
        "O_D" => (1.7, 0.0, 1.0, 0.0),
        "O_A" => (1.7, 0.0, 0.0, 1.0),
        "O_DA" => (1.7, 0.0, 1.0, 1.0),
        "S_P" => (2.0, 0.0, 0.0, 0.0),
        "P_P" => (2.1, 0.0, 0.0, 0.0),
        "F_H" => (1.5, 1.0, 0.0, 0.0),
        "Cl_H" => (1.8, 1.0, 0.0, 0.0),
        "Br_H" => (2.0, 1.0, 0.0, 0.0),
        "I_H" => (2.2, 1.0, 0.0, 0.0),
        "Si" => (2.2, 0.0, 0.0, 0.0),
        "At" => (2.3, 0.0, 0.0, 0.0),
        "Met_D" => (1.2, 0.0, 1.0, 0.0),
        _ => return None,
    };
    Some(Some(Atom {
        radius,
        hydrophobic,
        donor,
        acceptor,
    }))
}
