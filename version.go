package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker (-X main.version=…) when an image is built, because a build without .git knows no commit.
var version string

// versionName is the release, or what the build information has in its place.
func versionName() string {
	name := version
	if info, ok := debug.ReadBuildInfo(); ok {
		name = cmp.Or(name, info.Main.Version)
	}
	return cmp.Or(name, "(devel)")
}

func versionLine() string {
	commit := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	return fmt.Sprintf("hubbub %s (commit %s, %s, %s/%s)", versionName(), commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
