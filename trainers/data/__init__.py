"""What a run reads: decoded sound, shards of tokens and latents, and how they are extracted."""
