package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"mime"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hubbub/wire"
)

//go:embed static
var static embed.FS

// csp lets the page load what is embedded and open sockets, and nothing else. 'self' alone does not cover ws: in every browser.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; " +
	"manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// asset is one file of the page, ready to be sent.
type asset struct {
	address     string // "/" for index.html
	contentType string
	etag        string
	body        []byte
}

// assets reads the files below static. They are in the binary: a failure is one of the build.
func assets(files fs.FS) []asset {
	var list []asset
	err := fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		list = append(list, asset{
			address:     strings.TrimSuffix(strings.TrimPrefix(name, "static"), "index.html"),
			contentType: contentType(name),
			etag:        `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
			body:        body,
		})
		return nil
	})
	if err != nil {
		panic(err)
	}
	return list
}

// contentType does not ask the machine, whose tables differ, for what a page is made of.
func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".ts": // declarations, to be read; tables take it for video
		return "text/plain; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".ico":
		return "image/x-icon"
	case ".webmanifest":
		return "application/manifest+json"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

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

// send asks browsers to come back for each use: names carry no version, and a 304 is cheap.
func (a asset) send(c *fiber.Ctx) error {
	c.Set("Content-Security-Policy", csp)
	c.Set("X-Content-Type-Options", "nosniff")
	c.Set("Referrer-Policy", "no-referrer")
	c.Set("Cache-Control", "no-cache")
	c.Set("ETag", a.etag)
	if matches(c.Get("If-None-Match"), a.etag) {
		c.Status(fiber.StatusNotModified)
		return nil
	}
	c.Set("Content-Type", a.contentType)
	c.Response().SetBodyRaw(a.body) // not copied, and never written to
	return nil
}

// matches compares weakly, as If-None-Match does.
func matches(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == etag || tag == "*" {
			return true
		}
	}
	return false
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
