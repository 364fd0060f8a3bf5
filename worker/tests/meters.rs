//! Energy from meters: RAPL as a folder of files, and NVML as a library that a C compiler makes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::allow_attributes,
    unreachable_pub,
    dead_code,
    missing_docs,
    reason = "tests stop where they cannot go on, say what did not run, and share one scene"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sunward_core::{Energy, RanOn, TaskEnd};
use sunward_kernels::device::Card;
use sunward_worker::MeterFiles;
use sunward_workflows::Gpus;
use support::{Scene, result, shell, succeeded};

/// A readable package, on an idle machine.
fn package(root: &Path) -> MeterFiles {
    let zone = root.join("powercap/intel-rapl:0");
    fs::create_dir_all(&zone).unwrap();
    fs::write(zone.join("name"), "package-0\n").unwrap();
    fs::write(zone.join("max_energy_range_uj"), "262143328850\n").unwrap();
    fs::write(zone.join("energy_uj"), "1000000\n").unwrap();
    fs::write(root.join("stat"), "cpu 10 0 0 90 0 0 0 0 0 0\n").unwrap();
    MeterFiles {
        powercap: root.join("powercap"),
        stat: root.join("stat"),
        nvml: root.join("no library"),
    }
}

/// A script that is busy for longer than meters need, and then runs `last`.
fn busy(last: &str) -> String {
    format!("i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done; {last}")
}

/// The energy of an attempt that runs a script. Meanwhile `change` changes the meters.
fn energy_of(script: &str, change: impl FnOnce(&Path, &mut MeterFiles)) -> Energy {
    let root = tempfile::tempdir().unwrap();
    let mut files = package(root.path());
    change(root.path(), &mut files);
    let mut scene = Scene::with(|options| options.meters = files);
    let script = script.replace("ROOT", root.path().to_str().unwrap());
    let end = scene.one(shell(&script));
    assert!(succeeded(&end), "{end:?}");
    end.energy
}

const GAINS: &str = "echo 3500000 > ROOT/powercap/intel-rapl:0/energy_uj";

#[test]
fn who_has_the_machine_alone_is_charged_what_its_packages_took() {
    let energy = energy_of(&busy(GAINS), |_, _| {});
    assert_eq!(energy, Energy::Measured { millijoules: 2500 });
}

#[test]
fn what_others_were_busy_with_leaves_it_to_the_model() {
    let others = "; echo cpu 99999 0 0 90 0 0 0 0 0 0 > ROOT/stat";
    let energy = energy_of(&busy(&format!("{GAINS}{others}")), |_, _| {});
    assert!(matches!(energy, Energy::Modelled { millijoules } if millijoules > 0));
}

#[test]
fn a_package_that_cannot_be_read_leaves_it_to_the_model() {
    let gone = "rm ROOT/powercap/intel-rapl:0/energy_uj";
    let energy = energy_of(&busy(gone), |_, _| {});
    assert!(matches!(energy, Energy::Modelled { .. }), "{energy:?}");
    let energy = energy_of("true", |root, _| {
        fs::remove_dir_all(root.join("powercap")).unwrap();
    });
    assert!(matches!(energy, Energy::Modelled { .. }), "{energy:?}");
}

/// A library with two GPUs. One has a counter, which rises by 3 500 mJ between two reads.
const NVML: &str = r#"
#include <string.h>
static unsigned long long counter = 1000;
int nvmlInit_v2(void) { return INIT; }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int error) { return "no"; }
int nvmlSystemGetDriverVersion(char *version, unsigned length) {
    strncpy(version, "570.86.15", length);
    return 0;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
    *device = strstr(uuid, "-counts") ? (void *)1 : (void *)2;
    return strstr(uuid, "-stranger") ? 6 : 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules) {
    *millijoules = counter;
    counter += 3500;
    return device == (void *)1 ? 0 : 3;
}
"#;

/// Makes the library. Prints a message and returns `None` without a C compiler.
fn library(folder: &Path, init: i32) -> Option<PathBuf> {
    let source = folder.join("nvml.c");
    fs::write(&source, NVML.replace("INIT", &init.to_string())).unwrap();
    let library = folder.join("libnvidia-ml.so.1");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let made = Command::new(&compiler)
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status();
    match made {
        Ok(status) => {
            assert!(status.success(), "{} refuses {NVML}", compiler.display());
            Some(library)
        }
        Err(error) => {
            eprintln!("NOT RUN: {} makes no NVML: {error}", compiler.display());
            None
        }
    }
}

/// The end of a command that has a GPU of this name and kind.
fn with_gpu(nvml: &Path, name: &str, kind: &str) -> TaskEnd {
    let uuid = format!("GPU-meters-{}-{kind}", std::process::id());
    let lock = format!("/tmp/sunward-{uuid}.lock");
    let card = Card {
        name: name.to_owned(),
        uuid,
        memory_bytes: 1 << 30,
    };
    let mut scene = Scene::with(|options| {
        options.cards = vec![card];
        options.meters.nvml = nvml.to_owned();
    });
    let mut stage = shell("true");
    stage.resources.gpus = Gpus::Count(1);
    let end = scene.one(stage);
    fs::remove_file(lock).unwrap();
    assert!(succeeded(&end), "{end:?}");
    end
}

#[test]
fn a_gpu_is_charged_by_its_counter_and_the_cores_beside_it_by_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let Some(nvml) = library(folder.path(), 0) else {
        return;
    };
    let end = with_gpu(&nvml, "NVIDIA H100 80GB HBM3", "counts");
    let Energy::Both {
        measured_millijoules: 3500,
        modelled_millijoules,
    } = end.energy
    else {
        panic!("{:?}", end.energy);
    };
    assert!(modelled_millijoules > 0);
    let gpu = RanOn::Gpu {
        name: "NVIDIA H100 80GB HBM3".into(),
        count: 1,
        driver: Some("570.86.15".into()),
    };
    assert_eq!(result(end).ran_on, gpu);
}

/// Checks that a T4 is charged by its rated power, and that an unknown GPU has no energy.
fn is_left_to_the_model(nvml: &Path, kind: &str) {
    let end = with_gpu(nvml, "Tesla T4", kind);
    let Energy::Modelled { millijoules } = end.energy else {
        panic!("{:?}", end.energy);
    };
    // At most 70 W for the time that it was held, and the cores.
    assert!(millijoules > 0);
    assert!(millijoules <= (end.wall_us * 70).div_ceil(1000) + (end.cpu_us * 12).div_ceil(1000));
    let unknown = with_gpu(nvml, "Abacus 3000", kind);
    assert_eq!(unknown.energy, Energy::Missing);
    let ran_on = result(unknown).ran_on.to_string();
    assert!(ran_on.starts_with("Abacus 3000"), "{ran_on}");
}

#[test]
fn a_gpu_without_a_counter_or_that_nvml_does_not_know_is_left_to_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let Some(nvml) = library(folder.path(), 0) else {
        return;
    };
    is_left_to_the_model(&nvml, "dumb");
    is_left_to_the_model(&nvml, "stranger");
}

#[test]
fn without_nvml_or_where_it_fails_gpus_are_left_to_the_model() {
    let folder = tempfile::tempdir().unwrap();
    is_left_to_the_model(&folder.path().join("no library"), "counts-not");
    if let Some(nvml) = library(folder.path(), 9) {
        is_left_to_the_model(&nvml, "counts-not");
    }
}
