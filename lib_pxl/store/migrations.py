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
    (
        "taste",
        """
        CREATE TABLE taste_profiles (
            number INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            created TEXT NOT NULL
        );
        CREATE TABLE taste_categories (
            number INTEGER PRIMARY KEY,
            profile INTEGER NOT NULL REFERENCES taste_profiles (number),
            name TEXT NOT NULL,
            retired TEXT,
            UNIQUE (profile, name)
        );
        CREATE TABLE taste_items (
            number INTEGER PRIMARY KEY,
            profile INTEGER NOT NULL REFERENCES taste_profiles (number),
            id TEXT NOT NULL,
            prompt TEXT NOT NULL,
            negative TEXT NOT NULL,
            caption TEXT NOT NULL,
            settings TEXT NOT NULL,
            template TEXT NOT NULL,
            seed INTEGER,
            checkpoint TEXT NOT NULL,
            image TEXT NOT NULL,
            image_hash TEXT NOT NULL,
            thumbnail TEXT NOT NULL,
            nokens TEXT NOT NULL,
            sitting TEXT NOT NULL,
            time TEXT NOT NULL,
            UNIQUE (profile, id)
        );
        CREATE INDEX taste_items_by_sitting ON taste_items (profile, sitting);
        CREATE INDEX taste_items_by_checkpoint ON taste_items (profile, checkpoint);
        CREATE INDEX taste_items_by_time ON taste_items (profile, time);
        CREATE TABLE taste_vectors (
            item INTEGER NOT NULL REFERENCES taste_items (number),
            encoder TEXT NOT NULL,
            vector BLOB NOT NULL,
            PRIMARY KEY (item, encoder)
        );
        CREATE TABLE taste_opinions (
            number INTEGER PRIMARY KEY,
            key TEXT NOT NULL,
            profile INTEGER NOT NULL REFERENCES taste_profiles (number),
            category INTEGER NOT NULL REFERENCES taste_categories (number),
            first INTEGER NOT NULL REFERENCES taste_items (number),
            second INTEGER REFERENCES taste_items (number),
            value REAL,
            outcome INTEGER,
            sitting TEXT NOT NULL,
            time TEXT NOT NULL,
            undone TEXT,
            UNIQUE (profile, key),
            CHECK ((second IS NULL) = (outcome IS NULL) AND (second IS NULL) != (value IS NULL))
        );
        CREATE INDEX taste_opinions_by_item ON taste_opinions (first, category);
        CREATE INDEX taste_opinions_by_category ON taste_opinions (category);
        """,
    ),
    (
        "taste files",
        """
        CREATE TABLE taste_files (
            profile INTEGER NOT NULL REFERENCES taste_profiles (number),
            path TEXT NOT NULL,
            size INTEGER NOT NULL,
            modified INTEGER NOT NULL,
            PRIMARY KEY (profile, path)
        ) WITHOUT ROWID;
        """,
    ),
    (
        "taste images",
        """
        CREATE INDEX taste_items_by_image ON taste_items (profile, image);
        CREATE INDEX taste_items_by_content ON taste_items (profile, image_hash);
        """,
    ),
    (
        "share",
        """
        CREATE TABLE share_consents (
            number INTEGER PRIMARY KEY,
            profile TEXT NOT NULL,
            answer TEXT NOT NULL CHECK (answer IN ('yes', 'no', 'withdrawn')),
            version INTEGER NOT NULL,
            text TEXT NOT NULL,
            fields TEXT NOT NULL,
            target TEXT NOT NULL,
            rater TEXT NOT NULL,
            time TEXT NOT NULL
        );
        CREATE INDEX share_consents_by_profile ON share_consents (profile);
        CREATE TABLE share_batches (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            profile TEXT NOT NULL,
            rater TEXT NOT NULL,
            target TEXT NOT NULL,
            data BLOB NOT NULL,
            count INTEGER NOT NULL,
            state TEXT NOT NULL DEFAULT 'ready'
                CHECK (state IN ('ready', 'released', 'leaving', 'sent', 'refused', 'stopped')),
            tries INTEGER NOT NULL DEFAULT 0,
            due REAL NOT NULL DEFAULT 0,
            error TEXT NOT NULL DEFAULT '',
            created TEXT NOT NULL,
            leaving TEXT NOT NULL DEFAULT ''
        );
        CREATE INDEX share_batches_by_state ON share_batches (profile, state);
        CREATE TABLE share_records (
            number INTEGER PRIMARY KEY,
            profile TEXT NOT NULL,
            opinion TEXT NOT NULL,
            key TEXT NOT NULL UNIQUE,
            line BLOB,
            struck INTEGER NOT NULL DEFAULT 0,
            batch TEXT REFERENCES share_batches (id),
            UNIQUE (profile, opinion)
        );
        CREATE INDEX share_records_by_batch ON share_records (batch);
        CREATE INDEX share_records_that_wait ON share_records (profile, number) WHERE batch IS NULL AND NOT struck;
        CREATE TABLE share_erasures (
            number INTEGER PRIMARY KEY,
            profile TEXT NOT NULL,
            rater TEXT NOT NULL,
            target TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('wanted', 'asked', 'confirmed')),
            wanted TEXT NOT NULL,
            confirmed TEXT NOT NULL DEFAULT '',
            tries INTEGER NOT NULL DEFAULT 0,
            due REAL NOT NULL DEFAULT 0,
            error TEXT NOT NULL DEFAULT '',
            UNIQUE (rater, target)
        );
        """,
    ),
    (
        "taste merges",
        """
        ALTER TABLE taste_categories ADD COLUMN merged INTEGER REFERENCES taste_categories (number);
        ALTER TABLE taste_opinions ADD COLUMN was INTEGER REFERENCES taste_categories (number);
        """,
    ),
)
