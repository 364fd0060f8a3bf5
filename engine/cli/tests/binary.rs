//! The built binary answers at all.
mod scene;

use scene::Scene;

#[test]
fn the_binary_starts() {
    assert_ne!(Scene::new().sunward(&["--version"]).code, 101);
}
