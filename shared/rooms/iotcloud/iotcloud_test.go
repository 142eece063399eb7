package iotcloud

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	iot "github.com/arduino/iot-client-go/v3"
	"golang.org/x/oauth2"
)

// vendor answers requests in place of the network, so that only the limiter takes time.
type vendor struct {
	answers []int // the statuses of the next answers; then 200
	calls   []time.Time
	tokens  []string // of the calls
}

func (v *vendor) RoundTrip(r *http.Request) (*http.Response, error) {
	v.calls, v.tokens = append(
		v.calls,
		time.Now(),
	), append(
		v.tokens,
		strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "),
	)
	status := http.StatusOK
	if len(v.answers) > 0 {
		status, v.answers = v.answers[0], v.answers[1:]
	}
	if status == 0 {
		return nil, errors.New("connection reset")
	}
	body := io.NopCloser(strings.NewReader("{}"))
	return &http.Response{
		StatusCode: status,
		Request:    r,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       body,
	}, nil
}

// client is one whose account takes n requests a second. Each token that it asks for has another name.
func (v *vendor) client(n int) *Client {
	cfg := iot.NewConfiguration()
	cfg.Servers = iot.ServerConfigurations{{URL: "http://arduino.example"}}
	cfg.HTTPClient = &http.Client{Transport: v}
	asked := 0
	ask := func(context.Context) (*oauth2.Token, error) {
		asked++
		return &oauth2.Token{AccessToken: strings.Repeat("t", asked), Expiry: time.Now().Add(time.Hour)}, nil
	}
	return &Client{api: iot.NewAPIClient(cfg), limiter: newLimiter(n), tokens: &tokens{ask: ask}}
}

// TestLimitIsHalvedAfterA429: an account that is refused for its rate is asked half as often for ten seconds, then as
// before.
func TestLimitIsHalvedAfterA429(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answers: []int{http.StatusTooManyRequests}}
		c := v.client(10)
		began := time.Now()
		for range 100 {
			if err := c.Publish(t.Context(), 0, "thing", "property", 1); err != nil {
				t.Fatal(err)
			}
		}
		in := func(from, to time.Duration) (n int) {
			for _, at := range v.calls {
				if age := at.Sub(began); age >= from && age < to {
					n++
				}
			}
			return n
		}
		if slow := in(2*time.Second, 10*time.Second); slow > 8*5 || slow < 8*4 {
			t.Errorf("%d calls in eight seconds after the refusal, want five a second", slow)
		}
		if full := in(11*time.Second, 14*time.Second); full < 3*9 || full > 3*10 {
			t.Errorf("%d calls in three seconds when that time was over, want ten a second", full)
		}
	})
}

// TestAnswers: which are tried again, and what the others become.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answers []int
		want    error // nil: none
		calls   int
	}{
		"taken":                {nil, nil, 1},
		"limited_thrice":       {[]int{429, 429, 429}, nil, 4},
		"limited_for_good":     {[]int{429, 429, 429, 429}, errAny, 4},
		"a_revoked_token":      {[]int{401}, nil, 2},
		"a_refused_account":    {[]int{401, 401}, ErrRefused, 2},
		"without_the_right":    {[]int{403}, ErrRefused, 1},
		"gone":                 {[]int{404}, ErrNotFound, 1},
		"a_value_of_no_use":    {[]int{400}, ErrInvalid, 1},
		"no_answer":            {[]int{0}, ErrNoAnswer, 1},
		"its_own_failure":      {[]int{500}, errAny, 1},
		"limited_then_revoked": {[]int{429, 401}, nil, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &vendor{answers: tt.answers}
				err := v.client(10).Publish(t.Context(), 0, "thing", "property", 1)
				known := slices.ContainsFunc(
					[]error{ErrRefused, ErrNotFound, ErrInvalid, ErrNoAnswer},
					func(e error) bool { return errors.Is(err, e) },
				)
				switch {
				case tt.want == nil && err != nil, tt.want != nil && err == nil:
					t.Errorf("error = %v, want %v", err, tt.want)
				case errors.Is(tt.want, errAny) && known,
					tt.want != nil && !errors.Is(tt.want, errAny) && !errors.Is(err, tt.want):
					t.Errorf("error = %v, want %v", err, tt.want)
				}
				if len(v.calls) != tt.calls {
					t.Errorf("%d calls, want %d", len(v.calls), tt.calls)
				}
				if slices.Contains(tt.answers, 401) && v.tokens[len(v.tokens)-1] == v.tokens[0] {
					t.Errorf("the refused token was used again: %q", v.tokens)
				}
			})
		})
	}
}

// errAny stands for an error that is none of the package's own.
var errAny = errors.New("another error")

// TestNoCallWithoutTime: a call that might be cut off is not made, because nobody would know what became of it.
func TestNoCallWithoutTime(t *testing.T) {
	t.Parallel()
	for left, calls := range map[time.Duration]int{callTimeout: 1, callTimeout - time.Millisecond: 0} {
		synctest.Test(t, func(t *testing.T) {
			v := &vendor{}
			ctx, cancel := context.WithTimeout(t.Context(), left)
			defer cancel()
			err := v.client(10).Publish(ctx, 0, "thing", "property", 1)
			if len(v.calls) != calls || (err == nil) != (calls == 1) || errors.Is(err, ErrNoAnswer) {
				t.Errorf("with %s left: %d calls, %v; want %d", left, len(v.calls), err, calls)
			}
		})
	}
}
