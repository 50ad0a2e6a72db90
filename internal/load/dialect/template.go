package dialect

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Read reads a template: a YAML file with the fields of Dialect. The error is one line that names the file.
func Read(file string) (Dialect, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return Dialect{}, fmt.Errorf("template %s: %w", file, err)
	}
	d, err := parse(text)
	if err != nil {
		return Dialect{}, fmt.Errorf("template %s: %w", file, err)
	}
	d.Name = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	return d, nil
}

func parse(text []byte) (d Dialect, err error) {
	if err := yaml.UnmarshalWithOptions(text, &d, yaml.Strict()); err != nil {
		// The first line says what and where; what follows is the source, which the reader has.
		first, _, _ := strings.Cut(yaml.FormatError(err, false, false), "\n")
		return d, errors.New(first)
	}
	if d.Path == "" {
		d.Path = "/"
	}
	if d.Every == 0 {
		d.Every = 20 * time.Second
	}
	if d.Every < 0 {
		return d, fmt.Errorf("beatEvery is %s: it has to be above 0", d.Every)
	}
	return d, d.check()
}
