"""What is compared: items, their files, parts of them, and what stands for the real clips."""
