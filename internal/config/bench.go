package config

import "time"

// Bench is what a measurement is asked for with. 0 and "" stand for the default of the mode, which the help says.
type Bench struct {
	What string   `arg:"" optional:"" name:"mode" help:"What to measure: echo, fanout, idle, storm, soak or all, a tour of three minutes (default: all)."`
	URLs []string `arg:"" optional:"" name:"url" help:"Where: ws://HOST:PORT, several for the instances of one hub. Without it a hub of its own is started, measured and stopped."`

	Dialect   string `group:"Server:" default:"hubbub" placeholder:"NAME" help:"How it speaks: hubbub, pipe, plain-echo, broadcast, or template (default: hubbub)."`
	Template  string `group:"Server:" placeholder:"FILE" help:"The template, as in examples/bench: how to subscribe, to publish, and to recognise a delivery."`
	ServerPID []int  `group:"Server:" name:"server-pid" placeholder:"PID" help:"Its processes, if they run on this machine: the source of CPU and memory figures (default: those of its own hub)."`
	Instances int    `group:"Server:" default:"1" placeholder:"N" help:"How many instances the hub of its own has; more than one need a Redis in --hub-flags."`
	HubFlags  string `group:"Server:" placeholder:"FLAGS" help:"Settings of the hub of its own, as one text: --hub-flags='--ping 10s --history-messages 100'."`

	Sockets    int     `group:"Load:" placeholder:"N" help:"How many sockets, in all rooms together (default: 100 for echo, 10000 for idle and storm, 1000 for fanout and soak)."`
	Rooms      int     `group:"Load:" placeholder:"R" help:"How many rooms (default: 1; 100 for idle and storm)."`
	Members    int     `group:"Load:" placeholder:"M" help:"How many members a room has, in place of --sockets."`
	Publishers int     `group:"Load:" placeholder:"P" help:"How many of a room's members publish, in turn (default: 10)."`
	Size       int     `group:"Load:" default:"128" placeholder:"BYTES" help:"How long a payload is, 32 at least (default: 128)."`
	Rate       float64 `group:"Load:" placeholder:"N" help:"Messages a second into each room, sent by a schedule that waits for nobody (default: 200 for fanout, 20 for soak)."`
	InFlight   int     `group:"Load:" placeholder:"N" help:"In place of --rate, a closed loop: so many publications of a room are under way, and the next follows when one has arrived. Echo is one with 1."`
	Messages   int     `group:"Load:" placeholder:"N" help:"Messages that each member missed in a storm (default: 100), or says after the silence of idle (default: 0)."`
	Ramp       float64 `group:"Load:" placeholder:"N" help:"Connects a second, by schedule (default: as fast as they are taken)."`
	Processes  int     `group:"Load:" placeholder:"N" help:"Client processes that share the sockets (default: one, or as many as their open files need)."`

	WarmUp   time.Duration `group:"Time:" default:"2s" placeholder:"TIME" help:"How long it goes on before anything is measured (default: 2s)."`
	Duration time.Duration `group:"Time:" placeholder:"TIME" help:"How long it is measured (default: 20s, an hour for soak); each part of all takes so long."`
	Grace    time.Duration `group:"Time:" default:"3s" placeholder:"TIME" help:"How long nothing may come in the end before what has not come is lost (default: 3s)."`

	Expect string `group:"Result:" placeholder:"LIST" help:"What has to hold for exit code 0, else it is 1: 'lost=0,p99<50ms'. A name may be preceded by a mode: storm.max<10s. What there is, --expect=help says."`
	JSON   bool   `group:"Result:" name:"json" help:"Write everything to standard output as JSON in place of the table: times in seconds, memory in bytes, shares of 1."`
	Report string `group:"Result:" placeholder:"FILE" help:"Write a page with plots, in one file that needs nothing else: out.html."`
	Quiet  bool   `group:"Result:" short:"q" help:"Say nothing while it runs."`

	Worker bool `hidden:"" help:"Be a client process of another bench."`
}
