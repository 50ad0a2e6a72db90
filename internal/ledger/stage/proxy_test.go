package stage

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// server takes connections and hands them out.
func server(t *testing.T) (address string, taken chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	taken = make(chan net.Conn, 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			taken <- c
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		for len(taken) > 0 {
			(<-taken).Close()
		}
	})
	return l.Addr().String(), taken
}

// through connects through a proxy and gives both ends.
func through(t *testing.T, p *Proxy, taken chan net.Conn) (here, there net.Conn) {
	t.Helper()
	here, err := net.Dial("tcp", local(p.Port()))
	must(t, err)
	there = <-taken
	for _, c := range []net.Conn{here, there} {
		t.Cleanup(func() { c.Close() })
	}
	return here, there
}

// arrives sends one way.
func arrives(t *testing.T, from, to net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(from, text); err != nil {
		t.Fatal(err)
	}
	receive(t, to, text)
}

func receive(t *testing.T, c net.Conn, text string) {
	t.Helper()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("%q, %v, want %q", got, err, text)
	}
}

// silent checks that nothing has come. It cannot prove that nothing will; what is sent later and arrives first does.
func silent(t *testing.T, c net.Conn) {
	t.Helper()
	must(t, c.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	if n, err := c.Read(make([]byte, 1)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes, %v, want silence", n, err)
	}
	must(t, c.SetReadDeadline(time.Time{}))
}

func proxyTo(t *testing.T) (*Proxy, chan net.Conn) {
	t.Helper()
	address, taken := server(t)
	p, err := NewProxy(address)
	must(t, err)
	t.Cleanup(p.Close)
	return p, taken
}

func TestProxyCarries(t *testing.T) {
	p, taken := proxyTo(t)
	here, there := through(t, p, taken)
	arrives(t, here, there, "ping")
	arrives(t, there, here, "pong")
	here.Close()
	if n, err := there.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the end did not arrive as one: %d, %v", n, err)
	}
}

func TestProxyHolds(t *testing.T) {
	p, taken := proxyTo(t)
	here, there := through(t, p, taken)
	p.Hold(Answers)
	arrives(t, here, there, "request")
	_, err := io.WriteString(there, "answer")
	must(t, err)
	silent(t, here)
	p.Hold(Requests)
	_, err = io.WriteString(here, "late")
	must(t, err)
	silent(t, there)
	here.Close() // who gave up still is heard, later
	silent(t, there)
	p.Release()
	receive(t, there, "late")

	p.Hold(Requests, Answers)
	here, there = through(t, p, taken)
	_, err = io.WriteString(here, "new")
	must(t, err)
	silent(t, there)
	p.Release()
	receive(t, there, "new")
}

func TestProxyCuts(t *testing.T) {
	p, taken := proxyTo(t)
	here, there := through(t, p, taken)
	arrives(t, here, there, "ping")
	p.Refuse(true)
	if n := p.Cut(); n != 1 {
		t.Errorf("%d lines were cut", n)
	}
	for _, c := range []net.Conn{here, there} {
		if _, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("%v, want a reset", err)
		}
	}
	if refused, err := net.Dial("tcp", local(p.Port())); err == nil { // otherwise the reset was faster
		defer refused.Close()
		if n, err := refused.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("%d bytes of a refused line, %v", n, err)
		}
	}
	(<-taken).Close()
	p.Refuse(false)
	here, there = through(t, p, taken)
	arrives(t, here, there, "again")
}

func TestProxyWithoutTarget(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	l.Close()
	p, err := NewProxy(l.Addr().String())
	must(t, err)
	defer p.Close()
	c, err := net.Dial("tcp", local(p.Port()))
	if err != nil {
		return // the reset was faster
	}
	defer c.Close()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("%d bytes from nobody, %v", n, err)
	}
}

// TestProxyCloses ends also what it holds.
func TestProxyCloses(t *testing.T) {
	p, taken := proxyTo(t)
	here, _ := through(t, p, taken)
	p.Hold(Requests, Answers)
	_, err := io.WriteString(here, "never")
	must(t, err)
	p.Close()
}
