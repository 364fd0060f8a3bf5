//! Symbols of elements in their usual case. Programs write `CL`, `cl` and `Cl`.

use std::borrow::Cow;

/// All elements (IUPAC), and the two isotopes of hydrogen with symbols.
const ELEMENTS: &str = "H D T He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co \
    Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr \
    Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa \
    U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og";

/// The element's symbol; other text (`R#`, `*`, `LP`, a query atom) unchanged.
pub(super) fn usual(symbol: &str) -> Cow<'_, str> {
    ELEMENTS
        .split_ascii_whitespace()
        .find(|known| known.eq_ignore_ascii_case(symbol))
        .map_or(Cow::Borrowed(symbol), Cow::Borrowed)
}
