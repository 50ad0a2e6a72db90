import { cpSync, mkdirSync, mkdtempSync } from "node:fs";
import { fileURLToPath } from "node:url";

// The page's modules stand where no package.json says that .js files are modules. A copy below this folder is one for
// Node, too. Each process makes its own, so that none reads what another is writing.
const results = fileURLToPath(new URL("test-results/", import.meta.url));
mkdirSync(results, { recursive: true });
const copy = mkdtempSync(`${results}modules-`);
cpSync(new URL("../web/static/", import.meta.url), copy, { recursive: true });

/** A module of the page, as in `const { Room } = await page("room.js")`. */
export const page = (name) => import(`${copy}/${name}`);
