"""Losses beside the main one: spectra, discriminators, captions, and what a score says."""
