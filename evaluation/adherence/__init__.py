"""Whether music is what was asked for: facts of items, and what is heard of them."""
