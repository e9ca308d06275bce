/** A statement of the state database that cannot be true, though SQLite can read it. The database must be removed and rebuilt. */
export class FalseState extends Error {}

/** All that the state database knows of the bucket has expired there. Nothing is wrong. */
export class OutdatedState extends FalseState {}
