package pickle_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/infra/sim/peers"
	"github.com/carillon-calendar/carillon/shared/stays/broker/pickle"
)

// asPython returns a dict as testdata/loads.py shows it.
func asPython(d pickle.Dict) map[string]map[string]string {
	shown := map[string]map[string]string{}
	for key, v := range d {
		kind := map[bool]string{true: "int", false: "str"}
		_, isInt := v.(int64)
		if _, ok := v.(pickle.Date); ok {
			shown[key] = map[string]string{"date": fmt.Sprint(v)}
		} else {
			shown[key] = map[string]string{kind[isInt]: fmt.Sprint(v)}
		}
	}
	return shown
}

// latin1 is a body with a byte a character.
func latin1(body []byte) string {
	text := make([]rune, 0, len(body))
	for _, c := range body {
		text = append(text, rune(c))
	}
	return string(text)
}

// TestPython: Python 3 reads the golden bodies and ours as we do, and its disassembler finds them whole.
func TestPython(t *testing.T) {
	t.Parallel()
	peers.Need(t)
	var bodies []string
	var want []map[string]map[string]string
	add := func(body []byte) {
		d, err := pickle.Read(body)
		if err != nil {
			t.Fatal(err)
		}
		if v, ok := d["utf8"].(string); ok && utf8.ValidString(v) {
			d["utf8"] = latin1([]byte(v)) // Python 3 takes one encoding for all
		}
		bodies, want = append(bodies, latin1(body)), append(want, asPython(d))
	}
	for _, g := range goldens(t) {
		add(g.bytes())
	}
	for _, id := range []int64{0, 1, -1, 1e18 - 1} {
		add(pickle.ServiceToSite("booked", "GFLX0001", pickle.Date{2087, 9, 13}, pickle.Date{2140, 10, 10}, id))
	}
	for _, text := range []string{"", "17", "l'an", `'"\`, "gîte\\u0041\r\n", "€😀\x00", "\\\t\x7f"} {
		add(pickle.SiteToService(text, text, pickle.Date{1, 1, 1}, pickle.Date{9999, 12, 31}, text))
	}
	in, err := json.Marshal(bodies)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/loads.py")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	var got []map[string]map[string]string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
