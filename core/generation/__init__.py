"""From a request to sound: tokens drawn in batches, edits, rendering, joining and levels."""
