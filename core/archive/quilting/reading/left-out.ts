/** Error for a path that is left out for a reason of our own, not of the system. Its message follows "is not in the backup: ". */
export class LeftOut extends Error {}
