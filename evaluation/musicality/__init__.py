"""Whether a sound is in tune, in time, in key and has a melody: pure functions on arrays."""
