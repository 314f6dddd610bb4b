"""Where answers are kept: SQLite or PostgreSQL."""
