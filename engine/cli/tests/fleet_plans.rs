//! Plans over fleets: what no pool can do, and what moving files costs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod scene;

use scene::Scene;

/// A stage of two hours that may wait until tomorrow.
const PATIENT: &str = "\
name: patient
place: { deadline: 24h }
stages:
  search:
    run: 'true'
    expect: { time: 2h, power: 1000W }
";

/// The arguments that plan a scene's workflow over its fleet on its grid.
const OVER: [&str; 10] = [
    "plan",
    "workflow.yaml",
    "--grid",
    "grid",
    "--zone",
    "DE",
    "--as-of",
    "2023-01-09T02:00:00Z",
    "--fleet",
    "fleet.yaml",
];

fn world() -> Scene {
    let scene = Scene::with(PATIENT);
    scene.recorded_world();
    scene
}

#[test]
fn a_plan_refuses_what_no_pool_of_the_fleet_can_do_and_names_what_is_nearest() {
    let scene = world();
    scene.file(
        "fleet.yaml",
        "- { pool: de, zone: DE, gpu: { model: A100 }, capacity: { gpus: 8, cpus: 64 } }\n\
         - { pool: no, zone: 'NO', gpu: { model: H100 }, capacity: { gpus: 4, cpus: 64 } }\n",
    );
    let plan = |gpus: &str, place: &str| {
        let asked = format!("    resources: {{ {gpus} }}\n    expect: {{ time: 2h");
        let text = PATIENT.replace("    expect: { time: 2h", &asked);
        scene.file("workflow.yaml", text.replace("deadline: 24h", place));
        scene.sunward(&[&OVER[..], &["--json"]].concat())
    };
    for (gpus, code, expected) in [
        (
            "gpus: V100",
            3,
            "has the GPUs that it asks for (1 V100): de has A100, no has H100",
        ),
        (
            "gpus: 'H100:16'",
            3,
            "needs 16 GPUs for each task, which no pool that it may use ever has: the most that a pool has is 4 GPUs, in no",
        ),
        ("gpus: 9", 3, "the most that a pool has is 8 GPUs, in de"),
        ("cpus: 65", 3, "needs 65 cores for each task"),
    ] {
        let told = plan(gpus, "deadline: 24h").expect(code);
        assert!(told.err.contains(expected), "{gpus}: {}", told.err);
    }
    for (gpus, pool) in [
        ("gpus: A100", "de"),
        ("gpus: 'H100:4'", "no"),
        ("gpus: { any_of: [V100, A100] }", "de"),
        ("gpus: V100, optional: true", "no"),
    ] {
        let placed = plan(gpus, "deadline: 24h").expect(0).json();
        let stage = &placed["placing"]["stages"][0];
        assert_eq!(stage["pools"][0], pool, "{gpus}");
    }
    // A window that does not state its cores has sixteen for each GPU.
    scene.file(
        "fleet.yaml",
        "- { pool: de, zone: DE, capacity: { gpus: 2 } }\n- { pool: no, zone: 'NO', capacity: { cpus: 8 } }\n",
    );
    plan("cpus: 32", "deadline: 24h").expect(0);
    let told = plan("cpus: 33", "deadline: 24h").expect(3);
    let expected = "the most that a pool has is 32 cores, in de";
    assert!(told.err.contains(expected), "{}", told.err);
    let told = plan("cpus: 1", "deadline: 24h, home: DEE").expect(2);
    assert!(
        told.err
            .contains("home: DEE is no pool, region or zone of the fleet")
            && told.err.contains("its zones are DE, NO; did you mean DE?"),
        "{}",
        told.err
    );
}

#[test]
fn the_files_and_folders_that_a_stage_reads_weigh_in_a_plan() {
    weigh("./data.bin", &["data.bin"]);
    weigh("./data", &["data/a.bin", "data/deep/b.bin"]);
}

fn weigh(input: &str, files: &[&str]) {
    let scene = world();
    let reads = format!("  search:\n    inputs: {{ data: {{ from: {input}, as: file }} }}\n");
    scene.file("workflow.yaml", PATIENT.replace("  search:\n", &reads));
    let plan = |bytes: usize| {
        for file in files {
            scene.file(file, "x".repeat(bytes / files.len()));
        }
        let words = ["--transfer-kwh-per-gb", "1000", "--json"];
        let plan = scene.sunward(&[&OVER[..], &words].concat());
        plan.expect(0).json()["placing"]["stages"][0].clone()
    };
    let near = plan(10_000_000);
    assert_ne!(near["pools"][0], "north", "ten kilowatt hours of transfer");
    assert_eq!(near["transfer_gco2e"], 0.0);
    let far = plan(100_000);
    assert_eq!(far["pools"][0], "north");
    assert!(far["transfer_gco2e"].as_f64().unwrap() > 0.0);
}

/// Random numbers that are the same in each run.
struct Luck(u64);

impl Luck {
    /// A number below `most`.
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = self.below(u64::try_from(of.len()).unwrap());
        &of[usize::try_from(at).unwrap()]
    }
}

