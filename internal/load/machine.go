package load

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is what figures depend on beside the program. What cannot be read is "?" or 0.
type Machine struct {
	Cores                     int
	CPU, Memory, Kernel, Arch string
	Go                        string // version of this program's
	Load                      string // averages of 1, 5 and 15 minutes

	total, idle, stolen int64 // ticks of all cores since boot
}

// ReadMachine looks at this machine, now.
func ReadMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Arch: runtime.GOOS + "/" + runtime.GOARCH}
	m.CPU = after(read("/proc/cpuinfo"), "model name")
	m.Kernel = read("/proc/sys/kernel/osrelease")
	m.Memory = gigabytes(after(read("/proc/meminfo"), "MemTotal"))
	m.Load = "?"
	if f := strings.Fields(read("/proc/loadavg")); len(f) >= 3 {
		m.Load = strings.Join(f[:3], " ")
	}
	first, _, _ := strings.Cut(read("/proc/stat"), "\n")
	for i, f := range strings.Fields(first) {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil || i > 8 { // the name, and guests, which are in user already
			continue
		}
		m.total += n
		switch i {
		case 4:
			m.idle = n
		case 8:
			m.stolen = n
		}
	}
	return m
}

// gigabytes makes "23.5 GB" of "24684084 kB".
func gigabytes(text string) string {
	kb, err := strconv.ParseFloat(strings.TrimSuffix(text, " kB"), 64)
	if err != nil {
		return text
	}
	return fmt.Sprintf("%.1f GB", kb/(1<<20))
}

// Since is how much of the CPU time since an earlier look was idle, and how much other machines had: shares of 1.
func (m Machine) Since(before Machine) (idle, stolen float64) {
	all := float64(max(m.total-before.total, 1))
	return float64(m.idle-before.idle) / all, float64(m.stolen-before.stolen) / all
}

// String is the machine in one line.
func (m Machine) String() string {
	return fmt.Sprintf("%d × %s, %s, %s, kernel %s, %s", m.Cores, m.CPU, m.Memory, m.Arch, m.Kernel, m.Go)
}

// Occupied says whether others kept a good part of it busy in the minute before.
func (m Machine) Occupied() bool {
	last, _, _ := strings.Cut(m.Load, " ")
	n, err := strconv.ParseFloat(last, 64)
	return err == nil && n > float64(m.Cores)/2
}

func read(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(b))
}

// after is what stands behind the first "name:".
func after(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "?"
}
