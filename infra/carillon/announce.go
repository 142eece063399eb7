package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// announce says what runs and where to look; the address is last, where a person looks.
func (s *system) announce(w io.Writer) {
	office := "the settings in " + s.folder
	address := "http://" + s.operator + "/"
	if s.sample() {
		office, address = "a sample office", s.url+"/"
	}
	fmt.Fprintf(w, "Carillon runs with %s; it keeps everything in %s.\n", office, s.data)
	for _, b := range s.bridges {
		b.announce(w)
	}
	if s.sample() {
		s.announceClock(w)
	}
	fmt.Fprintf(w, "\nReady in %.1f s; Ctrl-C stops it. The dashboard: %s\n", time.Since(s.began).Seconds(), address)
}

// announceClock says where the sample's clock is, unless it is the machine's.
func (s *system) announceClock(w io.Writer) {
	now := s.clock.Now()
	ahead := time.Until(now).Round(time.Minute)
	if s.speed > 1 {
		fmt.Fprintf(w, "  the sample's clock   runs %d times as fast as this machine's\n", s.speed)
	}
	if ahead > 0 {
		fmt.Fprintf(w, "  the sample's clock   is %s ahead of this machine's, after --speed: it is %s there; up --fresh starts over\n", span(ahead), when(now, demoZone))
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
