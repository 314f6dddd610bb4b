"""Commands that check the toolkit itself: coverage by simulation, speed, parity."""
