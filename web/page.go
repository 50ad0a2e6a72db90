package web

import (
	"github.com/gofiber/fiber/v2"

	"hubbub/wire"
)

// routes are all but the socket's. Fiber's Get answers HEAD, too.
func (s *Server) routes(app *fiber.App) {
	for _, a := range s.page {
		app.Get(a.address, a.send)
	}
	app.Get("/health", func(c *fiber.Ctx) error { return sendStatus(c, "healthy") })
	app.Get("/livez", func(c *fiber.Ctx) error { return sendStatus(c, "alive") })
	app.Get("/readyz", func(c *fiber.Ctx) error {
		if reason := s.whyNotReady(); reason != "" {
			return newProblem(fiber.StatusServiceUnavailable, wire.Unavailable, reason, [2]string{"Retry-After", "1"})
		}
		return sendStatus(c, "ready")
	})
}

func sendStatus(c *fiber.Ctx, status string) error {
	c.Set("Content-Type", "application/json")
	c.Set("Cache-Control", "no-store")
	c.Set("X-Content-Type-Options", "nosniff")
	return c.SendString(`{"status":"` + status + `"}`)
}

func (s *Server) whyNotReady() string {
	if s.notReady.Load() {
		return "this instance is stopping"
	}
	if s.opts.Ready != nil {
		if err := s.opts.Ready(); err != nil {
			return err.Error()
		}
	}
	return ""
}
