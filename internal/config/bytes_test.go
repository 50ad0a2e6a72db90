package config_test

import (
	"testing"

	"hubbub/internal/config"
)

func TestBytes(t *testing.T) {
	for _, c := range []struct {
		text    string
		want    config.Bytes
		printed string
	}{
		{"0", 0, "0B"},
		{"128", 128, "128B"},
		{"128B", 128, "128B"},
		{"65536", 65536, "64KiB"},
		{"64KiB", 65536, "64KiB"},
		{"64kib", 65536, "64KiB"},
		{"64 KiB", 65536, "64KiB"},
		{"64KB", 64000, "64KB"},
		{"16MiB", 16 << 20, "16MiB"},
		{"16MB", 16_000_000, "16MB"},
		{"1GiB", 1 << 30, "1GiB"},
		{"1TiB", 1 << 40, "1TiB"},
		{"1536MiB", 1536 << 20, "1536MiB"},
		{"9223372036854775807", 1<<63 - 1, "9223372036854775807B"},
	} {
		got, err := config.ParseBytes(c.text)
		if err != nil || got != c.want || got.String() != c.printed {
			t.Errorf("ParseBytes(%q) = %d (%s), %v; want %d (%s)", c.text, got, got, err, c.want, c.printed)
		}
		if again, err := config.ParseBytes(got.String()); err != nil || again != got {
			t.Errorf("ParseBytes(%q) = %d, %v; it was printed for %d", got.String(), again, err, got)
		}
	}
}

func TestBytesRefused(t *testing.T) {
	for _, text := range []string{
		"", " ", "KiB", "64K", "64k", "1.5MiB", "-1", "+1", "1e6", "0x10", "64KiBs", "64Ki B", "1_000",
		"9223372036854775808", "8388608TiB", "99999999999999999999", "٣KiB",
	} {
		if got, err := config.ParseBytes(text); err == nil {
			t.Errorf("ParseBytes(%q) = %d, want an error", text, got)
		}
	}
}
