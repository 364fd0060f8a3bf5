//! Inputs larger than a device's memory: tiles that fit, copied while others are computed.

use super::{Device, DeviceError};

/// Tiles in progress at a time: one is copied while the other is computed.
pub(crate) const LANES: usize = 2;
/// The share of free memory that is used, in tenths; the driver needs some itself.
const TENTHS: u64 = 9;

/// Work in tiles. A lane has what one tile needs: a stream, its buffers, pinned memory.
pub(crate) trait Tiled {
    /// What one tile needs while it is in progress.
    type Lane;
    /// The part of the work that a tile is.
    type Tile;
    /// The error of the work.
    type Error;

    /// The next tile; `None` at the end.
    fn next(&mut self) -> Option<Self::Tile>;
    /// Enqueues a tile on its lane's stream, without waiting.
    fn start(&mut self, lane: &mut Self::Lane, tile: Self::Tile) -> Result<(), Self::Error>;
    /// Waits for the lane's tile, if it has one, and takes its results.
    fn finish(&mut self, lane: &mut Self::Lane) -> Result<(), Self::Error>;
}

/// Processes all tiles. A lane gets its next tile as soon as its last one is done; tiles finish in
/// order.
pub(crate) fn run<W: Tiled>(work: &mut W, lanes: &mut [W::Lane]) -> Result<(), W::Error> {
    let mut turn = 0;
    // The lane must be free before the next tile is chosen, so that the choice uses all results so
    // far.
    loop {
        work.finish(&mut lanes[turn])?;
        let Some(tile) = work.next() else { break };
        work.start(&mut lanes[turn], tile)?;
        turn = (turn + 1) % lanes.len();
    }
    for _ in 0..lanes.len() {
        turn = (turn + 1) % lanes.len();
        work.finish(&mut lanes[turn])?;
    }
    Ok(())
}

/// Memory that may be used, in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    device: String,
    total: u64,
    free: u64,
    left: u64,
}

impl Budget {
    /// The device's free memory, less a reserve.
    pub(crate) fn of(device: &Device) -> Result<Self, DeviceError> {
        let about = device.about();
        let free = device.free_memory()?;
        Ok(Self {
            device: about.name.clone(),
            total: about.memory_bytes,
            free,
            left: free / 10 * TENTHS,
        })
    }

    /// Sets this many bytes aside.
    pub(crate) fn take(&mut self, bytes: u64) -> Result<(), DeviceError> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.too_little(bytes)),
        }
    }

    /// The bytes of one lane.
    pub(crate) fn lane(&self) -> u64 {
        self.left / LANES as u64
    }

    /// The error of a device with too little memory.
    pub(crate) fn too_little(&self, wanted: u64) -> DeviceError {
        DeviceError::OutOfMemory {
            device: self.device.clone(),
            wanted: (self.free - self.left).saturating_add(wanted),
            free: self.free,
            total: self.total,
        }
    }

    /// How many rows of a size in bytes fit a lane: at least one and at most `most`.
    pub(crate) fn rows(&self, bytes_a_row: u64, most: u64) -> Result<usize, DeviceError> {
        let rows = (self.lane() / bytes_a_row.max(1)).min(most.max(1));
        if rows == 0 {
            return Err(self.too_little(bytes_a_row.saturating_mul(LANES as u64)));
        }
        Ok(usize::try_from(rows).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
impl Budget {
    /// Of a device that has this much free.
    pub(crate) fn for_tests(free: u64) -> Self {
        Self {
            device: "a device".to_owned(),
            total: free,
            free,
            left: free / 10 * TENTHS,
        }
    }
}
