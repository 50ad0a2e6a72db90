package stage

import "syscall"

// dieWithUs kills the child when the thread that started it ends, and so when we are killed: nobody would stop it otherwise.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
