/** Plans the steps to an IAM user, of one machine or several, with a key that works. */
import { packagePath } from "../aws/package.ts";
import { Failure } from "../failure.ts";
import type { KeyPair } from "./credentials-file.ts";
import { type Iam, type IamUser, wasRefused } from "./iam.ts";
import { type RoleDescription, userTags } from "./role.ts";
import type { Step } from "./steps.ts";

export type UserState = {
  readonly name: string;
  readonly exists: boolean;
  readonly inGroup: boolean;
  /** IDs of all its keys, active or not. */
  readonly keys: readonly string[];
  /** The key pair of this machine, which is one of them and active. */
  readonly usable: KeyPair | undefined;
};

/** Keys of a user that IAM allows. */
const maxKeys = 2;

/** Looks the user up. `known` is the key pair in this machine's credentials file. Throws a Failure for a user who is not ours, or can have no more keys. */
export async function lookAtUser(
  iam: Iam,
  name: string,
  role: RoleDescription,
  known: KeyPair | undefined,
): Promise<UserState> {
  const user = await iam.user(name);
  if (user === undefined) return { name, exists: false, inGroup: false, keys: [], usable: undefined };
  refuseForeign(name, user, role);
  const keys = await iam.keysOf(name);
  const usable = keys.some(({ id, active }) => active && id === known?.id) ? known : undefined;
  if (usable === undefined && keys.length >= maxKeys) throw tooManyKeys(name);
  const inGroup = (await iam.groupsOf(name)).includes(role.group);
  return { name, exists: true, inGroup, keys: keys.map(({ id }) => id), usable };
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
export function userSteps(iam: Iam, state: UserState, role: RoleDescription, keep: (pair: KeyPair) => void): Step[] {
  return [
    ...(state.exists ? [] : [createUser(iam, state.name, role)]),
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

function createUser(iam: Iam, name: string, role: RoleDescription): Step {
  const properties = { path: packagePath(role.package), boundary: role.boundary, tags: userTags(role) };
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
