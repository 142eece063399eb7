// Command pronote serves a simulated PRONOTE as a process of its own, so that what it costs is not measured with what
// asks it. It prints its address.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim"
	"github.com/carillon-calendar/carillon/infra/sim/pronote"
)

func main() {
	pupils := flag.Int("pupils", 0, "accounts eleve1, eleve2 and so on, whose passwords are their names")
	delay := flag.Duration("delay", 0, "of each call")
	flag.Parse()
	school := pronote.New(pronote.Options{Options: sim.Options{Now: time.Now}, Pupils: *pupils})
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // listening does not wait
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("http://" + listener.Addr().String())
	server := http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/appelfonction/") {
				time.Sleep(*delay)
			}
			school.ServeHTTP(w, r)
		}),
	}
	_ = server.Serve(listener)
}
