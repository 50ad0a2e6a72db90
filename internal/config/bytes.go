package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size. It is written as a whole number, alone or with a unit: B, KiB, MiB, GiB, TiB (1024) or KB, MB, GB, TB (1000).
type Bytes int64

// The binary units.
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
	TiB Bytes = 1 << 40
)

// units go from large to small, the binary one first, so that String takes the largest that fits.
var units = []struct {
	name string
	size Bytes
}{
	{"TiB", TiB}, {"TB", 1e12}, {"GiB", GiB}, {"GB", 1e9}, {"MiB", MiB}, {"MB", 1e6}, {"KiB", KiB}, {"KB", 1e3}, {"B", 1},
}

// ParseBytes reads a size. A lone K, M or G is refused, because half the world reads it as 1000 and the other half as 1024.
func ParseBytes(text string) (Bytes, error) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit := text[len(digits):]
	n, err := strconv.ParseUint(strings.TrimRight(digits, " "), 10, 63)
	size := Bytes(0)
	for _, u := range units {
		if strings.EqualFold(unit, u.name) || unit == "" && u.name == "B" {
			size = u.size
		}
	}
	if err != nil || size == 0 || n > uint64(math.MaxInt64/size) {
		return 0, fmt.Errorf("%q is no size, write it like 65536, 64KiB or 16MiB", text)
	}
	return Bytes(n) * size, nil
}

// String writes the size with the largest unit that leaves a whole number; ParseBytes reads it back.
func (b Bytes) String() string {
	for _, u := range units[:len(units)-1] {
		if b != 0 && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10) + "B"
}
