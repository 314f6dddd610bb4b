"""Captions of prepared pieces: from tags and templates, or from a function of the caller."""
