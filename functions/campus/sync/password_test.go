package sync_test

import (
	"fmt"
	"net/http"
	"strings"
	gosync "sync"
	"testing"

	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/infra/sim/wigor"
)

// TestWrongPasswordManyWays: dry runs beside another run, at once, and several instances of one account try it once.
func TestWrongPasswordManyWays(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	all := make([]any, 0, 4)
	for i := range 3 {
		inst := f.instance("lea", fmt.Sprintf("%s%d", leaCalendar[:23], i+5))
		inst["instance_name"], inst["moncampus_password"] = fmt.Sprintf("lea%d", i), "wrong"
		all = append(all, inst)
	}
	f.file["instances"] = append(all, f.lea())
	f.configure()
	var wg gosync.WaitGroup
	for range 3 {
		wg.Go(func() { f.call(http.MethodPost, "/sync", `{"instance":"lea0","dry_run":true}`) })
	}
	for i := range 3 {
		wg.Go(func() { f.push(fmt.Sprintf("lea%d", i)) })
	}
	wg.Wait()
	if got := f.school.Counts()[wigor.Refused]; got != 1 {
		t.Errorf("a wrong password was tried %d times", got)
	}
	f.did(f.sync(), "+0 ~0 -0 =0 held 0 verified true") // her right one is another
}

// TestTryPasswordAgain: an account that was locked, and is open again, comes back by a person's word.
func TestTryPasswordAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 4)...)
	f.fault(&f.school.Faults, faults.Fault{Method: http.MethodPost, Path: "cas/login", Status: 401, Times: 1})
	for range 2 {
		run := f.sync()
		f.did(run, "+0 ~0 -0 =0 held 0 verified false moncampus_refused")
		if !strings.Contains(run.Fault.Do, "--try-password") {
			t.Errorf("what to do: %s", run.Fault.Do)
		}
	}
	f.did(f.sync(`"try_password":true`), "+3 ~0 -0 =0 held 0 verified true")
	f.did(f.scheduled(), "+0 ~0 -0 =3 held 0 verified true")
}
