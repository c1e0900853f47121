//! Memory that outgoing packets are cut from. Each is let go as soon as it is sent, so that one block serves for good.

use bytes::BytesMut;

/// Room for the ticks that a late worker makes up at once, at the highest bitrates.
const SPEECH_LEN: usize = 16 * 1024;

/// As much as the kernel is handed at once.
const VIDEO_LEN: usize = 128 * 1024;

/// A block that begins anew when it is used up.
pub(super) struct Block {
    memory: BytesMut,
    len: usize,
}

impl Block {
    pub(super) fn of_speech() -> Self {
        Self::new(SPEECH_LEN)
    }

    pub(super) fn of_video() -> Self {
        Self::new(VIDEO_LEN)
    }

    fn new(len: usize) -> Self {
        Self { memory: BytesMut::with_capacity(len), len }
    }

    /// The memory, for what grows as it is written.
    pub(super) fn memory(&mut self) -> &mut BytesMut {
        // Long before the end: while one of its packets is under way it cannot begin anew, and another would have to be made.
        if self.memory.capacity() < self.len / 2 {
            // Else with the next packet.
            let _ = self.memory.try_reclaim(self.len / 2);
        }
        &mut self.memory
    }

    /// The memory, with room for so many bytes more.
    pub(super) fn with_room(&mut self, bytes: usize) -> &mut BytesMut {
        let memory = self.memory();
        memory.reserve(bytes);
        memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_anew_though_packets_are_under_way_where_it_ends() {
        let mut block = Block::new(1000);
        let whole = block.memory.as_ptr_range();
        // Four packets are sent at once, and three of these bursts are more than the block.
        for _ in 0..50 {
            let burst: Vec<BytesMut> = (0..4)
                .map(|_| {
                    let memory = block.with_room(90);
                    memory.resize(90, 1);
                    memory.split()
                })
                .collect();
            assert!(burst.iter().all(|packet| packet.as_ptr() >= whole.start));
            assert!(burst.iter().all(|packet| packet.as_ptr() as usize - (whole.start as usize) < 1000));
        }
    }
}
