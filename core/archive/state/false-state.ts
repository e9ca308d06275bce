/** A statement of the state database that cannot be true, though SQLite can read it. The database must be removed and rebuilt. */
export class FalseState extends Error {}
