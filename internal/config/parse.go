package config

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Input is what Parse reads.
type Input struct {
	Args []string  // without the program's name
	Env  []string  // NAME=value, as os.Environ has it
	Help io.Writer // where --help goes
	Root fs.FS     // the machine's "/", asked how much memory there is; nil: the real one
}

// Parsed is what was asked for.
type Parsed struct {
	Command  string            // the command's name; "" when help was printed and nothing is left to do
	Config   *Config           // nil for a command that takes no settings
	Origins  map[string]string // by key, where a setting comes from: --ping, HUBBUB_PING or hubbub.yaml:3: ping; default if absent
	Warnings []string          // one line each
}

// Problems is all that is wrong with a command line, an environment and a file: one line each, naming the place and what to do.
type Problems []error

func (p Problems) Error() string { return errors.Join(p...).Error() }

// Parse reads arguments, environment and file into grammar, a pointer to kong's struct of commands, and checks the settings of
// the command that was asked for. The error is a Problems; a Parsed is returned beside it, with the command if it is known.
func Parse(grammar any, in Input, options ...kong.Option) (*Parsed, error) {
	env := readEnv(in.Env)
	src := &sources{env: env, origins: make(map[string]string)}
	helped := false
	text := kong.MapperFunc(decode)
	k, err := kong.New(grammar, append([]kong.Option{
		kong.Name("hubbub"),
		kong.Writers(in.Help, in.Help),
		kong.Exit(func(int) { helped = true }), // kong calls it after --help, and goes on when it returns
		kong.ValueFormatter(helpLine),
		kong.TypeMapper(reflect.TypeFor[string](), text),
		kong.TypeMapper(reflect.TypeFor[int](), text),
		kong.TypeMapper(reflect.TypeFor[float64](), text),
		kong.TypeMapper(reflect.TypeFor[Bytes](), text),
		kong.TypeMapper(reflect.TypeFor[URL](), text),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), text),
		kong.Resolvers(src),
	}, options...)...)
	if err != nil {
		panic(fmt.Sprintf("config: the grammar of commands: %v", err))
	}
	ctx, err := k.Parse(in.Args)
	if helped {
		return &Parsed{}, nil
	}
	if err != nil {
		return &Parsed{}, append(src.problems, plain(err))
	}
	p := &Parsed{Command: ctx.Selected().Name, Origins: src.origins}
	if len(src.problems) > 0 {
		return p, src.problems
	}
	h, ok := ctx.Selected().Target.Addr().Interface().(holder)
	if !ok {
		return p, nil
	}
	for _, step := range ctx.Path {
		if step.Flag != nil && !step.Resolved {
			p.Origins[step.Flag.Name] = "--" + step.Flag.Name
		}
	}
	p.Config = h.settings()
	p.Warnings = strangers(env)
	if in.Root == nil {
		in.Root = os.DirFS("/")
	}
	return p, complete(p, env["GOMEMLIMIT"], in.Root)
}

// complete computes the defaults that are no constants, and checks the ranges.
func complete(p *Parsed, gomemlimit string, root fs.FS) error {
	c := p.Config
	if p.Origins["history-total"] == "" {
		c.HistoryTotal = defaultHistoryTotal(memoryLimit(gomemlimit, root))
	}
	if p.Origins["instance"] == "" {
		c.Instance = strings.ToLower(rand.Text()[:8]) // 40 bits: enough to tell instances apart, short enough to read
	}
	if problems := check(c, p.Origins); len(problems) > 0 {
		return problems
	}
	return nil
}

// sources is kong's resolver: kong asks it for every flag that is not on the command line. One resolver for both sources,
// because with two the later one wins, which is an order that nobody sees.
type sources struct {
	env      map[string]string
	looked   bool // for the file
	file     map[string]entry
	origins  map[string]string
	problems Problems
}

// Validate is kong's: there is nothing to check before the flags are known.
func (s *sources) Validate(*kong.Application) error { return nil }

// Resolve gives the text of a setting, or nil. A text that is no value is a problem and no error, so that all are found at once.
func (s *sources) Resolve(ctx *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	setting := settingByKey[flag.Name]
	if setting == nil || parent.Command == nil {
		return nil, nil
	}
	if _, ok := parent.Command.Target.Addr().Interface().(holder); !ok {
		return nil, nil // another command's flag of the same name
	}
	if !s.looked {
		s.readFile(ctx, parent)
	}
	for _, name := range []string{setting.Env, setting.Alias} {
		text, ok := s.env[name]
		if !ok {
			continue
		}
		if err := setting.reads(text); err != nil {
			s.problems = append(s.problems, fmt.Errorf("%s: %w", name, err))
			return nil, nil
		}
		s.origins[setting.Key] = name
		return text, nil
	}
	if e, ok := s.file[setting.Key]; ok {
		s.origins[setting.Key] = e.where
		return e.text, nil
	}
	return nil, nil
}

// readFile reads the file that --config or, without it, HUBBUB_CONFIG names.
func (s *sources) readFile(ctx *kong.Context, parent *kong.Path) {
	s.looked = true
	name := s.env[settingByKey["config"].Env]
	for _, flag := range parent.Flags {
		if given, _ := ctx.FlagValue(flag).(string); flag.Name == "config" && given != "" {
			name = given
		}
	}
	if name == "" {
		return
	}
	var problems []error
	s.file, problems = readFile(name)
	s.problems = append(s.problems, problems...)
}

// decode is kong's way to setText, for flags and defaults.
func decode(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("value", &text); err != nil {
		return badFlag{fmt.Errorf("--%s: the value is missing, write --%[1]s=%s", ctx.Value.Name, ctx.Value.Tag.PlaceHolder)}
	}
	if err := setText(target.Addr().Interface(), text); err != nil {
		return badFlag{fmt.Errorf("--%s: %w", ctx.Value.Name, err)}
	}
	return nil
}

// badFlag marks an error that says everything; kong wraps it in the flag's usage.
type badFlag struct{ error }

func plain(err error) error {
	var b badFlag
	if errors.As(err, &b) {
		return b.error
	}
	return fmt.Errorf("%w (hubbub --help lists commands and settings)", err)
}

// setText is the one reading of a value, wherever it was written.
func setText(target any, text string) (err error) {
	switch t := target.(type) {
	case *string:
		*t = text
	case *URL:
		*t = URL(text)
	case *int:
		if *t, err = strconv.Atoi(text); err != nil {
			return fmt.Errorf("%q is no whole number, write it like 100", text)
		}
	case *float64:
		if *t, err = strconv.ParseFloat(text, 64); err != nil {
			return fmt.Errorf("%q is no number, write it like 100 or 0.5", text)
		}
	case *time.Duration:
		if *t, err = time.ParseDuration(text); err != nil {
			return fmt.Errorf("%q is no length of time, write it like 500ms, 25s or 24h", text)
		}
	case *Bytes:
		*t, err = ParseBytes(text)
	default:
		panic(fmt.Sprintf("config: a setting of type %T", target))
	}
	return err
}

// helpLine puts the default and the variable behind a setting's help.
func helpLine(v *kong.Value) string {
	s := settingByKey[v.Name]
	if s == nil || v.Tag.Group == "" {
		return v.Help
	}
	return fmt.Sprintf("%s (default: %s; $%s)", s.Help, s.Default, s.Env)
}
