// Package web is everything HTTP: the page, the probes, the handshake and the upgrade. It is the only package that imports Fiber,
// contrib/websocket and fasthttp. What it hands on is a bare connection; it reads and writes no frame.
package web

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"hubbub/client"
	"hubbub/hub"
)

// readBuffer limits a request's headers: more is 431. An upgraded connection does not keep it.
const readBuffer = 8 << 10

// Connection is one connection that was counted, and has joined its room if it is a pipe. Exactly one of its methods is called, once.
type Connection interface {
	// Serve takes conn over and closes it in the end; it may return before that. early is what the client sent right behind its handshake.
	Serve(conn hub.Conn, early []byte)
	// Abandon is called when there will be no upgraded connection.
	Abandon()
}

// Open makes a Connection of an accepted handshake; it may take seconds. Its error is best a *wire.Error.
type Open func(ctx context.Context, r client.Request) (Connection, error)

// Options of a Server. Only Open is required.
type Options struct {
	Open    Open
	Ready   func() error // why /readyz fails, for more than SetReady knows; nil: it does not
	Origins []string     // from where pages may connect, see originAllowed; nil: from everywhere
	Log     *slog.Logger // nil: nowhere

	ReadTimeout  time.Duration // for a request, the handshake included; 10 s
	WriteTimeout time.Duration // for a response, the 101 included; 10 s
	IdleTimeout  time.Duration // between requests on one connection; 60 s
}

// Server is the HTTP side of an instance.
type Server struct {
	opts     Options
	app      *fiber.App
	upgrader fiber.Handler
	page     []asset
	notReady atomic.Bool

	open     context.Context // of every Open; done once Stop is called
	stopOpen context.CancelFunc

	opening sync.WaitGroup // connections in opened
	serving sync.WaitGroup // goroutines in Connection.Serve

	mu       sync.Mutex              // guards what follows
	opened   map[net.Conn]Connection // between Open and the 101
	silent   map[net.Conn]struct{}   // accepted, without a byte of a request yet
	listener net.Listener
	poller   *poller // nil until the first upgrade
	stopped  bool
}

// New makes a Server. It listens to nothing before Serve.
func New(opts Options) *Server {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	opts.ReadTimeout = orDefault(opts.ReadTimeout, 10*time.Second)
	opts.WriteTimeout = orDefault(opts.WriteTimeout, 10*time.Second)
	opts.IdleTimeout = orDefault(opts.IdleTimeout, time.Minute)

	s := &Server{opts: opts, page: page(), opened: map[net.Conn]Connection{}, silent: map[net.Conn]struct{}{}}
	s.open, s.stopOpen = context.WithCancel(context.Background())
	s.upgrader = s.newUpgrader(s.handOver)
	s.app = s.newApp()
	return s
}

// newUpgrader has the library's buffers, which are never used, as small as it allows.
func (s *Server) newUpgrader(then func(*websocket.Conn)) fiber.Handler {
	return websocket.New(then, websocket.Config{RecoverHandler: s.recoverHandOver, ReadBufferSize: 1, WriteBufferSize: 1})
}

func (s *Server) newApp() *fiber.App {
	app := fiber.New(fiber.Config{
		DisableStartupMessage:        true,
		CaseSensitive:                true,
		StrictRouting:                true,
		ReduceMemoryUsage:            true, // lets go of the read buffer before the upgrade
		ReadBufferSize:               readBuffer,
		BodyLimit:                    1 << 10, // nothing here takes a body
		DisablePreParseMultipartForm: true,
		ReadTimeout:                  s.opts.ReadTimeout,
		WriteTimeout:                 s.opts.WriteTimeout,
		IdleTimeout:                  s.opts.IdleTimeout,
		ErrorHandler: func(c *fiber.Ctx, err error) error {
			fromFiber(c, err).answer(c.Context())
			return nil
		},
	})
	server := app.Server()
	server.KeepHijackedConns = true // we close; otherwise the connection is another client's once handOver has returned
	server.ErrorHandler = func(ctx *fasthttp.RequestCtx, err error) { fromParser(err).answer(ctx) }
	server.Handler = s.guard(server.Handler)
	server.ConnState = s.connState

	s.routes(app)
	app.All("/ws/*", s.upgrade) // all that follows is the client id, so that an empty one or one with a slash is told what is wrong with it
	return app
}

// guard stands before Fiber: for what Fiber answers in plain text, and for a panic, which would end the program.
func (s *Server) guard(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		defer func() {
			if cause := recover(); cause != nil {
				s.panicked(ctx, cause)
			}
		}()
		if p := checkRequest(&ctx.Request.Header); p != nil {
			ctx.SetConnectionClose() // who frames requests wrongly may have framed the next one wrongly, too
			p.answer(ctx)
			return
		}
		if !slices.Contains(fiber.DefaultMethods, string(ctx.Method())) {
			methodNotAllowed(methods).answer(ctx)
			return
		}
		next(ctx)
		if ctx.Response.StatusCode() == fasthttp.StatusBadRequest {
			ctx.SetConnectionClose() // as above
		}
	}
}

// Serve answers on l until Stop is called; then it returns nil. It is called once.
func (s *Server) Serve(l net.Listener) error {
	l = &listener{Listener: l, log: s.opts.Log, closed: make(chan struct{})}
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return l.Close()
	}
	s.listener = l
	s.mu.Unlock()
	err := s.app.Listener(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	return err
}

// Stop closes the listener and waits for the requests in flight and for upgrades that are on their way. Upgraded connections are not its
// business: whoever serves them ends them, and Wait waits for that.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	l := s.listener
	for c := range s.silent { // fasthttp gives them five seconds
		_ = c.Close()
	}
	s.mu.Unlock()
	s.stopOpen()
	if l == nil {
		return nil
	}
	_ = l.Close() // fasthttp may not know it yet
	if err := s.app.ShutdownWithContext(ctx); err != nil && !isClosed(err) {
		return err
	}
	return wait(ctx, &s.opening)
}

// Wait returns when no Connection is in Serve any more, and lets go of what served them. It is called after Stop, when
// all upgraded connections have been closed.
func (s *Server) Wait() {
	s.serving.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poller != nil {
		s.poller.close()
		s.poller = nil
	}
}

// SetReady says what /readyz answers, unless Options.Ready objects. A Server begins ready.
func (s *Server) SetReady(ready bool) { s.notReady.Store(!ready) }

func wait(ctx context.Context, g *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		g.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
