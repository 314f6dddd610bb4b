"""What things cost on this machine: every bench prints one table, or JSON with `--json`."""
