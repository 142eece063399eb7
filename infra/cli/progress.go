package cli

import (
	"bufio"
	"errors"
	"io"

	"github.com/schollz/progressbar/v3"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/runs"
)

// Follow reads a run's stream. take takes a line and returns the progress in it, or nil; on a terminal a bar shows it.
func Follow(stream io.Reader, terminal io.Writer, take func(line []byte) (*runs.Progress, error)) error {
	bar := NewProgress(terminal)
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		at, err := take(lines.Bytes())
		if err != nil {
			return errors.New("the system's answer is not readable")
		}
		if at != nil {
			bar.Show(at.Part+": "+at.Step, at.Done, at.Total)
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
func (p *Progress) Show(step string, done, total int) {
	if !machine.OnTerminal(p.out) {
		return
	}
	if step = machine.Plain(step); step != p.step {
		p.Clear()
		p.step = step
		p.bar = progressbar.NewOptions(max(1, total), progressbar.OptionSetWriter(p.out),
			progressbar.OptionSetDescription(step), progressbar.OptionSetWidth(30), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(false))
	}
	_ = p.bar.Set(done)
}

// Clear takes the bar away.
func (p *Progress) Clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
