// The package's sources are the page's: they are copied in while npm packs, and taken away again behind it.
//   node tools/sources.js copy | clean

import { copyFileSync, readFileSync, rmSync } from "node:fs";

const source = new URL("../../../web/static/", import.meta.url);
const target = new URL("../", import.meta.url);

/** The modules that the library consists of: the entry and whatever it imports. */
function modules(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  const text = readFileSync(new URL(name, source), "utf8");
  for (const [, imported] of text.matchAll(/^(?:import|export) .*from "\.\/(.*)";$/gm)) modules(imported, found);
  return found;
}

const files = [...modules("hubbub.js"), "hubbub.d.ts"];
switch (process.argv[2]) {
  case "copy":
    for (const name of files) copyFileSync(new URL(name, source), new URL(name, target));
    break;
  case "clean":
    for (const name of files) rmSync(new URL(name, target), { force: true });
    break;
  default:
    console.error("usage: node tools/sources.js copy | clean");
    process.exit(2);
}
