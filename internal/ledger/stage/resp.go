package stage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Client speaks as much of Redis' protocol as is needed to set servers up and to hurt them. Not for concurrent use.
type Client struct {
	conn net.Conn
	in   *bufio.Reader
}

// answerTime is how long an answer may take.
const answerTime = 5 * time.Second

// Connect opens a connection to a server at 127.0.0.1:port.
func Connect(ctx context.Context, port int) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", local(port))
	if err != nil {
		return nil, err
	}
	return &Client{conn, bufio.NewReader(conn)}, nil
}

func local(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// Close ends it.
func (c *Client) Close() { c.conn.Close() }

// Do sends a command and gives its answer: a string, an int64, nil, or a []any of these.
func (c *Client) Do(command ...any) (any, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(command))
	for _, word := range command {
		s := fmt.Sprint(word)
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(s), s)
	}
	_ = c.conn.SetDeadline(time.Now().Add(answerTime)) // it has deadlines
	if _, err := io.WriteString(c.conn, b.String()); err != nil {
		return nil, err
	}
	answer, err := c.answer()
	if err != nil {
		return nil, fmt.Errorf("%v: %w", command[0], err)
	}
	return answer, nil
}

func (c *Client) answer() (any, error) {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return nil, errors.New("an empty line for an answer")
	}
	kind, rest := line[0], line[1:]
	switch kind {
	case '+':
		return rest, nil
	case '-':
		return nil, errors.New(rest)
	}
	n, err := strconv.ParseInt(rest, 10, 64)
	switch {
	case err != nil:
		return nil, err
	case kind == ':':
		return n, nil
	case n < 0:
		return nil, nil
	case kind == '$':
		text := make([]byte, n+2)
		_, err := io.ReadFull(c.in, text)
		return string(text[:n]), err
	case kind == '*':
		all := make([]any, n)
		for i := range all {
			if all[i], err = c.answer(); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
	return nil, fmt.Errorf("an answer of unknown kind: %q", line)
}

// Ask is Connect, Do and Close.
func Ask(ctx context.Context, port int, command ...any) (any, error) {
	c, err := Connect(ctx, port)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Do(command...)
}
