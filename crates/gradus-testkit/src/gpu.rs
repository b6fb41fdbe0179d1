//! The GPU of a test: there, or a counted and printed skip.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use gradus_tensor::Device;

/// Environment variable that turns an absent adapter from a skip into a failure, as CI wants it.
const REQUIRE: &str = "GRADUS_REQUIRE_GPU";

static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// The GPU to test on, software adapters included. Without one the caller should return: the
/// skip is printed to stderr and counted.
///
/// # Panics
/// Without an adapter where `GRADUS_REQUIRE_GPU=1`.
pub fn gpu() -> Option<Device> {
    let error = match Device::gpu() {
        Ok(device) => return Some(device),
        Err(error) => error,
    };
    let required = std::env::var(REQUIRE).is_ok_and(|value| value == "1");
    assert!(!required, "{REQUIRE}=1 and there is no GPU: {error}");
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    // Written past the capture of the test harness: a skip shows in a run where all pass.
    let _ = writeln!(std::io::stderr(), "skipped GPU test number {count}: {error}");
    None
}

/// How many tests of this process asked for a GPU in vain.
pub fn skipped() -> usize {
    SKIPPED.load(Ordering::Relaxed)
}
