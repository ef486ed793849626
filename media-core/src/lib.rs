//! The media plane: sharded, pinned, one io_uring a core.
