//! Starting poses of climbs, in which the principal axes of two molecules coincide.

use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion, Vector3};

use super::molecule::Molecule;

/// The first starting poses of `fit` over `reference`, both centered: at most 24.
pub(super) fn starts(reference: &Molecule, fit: &Molecule, count: usize) -> Vec<Isometry3<f64>> {
    let onto = axes(reference);
    let from = axes(fit).transpose();
    cube()
        .into_iter()
        .take(count)
        .map(|turn| {
            let turn = Rotation3::from_matrix_unchecked(onto * turn * from);
            let turn = UnitQuaternion::from_rotation_matrix(&turn);
            Isometry3::from_parts(Translation3::identity(), turn)
        })
        .collect()
}

/// The principal axes as columns, longest extent first, right-handed. Their signs are arbitrary;
/// the half turns among the starts compensate for that.
pub(super) fn axes(molecule: &Molecule) -> Matrix3<f64> {
    let spread: Matrix3<f64> = molecule.atoms.iter().map(|x| x * x.transpose()).sum();
    let eigen = spread.symmetric_eigen();
    let mut order = [0, 1, 2];
    order.sort_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
    let [first, second] = [order[0], order[1]].map(|i| eigen.eigenvectors.column(i).into_owned());
    let third: Vector3<f64> = first.cross(&second);
    Matrix3::from_columns(&[first, second, third])
}

/// The 24 rotations of a cube: the identity and the half turns about the axes first, then those
/// that also permute the axes.
pub(super) fn cube() -> Vec<Matrix3<f64>> {
    const PERMUTATIONS: [[usize; 3]; 6] = [
        [0, 1, 2],
        [1, 0, 2],
        [0, 2, 1],
        [2, 1, 0],
        [1, 2, 0],
        [2, 0, 1],
    ];
    const SIGNS: [[f64; 2]; 4] = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]];
    let mut all = Vec::with_capacity(24);
    for permutation in PERMUTATIONS {
        for [first, second] in SIGNS {
            let axis = |i: usize| Vector3::ith(permutation[i], 1.0);
            let (x, y) = (axis(0) * first, axis(1) * second);
            all.push(Matrix3::from_columns(&[x, y, x.cross(&y)]));
        }
    }
    all
}
