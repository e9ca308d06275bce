/** moto: CloudFormation, IAM, STS, DynamoDB and S3 in memory. For behaviour, not for timing: its S3 is slow. */
import { join } from "node:path";
import type { MotoAddress } from "./address.ts";
import { Daemons, type Start, type Started } from "./daemons.ts";
import { freePort } from "./port.ts";

/** `python` is an interpreter that has moto. What moto lacks of CloudFormation, moto-server.py adds. */
export function startMoto(python: string, start: Pick<Start, "folder" | "signal">): Promise<Started<MotoAddress>> {
  return Daemons.start({ name: "moto", seconds: 60, ...start }, async (daemons) => {
    const port = await freePort();
    await daemons.daemon([python, join(import.meta.dir, "moto-server.py"), "-H", "127.0.0.1", "-p", String(port)]);
    await daemons.listening(port);
    // It takes any keys.
    return { endpoint: `http://127.0.0.1:${port}`, region: "us-east-1", accessKey: "test", secretKey: "test" };
  });
}
