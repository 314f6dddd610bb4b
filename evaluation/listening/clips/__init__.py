"""The sound files that raters hear."""
