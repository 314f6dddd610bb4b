"""The queue of jobs, and who makes the music."""
