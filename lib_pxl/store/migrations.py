"""The shape of the database, as the steps that led to it: add at the end, and never change one that was released."""

from __future__ import annotations

MIGRATIONS: tuple[tuple[str, str], ...] = (
    (
        "presets",
        """
        CREATE TABLE presets (
            name TEXT PRIMARY KEY,
            program TEXT NOT NULL,
            created TEXT NOT NULL,
            changed TEXT NOT NULL
        );
        """,
    ),
)
