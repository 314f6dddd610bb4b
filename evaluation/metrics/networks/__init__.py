"""Neural parts of the metrics' models, and the reader of their checkpoints."""
