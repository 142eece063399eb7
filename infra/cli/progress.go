package cli

import (
	"bufio"
	"errors"
	"io"

	"github.com/schollz/progressbar/v3"

	"github.com/carillon-calendar/carillon/infra/machine"
)

// A Step is how far a run is, for a bar; the zero Step shows nothing.
type Step struct {
	Name        string
	Done, Total int
}

// Follow reads a run's stream, line by line; on a terminal a bar shows how far it is.
func Follow(stream io.Reader, terminal io.Writer, take func(line []byte) (Step, error)) error {
	bar := NewProgress(terminal)
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		at, err := take(lines.Bytes())
		if err != nil {
			return errors.New("the system's answer is not readable")
		}
		if at.Name != "" {
			bar.Show(at)
		}
	}
	bar.Clear()
	if lines.Err() != nil {
		return errors.New("the system went away in the middle of the run; run it again: nothing is lost")
	}
	return nil
}

// Progress is a bar for the step that a run is at; on what is no terminal there is none.
type Progress struct {
	out  io.Writer
	step string
	bar  *progressbar.ProgressBar
}

// NewProgress returns a bar for a terminal.
func NewProgress(terminal io.Writer) *Progress { return &Progress{out: terminal} }

// Show moves the bar.
func (p *Progress) Show(at Step) {
	if !machine.OnTerminal(p.out) {
		return
	}
	if name := machine.Plain(at.Name); name != p.step {
		p.Clear()
		p.step = name
		p.bar = progressbar.NewOptions(max(1, at.Total), progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(name), progressbar.OptionSetWidth(30), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(false))
	}
	_ = p.bar.Set(at.Done)
}

// Clear takes the bar away.
func (p *Progress) Clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
