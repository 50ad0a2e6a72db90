package config

import (
	"bufio"
	"bytes"
	"io/fs"
	"math"
	"path"
	"strings"
)

// unknownMemory is assumed where nothing says how much memory there is (not Linux, no /proc). It is small on purpose:
// history that is too short shows as gaps, history that is too long ends the process.
const unknownMemory = 1 * GiB

// memoryLimit is what this process may use: GOMEMLIMIT if it is set, else the smallest limit of its cgroup (v2 or v1) and
// the cgroups above it, else the machine's memory. root is the machine's "/".
func memoryLimit(gomemlimit string, root fs.FS) Bytes {
	// GOMEMLIMIT takes B and the binary units; what the runtime would refuse has ended the process before we look at it.
	if limit, err := ParseBytes(gomemlimit); err == nil && limit > 0 {
		return limit
	}
	limit := Bytes(math.MaxInt64)
	for _, file := range cgroupFiles(root) {
		text, err := fs.ReadFile(root, file)
		if err != nil {
			continue // "max" in v2 fails in ParseBytes; v1 says "none" with a number beyond the machine's memory
		}
		if n, err := ParseBytes(strings.TrimSpace(string(text))); err == nil && n > 0 {
			limit = min(limit, n)
		}
	}
	limit = min(limit, physicalMemory(root))
	if limit == math.MaxInt64 {
		return unknownMemory
	}
	return limit
}

// cgroupFiles names the files that may hold a limit for this process. Inside a container its own path is often one of the
// host and not to be seen; the mount's root is the container's cgroup then, so it is always among them.
func cgroupFiles(root fs.FS) []string {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return nil
	}
	var files []string
	for line := range strings.Lines(string(text)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":") // "0::/a/b" (v2) or "5:cpu,memory:/a/b" (v1)
		controllers, at, ok := strings.Cut(rest, ":")
		mount, name := "sys/fs/cgroup", "memory.max"
		switch {
		case !ok || controllers != "" && !strings.Contains(","+controllers+",", ",memory,"):
			continue
		case controllers != "":
			mount, name = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		for dir := path.Clean("/" + at); ; dir = path.Dir(dir) {
			files = append(files, path.Join(mount, dir, name))
			if dir == "/" {
				break
			}
		}
	}
	return files
}

// physicalMemory is MemTotal of /proc/meminfo, or the largest number if there is none.
func physicalMemory(root fs.FS) Bytes {
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return math.MaxInt64
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		fields := strings.Fields(lines.Text()) // MemTotal:  16318480 kB
		if len(fields) == 3 && fields[0] == "MemTotal:" {
			if n, err := ParseBytes(fields[1] + "KiB"); err == nil {
				return n
			}
		}
	}
	return math.MaxInt64
}

// defaultHistoryTotal leaves three quarters of the memory to sockets, buffers and the garbage collector, which lets the heap
// grow to twice what is live. It is whole MiB, so that it reads well.
func defaultHistoryTotal(limit Bytes) Bytes {
	quarter := limit / 4
	if quarter > MiB {
		quarter -= quarter % MiB
	}
	return quarter
}
