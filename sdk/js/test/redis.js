import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { createInterface } from "node:readline";

/** A Redis of the test's own, in memory, on a port that was free a moment ago; returns its address. */
export async function redis(t) {
  const port = await freePort();
  const child = spawn("redis-server", ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/"], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(async () => {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  });
  for await (const line of createInterface({ input: child.stdout })) {
    if (/Ready to accept connections/.test(line)) break;
  }
  child.stdout.resume();
  return `redis://127.0.0.1:${port}/0`;
}

async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
