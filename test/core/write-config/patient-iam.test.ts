/** A new user that IAM does not know everywhere yet. */
import { describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { type Iam, openIam } from "../../../core/write-config/iam.ts";
import { patientIam } from "../../../core/write-config/patient-iam.ts";
import { faultProxy } from "../../support/faults/proxy.ts";
import { moto } from "../../support/services.ts";
import { awsVariables, environment } from "../create-resources/environment.ts";

const statuses: Readonly<Record<string, number>> = { NoSuchEntity: 404, ConcurrentModification: 409 };
const unknown = (code: string) =>
  new Response(
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>The user with name new cannot be found.</Message></Error><RequestId>1</RequestId></ErrorResponse>`,
    { status: statuses[code] ?? 403, headers: { "content-type": "text/xml" } },
  );

type Lateness = { code: string; times: number; signal?: AbortSignal; actions?: RegExp };

/** IAM that answers so to the first `times` requests for each of these actions; `slept` gets the waits. */
async function late(
  { code, times, signal, actions = /^(AddUserToGroup|CreateAccessKey)$/ }: Lateness,
  use: (iam: Iam, slept: number[], asked: string[]) => Promise<void>,
): Promise<void> {
  if (moto === undefined) throw new Error("moto is not running");
  const asked: string[] = [];
  using proxy = faultProxy(moto.endpoint, async (request, forward) => {
    const action = /Action=(\w+)/.exec(await request.clone().text())?.[1] ?? "";
    asked.push(action);
    const early = asked.filter((one) => one === action).length <= times;
    return actions.test(action) && early ? unknown(code) : forward();
  });
  using _ = environment(awsVariables(proxy.endpoint));
  const slept: number[] = [];
  const sleep = async (milliseconds: number, { aborted, reason }: AbortSignal) => {
    if (aborted) throw reason;
    slept.push(milliseconds);
  };
  const patience = { pauses: [1, 2, 3], sleep, signal: signal ?? new AbortController().signal };
  await use(patientIam(await openIam(moto.region), patience), slept, asked);
}

const plain = { path: "/", boundary: undefined, tags: new Map() };

const newUser = async (iam: Iam) => {
  const user = `user-${randomUUID()}`;
  await iam.createUser(user, plain);
  return user;
};

describe.skipIf(!moto)("a new user that IAM does not know yet", () => {
  test("a new user that IAM does not know yet gets its key by repeating the request", async () => {
    await late({ code: "NoSuchEntity", times: 2 }, async (iam, slept) => {
      const user = await newUser(iam);
      const { id } = await iam.createKey(user);
      expect(slept).toEqual([1, 2]);
      expect((await iam.keysOf(user)).map((key) => key.id)).toEqual([id]);
    });
  });

  test("a new user that IAM never knows is given up after the last pause", async () => {
    await late({ code: "NoSuchEntity", times: 99 }, async (iam, slept, asked) => {
      const user = await newUser(iam);
      expect(await iam.join(user, "g").catch(String)).toContain("cannot be found");
      expect(slept).toEqual([1, 2, 3]);
      expect(asked.filter((one) => one === "AddUserToGroup")).toHaveLength(4);
    });
  });

  test("a user is made although IAM does not know the boundary of a new stack yet", async () => {
    await late({ code: "NoSuchEntity", times: 2, actions: /^CreateUser$/ }, async (iam, slept) => {
      expect(await iam.user(await newUser(iam))).toBeDefined();
      expect(slept).toEqual([1, 2]);
    });
  });

  test("machines that are set up side by side wait for each other", async () => {
    await late({ code: "ConcurrentModification", times: 1, actions: /^(CreateUser|TagUser)$/ }, async (iam, slept) => {
      const user = await newUser(iam);
      await iam.tag(user, "sysbackup-name", "web1");
      expect((await iam.user(user))?.tags.get("sysbackup-name")).toBe("web1");
      expect(slept).toEqual([1, 1]);
    });
  });

  test("what is refused for another reason is not repeated", async () => {
    await late({ code: "AccessDenied", times: 99 }, async (iam, slept) => {
      expect(await iam.createKey(await newUser(iam)).catch(String)).toContain("cannot create a key");
      expect(slept).toEqual([]);
    });
  });

  test("an interrupt ends the waiting for a new user", async () => {
    const signal = AbortSignal.abort(new Error("interrupted"));
    await late({ code: "NoSuchEntity", times: 99, signal }, async (iam, _, asked) => {
      expect(await iam.createKey(await newUser(iam)).catch(String)).toContain("interrupted");
      expect(asked.filter((one) => one === "CreateAccessKey")).toHaveLength(1);
    });
  });
});
