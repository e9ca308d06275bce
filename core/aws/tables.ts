/** Opens the tables of DynamoDB that `conf` names, with the credentials of the bucket. */
import { profileRegion } from "../bucket/s3/profile-region.ts";
import type { Config } from "../config/config.ts";
import { noTableCounts, type ScannableTable, type TableCounts } from "../table/contract.ts";
import { openTable, type TableTools } from "../table/dynamodb.ts";
import { type CredentialSettings, credentialProvider } from "./credentials.ts";
import { stackRegion } from "./exports.ts";

const anyRegion = "us-east-1";

/** Each table is opened once. Makes no request before a table is used. */
export class Tables {
  readonly counts: TableCounts = noTableCounts();
  readonly #config: Config;
  readonly #credentials: CredentialSettings;
  readonly #tools: Pick<TableTools, "sleep" | "random" | "signal">;
  readonly #opened = new Map<string, ScannableTable & { close(): void }>();

  constructor(config: Config, credentials: CredentialSettings, tools: Pick<TableTools, "sleep" | "random" | "signal">) {
    this.#config = config;
    this.#credentials = credentials;
    this.#tools = tools;
  }

  readonly open = (name: string): ScannableTable => {
    const known = this.#opened.get(name) ?? this.#open(name);
    this.#opened.set(name, known);
    return known;
  };

  #open(name: string) {
    const { dynamodb, s3 } = this.#config;
    const region = async () =>
      dynamodb.region ?? stackRegion(this.#config) ?? (await profileRegion(this.#credentials.profile)) ?? anyRegion;
    // Those of the bucket: a role is assumed once for both.
    const credentials = async () =>
      credentialProvider(this.#credentials, { region: await region(), endpoint: s3.endpoint });
    const place = { region, endpoint: dynamodb.endpoint };
    return openTable(name, place, { ...this.#tools, counts: this.counts, credentials });
  }

  close(): void {
    for (const table of this.#opened.values()) table.close();
  }
}
