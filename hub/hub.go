// Package hub decides who is in which room, keeps each room's log, and writes to its members.
package hub

// Hub is being written.
type Hub struct{}
