package broker

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"hubbub/wire"
)

func TestBlobs(t *testing.T) {
	long := strings.Repeat("ä", 300)
	all := []wire.Message{
		{},
		{Kind: wire.KindBinary, Time: -1, Client: "a", Key: "k", Except: "c", Payload: []byte{0, '\n', 0xff}},
		{Kind: wire.KindText, Time: math.MaxInt64, Client: long, Key: long, Except: long, Payload: []byte(long)},
		{Time: math.MinInt64},
	}
	var data []byte
	for i := range all {
		data = appendBlob(data, &all[i])
	}
	run, last, err := batchOf(string(data), 7)
	if err != nil || len(run) != len(all) {
		t.Fatalf("%d messages are %d: %v", len(all), len(run), err)
	}
	for i, m := range run {
		want := all[i]
		if want.Offset = 8 + uint64(i); !cmp.Equal(want, *m, cmp.Comparer(bytes.Equal)) {
			t.Errorf("%+v becomes %+v", want, *m)
		}
	}
	if last != string(appendBlob(nil, &all[len(all)-1])) {
		t.Errorf("the last one lies there as %q", last)
	}
	for n := range len(data) {
		if run, _, err := batchOf(string(data[:n]), 0); err == nil && len(run) == len(all) {
			t.Errorf("%d of %d bytes are all messages", n, len(data))
		}
	}
}

func FuzzPush(f *testing.F) {
	blob := string(appendBlob(nil, &wire.Message{Client: "alice", Key: "k", Payload: []byte("hello")}))
	for _, seed := range []string{
		"", "M", "M36 1\n" + blob, "M36 18446744073709551615\n" + blob + blob, "M0 1\n" + blob, "M36 1\n", "M36\n", "M36 1 2\n" + blob, "M36 1\n" + blob[:5],
		"E36", "E", "E-1", "E99999999999999999999", "S" + blob, "S", "P1 2\n+alice\x00-bob\x00=carol", "P1 2\n", "P1 2\n\x00", "P1\n+a", "P-1 2\n+a", "?",
		"M36 1\n\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "M36 1\n\x00\x00\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePush(text)
		if err != nil {
			if !errors.Is(err, errCorrupt) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		switch p.kind {
		case pushBatch:
			if len(p.run) == 0 || p.first() != p.run[0].Offset || p.at.offset != p.run[len(p.run)-1].Offset || p.first() == 0 {
				t.Errorf("%q is a batch of %d messages at %v", text, len(p.run), p.at)
			}
			var again []byte
			for _, m := range p.run {
				again = appendBlob(again, m)
			}
			if run, _, err := batchOf(string(again), p.first()-1); err != nil || !cmp.Equal(run, p.run) {
				t.Errorf("%q does not stay what it is: %v", text, err)
			}
			fallthrough
		case pushEpoch:
			if p.at.epoch == 0 || p.at.epoch >= beyond || p.at.offset >= beyond {
				t.Errorf("%q is at %v", text, p.at)
			}
		}
	})
}

func FuzzCutBlob(f *testing.F) {
	f.Add("")
	f.Add(string(appendBlob(nil, &wire.Message{Kind: wire.KindBinary, Time: 1 << 40, Client: "alice", Payload: []byte{0}})) + "rest")
	f.Add("\x03")
	f.Add("\x00\x80")
	f.Add("\x00\x00\x05abc")
	f.Fuzz(func(t *testing.T, data string) {
		m, rest, err := cutBlob(data)
		if err == nil && (!strings.HasSuffix(data, rest) || len(rest) >= len(data) ||
			len(m.Client)+len(m.Key)+len(m.Except)+len(m.Payload) >= len(data)-len(rest)) {
			t.Errorf("%q is %+v and %q", data, m, rest)
		}
	})
}

// FuzzPage takes what a script answers as strings with a comma between them; the fourth is a number.
func FuzzPage(f *testing.F) {
	f.Add("36,5,1,0,7,36-2,2,ab,36-5,3,cde", int64(4))
	f.Add("36,5,1,0", int64(4))
	f.Add("x,5,1,0,7", int64(-4))
	f.Add("36,5,1,0,7,36-2,3,ab", int64(1))
	f.Add("36,5,1,0,7,36-2,0,ab", int64(1))
	f.Add("36,5,1,0,7,36,1,ab", int64(1))
	f.Fuzz(func(t *testing.T, text string, members int64) {
		var answer []any
		for s := range strings.SplitSeq(text, ",") {
			answer = append(answer, s)
		}
		if len(answer) > 3 {
			answer[3] = members
		}
		p, err := parsePage(redis.NewCmdResult(answer, nil))
		if err != nil {
			return
		}
		for _, b := range p.batches {
			if b.n == 0 || b.n > b.at.offset || b.at.epoch == 0 {
				t.Errorf("%q has a batch of %d at %v", text, b.n, b.at)
			}
		}
	})
}

func TestEpochNames(t *testing.T) {
	for _, e := range []epoch{1, 35, 36, 1 << 52} {
		if got := epochNamed(e.String()); got != e {
			t.Errorf("%d is %d", e, got)
		}
	}
	for _, name := range []string{"", "0", "-1", "K3", "01", "k 3", "zzzzzzzzzzzzzzzzzzzz", "k3\n"} {
		if got := epochNamed(name); got != 0 {
			t.Errorf("%q is epoch %d", name, got)
		}
	}
}
