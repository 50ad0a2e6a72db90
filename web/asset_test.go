package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func serve(t *testing.T, files fs.FS) string {
	t.Helper()
	s := New(Options{Open: newHall().Open})
	s.page = assets(files)
	s.app = s.newApp()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { s.Stop(t.Context()) })
	return l.Addr().String()
}

func TestPage(t *testing.T) {
	script := strings.Repeat("let a = 1\n", 100)
	addr := serve(t, fstest.MapFS{
		"static/index.html":  {Data: []byte(`<!doctype html><script src="./app.js"></script><a href="more">`)},
		"static/more.html":   {Data: []byte(`<link href="./img/dot.svg">`)},
		"static/app.js":      {Data: []byte(script)},
		"static/app.d.ts":    {Data: []byte("let a: 1")},
		"static/img/dot.svg": {Data: []byte("<svg/>")},
	})
	home := exchange(t, addr, get("/", host))
	found := regexp.MustCompile(`^<!doctype html><script src="\./([\w-]{12})/app\.js"></script><a href="more">$`).FindSubmatch(home.body)
	if found == nil {
		t.Fatalf("the page is %q", home.body)
	}
	folder := "/" + string(found[1])

	const forEver = "public, max-age=31536000, immutable"
	for _, row := range []struct{ path, contentType, cache, body string }{
		{"/", "text/html; charset=utf-8", "no-cache", string(home.body)},
		{"/?name=x", "text/html; charset=utf-8", "no-cache", string(home.body)},
		{"/more", "text/html; charset=utf-8", "no-cache", `<link href=".` + folder + `/img/dot.svg">`},
		{"/app.js", "text/javascript; charset=utf-8", "no-cache", script},
		{"/app.d.ts", "text/plain; charset=utf-8", "no-cache", "let a: 1"},
		{"/img/dot.svg", "image/svg+xml", "no-cache", "<svg/>"},
		{folder + "/app.js", "text/javascript; charset=utf-8", forEver, script},
		{folder + "/img/dot.svg", "image/svg+xml", forEver, "<svg/>"},
	} {
		r := exchange(t, addr, get(row.path, host))
		if r.status != 200 || string(r.body) != row.body || r.header.Get("Content-Type") != row.contentType || r.header.Get("Cache-Control") != row.cache {
			t.Errorf("%s: %d %q %v", row.path, r.status, r.body, r.header)
		}
		for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"} {
			if r.header.Get(name) == "" {
				t.Errorf("%s without %s", row.path, name)
			}
		}
		etag := r.header.Get("ETag")
		for _, tags := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
			if r := exchange(t, addr, get(row.path, host+"If-None-Match: "+tags+"\r\n")); r.status != 304 || r.header.Get("ETag") != etag {
				t.Errorf("%s with If-None-Match %s: %d", row.path, tags, r.status)
			}
		}
		head := exchange(t, addr, "HEAD "+row.path+" HTTP/1.1\r\n"+host+"\r\n")
		if head.status != 200 || head.header.Get("Content-Length") != r.header.Get("Content-Length") || head.header.Get("ETag") != etag {
			t.Errorf("HEAD %s: %d %v", row.path, head.status, head.header)
		}
	}
	for _, path := range []string{"/index.html", "/index.html/", "/more.html", "/img", "/img/", "/static/app.js", "/../server.go", folder + "/", folder + "/index.html"} {
		if r := exchange(t, addr, get(path, host)); r.status != 404 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
}

func TestPageIsCompressed(t *testing.T) {
	script := strings.Repeat("let a = 1\n", 100)
	addr := serve(t, fstest.MapFS{
		"static/app.js":      {Data: []byte(script)},
		"static/img/dot.svg": {Data: []byte("<svg/>")}, // would not gain
	})
	plain := exchange(t, addr, get("/app.js", host)).header.Get("ETag")
	for _, row := range []struct {
		path, accept string
		gzipped      bool
	}{
		{"/app.js", "gzip", true},
		{"/app.js", "gzip, deflate, br, zstd", true},
		{"/app.js", "br;q=1.0, GZIP;q=0.5", true},
		{"/app.js", "br", false},
		{"/app.js", "gzip;q=0", false},
		{"/app.js", "gzip; q=0.000", false},
		{"/app.js", "xgzip", false},
		{"/img/dot.svg", "gzip", false},
	} {
		r := exchange(t, addr, get(row.path, host+"Accept-Encoding: "+row.accept+"\r\n"))
		if got := r.header.Get("Content-Encoding") == "gzip"; got != row.gzipped {
			t.Errorf("%s to whom accepts %q: gzip is %v", row.path, row.accept, got)
			continue
		}
		if row.path == "/app.js" && r.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Vary is %q", r.header.Get("Vary"))
		}
		if !row.gzipped {
			continue
		}
		z, err := gzip.NewReader(bytes.NewReader(r.body))
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(z); err != nil || string(body) != script {
			t.Errorf("unpacked: %q, %v", body, err)
		}
		if etag := r.header.Get("ETag"); etag == plain {
			t.Errorf("both encodings have the ETag %s", etag)
		} else if r := exchange(t, addr, get(row.path, host+"Accept-Encoding: gzip\r\nIf-None-Match: "+etag+"\r\n")); r.status != 304 || len(r.body) != 0 {
			t.Errorf("with its own ETag: %d", r.status)
		}
	}
}

// TestReferences looks at what is really embedded: each page names what exists, and all modules that its script leads to.
func TestReferences(t *testing.T) {
	there := map[string]bool{}
	for _, a := range page() {
		there[a.address] = true
	}
	pages, modules := 0, 0
	for _, a := range page() {
		if !strings.HasPrefix(a.contentType, "text/html") {
			continue
		}
		pages++
		for _, found := range regexp.MustCompile(`="\.(/[^"]+)"`).FindAllSubmatch(a.body, -1) {
			if !there[string(found[1])] {
				t.Errorf("%s refers to %s", a.address, found[1])
			}
			if strings.HasSuffix(string(found[1]), ".js") {
				modules++
			}
		}
	}
	if pages == 0 || modules == 0 {
		t.Errorf("%d pages, %d modules", pages, modules)
	}
}

func TestPreloads(t *testing.T) {
	files := fstest.MapFS{
		"static/app.js":    {Data: []byte("import \"./a.js\";\nimport {\n  x,\n} from \"./lib/b.js\";\nimport(\"./later.js\");\n// import \"./no.js\"\n")},
		"static/a.js":      {Data: []byte(`export { y } from "./lib/b.js";`)},
		"static/lib/b.js":  {Data: []byte(`import c from "../c.js"; import "./b.js";`)},
		"static/c.js":      {Data: []byte(`import "./a.js"`)},
		"static/later.js":  {},
		"static/inside.js": {},
	}
	got := string(preloads(files, []byte(`<script type="module" src="./app.js">`)))
	want := ""
	for _, name := range []string{"a", "lib/b", "c"} {
		want += `<link rel="modulepreload" href="./` + name + ".js\">\n  "
	}
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
