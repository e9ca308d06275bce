import type { Data } from "./data.ts";
import { dump } from "./dump.ts";
import { large } from "./large.ts";
import { mail } from "./mail.ts";
import { media } from "./media.ts";
import { real } from "./real.ts";
import { small } from "./small.ts";

export const allData: readonly Data[] = [real, small, large, media, mail, dump];
