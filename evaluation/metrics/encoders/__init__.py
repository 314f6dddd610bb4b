"""Networks that embed or rate music, each in the layout of its published weights."""
