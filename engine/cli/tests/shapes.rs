//! Shape overlays of molecules from SDF files.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says what did not run"
)]

mod expected;
mod scene;

use expected::table;
use scene::Scene;

const WORKFLOW: &str = "\
name: shapes
params:
  fits: { type: path }
  starts: { type: int, default: 4 }
stages:
  overlay:
    kernel: gaussian_shape
    scatter: { over: fits, rows: 2 }
    inputs: { references: ./reference.mol, fits: params.fits }
    with: { starts: \"${{ params.starts }}\" }
outputs: { overlays: overlay.overlays, rejects: overlay.rejects }
";

/// A V2000 record.
fn record(title: &str, atoms: &[(&str, [f64; 3])]) -> String {
    let mut text = format!(
        "{title}\n\n\n{:>3}  0  0  0  0  0            999 V2000\n",
        atoms.len()
    );
    for (element, [x, y, z]) in atoms {
        text += &format!("{x:10.4}{y:10.4}{z:10.4} {element:<3} 0  0\n");
    }
    text + "M  END\n> <dose>\n1\n\n$$$$\n"
}

/// A carbon and its hydrogen.
fn dot(title: &str, x: f64) -> String {
    record(title, &[("C", [x, 0.0, 0.0]), ("H", [x, 9.0, 0.0])])
}

/// Four heavy atoms without mirror symmetry.
const TWISTED: [[f64; 3]; 4] = [
    [0.0, 0.0, 0.0],
    [1.5, 0.0, 0.0],
    [2.0, 1.4, 0.0],
    [3.2, 1.6, 0.9],
];

fn twisted(place: impl Fn([f64; 3]) -> [f64; 3]) -> Vec<(&'static str, [f64; 3])> {
    let places = TWISTED.map(place);
    ["C", "N", "C", "O"].into_iter().zip(places).collect()
}

/// `id` and `st` of each row of the output.
fn overlays(scene: &Scene) -> Vec<(String, f64)> {
    let rows = table(&scene.text("out/overlays.csv"));
    let column = |name: &str| rows[0].iter().position(|column| column == name).unwrap();
    let (id, st) = (column("id"), column("st"));
    rows[1..]
        .iter()
        .map(|row| (row[id].clone(), row[st].parse().unwrap()))
        .collect()
}

fn run(scene: &Scene, starts: &str) {
    let arguments = ["-p", "fits=fits.sdf", "-p", starts, "--out", "out"];
    scene
        .run(&[&arguments[..], &["--format", "csv"]].concat())
        .expect(0);
}

/// Two Gaussians at a distance `d`: ST = e / (2 - e) with e = exp(-a d^2 / 2) and
/// a = pi (3 p / (4 pi s^3))^(2/3), for p = 2.7 and s = 1.7 angstrom.
#[test]
fn atoms_that_stay_where_they_are_overlap_as_the_formula_says() {
    let scene = Scene::with(WORKFLOW);
    scene.file("reference.mol", dot("origin", 0.0));
    scene.file(
        "fits.sdf",
        [dot("here", 0.0), dot("", 1.0), dot("off", -1.5)].concat(),
    );
    run(&scene, "starts=0");
    let expected = [("here", 1.0), ("2", 0.499_917), ("off", 0.251_174)];
    let found = overlays(&scene);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((id, st), (name, wanted)) in found.iter().zip(expected) {
        assert!(id == name && (st - wanted).abs() < 1e-5, "{found:?}");
    }
}

/// Ligands of CDK2 in place, without hydrogens, with every atom as carbon. NumPy computed the
/// figures in double precision from the formula, with coordinates that RDKit read.
#[test]
fn the_ligands_of_cdk2_overlap_where_they_lie_as_numpy_says() {
    let Some(path) = scene::shared("data/science/chem/cdk2.sdf") else {
        return;
    };
    let text = std::fs::read_to_string(&path).unwrap();
    let scene = Scene::with(WORKFLOW);
    let (first, _) = text.split_once("$$$$").unwrap();
    scene.file("reference.mol", first);
    scene.file("fits.sdf", &text);
    run(&scene, "starts=0");
    let found = overlays(&scene);
    assert_eq!(found.len(), 47);
    let expected = [
        ("ZINC03814457", 1.0),
        ("ZINC03814459", 0.5309),
        ("ZINC03814460", 0.5424),
        ("ZINC00023543", 0.5568),
        ("ZINC03814458", 0.9010),
        ("ZINC01641925", 0.3878),
    ];
    for ((id, st), (name, wanted)) in found.iter().zip(expected) {
        assert!(id == name && (st - wanted).abs() <= 5.1e-5, "{found:?}");
    }
}

#[test]
fn a_molecule_that_was_turned_and_shifted_fits_and_its_mirror_image_does_not() {
    let scene = Scene::with(WORKFLOW);
    scene.file(
        "reference.mol",
        record("reference", &twisted(|place| place)),
    );
    let turned = twisted(|[x, y, z]| [5.0 - y, x - 20.0, z + 7.0]);
    let mirrored = twisted(|[x, y, z]| [x, y, -z]);
    let newer = "newer\n\n\n  0  0  0     0  0            999 V3000\n\
        M  V30 BEGIN CTAB\nM  V30 COUNTS 4 0 0 0 0\nM  V30 BEGIN ATOM\n\
        M  V30 1 C 0 0 0 0\nM  V30 2 N 0 0 1.5 0\nM  V30 3 C 0 1.4 2 0\nM  V30 4 O -.9 1.6 3.2 0\n\
        M  V30 END ATOM\nM  V30 END CTAB\nM  END\n$$$$\n";
    let text = [
        &record("turned", &turned),
        &record("mirrored", &mirrored),
        &record("hydrogens", &[("H", [0.0; 3]), ("H", [0.7, 0.0, 0.0])]),
        newer,
    ]
    .concat();
    scene.file("fits.sdf", text.replace('\n', "\r\n"));
    run(&scene, "starts=4");
    let found = overlays(&scene);
    let ids: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["turned", "mirrored", "newer"]);
    assert!(found[0].1 > 0.999, "{found:?}");
    assert!(found[1].1 < 0.99, "{found:?}");
    assert!(found[2].1 > 0.999, "{found:?}");
    let rejects = table(&scene.text("out/rejects.csv"));
    assert_eq!(rejects[1..], [["hydrogens", "it has no atom but hydrogen"]]);
}

#[test]
fn a_broken_record_is_a_reject_with_its_line_and_the_rest_is_done() {
    let scene = Scene::with(WORKFLOW);
    scene.file("reference.mol", dot("origin", 0.0));
    let broken = dot("broken", 1.0).replace("1.0000", "1.0O00");
    let text = [dot("whole", 0.0), broken, dot("last", 0.0)].concat();
    scene.file("fits.sdf", text);
    run(&scene, "starts=4");
    let found = overlays(&scene);
    let ids: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["whole", "last"]);
    let rejects = table(&scene.text("out/rejects.csv"));
    assert_eq!(rejects.len(), 2, "{rejects:?}");
    assert_eq!(rejects[1][0], "broken");
    let reason = &rejects[1][1];
    assert!(reason.contains("record 2: x is `1.0O00`"), "{reason}");
}
