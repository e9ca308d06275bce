/**
 * The messages about bad input, as users see them. `…` stands for what differs from case to case. The cases
 * of this folder hold the program to them, and `docs/troubleshooting.md` quotes no others.
 */
export const messages = {
  // The command line
  unknownSubcommand: 'cannot run "…": there is no such subcommand; did you mean …?',
  unknownOption: 'cannot use option "…": there is no such option; did you mean …?',
  foreignOption: 'cannot use option "…": … has no such option; see sysbackup … --help',
  pathFirst:
    'cannot restore "…": a backup name must come before the paths; write `sysbackup restore web1 …`; the name of a manifest in a file must end in .jsonl.zst',
  emptyValue:
    'cannot use option "…": its value is empty, as that of an unset variable is; give a value, or leave it out',
  overSystem:
    "cannot restore over the running system: nobody can be asked, as there is no terminal; give the folder to restore into as --target, or --yes if you mean this machine's own files",
  noChoice:
    "cannot ask which backup to restore: there is no terminal; name one: `sysbackup restore NAME` takes its newest, NAME@TIME another; `sysbackup list` shows all",
  twoBuckets:
    "cannot choose the bucket: --bucket names one, and --cf-region and --export look one up; leave out one of them (AWS_REGION sets the region of the bucket that --bucket names)",
  nowhere:
    'cannot read the configuration "…": there is no such file; say where the backups are with --bucket, or with --cf-region and --export of the stack that made the bucket; or create it (docs/configuration.md has an example) or name its folder with --conf-dir',
  badSnapshots: 'cannot use --snapshots "…": known are ask, fetch, run, skip; did you mean …?',
  badBucketOption:
    'cannot use --bucket "…": it is not allowed: give the name of a bucket, s3://name, or file:///path of a folder',

  // The configuration
  noConf:
    'cannot read the configuration "…": there is no such file; create it (docs/configuration.md has an example) or name its folder with --conf-dir',
  unreadableConf: 'cannot read the configuration "…": …; check --conf-dir, and the file\'s owner and mode',
  binaryConf:
    'cannot read the configuration "…": it is not UTF-8 text; write it again: docs/configuration.md has an example',
  unknownSection: 'cannot read the configuration "…": line …: there is no section […]: did you mean […]?',
  unknownKey: 'cannot read the configuration "…": line …: there is no key "…" in […]: did you mean …?',
  misplacedKey: 'cannot read the configuration "…": line …: there is no key "…" in […]: it belongs in […]',
  badValue: 'cannot read the configuration "…": line …: … = "…" in […] is not allowed: give …',
  noSection: 'cannot read the configuration "…": line …: a setting comes before the first [section]',
  noSetting: 'cannot read the configuration "…": line …: it is neither "key = value" nor [section]',
  noBucketSet:
    'cannot find the bucket in the CloudFormation export "…": no bucket is set, and the exports cannot be read: …; give --cf-region, or region in [cloudformation]; or name the bucket with --bucket or in [s3]',

  // The bucket, and the way to it
  retry: 'cannot reach "…": …: trying again in … s (attempt … of 8)',
  refused:
    'cannot list… "…": cannot reach "…": nothing listens there (tried 8 times); check the network, and endpoint under [s3]',
  unresolved:
    'cannot list… "…": cannot reach "…": the host name is unknown (tried 8 times); check the network, and endpoint under [s3]',
  silent: '"…" does not answer in time: trying again in … s (attempt 2 of 8)',
  noHttp: 'cannot list… "…": "…" does not speak HTTP; check endpoint under [s3]: host, port, and http or https',
  noTls: 'cannot list… "…": "…" does not speak TLS; check endpoint under [s3]: host, port, and http or https',
  notS3: 'cannot list… "…": "…" does not answer as S3 does…; check endpoint under [s3]: host, port, and http or https',
  busy: '"…" answers with an error of its own (503): trying again in … s (attempt 2, for at most 10 minutes)',
  brokenList:
    'cannot list… "…": the server\'s list …; ask the administrator of the server, or of a proxy before it: a list that is not whole must not decide what is removed',
  twoLists:
    'cannot find all backups, to see what they need "…": the server\'s list of versions lacks it, and its list of objects does not; run again; if that happens again, ask the administrator of the server, or of a proxy before it',
  noCredentials:
    "cannot get credentials: no usable credentials (…); check profile, credentials_file and role_arn under [aws]",
  noCredentialsFile:
    'cannot read the credentials file "…": no such file or directory; create it, or check credentials_file under [aws]',
  noProfile:
    'cannot get credentials from the profile "…": "…" has no keys for it; write them there, or check profile and credentials_file under [aws]',
  denied:
    'cannot … "…": access denied…; check that the credentials and role, under [aws] or of the options, allow … there',
  noRole:
    'cannot assume the role "…": there is no such role; check role_arn under [aws], and that the role trusts the user of these credentials',
  untrustedRole:
    'cannot assume the role "…": it is refused: …; check role_arn under [aws], and that the role trusts the user of these credentials',
  noDirectory:
    'cannot open the bucket "…": there is no directory "…"; create it (mkdir), or mount the disk that holds it',
  noBucket: 'cannot open the bucket "…": there is no such bucket…; check bucket under [s3], or create it',
  noLock:
    'cannot rely on the locks of "…": the bucket has no Object Lock; use a bucket that was created with Object Lock and versioning, …',
  bucketFull: 'cannot store "…": no space is left; free some space there, or use another disk',
  bucketReadOnly:
    'cannot store "…": the file system is read-only; check owner and mode of the folder, and how it is mounted',

  // A run
  secondRun:
    'cannot start a run with the state "…": another run holds its lock; wait for it to end (lslocks shows its process), or give this one a name or state_dir of its own',
  stateUnusable:
    'cannot use the state folder "…": …; make it writable, or name another with state_dir in the [backup] section',
  stateOfOther:
    'cannot use the state folder "…": it belongs to …, who could replace what lies there; run it as that user, name another folder with state_dir, or chown -R this one',
  stateWithinReach:
    'cannot use the state folder "…": "…" …, who could replace what lies there; name another folder with state_dir in the [backup] section',
  stateShared: 'cannot use the state folder "…": every user can write there; name a folder of its own with state_dir',
  stateFull:
    'cannot use the state folder "…": database or disk is full; free some space there, or name another with state_dir in the [backup] section',
  stateOpen:
    'cannot use the state folder "…": database is locked; close the program that has the database open (lsof shows it), or name another with state_dir in the [backup] section',
  stateRebuilt: 'the state database "…" cannot be used: …; it is rebuilt from the bucket\'s index',
  snapshotNotStored:
    'snapshotter "…" was ended, because its dump cannot be stored: …: no space is left; free some space there, or use another disk',
  noPickers:
    'cannot archive what is picked by "…": there is no executable picker, and no snapshotter either; put one there and make it executable; docs/pickers.md shows how',
  pickerOff: 'picker "…" is switched off: its mode has no x; chmod +x switches it on',
  pickerFailed: 'picker "…" exited with status …: …',
  pickerSilent: 'picker "…" was ended after … s of silence',
  pickerNonsense: 'picker "…" printed … longer than the 4095 bytes of a path: "…"',
  notThere: '"…" was picked but is not there',
  nothingPicked: 'the backup is empty: no picker in "…" printed a path that is there, and no snapshot was stored',

  // Finding a backup
  emptyBucket:
    'cannot find a backup of "…": the bucket holds no backups; check the bucket\'s name, or run `sysbackup archive` first',
  unknownName: 'cannot find a backup of "…": the bucket has backups of …; did you mean "…"?',
  tooEarly: 'cannot find the backup "…": the oldest backup of "…" is from …; give that time or a later one, such as …',
  badTime:
    'cannot find the manifest "…": "…" is not a time; write it like web1, web1@2026-11-21 or web1@2026-11-21T02:00 (times in UTC)',
  noManifest:
    'cannot read the manifest "…": there is no such object in the bucket; use another backup: `sysbackup list` shows them',
  relativePath: 'cannot restore "…": paths in a backup are absolute; write it from /, without . and .. in it',
  notInBackup:
    'cannot restore "…": the backup has nothing of that path; check its spelling, or try another backup: `sysbackup list` shows them',

  // Damage
  alteredRoot:
    'cannot read the manifest "…": it is truncated or altered: …; use another backup: `sysbackup list` shows them',
  overlaid:
    'someone laid … over the manifest "…"; its oldest whole version "…" is used, which archive put: find out whose credentials did that, and run `sysbackup verify`',
  newer: 'cannot read the manifest "…": a newer sysbackup wrote it: it has format version …; use a newer sysbackup',
  lostPart:
    'cannot restore … entries from "…": the stored object "…" …; it is a part of the manifest; restore it from another backup: `sysbackup list` shows them',
  wrongContent:
    'cannot restore "…": the stored object "…" does not hold what the manifest says; restore it from another backup: `sysbackup list` shows them',
  damagedObject:
    'cannot restore "…": the stored object "…" is damaged: …; restore it from another backup: `sysbackup list` shows them',
  missingObject:
    'cannot restore "…": the stored object "…" is missing from the bucket; restore it from another backup: `sysbackup list` shows them',
  lostSnapshot:
    'cannot restore the snapshot "…": the stored object "…" …; restore it from another backup: `sysbackup list` shows them',

  // The target of a restore
  targetMissing:
    'cannot restore into "…": no such file or directory; give an existing folder, or a new one in an existing folder, as --target',
  targetNoFolder:
    'cannot restore into "…": not a directory; give an existing folder, or a new one in an existing folder, as --target',
  targetFull:
    'cannot restore "…": the target is full (no space left on device); make room and run the same command again: it goes on where it stopped',
  targetReadOnly:
    'cannot restore "…": the target is read-only (read-only file system); mount it writable, or give another --target',
  noTerminal:
    "cannot ask whether to replay the snapshots of this backup: there is no terminal; say it by --snapshots run --yes, --snapshots fetch (as files) or --snapshots skip",
} as const;

/** The whole of a message, with anything in the place of each `…`. */
export function patternOf(message: string): RegExp {
  const literals = message.split("…").map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${literals.join("[^\\n]*")}$`);
}
