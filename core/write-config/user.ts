/** Plans the steps to an IAM user with a key that works: of one machine, or of several that store nothing. */
import { nameTag, packagePath } from "../aws/package.ts";
import { Failure } from "../failure.ts";
import type { KeyPair } from "./credentials-file.ts";
import { type Iam, type IamUser, wasRefused } from "./iam.ts";
import { type MachineRole, nameTags, type RoleDescription, userTags } from "./role.ts";
import type { Step } from "./steps.ts";

export type UserState = {
  readonly name: string;
  readonly exists: boolean;
  readonly inGroup: boolean;
  /** Whether it has the tag with the machine's name, if it needs one. */
  readonly named: boolean;
  /** IDs of all its keys, active or not. */
  readonly keys: readonly string[];
  /** The key pair of this machine, which is one of them and active. */
  readonly usable: KeyPair | undefined;
};

/** Keys of a user that IAM allows. */
const maxKeys = 2;

/**
 * Looks the user up. `known` is the key pair in this machine's credentials file. Throws a Failure for a user who is not ours, or can have
 * no more keys.
 */
export async function lookAtUser(
  iam: Iam,
  name: string,
  machine: MachineRole,
  known: KeyPair | undefined,
): Promise<UserState> {
  const { role } = machine;
  const user = await iam.user(name);
  if (user === undefined) return { name, exists: false, inGroup: false, named: false, keys: [], usable: undefined };
  refuseForeign(name, user, role);
  refuseOtherMachine(name, user, machine);
  const keys = await iam.keysOf(name);
  const usable = keys.some(({ id, active }) => active && id === known?.id) ? known : undefined;
  if (usable === undefined && keys.length >= maxKeys) throw tooManyKeys(name);
  const inGroup = (await iam.groupsOf(name)).includes(role.group);
  const named = machine.name === undefined || user.tags.has(nameTag);
  return { name, exists: true, inGroup, named, keys: keys.map(({ id }) => id), usable };
}

/** Refuses a key that another machine's user has, if that can be found out. */
export async function refuseKeyOfOthers(iam: Iam, { id }: KeyPair, machine: MachineRole): Promise<void> {
  const name = machine.name === undefined ? undefined : await iam.userOfKey(id);
  const user = name === undefined ? undefined : await iam.user(name);
  if (name !== undefined && user !== undefined) refuseOtherMachine(name, user, machine);
}

/** The backup role lets each machine store under its own name only, which is that of its user's tag. */
function refuseOtherMachine(user: string, { tags }: Pick<IamUser, "tags">, { name }: MachineRole): void {
  const other = tags.get(nameTag);
  if (name === undefined || other === undefined || other === name) return;
  throw new Failure({
    doing: "use the IAM user",
    what: user,
    why: `it belongs to the backup name ${JSON.stringify(other)}, and may not store under ${JSON.stringify(name)}`,
    remedy: "give this machine a user of its own with --user, or check name in [backup]",
  });
}

/** Refuses a user with more rights than the role needs, or for another purpose: it must not be used, nor get keys. */
function refuseForeign(name: string, { path, boundary, tags }: IamUser, role: RoleDescription): void {
  const own = packagePath(role.package);
  const wrong = [...userTags(role)].find(([key, value]) => tags.get(key) !== value);
  const why =
    path !== own
      ? `its path is ${path}, not ${own}`
      : boundary !== role.boundary
        ? `its permissions boundary is not ${role.boundary}`
        : wrong && `its tag ${wrong[0]} is not ${wrong[1]}`;
  if (why === undefined) return;
  throw new Failure({
    doing: "use the IAM user",
    what: name,
    why: `it already exists, and write-config did not make it for this role: ${why}`,
    remedy: "give another name with --user",
  });
}

function tooManyKeys(name: string): Failure {
  return new Failure({
    doing: "create a key of the IAM user",
    what: name,
    why: `it already has ${maxKeys} keys, the most that IAM allows, and this machine has neither`,
    remedy:
      "give --creds-file with the encrypted copy that was made for other machines, delete a key that no machine uses, or give another --user",
  });
}

