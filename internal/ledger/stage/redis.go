package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Redis is one redis-server, with a directory of its own. It keeps its port through all its runs.
type Redis struct {
	Process
	Port int
}

// NewRedis writes a configuration into dir, which is made: one line for each setting, as in redis.conf. Without a setting that says
// otherwise it keeps nothing on disk.
func NewRedis(name, dir string, settings ...string) (*Redis, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r := &Redis{Process: Process{Name: name, Path: "redis-server", Dir: dir}, Port: port}
	lines := append([]string{"bind 127.0.0.1", fmt.Sprintf("port %d", port), `save ""`, "dir " + dir}, settings...)
	if err := r.configure("redis.conf", lines); err != nil {
		return nil, err
	}
	return r, nil
}

// configure writes the file that it is started with. The server may rewrite it.
func (r *Redis) configure(file string, lines []string, args ...string) error {
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return err
	}
	file = filepath.Join(r.Dir, file)
	r.Args = append([]string{file}, args...)
	return os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

// freePort asks the system. Between this and the use of the port somebody else may get it; then the server ends at once, and says so.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Up starts it and waits until it answers and has loaded its data.
func (r *Redis) Up(ctx context.Context) error {
	if err := r.Start(); err != nil {
		return err
	}
	return r.until(ctx, "it answers", func(ctx context.Context) error {
		_, err := r.Do(ctx, "PING")
		return err
	})
}

// Do asks it something, on a connection of its own.
func (r *Redis) Do(ctx context.Context, command ...any) (any, error) {
	answer, err := Ask(ctx, r.Port, command...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Name, err)
	}
	return answer, nil
}

// Info reads a field of INFO.
func (r *Redis) Info(ctx context.Context, section, field string) (string, error) {
	answer, err := r.Do(ctx, "INFO", section)
	if err != nil {
		return "", err
	}
	text, _ := answer.(string)
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), field+":"); found {
			return value, nil
		}
	}
	return "", fmt.Errorf("%s: INFO %s has no %s", r.Name, section, field)
}

// snapshot is the file that SAVE writes.
const snapshot = "dump.rdb"

// Keep saves its data and puts a copy aside.
func (r *Redis) Keep(ctx context.Context) error {
	if _, err := r.Do(ctx, "SAVE"); err != nil {
		return err
	}
	return copyFile(filepath.Join(r.Dir, "kept"), filepath.Join(r.Dir, snapshot))
}

// Rollback puts back what Keep kept. It must not run.
func (r *Redis) Rollback() error {
	return copyFile(filepath.Join(r.Dir, snapshot), filepath.Join(r.Dir, "kept"))
}

// Empty removes its data. It must not run.
func (r *Redis) Empty() error {
	return errors.Join(os.RemoveAll(filepath.Join(r.Dir, "appendonlydir")), os.RemoveAll(filepath.Join(r.Dir, snapshot)))
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
