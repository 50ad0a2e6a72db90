package config

import (
	"testing"
	"testing/fstest"
)

func TestMemoryLimit(t *testing.T) {
	const meminfo = "MemTotal:       16777216 kB\nMemFree:         1234 kB\n"
	for _, c := range []struct {
		name       string
		gomemlimit string
		files      map[string]string
		want       Bytes
	}{
		{"nothing is known", "", nil, unknownMemory},
		{"the machine", "", map[string]string{"proc/meminfo": meminfo}, 16 * GiB},
		{"meminfo that is odd", "", map[string]string{"proc/meminfo": "MemTotal: lots\n"}, unknownMemory},
		{"GOMEMLIMIT", "512MiB", map[string]string{"proc/meminfo": meminfo}, 512 * MiB},
		{"GOMEMLIMIT off", "off", map[string]string{"proc/meminfo": meminfo}, 16 * GiB},
		{"GOMEMLIMIT beats the container", "1GiB", map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "268435456\n",
		}, 1 * GiB},
		{"v2 in a container", "", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "268435456\n",
		}, 256 * MiB},
		{"v2 without a limit", "", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n",
		}, 16 * GiB},
		{"v2, a service", "", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/system.slice/hubbub.service\n",
			"sys/fs/cgroup/system.slice/hubbub.service/memory.max": "1073741824\n",
		}, 1 * GiB},
		{"v2, the slice above is smaller", "", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/system.slice/hubbub.service\n",
			"sys/fs/cgroup/system.slice/hubbub.service/memory.max": "max\n",
			"sys/fs/cgroup/system.slice/memory.max":                "536870912\n",
		}, 512 * MiB},
		{"v2, the slice above is larger", "", map[string]string{
			"proc/self/cgroup": "0::/system.slice/hubbub.service\n",
			"sys/fs/cgroup/system.slice/hubbub.service/memory.max": "536870912\n",
			"sys/fs/cgroup/system.slice/memory.max":                "1073741824\n",
		}, 512 * MiB},
		{"v2, a path of the host that is not to be seen", "", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/../../pod1/c2\n", "sys/fs/cgroup/memory.max": "268435456\n",
		}, 256 * MiB},
		{"v1", "", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "5:cpu:/a\n4:memory:/docker/abc\n",
			"sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "134217728\n",
			"sys/fs/cgroup/a/memory.max":                            "1\n",
		}, 128 * MiB},
		{"v1 in a container, controllers together", "", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "4:hugetlb,memory:/docker/abc\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "134217728\n",
		}, 128 * MiB},
		{"v1 without a limit", "", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 16 * GiB},
	} {
		root := fstest.MapFS{}
		for name, text := range c.files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := memoryLimit(c.gomemlimit, root); got != c.want {
			t.Errorf("%s: memoryLimit = %s, want %s", c.name, got, c.want)
		}
	}
}

func TestDefaultHistoryTotal(t *testing.T) {
	for limit, want := range map[Bytes]Bytes{
		16 * GiB:          4 * GiB,
		256 * MiB:         64 * MiB,
		1*GiB + 5*KiB + 3: 256 * MiB,
		2 * MiB:           512 * KiB,
	} {
		if got := defaultHistoryTotal(limit); got != want {
			t.Errorf("defaultHistoryTotal(%s) = %s, want %s", limit, got, want)
		}
	}
}
