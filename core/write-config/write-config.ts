/**
 * Plans the set-up of a machine: looks at the account and at the machine, checks all that can be checked, and returns the
 * steps. Nothing is made before `perform` is called with them.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { untilAborted } from "../abortable.ts";
import { checked } from "../config/check.ts";
import { nameOfHost } from "../config/config.ts";
import { type Conf, parseConf } from "../config/dialect.ts";
import { isLegacyConf, legacyDays } from "../config/legacy.ts";
import type { Notify } from "../notice.ts";
import { placeOfCopy, readCopy, removeCopy, requireCopy, writeCopy } from "./copy.ts";
import { type KeyPair, keyPairIn, withKeyPair } from "./credentials-file.ts";
import {
  accountSteps,
  confFolderSteps,
  confSteps,
  credentialsPath,
  credentialsSteps,
  pickerSteps,
  stateSteps,
} from "./files.ts";
import { type Iam, openIam } from "./iam.ts";
import { awaitKey, type Patience, pausesForNew } from "./key-works.ts";
import { lookAtFile } from "./machine.ts";
import { type Changes, merged } from "./merge.ts";
import { patientIam } from "./patient-iam.ts";
import type { CredentialsSource, WriteConfigRequest } from "./request.ts";
import { checkLockDays, findRole, type MachineRole, type RoleDescription } from "./role.ts";
import { serviceSteps } from "./services.ts";
import { newSigningKey } from "./signing-key.ts";
import type { Step } from "./steps.ts";
import { lookAtUser, refuseKeyOfOthers, type UserState, userSteps } from "./user.ts";

export type Plan = {
  readonly role: RoleDescription;
  readonly steps: readonly Step[];
  /** The encrypted copy that the steps write. */
  readonly copy: string | undefined;
  /** The line that trusts the key which the steps make, if they make one. */
  readonly trustedLine: string | undefined;
  /** Commands to run later, if systemd does not run now or the timer is not to start. */
  readonly later: readonly string[];
};

export type WriteConfigDeps = {
  /** Backup name of a machine whose conf has none. */
  readonly hostName: string;
  readonly isRoot: boolean;
  readonly notify: Notify;
  readonly signal: AbortSignal;
  readonly sleep: Patience["sleep"];
  readonly random: (length: number) => Uint8Array;
};

/** Asks AWS and reads files, and changes nothing. Throws a Failure for what would not work. */
export async function plan(request: WriteConfigRequest, deps: WriteConfigDeps): Promise<Plan> {
  const { confDir, source } = request;
  if (source.kind === "copy") await requireCopy(source.path);
  const iam = await openIam(request.region);
  const role = await untilAborted(deps.signal, findRole(iam, request.package, request.role));
  const file = join(confDir, "conf");
  const conf = await lookAtFile(file, deps.isRoot, deps.notify);
  const before = conf?.text ?? "";
  const changes = { ...changesOf(request, role), index: tableFor(role, parseConf(before, file)) };
  const text = merged(merged(before, keptOf(before, file), file), changes, file);
  const values = checked(parseConf(text, file), file);
  if (request.role === "backup") checkLockDays(values.content.days_retained, role);
  const name = request.role === "backup" ? (values.backup.name ?? nameOfHost(deps.hostName)) : undefined;

  const section = values.aws.profile ?? "default";
  const keys =
    source.kind === "ambient"
      ? undefined
      : await keyPlan(source, { request, machine: { role, name }, iam, section }, deps);
  const { program, unit, serviceUser, window } = request.units;
  const services = await serviceSteps({
    settings: { program, unit, serviceUser, window, role: request.role, confDir, stateDir: values.backup.state_dir },
    credentials: keys?.text,
    changed: keys?.changed ?? false,
    start: request.start,
    disableOldTimer: request.disableOldTimer,
    ...deps,
  });
  const signing = newSigningKey({
    path: name === undefined ? undefined : values.signing.key_file,
    name: name ?? "",
    random: deps.random,
  });
  const steps = [
    ...(keys?.first ?? []),
    ...(await accountSteps()),
    ...confFolderSteps(confDir),
    ...(keys?.file ?? []),
    ...confSteps(file, conf, text),
    ...(signing?.steps ?? []),
    ...(request.role === "backup" ? await pickerSteps(confDir) : []),
    ...stateSteps(values.backup.state_dir, serviceUser),
    ...services.steps,
  ];
  return { role, steps, copy: keys?.copy, trustedLine: signing?.line, later: services.later };
}

