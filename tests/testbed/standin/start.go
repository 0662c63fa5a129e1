package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// start is what an image does before it serves, as archive/facts.json has it. Paths
// may contain variables.
type start struct {
	// It refuses to run as another user than root.
	Root bool
	// As root it gives these directories to the user that it becomes, `uid:gid`.
	Owns    []string
	Becomes string
	// Directories that it creates, with a file in each.
	Creates []string
	// Directories that it reads, writes to, and executes programs in.
	Reads, Writes, Executes []string
	// Variables without which it refuses to run.
	Requires []string
	Database *database
}

// database is how a server of databases creates its data.
type database struct {
	// The directory, and the beginning of an argument that names another one.
	Data, DataArgument string
	// A file in it by which the server recognises its data.
	Marker   string
	Requires []string
	// The directory of scripts that run once, in the order of their names.
	Scripts string
}

// probe is the name of files that only show what is possible.
const probe = ".standin"

func (s *start) run() error {
	if s == nil {
		return nil
	}
	if s.Root && os.Geteuid() != 0 {
		return fmt.Errorf("has to start as root, not as user %d", os.Geteuid())
	}
	if os.Geteuid() == 0 && s.Becomes != "" {
		if err := s.stepDown(); err != nil {
			return err
		}
	}
	if err := required(s.Requires); err != nil {
		return err
	}
	for _, directory := range s.Creates {
		if err := os.MkdirAll(os.ExpandEnv(directory), 0o755); err != nil {
			return denied(err)
		}
	}
	for _, directory := range slices.Concat(s.Creates, s.Writes) {
		if err := write(os.ExpandEnv(directory)); err != nil {
			return denied(err)
		}
	}
	for _, directory := range s.Reads {
		if _, err := os.ReadDir(os.ExpandEnv(directory)); err != nil {
			return denied(err)
		}
	}
	for _, directory := range s.Executes {
		if err := execute(os.ExpandEnv(directory)); err != nil {
			return denied(err)
		}
	}
	if s.Database != nil {
		return s.Database.open()
	}
	return nil
}

func denied(err error) error {
	return fmt.Errorf("as user %d: %w", os.Geteuid(), err)
}

func required(variables []string) error {
	for _, variable := range variables {
		if os.Getenv(variable) == "" {
			return fmt.Errorf("variable %s is not set", variable)
		}
	}
	return nil
}

func (s *start) stepDown() error {
	user, group, _ := strings.Cut(s.Becomes, ":")
	uid, err := strconv.Atoi(user)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(group)
	if err != nil {
		return err
	}
	for _, directory := range s.Owns {
		directory = os.ExpandEnv(directory)
		if err := os.MkdirAll(directory, 0o755); err != nil {
			return err
		}
		own := func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, uid, gid)
		}
		if err := filepath.WalkDir(directory, own); err != nil {
			return err
		}
	}
	if err := syscall.Setgroups([]int{gid}); err != nil {
		return err
	}
	if err := syscall.Setgid(gid); err != nil {
		return err
	}
	return syscall.Setuid(uid)
}

func write(directory string) error {
	path := filepath.Join(directory, probe)
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		return err
	}
	return os.Remove(path)
}

// execute runs a copy of the program, which a health check of no port ends at once.
func execute(directory string) error {
	program, err := os.ReadFile("/bin/standin")
	if err != nil {
		return err
	}
	path := filepath.Join(directory, probe)
	if err := os.WriteFile(path, program, 0o755); err != nil {
		return err
	}
	defer os.Remove(path)
	copied := exec.Command(path)
	copied.Env = []string{`STANDIN={"Checks":["` + path + `"]}`}
	return copied.Run()
}

func (d *database) open() error {
	directory := os.ExpandEnv(d.Data)
	for _, argument := range os.Args {
		if named, ok := strings.CutPrefix(argument, d.DataArgument); ok && d.DataArgument != "" {
			directory = named
		}
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return denied(err)
	}
	// Servers refuse data that others may read; an owner can change that.
	_ = os.Chmod(directory, 0o700)
	info, err := os.Stat(directory)
	if err != nil {
		return denied(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s has mode %o and is not private", directory, info.Mode().Perm())
	}
	marker := filepath.Join(directory, d.Marker)
	if _, err := os.Stat(marker); err == nil {
		fmt.Fprintln(os.Stderr, "standin: found its data")
		return nil
	}
	return d.create(directory, marker)
}

func (d *database) create(directory, marker string) error {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return denied(err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s exists but is not empty: %s", directory, entries[0].Name())
	}
	if err := required(d.Requires); err != nil {
		return err
	}
	scripts, err := os.ReadDir(d.Scripts)
	if err != nil && !os.IsNotExist(err) {
		return denied(err)
	}
	for _, script := range scripts {
		path := filepath.Join(d.Scripts, script.Name())
		info, err := os.Stat(path)
		if err != nil {
			return denied(err)
		}
		if info.IsDir() || strings.HasPrefix(script.Name(), ".") {
			fmt.Fprintln(os.Stderr, "standin: ignoring", path)
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return denied(err)
		}
		fmt.Fprintf(os.Stderr, "standin: running %s (%d bytes)\n", path, len(text))
	}
	fmt.Fprintln(os.Stderr, "standin: created its data")
	return os.WriteFile(marker, []byte("1\n"), 0o600)
}
