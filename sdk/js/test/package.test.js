import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Hub } from "../../../e2e/hub.js";

// The package as whoever installs it gets it: packed, unpacked elsewhere, type-checked and run from there.

const run = promisify(execFile);
const here = fileURLToPath(new URL("../", import.meta.url));
const tsc = join(here, "node_modules/.bin/tsc");

let home; // somebody's project
let unpacked; // the package in it
let packed; // what npm says is in the tarball

before(async () => {
  home = await mkdtemp(join(tmpdir(), "hubbub-client-"));
  const modules = join(home, "node_modules");
  unpacked = join(modules, "hubbub-client");
  await mkdir(unpacked, { recursive: true });
  for (const name of ["ws", "@types"]) await symlink(join(here, "node_modules", name), join(modules, name));
  await writeFile(join(home, "package.json"), '{ "type": "module" }');
  const { stdout } = await run("npm", ["pack", "--json", "--silent", "--pack-destination", home], { cwd: here });
  // npm prints an array of packages, or since version 12 an object of them by name.
  const [tarball] = Object.values(JSON.parse(stdout.slice(stdout.search(/^[[{]/m))));
  packed = tarball.files.map(({ path }) => path).sort();
  await run("tar", ["-xzf", join(home, tarball.filename), "-C", unpacked, "--strip-components=1"]);
});

after(() => rm(home, { recursive: true, force: true }));

/** Type-checks files of that project, and compiles them there. */
async function compile(lib, ...names) {
  const options = ["--strict", "--module", "nodenext", "--target", "es2022", "--allowJs", "--checkJs", "--outDir", join(home, "out")];
  try {
    await run(tsc, [...options, "--types", "node", "--lib", lib, ...names], { cwd: home });
  } catch ({ stdout }) {
    assert.fail(stdout);
  }
}

test("what is in it: the modules that the entry needs, types, README, and nothing else", async () => {
  const modules = ["connection", "emitter", "hubbub", "outbox", "roster", "room", "rules", "stream"].map((name) => `${name}.js`);
  assert.deepEqual(packed, [...modules, "README.md", "hubbub.d.ts", "package.json"].sort());
  assert.deepEqual((await readdir(unpacked)).sort(), packed);
  for (const name of [...modules, "hubbub.d.ts"]) {
    const source = new URL(`../../../web/static/${name}`, import.meta.url);
    assert.equal(await readFile(join(unpacked, name), "utf8"), await readFile(source, "utf8"), name);
  }
  assert.deepEqual((await readdir(here)).filter((name) => /\.(js|ts|tgz)$/.test(name)), [], "packing leaves nothing behind");
});

test("the types name what the module exports", async () => {
  const types = await readFile(join(unpacked, "hubbub.d.ts"), "utf8");
  const named = [...types.matchAll(/^export (?:class|function|const) (\w+)/gm)].map(([, name]) => name);
  const exported = Object.keys(await import(pathToFileURL(join(unpacked, "hubbub.js"))));
  // A room is made by join alone, so its class is a type and no value.
  assert.deepEqual(named.filter((name) => name !== "Room").sort(), exported.sort());
});

test("a TypeScript program that uses all of it compiles, and works in Node against a hub", async (t) => {
  await cp(new URL("usage.ts", import.meta.url), join(home, "usage.ts"));
  await compile("es2022", "usage.ts");
  const server = await new Hub().start();
  t.after(() => server.stop("SIGKILL"));
  const { stdout } = await run(process.execPath, ["out/usage.js", server.url], { cwd: home, timeout: 30_000 });
  assert.equal(stdout.trim(), "all is well");
});

test("the examples of README are programs", async () => {
  const text = await readFile(join(unpacked, "README.md"), "utf8");
  const examples = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);
  assert(examples.length > 0);
  const names = examples.map((_, i) => `example${i}.mjs`);
  for (const [i, code] of examples.entries()) await writeFile(join(home, names[i]), code);
  await compile("es2022,dom", ...names);
});
