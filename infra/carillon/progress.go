package main

import (
	"bufio"
	"errors"
	"io"

	"github.com/schollz/progressbar/v3"
)

// A step is how far a run is, for a bar; the zero step shows nothing.
type step struct {
	name        string
	done, total int
}

// follow reads a run's stream, line by line; on a terminal a bar shows how far it is.
func follow(stream io.Reader, terminal io.Writer, take func(line []byte) (step, error)) error {
	bar := progress{out: terminal}
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		at, err := take(lines.Bytes())
		if err != nil {
			return errors.New("the system's answer is not readable")
		}
		if at.name != "" {
			bar.show(at)
		}
	}
	bar.clear()
	if lines.Err() != nil {
		return errors.New("the system went away in the middle of the run; run it again: nothing is lost")
	}
	return nil
}

// progress is a bar for the step that a run is at; on what is no terminal there is none.
type progress struct {
	out  io.Writer
	step string
	bar  *progressbar.ProgressBar
}

func (p *progress) show(at step) {
	if !onTerminal(p.out) {
		return
	}
	if name := plain(at.name); name != p.step {
		p.clear()
		p.step = name
		p.bar = progressbar.NewOptions(max(1, at.total), progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(name), progressbar.OptionSetWidth(30), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(false))
	}
	_ = p.bar.Set(at.done)
}

func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
