package machine

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
)

// Announce says what runs and where to look; the address is last, where a person looks.
func (m *Machine) Announce(w io.Writer) {
	office := "the settings in " + m.Folder
	address := "http://" + m.Operator + "/"
	if m.Sample() {
		office, address = "a sample office", m.URL+"/"
	}
	fmt.Fprintf(w, "Carillon runs with %s; it keeps everything in %s.\n", office, m.Data)
	for _, b := range m.Running {
		if b.Announce != nil {
			b.Announce(w)
		}
	}
	if m.Sample() {
		m.announceClock(w)
	}
	fmt.Fprintf(w, "\nReady in %.1f s; Ctrl-C stops it. The dashboard: %s\n", time.Since(m.began).Seconds(), address)
}

// announceClock says where the sample's clock is, unless it is the machine's.
func (m *Machine) announceClock(w io.Writer) {
	now := m.Clock.Now()
	ahead := time.Until(now).Round(time.Minute)
	if m.Speed > 1 {
		fmt.Fprintf(w, "  the sample's clock   runs %d times as fast as this machine's\n", m.Speed)
	}
	if ahead > 0 {
		fmt.Fprintf(w, "  the sample's clock   is %s ahead of this machine's, after --speed: it is %s there; up --fresh "+
			"starts over\n", span(ahead), calendar.Written(now, calendar.Zone(time.Local, m.Zone(m.ctx))))
	}
}

// span is a length of time in words, such as 3 days 4 h.
func span(d time.Duration) string {
	days, hours, minutes := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	switch {
	case days > 0:
		return strings.TrimSuffix(fmt.Sprintf("%d days %d h", days, hours), " 0 h")
	case hours > 0:
		return strings.TrimSuffix(fmt.Sprintf("%d h %d min", hours, minutes), " 0 min")
	default:
		return fmt.Sprintf("%d min", minutes)
	}
}
