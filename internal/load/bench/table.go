package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"unicode/utf8"
)

// row is one line of the table.
type row struct{ figure, target, measured, verdict string }

// info is a row without a target.
func info(figure, format string, args ...any) row {
	return row{figure: figure, measured: fmt.Sprintf(format, args...)}
}

func verdict(reached bool) string {
	if reached {
		return "reached"
	}
	return "MISSED"
}

// writeTable aligns the columns; tabwriter counts bytes, and there is µ and ≤ in them.
func writeTable(w io.Writer, rows []row) {
	all := append([]row{{"figure", "target", "measured", "verdict"}}, rows...)
	var width [3]int
	for _, r := range all {
		for i, cell := range []string{r.figure, r.target, r.measured} {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, r := range all {
		var line strings.Builder
		for i, cell := range []string{r.figure, r.target, r.measured} {
			line.WriteString(cell + strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
		}
		fmt.Fprintln(w, strings.TrimRight(line.String()+r.verdict, " "))
	}
}

// machine is what figures depend on beside the program.
type machine struct {
	cores                 int
	cpu, kernel, load     string
	total, idle, stolen   int64 // ticks of all cores since boot
	version, memory, arch string
}

func readMachine() machine {
	m := machine{cores: runtime.NumCPU(), version: runtime.Version(), arch: runtime.GOOS + "/" + runtime.GOARCH}
	m.cpu = after(read("/proc/cpuinfo"), "model name")
	m.kernel = read("/proc/sys/kernel/osrelease")
	m.memory = after(read("/proc/meminfo"), "MemTotal")
	if f := strings.Fields(read("/proc/loadavg")); len(f) >= 3 {
		m.load = strings.Join(f[:3], " ")
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

// since is the machine in one line, with what it was busy with since before.
func (m machine) since(before machine) string {
	share := func(n int64) float64 { return 100 * float64(n) / float64(max(m.total-before.total, 1)) }
	return fmt.Sprintf("%d × %s, %s, %s, kernel %s, %s\nload %s before, %s after; of all CPU time %.0f %% was idle, %.1f %% stolen by other machines",
		m.cores, m.cpu, m.memory, m.arch, m.kernel, m.version, before.load, m.load, share(m.idle-before.idle), share(m.stolen-before.stolen))
}

// busy says whether others kept a good part of it busy in the last minute.
func (m machine) busy() bool {
	last, _, _ := strings.Cut(m.load, " ")
	n, err := strconv.ParseFloat(last, 64)
	return err == nil && n > float64(m.cores)/2
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
