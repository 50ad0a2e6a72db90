package report

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Terminal is the width of the terminal that w is, or 0 if it is none.
func Terminal(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}
