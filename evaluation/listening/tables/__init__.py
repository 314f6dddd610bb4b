"""From stored answers to tables and files."""
