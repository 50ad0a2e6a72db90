package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"mime"
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
)

//go:embed static
var static embed.FS

// page is what is embedded, read and compressed once, however many servers there are.
var page = sync.OnceValue(func() []asset { return assets(static) })

// csp lets the page load what is embedded and open sockets, and nothing else. 'self' alone does not cover ws: in every browser. Markup
// out of strings is DOMPurify's alone: whoever else assigns one to innerHTML is stopped by the browser.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; " +
	"manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types dompurify"

// asset is one file of the page, ready to be sent.
type asset struct {
	address     string // "/" for index.html, "/status" for status.html
	contentType string
	cacheFor    string // Cache-Control
	etag        string // without its quotes
	body        []byte
	gzipped     []byte // nil where it would save little
}

// assets reads the files below static. They are in the binary: a failure is one of the build.
//
// Every file but the HTML is there twice. Under its name it is asked for anew at each use; below a folder that is named after the
// contents of all files it may be kept for ever. The HTML refers to that folder: what it names with "./" is an asset, and modules and
// style sheets refer to each other relatively.
func assets(files fs.FS) []asset {
	var list []asset
	sum := sha256.New()
	err := fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		_, _ = sum.Write([]byte(name + "\x00"))
		_, _ = sum.Write(body)
		list = append(list, asset{address: strings.TrimPrefix(name, "static"), contentType: contentType(name), cacheFor: "no-cache", body: body})
		return nil
	})
	if err != nil {
		panic(err)
	}
	folder := base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:9])
	for i := range list {
		a := &list[i]
		if address, ok := strings.CutSuffix(a.address, ".html"); ok {
			a.address = strings.TrimSuffix(address, "index")
			a.body = entry.ReplaceAllFunc(a.body, func(tag []byte) []byte { return append(preloads(files, tag), tag...) })
			a.body = bytes.ReplaceAll(a.body, []byte(`="./`), []byte(`="./`+folder+`/`))
		}
		a.finish()
	}
	for _, a := range list {
		if !strings.HasPrefix(a.contentType, "text/html") {
			a.address = "/" + folder + a.address
			a.cacheFor = "public, max-age=31536000, immutable"
			list = append(list, a)
		}
	}
	return list
}

var (
	entry     = regexp.MustCompile(`<script type="module" src="\./([^"]+)">`)
	importing = regexp.MustCompile(`(?m)^(?:import|export)\b[^"';()]*"(\.[^"]+)"`)
)

// preloads are links to all modules that the one of that tag leads to, so that a browser asks for them at once, and not for one when it
// has read the other. What is imported later, by a call, is not among them.
func preloads(files fs.FS, tag []byte) []byte {
	var links []byte
	seen := map[string]bool{}
	var follow func(module string)
	follow = func(module string) {
		source, _ := fs.ReadFile(files, "static/"+module) // what is not there, the browser will miss, and so does a test
		for _, found := range importing.FindAllSubmatch(source, -1) {
			next := path.Join(path.Dir(module), string(found[1]))
			if seen[next] {
				continue
			}
			seen[next] = true
			links = append(links, `<link rel="modulepreload" href="./`+next+"\">\n  "...)
			follow(next)
		}
	}
	follow(string(entry.FindSubmatch(tag)[1]))
	return links
}

func (a *asset) finish() {
	sum := sha256.Sum256(a.body)
	a.etag = base64.RawURLEncoding.EncodeToString(sum[:12])
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = w.Write(a.body) // into memory: it cannot fail
	_ = w.Close()
	if b.Len() < len(a.body)*9/10 {
		a.gzipped = b.Bytes()
	}
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
	case ".ts", ".txt": // tables take .ts for video; here it is declarations, to be read
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

// send answers a request for the asset.
func (a asset) send(c *fiber.Ctx) error {
	c.Set("Content-Security-Policy", csp)
	c.Set("X-Content-Type-Options", "nosniff")
	c.Set("Referrer-Policy", "no-referrer")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("Cache-Control", a.cacheFor)
	body, etag := a.body, a.etag
	if a.gzipped != nil {
		c.Set("Vary", "Accept-Encoding")
		if takesGzip(c.Get("Accept-Encoding")) {
			body, etag = a.gzipped, etag+"-gzip" // other bytes, another tag
		}
	}
	c.Set("ETag", `"`+etag+`"`)
	if matches(c.Get("If-None-Match"), `"`+etag+`"`) {
		c.Status(fiber.StatusNotModified)
		return nil
	}
	if etag != a.etag {
		c.Set("Content-Encoding", "gzip")
	}
	c.Set("Content-Type", a.contentType)
	c.Response().SetBodyRaw(body) // not copied, and never written to
	return nil
}

// takesGzip reads Accept-Encoding. Who refuses gzip gives it a quality of nothing but zeros.
func takesGzip(header string) bool {
	for coding := range strings.SplitSeq(header, ",") {
		name, quality, _ := strings.Cut(coding, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		value, weighted := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(quality, " ", "")), "q=")
		return !weighted || strings.Trim(value, "0.") != ""
	}
	return false
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
