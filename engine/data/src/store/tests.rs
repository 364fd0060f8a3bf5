//! Damage of parts, and what heals it.

use std::os::unix::fs::symlink;

use sunward_core::Blame;

use super::*;
use crate::blob::file_dataset;
use crate::materialise::Wanted;

const TEXT: &[u8] = b"what it should be";

fn store() -> (tempfile::TempDir, Store, PartRef) {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), None).unwrap();
    let part = store.put_bytes(TEXT).unwrap();
    (home, store, part)
}

/// Writes to a part as a user could.
fn rewrite(path: &Path, bytes: &[u8]) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o444)).unwrap();
}

#[test]
fn a_part_that_somebody_wrote_to_is_read_again_before_it_is_used() {
    let (_home, store, part) = store();
    let path = store.part_path(&part.digest);
    assert!(store.has_part(&part) && !store.is_suspect());
    // The same bytes: nothing is lost, and the part is sealed again.
    rewrite(&path, TEXT);
    assert!(store.has_part(&part));
    assert!(is_sealed(&fs::metadata(&path).unwrap(), &part.digest));
    // Other bytes of the same length.
    let wanted = Wanted {
        ext: Some("txt".into()),
        ..Wanted::default()
    };
    let joined = store.materialise(&file_dataset(part), &wanted).unwrap();
    rewrite(&path, b"what it should b3");
    assert!(!store.has_part(&part));
    assert!(!path.exists(), "it is deleted");
    assert!(!joined.exists(), "its other names are, too");
    let error = store.fetch_part(&part).unwrap_err();
    assert_eq!(error.blame(), Blame::Lost, "{error}");
    store.put_bytes(TEXT).unwrap();
    assert!(store.has_part(&part));
    let joined = store.materialise(&file_dataset(part), &wanted).unwrap();
    assert_eq!(fs::read(joined).unwrap(), TEXT);
}

#[test]
fn who_only_looks_sees_damage_and_changes_nothing() {
    let (home, store, part) = store();
    let path = store.part_path(&part.digest);
    rewrite(&path, b"what it should b3");
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    let looking = Store::look(home.path());
    assert!(!looking.has_part(&part));
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
    rewrite(&path, TEXT);
    assert!(looking.has_part(&part) && looking.has_part(&part));
    assert!(!is_sealed(&fs::metadata(&path).unwrap(), &part.digest));
}

#[test]
fn a_change_that_the_times_do_not_show_is_found_by_verifying() {
    let (_home, store, part) = store();
    let path = store.part_path(&part.digest);
    let sealed = fs::metadata(&path).unwrap().modified().unwrap();
    rewrite(&path, b"what it should b3");
    fs::File::open(&path).unwrap().set_modified(sealed).unwrap();
    assert!(store.has_part(&part));
    assert_eq!(store.verify().unwrap().len(), 1);
}

#[test]
fn whatever_is_in_the_place_of_a_part_makes_room_for_it() {
    type Harm = fn(&Path);
    let harms: [Harm; 5] = [
        |path| fs::create_dir(path).unwrap(),
        |path| {
            fs::create_dir(path).unwrap();
            fs::write(path.join("x"), "x").unwrap();
        },
        |path| symlink("/etc/hosts", path).unwrap(),
        |path| symlink("/nowhere", path).unwrap(),
        |path| {
            let shard = path.parent().unwrap();
            fs::remove_dir(shard).unwrap();
            fs::write(shard, "x").unwrap();
        },
    ];
    for (at, harm) in harms.iter().enumerate() {
        let (_home, store, part) = store();
        let path = store.part_path(&part.digest);
        fs::remove_file(&path).unwrap();
        harm(&path);
        assert!(!store.has_part(&part), "{at}");
        assert_eq!(store.fetch_part(&part).unwrap_err().blame(), Blame::Lost);
        store.put_bytes(TEXT).unwrap();
        assert!(store.has_part(&part), "{at}");
        assert_eq!(fs::read(&path).unwrap(), TEXT);
        let left = fs::read_dir(store.incoming_folder()).unwrap().count();
        assert_eq!(left, 0, "{at}: nothing stays behind");
    }
    assert!(fs::metadata("/etc/hosts").unwrap().is_file());
}
