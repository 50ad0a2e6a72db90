package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is what /proc tells of a process on this machine. PID 0 is a process we know nothing of.
type process struct{ pid int }

// jiffy is what the kernel counts CPU time in for user space, whatever it counts in itself.
const jiffy = 10 * time.Millisecond

// errEnded says that a process is not there, or no longer.
var errEnded = errors.New("there is no, or no longer, a process")

func (p process) file(name string) ([]byte, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.pid, name))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH):
		return nil, fmt.Errorf("%w %d", errEnded, p.pid)
	case err != nil:
		return nil, fmt.Errorf("reading of the process: %w", err)
	}
	return b, nil
}

// cpu is the user and system time it has taken since it began.
func (p process) cpu() (time.Duration, error) {
	if p.pid == 0 {
		return 0, nil
	}
	b, err := p.file("stat")
	if err != nil {
		return 0, err
	}
	// The second field is the program's name in parentheses, and may hold anything.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %d fields", p.pid, len(fields))
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("/proc/%d/stat: no times in %q", p.pid, b)
	}
	return time.Duration(user+system) * jiffy, nil
}

// rss is the memory it holds, in bytes. smaps_rollup is exact; the counters in status lag behind by some pages a
// thread.
func (p process) rss() (int64, error) {
	if p.pid == 0 {
		return 0, nil
	}
	b, err := p.file("smaps_rollup")
	name := "Rss:"
	if err != nil {
		if b, err = p.file("status"); err != nil {
			return 0, err
		}
		name = "VmRSS:"
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) == 3 && f[0] == name {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("/proc/%d: %q: %w", p.pid, lines.Text(), err)
			}
			return kb << 10, nil
		}
	}
	return 0, fmt.Errorf("%w %d", errEnded, p.pid) // what is left of it waits for its parent to look
}

// fileLimit is how many files it may open. A Go program raises the soft limit to the hard one, others may not: it is
// the soft one that counts.
func (p process) fileLimit() (limit uint64, known bool) {
	if p.pid == 0 {
		return 0, false
	}
	b, err := p.file("limits")
	if err != nil {
		return 0, false
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		if rest, found := strings.CutPrefix(lines.Text(), "Max open files"); found {
			f := strings.Fields(rest)
			if len(f) < 2 {
				return 0, false
			}
			limit, err := strconv.ParseUint(f[0], 10, 64)
			return limit, err == nil
		}
	}
	return 0, false
}

// spareFiles is what a process has open beside its sockets.
const spareFiles = 50

// enoughFiles says what to do when a limit of open files is too low for n sockets.
func enoughFiles(who string, n int, limit uint64) error {
	need := uint64(n + spareFiles)
	if need <= limit {
		return nil
	}
	return misuse("%d sockets need %d open files, and %s may have %d: start it from a shell with `ulimit -n %d`, or open at most %d sockets",
		n, need, who, limit, need, max(int64(limit)-spareFiles, 0))
}

// processes are those of some pids.
func processes(pids []int) (list []process) {
	for _, pid := range pids {
		list = append(list, process{pid})
	}
	return list
}

// cpuOf is the CPU of some processes together.
func cpuOf(list []process) (sum time.Duration, err error) {
	for _, p := range list {
		d, err := p.cpu()
		if err != nil {
			return 0, err
		}
		sum += d
	}
	return sum, nil
}

// rssOf is their memory.
func rssOf(list []process) (sum int64, err error) {
	for _, p := range list {
		n, err := p.rss()
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// meter takes the CPU of both sides between two moments.
type meter struct {
	servers, clients []process
	begun            time.Time
	server, client   time.Duration
}

func newMeter(servers, clients []int) (*meter, error) {
	m := &meter{servers: processes(servers), clients: processes(clients), begun: time.Now()}
	var err error
	if m.server, err = cpuOf(m.servers); errors.Is(err, errEnded) {
		m.servers, m.server, err = nil, 0, nil
	}
	if err != nil {
		return nil, err
	}
	m.client, err = cpuOf(m.clients)
	return m, err
}

// stop gives the cost of what came since, and how long it took. A server that has ended since has no cost.
func (m *meter) stop(messages int64) (Cost, time.Duration, error) {
	past := time.Since(m.begun)
	server, err := cpuOf(m.servers)
	if errors.Is(err, errEnded) {
		server, err = m.server, nil
	}
	if err != nil {
		return Cost{}, 0, err
	}
	client, err := cpuOf(m.clients)
	return Cost{Messages: messages, Server: server - m.server, Client: client - m.client}, past, err
}

// MostSockets is how many this process, or one that it starts, may have open.
func MostSockets() int {
	limit, err := fileLimit()
	if err != nil {
		return 0
	}
	return max(int(limit)-spareFiles, 1)
}
