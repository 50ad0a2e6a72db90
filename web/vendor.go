package web

import "fmt"

// Vendored is a file of the page's that others made, for whoever shows something in a browser without a hub that serves it: the
// report of a measurement is one file. A name that is not there is a mistake of the caller's, and panics.
func Vendored(name string) []byte {
	b, err := static.ReadFile("static/vendor/" + name)
	if err != nil {
		panic(fmt.Sprintf("web: %v", err))
	}
	return b
}
