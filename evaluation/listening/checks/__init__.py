"""Many raters at once on servers that are killed, and a small study to try things on."""
