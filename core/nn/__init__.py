"""Neural parts that several models share: Vocos, mel bands, framing, phases, codebooks."""
