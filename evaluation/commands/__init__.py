"""What `python -m evaluation COMMAND` runs, one module a command."""
