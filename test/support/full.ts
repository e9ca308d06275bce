/**
 * Whether tests have the sizes of the promise itself: `SYSBACKUP_TEST_FULL=1 bun run test FILTER`. Else they have sizes at which a defect
 * shows as well, in a tenth of the time.
 */
export const full = process.env.SYSBACKUP_TEST_FULL === "1";
