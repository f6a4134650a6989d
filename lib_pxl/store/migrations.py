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
    (
        "nokens",
        """
        CREATE TABLE nokens (
            hash TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            family TEXT NOT NULL,
            tokens INTEGER NOT NULL,
            operator TEXT NOT NULL,
            seed INTEGER,
            place INTEGER NOT NULL,
            amounts TEXT NOT NULL,
            generation INTEGER NOT NULL,
            kept INTEGER NOT NULL,
            thumbnail TEXT,
            created TEXT NOT NULL,
            deleted TEXT
        );
        CREATE UNIQUE INDEX noken_names ON nokens (name) WHERE name != '' AND deleted IS NULL;
        CREATE TABLE noken_parents (
            child TEXT NOT NULL REFERENCES nokens (hash),
            place INTEGER NOT NULL,
            parent TEXT NOT NULL,
            PRIMARY KEY (child, place)
        );
        CREATE INDEX noken_children ON noken_parents (parent);
        """,
    ),
)