/** A `conf` of s3-sysbackup becomes one of ours: what it keeps backups for stays as it was. */
function keptOf(text: string, file: string): Changes {
  const conf = parseConf(text, file);
  if (!isLegacyConf(conf) || conf.get("content")?.settings.has("days_retained")) return {};
  return { content: { days_retained: String(legacyDays) } };
}

function changesOf({ confDir, source, profile, retainDays }: WriteConfigRequest, role: RoleDescription): Changes {
  const credentials =
    source.kind === "ambient"
      ? { credentials_file: undefined, profile }
      : { credentials_file: credentialsPath(confDir), ...(profile !== undefined && { profile }) };
  return {
    aws: { ...credentials, role_arn: role.arn },
    s3: { bucket: role.bucket, region: role.region },
    content: {
      ...(retainDays !== undefined && { days_retained: String(retainDays) }),
      ...(role.lockMode === "COMPLIANCE" && { lock_mode: role.lockMode }),
    },
  };
}

/** A table that the user has named stays. */
function tableFor({ table }: RoleDescription, conf: Conf): Changes[string] {
  const isNamed = conf.get("index")?.settings.has("dynamodb_table") ?? false;
  return table === undefined || isNamed ? {} : { dynamodb_table: table };
}

type KeyPlan = {
  /** Steps to a key pair that works, and its encrypted copy. */
  readonly first: readonly Step[];
  /** Steps to the credentials file. */
  readonly file: readonly Step[];
  /** Returns the file's text, once `first` is done. */
  readonly text: () => string;
  readonly changed: boolean;
  readonly copy: string | undefined;
};

type KeyContext = {
  readonly request: WriteConfigRequest;
  readonly machine: MachineRole;
  readonly iam: Iam;
  readonly section: string;
};

async function keyPlan(
  source: Exclude<CredentialsSource, { kind: "ambient" }>,
  { request, machine, iam, section }: KeyContext,
  { isRoot, notify, signal, sleep }: WriteConfigDeps,
): Promise<KeyPlan> {
  const path = credentialsPath(request.confDir);
  const before = await lookAtFile(path, isRoot, notify);
  const known = before && keyPairIn(before.text, section, path);
  let pair: KeyPair | undefined;
  const text = () => withKeyPair(before?.text ?? "", section, present(pair), path);
  const works = (pauses: readonly number[]): Step => ({
    does: `check that the key can assume the role ${machine.role.arn}`,
    run: () => awaitKey(present(pair), machine, { pauses, sleep, signal }),
  });
  const keep = (made: KeyPair) => {
    pair = made;
  };
  const end = (first: readonly Step[], changed: boolean, copy?: string): KeyPlan => {
    return { first, file: credentialsSteps(path, before, text, changed), text, changed, copy };
  };

  if (source.kind === "copy") {
    const decrypt = {
      does: `decrypt ${source.path}`,
      async run() {
        keep(await readCopy(source.path, signal));
        await refuseKeyOfOthers(iam, present(pair), machine);
      },
    };
    return end([decrypt, works([])], true);
  }
  const user = await lookAtUser(iam, source.name, machine, known);
  pair = user.usable;
  const copy = await copyFor(source, user);
  const making = userSteps(patientIam(iam, { pauses: pausesForNew, sleep, signal }), user, machine, keep);
  const first = [...making, works(making.length > 0 ? pausesForNew : [])];
  return end(copy === undefined ? first : [...first, copyStep(copy, () => present(pair), signal)], !user.usable, copy);
}

/** The path for the copy. A machine that keeps its key needs none, unless the user names a file that does not exist. */
async function copyFor(
  { name, copy }: Extract<CredentialsSource, { kind: "user" }>,
  user: UserState,
): Promise<string | undefined> {
  const again = copy !== undefined && "path" in copy && !existsSync(copy.path);
  return user.usable === undefined || again ? await placeOfCopy(copy, name) : undefined;
}

function copyStep(path: string, pair: () => KeyPair, signal: AbortSignal): Step {
  let written = false;
  return {
    does: `encrypt the credentials into ${path}, to use this key again`,
    async run() {
      await writeCopy(path, pair(), signal);
      written = true;
    },
    undo: {
      does: `remove ${path}`,
      byHand: `rm ${path}`,
      async run() {
        if (written) await removeCopy(path);
        return written;
      },
    },
  };
}

/** The key pair that earlier steps made. */
function present(pair: KeyPair | undefined): KeyPair {
  if (pair === undefined) throw new Error("there is no key pair yet");
  return pair;
}
