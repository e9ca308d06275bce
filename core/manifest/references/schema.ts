/**
 * Tables of `References`. A job that notes down more about objects adds tables of its own to the same database, which
 * name objects, parts and backups by `id`.
 */
export const schema = `
  -- Numbered in the order in which they were added.
  CREATE TEMP TABLE backups (
    id INTEGER PRIMARY KEY,
    -- What it demands of locks: milliseconds since 1970 (0: nothing), and whether in COMPLIANCE mode.
    until INTEGER NOT NULL, compliance INTEGER NOT NULL,
    -- A number that the job chose.
    owner INTEGER NOT NULL
  );
  -- Manifests that contradict each other about an object have a row each, so that no claim goes unchecked.
  CREATE TEMP TABLE objects (
    key TEXT NOT NULL, version TEXT NOT NULL, size INTEGER NOT NULL, kind TEXT NOT NULL, sha256 TEXT NOT NULL,
    -- There is no index of it, as there may be millions, and few jobs look one up.
    id INTEGER NOT NULL,
    -- What all backups that need it demand together: the latest date, and the stricter mode.
    until INTEGER NOT NULL, compliance INTEGER NOT NULL,
    -- That of the backup which came first with it.
    owner INTEGER NOT NULL,
    -- Bytes of this version in a listing of the bucket; null until it was listed.
    found INTEGER,
    PRIMARY KEY (key, version, size, kind, sha256)
  ) WITHOUT ROWID;
  -- Those of the objects that are parts, as the root says that came first.
  CREATE TEMP TABLE parts (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, version TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
    path TEXT NOT NULL, entries INTEGER NOT NULL, bytes INTEGER NOT NULL,
    -- 1 if its entries are dumps: these have paths of their own.
    of_dumps INTEGER NOT NULL
  );
  -- What roots say of a part, each version of it once.
  CREATE TEMP TABLE claims (
    id INTEGER PRIMARY KEY, part INTEGER NOT NULL, path TEXT NOT NULL, entries INTEGER NOT NULL,
    -- First path of the part after it in the same root; empty for the last one.
    next TEXT NOT NULL,
    UNIQUE (part, path, entries, next)
  );
  -- What a backup needs itself: root, snapshots, parts. What it needs through its parts is not listed for each backup.
  CREATE TEMP TABLE needs (
    backup INTEGER NOT NULL, object INTEGER NOT NULL,
    -- Of a part; else 0.
    claim INTEGER NOT NULL,
    PRIMARY KEY (backup, object, claim)
  ) WITHOUT ROWID;
`;
