//go:build !linux

package report

import "io"

// Terminal is 0: where there is no load generator, there is nothing to draw.
func Terminal(io.Writer) int { return 0 }
