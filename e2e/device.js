import { once } from "node:events";
import WebSocket from "ws";

/** Something that is no browser, in a room by the pipe. */
export class Device {
  heard = [];

  /** more: further parameters of the pipe, as in {echo: 0}. */
  static connect(hub, name, room, more = {}) {
    return Device.at(`ws://127.0.0.1:${hub.port}/ws/${encodeURIComponent(name)}?${new URLSearchParams({ room, ...more })}`);
  }

  static async at(address) {
    const device = new Device();
    device.socket = new WebSocket(address);
    device.socket.on("message", (data, binary) => device.heard.push(binary ? data : data.toString()));
    await once(device.socket, "open");
    return device;
  }

  send(data) {
    this.socket.send(data);
  }

  close() {
    this.socket.close();
  }
}
