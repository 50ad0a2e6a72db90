package stage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Sentinel is a master with two replicas, and three sentinels that watch over them.
type Sentinel struct {
	Servers   []*Redis
	sentinels []*Redis
}

// masterName is what the sentinels call it.
const masterName = "hub"

// NewSentinel starts all six, under dir, and waits until they know each other. What was started is in the result also when there is
// an error: Close ends it.
func NewSentinel(ctx context.Context, dir string, settings ...string) (*Sentinel, error) {
	s := &Sentinel{}
	for i := range 3 {
		own := append([]string{"repl-diskless-sync-delay 0"}, settings...)
		if i > 0 {
			own = append(own, fmt.Sprintf("replicaof 127.0.0.1 %d", s.Servers[0].Port))
		}
		r, err := NewRedis(fmt.Sprintf("redis%d", i+1), filepath.Join(dir, fmt.Sprint("redis", i+1)), own...)
		if err != nil {
			return s, err
		}
		s.Servers = append(s.Servers, r)
		if err := r.Up(ctx); err != nil {
			return s, err
		}
	}
	if err := s.Linked(ctx); err != nil {
		return s, err
	}
	for i := range 3 {
		r, err := newSentinel(fmt.Sprintf("sentinel%d", i+1), filepath.Join(dir, fmt.Sprint("sentinel", i+1)), s.Servers[0].Port)
		if err != nil {
			return s, err
		}
		s.sentinels = append(s.sentinels, r)
		if err := r.Up(ctx); err != nil {
			return s, err
		}
	}
	for _, r := range s.sentinels {
		if err := r.until(ctx, "it knows the others", func(ctx context.Context) error { return known(ctx, r) }); err != nil {
			return s, err
		}
	}
	return s, nil
}

func newSentinel(name, dir string, master int) (*Redis, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r := &Redis{Process: Process{Name: name, Path: "redis-server", Dir: dir}, Port: port}
	return r, r.configure("sentinel.conf", []string{
		"bind 127.0.0.1", fmt.Sprintf("port %d", port), "dir " + dir,
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d 2", masterName, master),
		"sentinel down-after-milliseconds " + masterName + " 1000",
		"sentinel failover-timeout " + masterName + " 6000",
	}, "--sentinel")
}

// known checks that a sentinel has found the replicas and the other sentinels.
func known(ctx context.Context, r *Redis) error {
	info, err := r.Info(ctx, "sentinel", "master0")
	if err == nil && !strings.Contains(info, "status=ok,") || !strings.HasSuffix(info, "slaves=2,sentinels=3") {
		err = errors.Join(err, errors.New(info))
	}
	return err
}

// Master is the present one, by what the first sentinel says.
func (s *Sentinel) Master(ctx context.Context) (*Redis, error) {
	answer, err := s.sentinels[0].Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName)
	if err != nil {
		return nil, err
	}
	if address, ok := answer.([]any); ok && len(address) == 2 {
		for _, r := range s.Servers {
			if fmt.Sprint(address[1]) == strconv.Itoa(r.Port) {
				return r, nil
			}
		}
	}
	return nil, fmt.Errorf("the sentinel's master is %v, which is none of ours", answer)
}

// Replaced waits until there is another master than the old one, which takes writes.
func (s *Sentinel) Replaced(ctx context.Context, old *Redis) error {
	return s.sentinels[0].until(ctx, "another master than "+old.Name+" is there", func(ctx context.Context) error {
		m, err := s.Master(ctx)
		if err != nil {
			return err
		}
		if m == old {
			return errors.New("it still is the old one")
		}
		return hasRole(ctx, m, "master")
	})
}

// Linked waits until all servers but one are its replicas, and follow it.
func (s *Sentinel) Linked(ctx context.Context) error {
	return s.Servers[0].until(ctx, "the replicas follow their master", func(ctx context.Context) error {
		masters := 0
		for _, r := range s.Servers {
			switch link, err := r.Info(ctx, "replication", "role"); {
			case err != nil:
				return err
			case link == "master":
				masters++
			default:
				if err := follows(ctx, r); err != nil {
					return err
				}
			}
		}
		if masters != 1 {
			return fmt.Errorf("there are %d masters", masters)
		}
		return nil
	})
}

func hasRole(ctx context.Context, r *Redis, want string) error {
	role, err := r.Info(ctx, "replication", "role")
	if err == nil && role != want {
		err = fmt.Errorf("%s is a %s", r.Name, role)
	}
	return err
}

// follows checks that a replica has all of its master's data and gets what is new.
func follows(ctx context.Context, r *Redis) error {
	link, err := r.Info(ctx, "replication", "master_link_status")
	if err == nil && link != "up" {
		err = fmt.Errorf("%s: its link to its master is %s", r.Name, link)
	}
	return err
}

// URL is what the hub is given.
func (s *Sentinel) URL() string {
	var at []string
	for _, r := range s.sentinels {
		at = append(at, local(r.Port))
	}
	return "redis+sentinel://" + strings.Join(at, ",") + "/" + masterName + "/0"
}

// All are the processes, sentinels first.
func (s *Sentinel) All() []*Redis { return append(append([]*Redis(nil), s.sentinels...), s.Servers...) }
