package load

import (
	"testing"

	"golang.org/x/sys/unix"
)

// closeGently ends what we send, so that a server which reads to the end sees one and not a reset.
func closeGently(t *testing.T, c *conn) {
	if err := unix.Shutdown(c.fd, unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
}
