//go:build !linux

package stage

import "syscall"

func dieWithUs() *syscall.SysProcAttr { return nil }
