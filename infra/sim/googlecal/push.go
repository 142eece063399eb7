package googlecal

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A channel is a push channel (guides/push).
type channel struct {
	ID, Token, Address, Calendar, ResourceID string
	Expiration                               time.Time
	Number                                   int64
	Stopped                                  bool
}

const defaultTTL = 7 * 24 * time.Hour

// watch is events.watch.
func (s *Server) watch(r *http.Request) (any, error) {
	var body struct {
		ID, Type, Address, Token string
		Expiration               json.Number
		Params                   struct{ TTL json.Number }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, errParse
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.calendar(r)
	if err != nil {
		return nil, err
	}
	address, perr := url.Parse(body.Address)
	switch {
	case body.ID == "" || len(body.ID) > 64:
		return nil, invalid("Invalid value for: channel id")
	case len(body.Token) > 256:
		return nil, invalid("Invalid value for: channel token")
	case body.Type != "web_hook" && body.Type != "webhook":
		return nil, invalid("Invalid value for: channel type")
	case perr != nil || address.Host == "" || address.Scheme != "https" && !loopback(address.Hostname()):
		return nil, &apiError{400, "global", "push.webhookUrlNotHttps", "WebHook callback must be HTTPS: " + body.Address, ""}
	case s.channels[body.ID] != nil:
		return nil, &apiError{400, "global", "channelIdNotUnique", "Channel id " + body.ID + " not unique", ""}
	}
	expiration, err := s.expiration(body.Expiration, body.Params.TTL)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(c.ID))
	ch := &channel{
		ID: body.ID, Token: body.Token, Address: body.Address, Calendar: c.ID,
		ResourceID: base64.RawURLEncoding.EncodeToString(sum[:20]), Expiration: expiration,
	}
	s.channels[ch.ID] = ch
	if err := s.send(ch, "sync"); err != nil {
		return nil, err
	}
	answer := map[string]any{
		"kind": "api#channel", "id": ch.ID, "resourceId": ch.ResourceID, "resourceUri": resourceURI(c.ID),
		"expiration": strconv.FormatInt(ch.Expiration.UnixMilli(), 10),
	}
	if ch.Token != "" {
		answer["token"] = ch.Token
	}
	return answer, nil
}

func loopback(host string) bool { return host == "127.0.0.1" || host == "localhost" || host == "::1" }

// expiration is what was asked for (ms, or params.ttl in s), at most and by default seven days.
func (s *Server) expiration(at, ttl json.Number) (time.Time, error) {
	longest := s.Now().Add(defaultTTL).Truncate(time.Second)
	want := longest
	if seconds, err := ttl.Int64(); err == nil {
		want = s.Now().Add(time.Duration(seconds) * time.Second)
	}
	if ms, err := at.Int64(); err == nil {
		want = time.UnixMilli(ms)
	}
	if !want.After(s.Now()) {
		return want, invalid("Invalid ttl value")
	}
	if want.After(longest) {
		return longest, nil
	}
	return want, nil
}

func resourceURI(calendar string) string {
	return "https://www.googleapis.com/calendar/v3/calendars/" + url.PathEscape(calendar) + "/events?alt=json"
}

// stopChannel is channels.stop.
func (s *Server) stopChannel(r *http.Request) (any, error) {
	var body struct{ ID, ResourceID string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, errParse
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.channels[body.ID]
	if ch == nil || ch.Stopped || ch.ResourceID != body.ResourceID {
		return nil, &apiError{404, "global", "notFound", "Channel '" + body.ID + "' not found for project", ""}
	}
	ch.Stopped = true
	return nil, s.Save("channel/"+ch.ID, ch)
}

// notify sends "exists" to every live channel of a calendar.
func (s *Server) notify(calendar string) {
	for _, ch := range s.channels {
		if ch.Calendar == calendar && !ch.Stopped && s.Now().Before(ch.Expiration) {
			_ = s.send(ch, "exists")
		}
	}
}

const tries = 6

// send delivers a message, again after 500, 502, 503, 504 or no answer, in growing pauses.
func (s *Server) send(ch *channel, state string) error {
	ch.Number++
	if err := s.Save("channel/"+ch.ID, ch); err != nil {
		return err
	}
	h := http.Header{}
	h.Set("User-Agent", "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)")
	h.Set("X-Goog-Channel-Id", ch.ID)
	h.Set("X-Goog-Channel-Expiration", ch.Expiration.UTC().Format(http.TimeFormat))
	h.Set("X-Goog-Resource-State", state)
	h.Set("X-Goog-Message-Number", strconv.FormatInt(ch.Number, 10))
	h.Set("X-Goog-Resource-Id", ch.ResourceID)
	h.Set("X-Goog-Resource-Uri", resourceURI(ch.Calendar))
	if ch.Token != "" {
		h.Set("X-Goog-Channel-Token", ch.Token)
	}
	delay, copies := s.Faults.Pushes(ch.Calendar)
	for range copies {
		s.pushes.Go(func() { s.deliver(ch.Address, h, delay) })
	}
	return nil
}

func (s *Server) deliver(address string, h http.Header, delay time.Duration) {
	for try := range tries {
		select {
		case <-s.stop:
			return
		case <-time.After(delay):
		}
		if s.post(address, h) {
			return
		}
		delay = time.Second << try
	}
}

// post makes one try; true ends them.
func (s *Server) post(address string, h http.Header) bool {
	r, err := http.NewRequest(http.MethodPost, address, http.NoBody) //nolint:noctx // the client has a timeout
	if err != nil {
		return true
	}
	r.Header = h.Clone()
	resp, err := s.push.Do(r)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return false
	}
	return true
}
