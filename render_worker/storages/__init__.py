"""Where pictures are kept: one file a storage."""
