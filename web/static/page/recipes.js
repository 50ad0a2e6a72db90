import { socketsAt } from "./address.js";

// Lines to copy, for sending numbers into a room.

export function recipes(room) {
  // Percent-encoded, and by URL the single quote, too: there is nothing in it that a shell, Python or C would read.
  const url = new URL(`${socketsAt}/my-device?room=${encodeURIComponent(room)}`);
  const quiet = `${url.href}&echo=0`;
  const secure = url.protocol === "wss:";
  const port = url.port || (secure ? 443 : 80);
  const path = `${url.pathname}${url.search}&echo=0`;
  const begin = secure ? `hub.beginSSL("${url.hostname}", ${port}, "${path}", "", "");` : `hub.begin("${url.hostname}", ${port}, "${path}", "");`;
  return [
    {
      name: "wscat",
      hint: "npm install -g wscat",
      text: `wscat -c '${quiet}'`,
    },
    {
      name: "Python",
      hint: "pip install websockets",
      text: `import asyncio, json, math, time, websockets

async def main():
    async with websockets.connect("${quiet}") as hub:
        while True:
            temperature = 20 + 2 * math.sin(time.time() / 5)
            await hub.send(json.dumps({"temperature": temperature}))
            await asyncio.sleep(1)

asyncio.run(main())`,
    },
    {
      name: "Arduino",
      hint: "ESP32 or ESP8266, library “WebSockets” by Markus Sattler",
      text: `#include <WiFi.h>              // ESP8266: ESP8266WiFi.h
#include <WebSocketsClient.h>

WebSocketsClient hub;

void setup() {
  WiFi.begin("network", "password");
  // The last "" is the subprotocol: none is the pipe.
  ${begin}
  hub.setReconnectInterval(2000);
}

void loop() {
  static unsigned long last = 0;
  hub.loop();
  if (hub.isConnected() && millis() - last >= 1000) {
    last = millis();
    String reading = "{\\"a0\\":" + String(analogRead(A0)) + "}";
    hub.sendTXT(reading);
  }
}`,
    },
  ];
}
