"""What every training run has in common: loop, processes, precision, saved state, log, report."""