/// A pool of the property: its model, if it names one, and its devices.
struct Gear {
    model: Option<&'static str>,
    gpus: u64,
}

impl Gear {
    fn random(luck: &mut Luck) -> Self {
        let gpus = *luck.one(&[0, 1, 2, 4, 8]);
        let model = *luck.one(&[Some("A100"), Some("H100"), None]);
        let model = model.filter(|_| gpus > 0);
        Self { model, gpus }
    }

    fn text(&self, number: usize) -> String {
        let model = self
            .model
            .map_or_else(String::new, |model| format!("gpu: {{ model: {model} }}, "));
        let zone = if number.is_multiple_of(2) {
            "DE"
        } else {
            "'NO'"
        };
        format!(
            "- {{ pool: p{number}, zone: {zone}, {model}capacity: {{ gpus: {}, cpus: 64 }} }}\n",
            self.gpus
        )
    }

    /// Whether it has the devices of one of these choices. A pool that names no model may be of any.
    fn fits(&self, choices: &[(Option<&str>, u64)]) -> bool {
        choices.iter().any(|(model, count)| {
            let is_right = self.model.is_none() || model.is_none() || self.model == *model;
            is_right && self.gpus >= *count
        })
    }
}

/// A random demand: as it is written, and its choices.
fn demand(luck: &mut Luck) -> (String, Vec<(Option<&'static str>, u64)>) {
    let mut one = || {
        (
            *luck.one(&["A100", "H100", "V100"]),
            *luck.one(&[1, 2, 4, 8, 16]),
        )
    };
    let ((model, count), (other, more)) = (one(), one());
    match luck.below(3) {
        0 => (count.to_string(), vec![(None, count)]),
        1 => (format!("'{model}:{count}'"), vec![(Some(model), count)]),
        _ => (
            format!("{{ any_of: ['{model}:{count}', '{other}:{more}'] }}"),
            vec![(Some(model), count), (Some(other), more)],
        ),
    }
}

#[test]
fn a_task_is_placed_only_where_its_devices_are_and_else_what_is_nearest_is_named() {
    let scene = world();
    let mut luck = Luck(5);
    let (mut placed, mut refused) = (0, 0);
    for case in 0..60 {
        let pools: Vec<Gear> = (0..=luck.below(3))
            .map(|_| Gear::random(&mut luck))
            .collect();
        let (written, choices) = demand(&mut luck);
        let fleet: String = pools
            .iter()
            .enumerate()
            .map(|(number, pool)| pool.text(number))
            .collect();
        scene.file("fleet.yaml", &fleet);
        let asked = format!("    resources: {{ gpus: {written} }}\n    expect:");
        scene.file("workflow.yaml", PATIENT.replace("    expect:", &asked));
        let told = scene.sunward(&[&OVER[..], &["--json"]].concat());
        let told_of = format!("case {case}: gpus: {written} over\n{fleet}{}", told.err);
        if pools.iter().any(|pool| pool.fits(&choices)) {
            assert_eq!(told.code, 0, "{told_of}");
            let plan = told.json();
            let names = plan["placing"]["stages"][0]["pools"]
                .as_array()
                .unwrap()
                .clone();
            assert!(!names.is_empty(), "{told_of}");
            for name in names {
                let number: usize = name.as_str().unwrap()[1..].parse().unwrap();
                assert!(pools[number].fits(&choices), "{name}: {told_of}");
            }
            placed += 1;
        } else {
            assert_eq!(told.code, 3, "{told_of}");
            let most = pools.iter().map(|pool| pool.gpus).max().unwrap();
            let nearest = [
                "the most that a pool has is",
                " has A100",
                " has H100",
                "none of the fleet's pools has any",
            ];
            assert!(
                nearest.iter().any(|words| told.err.contains(words)),
                "{told_of}"
            );
            assert_eq!(
                told.err.contains("none of the fleet's pools has any"),
                most == 0,
                "{told_of}"
            );
            refused += 1;
        }
    }
    assert!(
        placed > 10 && refused > 10,
        "{placed} placed, {refused} refused"
    );
}

/// Grids of the same figures at all hours.
fn flat_grids(scene: &Scene, zones: &[(&str, u64)]) {
    for (zone, grams) in zones {
        let mut text = String::from("timestamp_utc,carbon_intensity_gco2e_per_kwh\n");
        for hour in 0..288 {
            let (day, hour) = (hour / 24 + 1, hour % 24);
            text.push_str(&format!("2023-01-{day:02}T{hour:02}:00:00Z,{grams}\n"));
        }
        scene.file(&format!("grid/{zone}.csv"), text);
    }
}

#[test]
fn a_plan_counts_the_transfer_of_inputs_and_moves_only_what_the_move_saves() {
    let scene = world();
    let mut luck = Luck(9);
    let (mut moved, mut stayed) = (0, 0);
    for case in 0..40 {
        let (home, away) = (50 + luck.below(800), 10 + luck.below(800));
        // 2 kWh of work, and up to 4 kWh of transfer.
        let kilobytes = luck.below(4000);
        let kwh_per_gb = 1000;
        flat_grids(&scene, &[("DE", home), ("NO", away)]);
        scene.file(
            "fleet.yaml",
            "- { pool: here, zone: DE, capacity: { gpus: 0, cpus: 64 } }\n- { pool: there, zone: 'NO', capacity: { gpus: 0, cpus: 64 } }\n",
        );
        scene.file(
            "data.bin",
            vec![b'x'; usize::try_from(kilobytes * 1000).unwrap()],
        );
        let reads = "  search:\n    inputs: { data: { from: ./data.bin, as: file } }\n";
        scene.file("workflow.yaml", PATIENT.replace("  search:\n", reads));
        let transfer = kwh_per_gb.to_string();
        let words = ["--transfer-kwh-per-gb", &transfer, "--json"];
        let plan = scene
            .sunward(&[&OVER[..], &words].concat())
            .expect(0)
            .json();
        let stage = &plan["placing"]["stages"][0];
        let float = |value: u64| f64::from(u32::try_from(value).unwrap());
        let (home, away) = (float(home), float(away));
        // By hand: a gigabyte is a million kilobytes, and its way is half in either zone.
        let way = float(kilobytes) / 1e6 * float(kwh_per_gb) * f64::midpoint(home, away);
        let (stay, go) = (2.0 * home, 2.0 * away + way);
        let told_of =
            format!("case {case}: {home} g here, {away} g there, {kilobytes} kB: {stage}");
        let is_there = stage["pools"][0] == "there";
        let expected = if is_there { go } else { stay };
        let gco2e = stage["gco2e"].as_f64().unwrap();
        assert!(
            (gco2e - expected).abs() < 0.01 * expected + 0.01,
            "{expected}: {told_of}"
        );
        let told_way = stage["transfer_gco2e"].as_f64().unwrap();
        assert!(
            (told_way - if is_there { way } else { 0.0 }).abs() < 0.01 * way + 0.01,
            "{way}: {told_of}"
        );
        let at_home = plan["placing"]["gco2e_at_home_now"].as_f64().unwrap();
        assert!((at_home - stay).abs() < 0.01 * stay, "{told_of}");
        assert!(!is_there || go < stay, "a move must save: {told_of}");
        // What saves most of it goes; between lies what forecasts may be wrong by.
        assert!(is_there || go > 0.5 * stay, "{go} for {stay}: {told_of}");
        if is_there { moved += 1 } else { stayed += 1 }
    }
    assert!(moved > 5 && stayed > 5, "{moved} moved, {stayed} stayed");
}

#[test]
fn what_may_wait_for_a_while_without_a_deadline_waits_from_when_it_is_ready() {
    let scene = world();
    scene.file("fleet.yaml", "- { pool: mid, zone: DE, capacity: 4 }\n");
    let plan = |first: &str, second: &str| -> Vec<(String, String)> {
        let stage = |name: &str, place: &str, more: &str| {
            format!(
                "  {name}:\n    {more}run: 'true'\n    place: {{ {place} }}\n    expect: {{ time: 2h, power: 1000W }}\n"
            )
        };
        let (one, two) = (
            stage("one", first, ""),
            stage("two", second, "needs: one\n    "),
        );
        scene.file(
            "workflow.yaml",
            format!("name: patient\nstages:\n{one}{two}"),
        );
        let plan = scene
            .sunward(&[&OVER[..], &["--json"]].concat())
            .expect(0)
            .json();
        let stages = plan["placing"]["stages"].as_array().unwrap().clone();
        let told = |one: &serde_json::Value, name: &str| one[name].as_str().unwrap().to_owned();
        stages
            .iter()
            .map(|one| (told(one, "start")[11..16].to_owned(), told(one, "why")))
            .collect()
    };
    let at =
        |starts: [(&str, &str); 2]| starts.map(|(start, why)| (start.to_owned(), why.to_owned()));
    // It is two o'clock, and power is clean from ten to three.
    for (first, second, expected) in [
        (
            "max_delay: 9h",
            "max_delay: 9h",
            [("10:00", "cleanest"), ("12:00", "cleanest")],
        ),
        (
            "max_delay: 9h",
            "max_delay: 1h",
            [("10:00", "cleanest"), ("12:00", "cleanest")],
        ),
        (
            "prefer: carbon",
            "max_delay: 9h",
            [("02:00", "at_once"), ("10:00", "cleanest")],
        ),
        (
            "max_delay: 7h",
            "max_delay: 7h",
            [("09:00", "cleanest"), ("11:00", "cleanest")],
        ),
        // The second begins within an hour of the first's end, so the first waits for both.
        (
            "deadline: 24h",
            "deadline: 24h, max_delay: 1h",
            [("10:00", "cleanest"), ("12:00", "cleanest")],
        ),
    ] {
        assert_eq!(plan(first, second), at(expected), "{first} and {second}");
    }
}
