package testkit

import (
	"os"
	"testing"
)

// Durable are the arguments of a server that has written down what it has answered.
func Durable() []string { return []string{"--appendonly", "yes", "--appendfsync", "always"} }

// Backup copies what a durable server has written so far; it may run.
func (s *RedisServer) Backup() string {
	s.t.Helper()
	dir := s.t.TempDir()
	copyDir(s.t, dir, s.dir)
	return dir
}

// Restore puts a Backup in the place of what a server has written. It must not run.
func (s *RedisServer) Restore(from string) {
	s.t.Helper()
	if err := os.RemoveAll(s.dir); err != nil {
		s.t.Fatal(err)
	}
	copyDir(s.t, s.dir, from)
}

func copyDir(t testing.TB, to, from string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// Replica is a server that follows this one. It takes part once it has all that there was.
func (s *RedisServer) Replica() *RedisServer {
	s.t.Helper()
	host, port, _ := splitAddr(s.addr)
	r := Redis(s.t, "--replicaof", host+" "+port, "--repl-diskless-sync-delay", "0")
	r.AwaitCLI("master_link_status:up", "info", "replication")
	return r
}
