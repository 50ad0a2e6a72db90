// Command bareecho is the echo that everyone writes with Fiber's WebSocket package, defaults and all: what an echo
// costs without a hub. It says where it listens like the hub does, with an address in a line on stderr.
package main

import (
	"fmt"
	"net"
	"os"

	"github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"
)

func main() {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/ws/:client_id", websocket.New(func(c *websocket.Conn) {
		for {
			kind, message, err := c.ReadMessage()
			if err != nil {
				return
			}
			if kind == websocket.TextMessage {
				message = append([]byte("Echo: "), message...)
			}
			if err := c.WriteMessage(kind, message); err != nil {
				return
			}
		}
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		fmt.Fprintf(os.Stderr, "listening on http://%s/\n", listener.Addr())
		err = app.Listener(listener)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