/** Steps to a user with a new key, which is passed to `keep`. None if this machine already has the user's key. */
export function userSteps(iam: Iam, state: UserState, machine: MachineRole, keep: (pair: KeyPair) => void): Step[] {
  const { role, name } = machine;
  return [
    ...(state.exists ? [] : [createUser(iam, state.name, machine)]),
    ...(state.exists && !state.named && name !== undefined ? [tagUser(iam, state.name, name)] : []),
    ...(state.inGroup ? [] : [joinGroup(iam, state.name, role)]),
    ...(state.usable === undefined ? [createKey(iam, state, keep)] : []),
  ];
}

/** Whether a step has made something, for its undo: "maybe" if the answer was lost. */
type Made = "no" | "maybe" | "yes";

async function making<Result>(request: () => Promise<Result>, set: (made: Made) => void): Promise<Result> {
  set("maybe");
  try {
    const result = await request();
    set("yes");
    return result;
  } catch (error) {
    if (wasRefused(error)) set("no");
    throw error;
  }
}

function createUser(iam: Iam, name: string, machine: MachineRole): Step {
  const { role } = machine;
  const tags = new Map([...userTags(role), ...nameTags(machine)]);
  const properties = { path: packagePath(role.package), boundary: role.boundary, tags };
  let made: Made = "no";
  return {
    does: `create the IAM user ${JSON.stringify(name)} with the path ${properties.path} and the boundary ${role.boundary}`,
    run: () =>
      making(
        () => iam.createUser(name, properties),
        (to) => (made = to),
      ),
    undo: {
      does: `delete the IAM user ${JSON.stringify(name)}`,
      byHand: "the IAM console, Users",
      async run() {
        if (made === "no" || (made === "maybe" && (await iam.user(name)) === undefined)) return false;
        await iam.deleteUser(name);
        return true;
      },
    },
  };
}

/** Tags a user that an earlier version made without the tag. */
function tagUser(iam: Iam, user: string, name: string): Step {
  let made: Made = "no";
  return {
    does: `tag the IAM user ${JSON.stringify(user)} with the backup name ${JSON.stringify(name)}`,
    run: () =>
      making(
        () => iam.tag(user, nameTag, name),
        (to) => (made = to),
      ),
    undo: {
      does: `remove the tag ${nameTag} of the IAM user ${JSON.stringify(user)}`,
      byHand: "the IAM console, Users, Tags",
      async run() {
        if (made === "no") return false;
        await iam.untag(user, nameTag);
        return true;
      },
    },
  };
}

function joinGroup(iam: Iam, name: string, { group }: RoleDescription): Step {
  let made: Made = "no";
  return {
    does: `add the IAM user ${JSON.stringify(name)} to the group ${JSON.stringify(group)}`,
    run: () =>
      making(
        () => iam.join(name, group),
        (to) => (made = to),
      ),
    undo: {
      does: `remove the IAM user ${JSON.stringify(name)} from the group ${JSON.stringify(group)}`,
      byHand: "the IAM console, Users",
      async run() {
        if (made === "no" || (made === "maybe" && !(await iam.groupsOf(name)).includes(group))) return false;
        await iam.leave(name, group);
        return true;
      },
    },
  };
}

function createKey(iam: Iam, { name, exists, keys }: UserState, keep: (pair: KeyPair) => void): Step {
  let made: Made = "no";
  let pair: KeyPair | undefined;
  /** IDs of new keys. If an answer was lost, so was the secret: such a key is useless, and prevents deletion of the user. */
  const fresh = async () => (await iam.keysOf(name)).map(({ id }) => id).filter((id) => !keys.includes(id));
  return {
    does: `create a key of the IAM user ${JSON.stringify(name)}`,
    async run() {
      pair = await making(
        () => iam.createKey(name),
        (to) => (made = to),
      );
      keep(pair);
    },
    undo: {
      does: `delete the new key of the IAM user ${JSON.stringify(name)}`,
      byHand: "the IAM console, Users, Security credentials",
      async run() {
        const ids = made === "no" ? [] : pair !== undefined && exists ? [pair.id] : await fresh();
        for (const id of ids) await iam.deleteKey(name, id);
        return ids.length > 0;
      },
    },
  };
}
