package load

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// asClient makes the test's binary a client process; LOAD_TEST_SERVER makes it a server.
const asClient = "LOAD_TEST_CLIENT"

func TestMain(m *testing.M) {
	if os.Getenv(asClient) != "" {
		if err := Work(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	switch os.Getenv("LOAD_TEST_SERVER") {
	case "":
		goleak.VerifyTestMain(m)
	case "listens":
		stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer cancel()
		fmt.Fprintf(os.Stderr, "hello\ntime=… msg=%q\nGOGC=%s\n", "the page is at http://localhost:1234/", os.Getenv("GOGC"))
		<-stop.Done()
	case "fails":
		fmt.Fprintln(os.Stderr, "port taken")
		os.Exit(1)
	}
}

// clientProcess is the command that starts one.
func clientProcess(t *testing.T) []string {
	t.Setenv(asClient, "1")
	return []string{os.Args[0]}
}
