"""One SQLite file and the pictures beside it."""
