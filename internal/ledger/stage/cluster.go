package stage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Cluster is three masters with a replica each.
type Cluster struct {
	Nodes []*Redis // the masters of the beginning, then their replicas
	ids   []string
}

const (
	clusterMasters = 3
	slots          = 16384
)

// NewCluster starts all six, under dir, and waits until every slot is served. What was started is in the result also when
// there is an error.
func NewCluster(ctx context.Context, dir string, settings ...string) (*Cluster, error) {
	c := &Cluster{}
	bus := make([]int, 2*clusterMasters)
	for i := range bus {
		port, err := freePort()
		if err != nil {
			return c, err
		}
		bus[i] = port
		r, err := NewRedis(fmt.Sprintf("node%d", i+1), filepath.Join(dir, fmt.Sprint("node", i+1)), append([]string{
			"cluster-enabled yes", "cluster-node-timeout 2000", fmt.Sprintf("cluster-port %d", port),
			"cluster-announce-ip 127.0.0.1", "repl-diskless-sync-delay 0",
		}, settings...)...)
		if err != nil {
			return c, err
		}
		c.Nodes = append(c.Nodes, r)
		if err := r.Up(ctx); err != nil {
			return c, err
		}
		id, err := r.Do(ctx, "CLUSTER", "MYID")
		if err != nil {
			return c, err
		}
		c.ids = append(c.ids, fmt.Sprint(id))
		if _, err := r.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1); err != nil {
			return c, err
		}
		if i < clusterMasters {
			if _, err := r.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", i*slots/clusterMasters, (i+1)*slots/clusterMasters-1); err != nil {
				return c, err
			}
		}
	}
	for i, r := range c.Nodes[1:] {
		if _, err := c.Nodes[0].Do(ctx, "CLUSTER", "MEET", "127.0.0.1", r.Port, bus[i+1]); err != nil {
			return c, err
		}
	}
	if err := c.Whole(ctx); err != nil {
		return c, err
	}
	for i, r := range c.Nodes[clusterMasters:] {
		err := r.until(ctx, "it follows its master", func(ctx context.Context) error {
			_, err := r.Do(ctx, "CLUSTER", "REPLICATE", c.ids[i])
			return err
		})
		if err != nil {
			return c, err
		}
	}
	return c, c.Whole(ctx)
}

// Whole waits until every node sees every slot served and every other node, and every replica follows its master.
func (c *Cluster) Whole(ctx context.Context) error {
	for _, r := range c.Nodes {
		if err := r.until(ctx, "the cluster is whole", func(ctx context.Context) error { return c.whole(ctx, r) }); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) whole(ctx context.Context, r *Redis) error {
	info, err := r.Do(ctx, "CLUSTER", "INFO")
	if err != nil {
		return err
	}
	text := fmt.Sprint(info)
	if !strings.Contains(text, "cluster_state:ok") || !strings.Contains(text, fmt.Sprintf("cluster_known_nodes:%d\r", len(c.Nodes))) {
		return errors.New(text)
	}
	if hasRole(ctx, r, "slave") == nil {
		return follows(ctx, r)
	}
	return nil
}

// Masters are the nodes that serve slots at the moment, by the roles they have themselves.
func (c *Cluster) Masters(ctx context.Context) (masters []*Redis, err error) {
	for _, r := range c.Nodes {
		switch role, err := r.Info(ctx, "replication", "role"); {
		case err != nil:
			return nil, err
		case role == "master":
			masters = append(masters, r)
		}
	}
	if len(masters) != clusterMasters {
		return nil, fmt.Errorf("there are %d masters", len(masters))
	}
	return masters, nil
}

// Slot is a slot of a node that has keys in it.
func (c *Cluster) Slot(ctx context.Context, r *Redis) (slot int64, found bool, err error) {
	key, err := r.Do(ctx, "RANDOMKEY")
	if err != nil || key == nil {
		return 0, false, err
	}
	answer, err := r.Do(ctx, "CLUSTER", "KEYSLOT", key)
	slot, found = answer.(int64)
	return slot, found, err
}

// Failover waits until another node has the place of a master that was killed.
func (c *Cluster) Failover(ctx context.Context, dead *Redis) error {
	return c.someone(dead).until(ctx, "a replica is in the place of "+dead.Name, func(ctx context.Context) error {
		masters := 0
		for _, r := range c.Nodes {
			if r != dead && hasRole(ctx, r, "master") == nil {
				masters++
			}
		}
		if masters != clusterMasters {
			return fmt.Errorf("%d masters are left", masters)
		}
		return nil
	})
}

func (c *Cluster) someone(but *Redis) *Redis {
	if c.Nodes[0] != but {
		return c.Nodes[0]
	}
	return c.Nodes[1]
}

// Move takes a slot with all its keys from one master to another, while it is in use.
func (c *Cluster) Move(ctx context.Context, slot int64, from, to *Redis) error {
	steps := []struct {
		at   *Redis
		what []any
	}{
		{to, []any{"CLUSTER", "SETSLOT", slot, "IMPORTING", c.id(from)}},
		{from, []any{"CLUSTER", "SETSLOT", slot, "MIGRATING", c.id(to)}},
	}
	for _, s := range steps {
		if _, err := s.at.Do(ctx, s.what...); err != nil {
			return err
		}
	}
	for {
		answer, err := from.Do(ctx, "CLUSTER", "GETKEYSINSLOT", slot, 10)
		if err != nil {
			return err
		}
		keys, _ := answer.([]any)
		if len(keys) == 0 {
			break
		}
		if _, err := from.Do(ctx, append([]any{"MIGRATE", "127.0.0.1", to.Port, "", 0, 5000, "KEYS"}, keys...)...); err != nil {
			return err
		}
	}
	for _, r := range []*Redis{to, from} {
		if _, err := r.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", c.id(to)); err != nil {
			return err
		}
	}
	// A replica that has not heard of it would take its master's place without the slot.
	for _, r := range c.Nodes {
		if err := r.until(ctx, "it knows where the slot is", func(ctx context.Context) error { return c.serves(ctx, r, slot, to) }); err != nil {
			return err
		}
	}
	return nil
}

// serves checks that a node believes a slot to be at another.
func (c *Cluster) serves(ctx context.Context, r *Redis, slot int64, to *Redis) error {
	answer, err := r.Do(ctx, "CLUSTER", "SLOTS")
	if err != nil {
		return err
	}
	ranges, _ := answer.([]any)
	for _, one := range ranges {
		// First slot, last slot, the master (its address, port, id), and so on.
		f, _ := one.([]any)
		if len(f) < 3 || f[0].(int64) > slot || f[1].(int64) < slot {
			continue
		}
		if master, _ := f[2].([]any); len(master) < 3 || master[2] != c.id(to) {
			return fmt.Errorf("%s believes slot %d to be at %v", r.Name, slot, master)
		}
		return nil
	}
	return fmt.Errorf("%s knows nobody who has slot %d", r.Name, slot)
}

func (c *Cluster) id(r *Redis) string {
	for i, n := range c.Nodes {
		if n == r {
			return c.ids[i]
		}
	}
	return ""
}

// URL is what the hub is given.
func (c *Cluster) URL() string {
	var at []string
	for _, r := range c.Nodes[:clusterMasters] {
		at = append(at, local(r.Port))
	}
	return "redis+cluster://" + strings.Join(at, ",")
}
