package config

import (
	"reflect"
	"strings"
	"unicode"
)

// Setting is one field of Config, in words.
type Setting struct {
	Flag    string // --max-message
	Env     string // HUBBUB_MAX_MESSAGE
	Alias   string // another variable, which Env beats; "" if there is none
	Key     string // max-message, in the file
	Default string // 64KiB, or in words where it is computed
	Help    string

	inWords bool         // Default is no value one could write
	typ     reflect.Type // of its field
}

const envPrefix = "HUBBUB_"

// Settings lists all settings, in the order of --help.
func Settings() []Setting {
	var list []Setting
	for f := range reflect.TypeFor[Config]().Fields() {
		key := dashed(f.Name)
		s := Setting{
			Flag:    "--" + key,
			Env:     envPrefix + strings.ToUpper(strings.ReplaceAll(key, "-", "_")),
			Alias:   f.Tag.Get("alias"),
			Key:     key,
			Default: f.Tag.Get("default"),
			Help:    f.Tag.Get("help"),
			typ:     f.Type,
		}
		if words := f.Tag.Get("computed"); words != "" {
			s.Default, s.inWords = words, true
		}
		list = append(list, s)
	}
	return list
}

// reads says what is wrong with a text as this setting's value; ranges are checked later.
func (s *Setting) reads(text string) error {
	return setText(reflect.New(s.typ).Interface(), text)
}

var settingByKey = func() map[string]*Setting {
	m := make(map[string]*Setting)
	for _, s := range Settings() {
		m[s.Key] = &s
	}
	return m
}()

// keys is the name of every setting, in order.
func keys() []string {
	var names []string
	for _, s := range Settings() {
		names = append(names, s.Key)
	}
	return names
}

// dashed makes max-message of MaxMessage and redis-url of RedisURL, as kong does.
func dashed(field string) string {
	var b strings.Builder
	upper := true // the letter before
	for _, r := range field {
		if unicode.IsUpper(r) && !upper {
			b.WriteByte('-')
		}
		upper = unicode.IsUpper(r)
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// MarkdownTable is the table of settings for the README.
func MarkdownTable() string {
	var b strings.Builder
	b.WriteString("| Flag | Environment | Default | |\n|---|---|---|---|\n")
	for _, s := range Settings() {
		def := "`" + s.Default + "`"
		if s.inWords {
			def = s.Default
		}
		b.WriteString("| `" + s.Flag + "` | `" + s.Env + "` | " + def + " | " + strings.ReplaceAll(s.Help, "|", `\|`) + " |\n")
	}
	return b.String()
}

// Value is the setting of that key, as one would type it.
func (c *Config) Value(key string) string {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if dashed(v.Type().Field(i).Name) == key {
			return Show(v.Field(i).Interface())
		}
	}
	return ""
}
