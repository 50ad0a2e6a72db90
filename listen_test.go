package main

import (
	"net"
	"syscall"
	"testing"
)

func TestNextPort(t *testing.T) {
	for address, want := range map[string]string{":8080": ":8081", "127.0.0.1:9090": "127.0.0.1:9091", "[::1]:80": "[::1]:81", ":65535": ":8080"} {
		if got := nextPort(address); got != want {
			t.Errorf("nextPort(%s) = %s, want %s", address, got, want)
		}
	}
}

type addressed struct {
	net.Listener
	at string
}

func (a addressed) Addr() net.Addr { addr, _ := net.ResolveTCPAddr("tcp", a.at); return addr }

func TestPageURL(t *testing.T) {
	for at, want := range map[string]string{
		"0.0.0.0:8080": "http://localhost:8080/", "[::]:80": "http://localhost:80/", "127.0.0.1:1": "http://localhost:1/",
		"[::1]:1": "http://localhost:1/", "192.0.2.1:8080": "http://192.0.2.1:8080/", "[2001:db8::1]:1": "http://[2001:db8::1]:1/",
	} {
		if got := pageURL(addressed{at: at}); got != want {
			t.Errorf("pageURL(%s) = %s, want %s", at, got, want)
		}
	}
}

// TestNoKeepAlive: the kernel sends no keepalives of its own on accepted connections.
func TestNoKeepAlive(t *testing.T) {
	ln, err := listen(t.Context(), "--listen", "127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	out, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	raw, err := in.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		on, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE)
		if on != 0 || err != nil {
			t.Errorf("SO_KEEPALIVE is %d (%v)", on, err)
		}
	}); err != nil {
		t.Fatal(err)
	}
}
