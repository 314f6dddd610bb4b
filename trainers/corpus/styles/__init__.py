"""How every style of the corpus is played: chords, grooves, patterns, instruments and moods."""
