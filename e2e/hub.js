import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const BINARY = process.env.HUBBUB_BIN || fileURLToPath(new URL("../bin/hubbub", import.meta.url));

/** The built program on a free port, as a user would start it. It can be stopped, and started again on that port. */
export class Hub {
  #args;
  #process = null;
  port = 0;

  constructor(...args) {
    this.#args = args;
  }

  get url() {
    return `http://127.0.0.1:${this.port}/`;
  }

  async start() {
    const args = ["--listen", `127.0.0.1:${this.port}`, "--admin", "off", ...this.#args];
    const child = spawn(BINARY, args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#process = child;
    const said = [];
    const listening = new Promise((resolve, reject) => {
      createInterface({ input: child.stderr }).on("line", (line) => {
        said.push(line);
        const found = line.match(/http:\/\/[^\s"]*:(\d+)\//);
        if (found) resolve(Number(found[1]));
      });
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`${BINARY} ended with ${code}:\n${said.join("\n")}`)));
    });
    this.port = await listening;
    return this;
  }

  async stop(signal = "SIGTERM") {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }
}

/** A Redis of its own for instances that are to be one hub. It keeps nothing on disk. */
export class Redis {
  #process;

  async start() {
    const server = net.createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address();
    server.close();
    await once(server, "close");
    this.url = `redis://127.0.0.1:${port}/0`;
    this.#process = spawn("redis-server", ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"], { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: this.#process.stdout });
    for await (const line of lines) if (line.includes("Ready to accept connections")) break;
    this.#process.stdout.resume();
    return this;
  }

  async stop() {
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }
}

/** A wire to the hub that can be cut and mended. */
export class Wire {
  #server;
  #sockets = new Set();
  #whole = true;

  constructor(target) {
    this.#server = net.createServer((near) => {
      if (!this.#whole) return near.destroy();
      const far = net.connect(target, "127.0.0.1");
      for (const [from, to] of [[near, far], [far, near]]) {
        this.#sockets.add(from);
        from.setNoDelay(true);
        from.on("data", (bytes) => to.write(bytes));
        from.on("error", () => {});
        from.on("close", () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      }
    });
  }

  async listen() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.url = `http://127.0.0.1:${this.#server.address().port}/`;
    return this;
  }

  cut() {
    this.#whole = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** What hangs on it now stays open and silent for ever; new connections work. */
  die() {
    for (const socket of this.#sockets) socket.removeAllListeners("data").pause();
  }

  mend() {
    this.#whole = true;
  }

  async close() {
    this.cut();
    this.#server.close();
  }
}
