package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/functions/school/api"
	pronotesim "github.com/carillon-calendar/carillon/infra/sim/pronote"
)

// TestEveryRoute of every generation and form answers a pupil and a parent.
func TestEveryRoute(t *testing.T) {
	t.Parallel()
	for _, generation := range []int{pronotesim.Year2025, pronotesim.Year2026} {
		for bits := range 4 {
			encrypt, compress := bits&1 > 0, bits&2 > 0
			t.Run(fmt.Sprint(generation, encrypt, compress), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, `{"limits":{"burst":1000}}`, func(o *pronotesim.Options) {
					o.Generation, o.Encrypt, o.Compress = generation, &encrypt, &compress
				})
				for _, name := range []string{"eleve", "parent"} {
					token := f.login(name, name+".html")
					for path, values := range reads {
						code, v := f.get(token, path, values...)
						if list, isList := v.([]any); code != http.StatusOK || v == nil || isList && len(list) == 0 &&
							name == "eleve" {
							t.Errorf("%s %s: %d %v", name, path, code, v)
						}
					}
				}
			})
		}
	}
}

// TestForms of what Papillon's clients expect: statuses and bodies.
func TestForms(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	missing := func(names ...string) map[string]any {
		errs := map[string]any{}
		for _, name := range names {
			errs[name] = "Required parameter '" + name + "' not supplied"
		}
		return map[string]any{"errors": errs}
	}
	unknown := strings.Repeat("x", 22)
	for path, values := range reads {
		code, v := f.get(unknown, path, values...)
		f.want("an unknown token at "+path, api.StatusToken, "notfound", code, v)
		code, v = decoded(t, f.send(http.MethodGet, path, ""))
		f.want("no token at "+path, 400, missing("token"), code, v)
		code, v = decoded(t, f.send(http.MethodPost, path, ""))
		f.want("another verb at "+path, 405, map[string]any{"errors": map[string]any{"405 Method Not Allowed": nil}}, code,
			v)
		w := f.send(http.MethodOptions, path, "")
		if w.Code != 200 || w.Body.Len() > 0 || w.Header().Get("Allow") == "" ||
			w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("OPTIONS %s: %d %v", path, w.Code, w.Header())
		}
	}
	code, v := decoded(t, f.send(http.MethodGet, "/nowhere", ""))
	if answer, _ := v.(map[string]any); code != 404 || answer["404"] == nil || answer["documentation"] == nil {
		t.Errorf("an unknown path: %d %v", code, v)
	}
	token := f.login("eleve", "eleve.html")
	code, v = f.get(token, "/timetable")
	f.want("no date", 400, missing("dateString"), code, v)
	code, v = f.get(token, "/homework", "dateFrom", today)
	f.want("no second date", 400, missing("dateTo"), code, v)
	code, v = f.get(token, "/timetable", "dateString", "tomorrow")
	f.want("no such date", 400, map[string]any{"errors": map[string]any{
		"dateString": "It must be a date, YYYY-MM-DD",
	}}, code, v)
	code, v = decoded(t, f.send(http.MethodPost, "/changePeriod", `{"token":`))
	f.want("half a body", 400, map[string]any{"errors": map[string]any{"body": "The body must be a JSON object."}}, code,
		v)
	for name, path := range map[string]string{"infos": "/infos", "info": "/info"} {
		code, v := decoded(t, f.send(http.MethodGet, path, ""))
		infos, _ := v.(map[string]any)
		list, _ := infos["ent_list"].([]any)
		if code != 200 || infos["status"] != "ok" || infos["message"] != "server is running" ||
			infos["version"] != "3.3.4" ||
			len(list) != 42 {
			t.Errorf("%s: %d %v", name, code, v)
		}
	}
	w := f.send(http.MethodGet, "/user?token="+token, "")
	if w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("%v", w.Header())
	}
}

// TestParameters may come from the address, a form, or JSON.
func TestParameters(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	token := f.login("eleve", "eleve.html")
	const name = "Trimestre 3"
	want := map[string]any{"status": "ok", "period": name}
	for what, w := range map[string][2]string{
		"query": {"/changePeriod?periodName=Trimestre+3&token=" + token, ""},
		"form":  {"/changePeriod", "periodName=Trimestre+3&token=" + token},
		"JSON":  {"/changePeriod", `{"periodName":"Trimestre 3","token":"` + token + `"}`},
		"both":  {"/changePeriod?token=" + token, `{"periodName":"Trimestre 3"}`},
	} {
		code, v := decoded(t, f.send(http.MethodPost, w[0], w[1]))
		f.want(what, 200, want, code, v)
	}
	code, v := f.post("/changePeriod", map[string]any{"token": token, "periodName": "Nothing"})
	f.want("an unknown name", 200, map[string]any{"status": "ok", "period": "Trimestre 1"}, code, v)
}

// TestGenerateToken answers what is missing and what is wrong as clients know it.
func TestGenerateToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"logins_per_day":100}}`)
	good := f.credentials("eleve", "eleve.html")
	without := func(name string) map[string]any {
		some := map[string]any{}
		for k, v := range good {
			if k != name {
				some[k] = v
			}
		}
		return some
	}
	with := func(more ...any) map[string]any {
		all := without("")
		for i := 0; i+1 < len(more); i += 2 {
			all[fmt.Sprint(more[i])] = more[i+1]
		}
		return all
	}
	for _, c := range []struct {
		name, path string
		body       map[string]any
		code       int
		want       any
	}{
		{"no body", "/generatetoken", nil, 400, map[string]any{"token": false, "error": "missingbody"}},
		{"no url", "/generatetoken", without("url"), 400, "missingurl"},
		{"no username", "/generatetoken", without("username"), 400, "missingusername"},
		{"no password", "/generatetoken?method=url", without("password"), 400, "missingpassword"},
		{"no QR token", "/generatetoken?method=qrcode", map[string]any{"url": "x"}, 400, "missingqrToken"},
		{"no QR login", "/generatetoken?method=qrcode", map[string]any{"url": "x", "qrToken": "x"}, 400, "missinglogin"},
		{
			"no code", "/generatetoken?method=qrcode",
			map[string]any{"url": "x", "qrToken": "x", "login": "x"},
			400,
			"missingcheckCode",
		},
		{
			"a short code", "/generatetoken?method=qrcode",
			map[string]any{"url": "x", "qrToken": "x", "login": "x", "checkCode": "123"},
			400,
			"checkCode must be 4 characters long (got 3)",
		},
		{
			"a method", "/generatetoken?method=x", good, 400,
			map[string]any{"errors": map[string]any{"method": "Invalid value passed. The accepted values are: (url|qrcode)"}},
		},
		{
			"an ENT", "/generatetoken", with("ent", "ac_rennes"), api.StatusToken, map[string]any{
				"token": false, "error": "signing in through an ENT is not possible yet: use a QR code, or a PRONOTE password",
			},
		},
		{
			"another server", "/generatetoken", with("url", "http://10.0.0.1/pronote/eleve.html"), api.StatusToken,
			map[string]any{
				"token": false,
				"error": "this server may not be asked: its address must be https and one that the settings allow",
			},
		},
		{
			"a wrong password", "/generatetoken", with("password", "faux"), api.StatusToken,
			map[string]any{"token": false, "error": "the username or the password is wrong"},
		},
	} {
		var code int
		var v any
		if c.body == nil {
			code, v = decoded(t, f.send(http.MethodPost, c.path, ""))
		} else {
			code, v = f.post(c.path, c.body)
		}
		f.want(c.name, c.code, c.want, code, v)
	}
	code, v := f.post("/generatetoken", with("ent", ""))
	if got, _ := v.(map[string]any); code != 200 || got["error"] != false {
		t.Errorf("an empty ENT: %d %v", code, v)
	}
}

// TestOldBugs are answers that the old server could not give: see docs/school.md.
func TestOldBugs(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":1000}}`)
	token := f.login("eleve", "eleve.html")

	code, v := f.get(f.login("sansphoto", "eleve.html"), "/user")
	if u, _ := v.(map[string]any); code != 200 || u["profile_picture"] != nil || u["phone"] != nil || u["name"] == "" {
		t.Errorf("a pupil without photo and phone: %d %v", code, v)
	}
	code, v = f.get(f.login("vide", "eleve.html"), "/user")
	if code != 200 {
		t.Errorf("a pupil with few rights: %d %v", code, v)
	}
	code, v = f.get(f.login("vide", "eleve.html"), "/grades")
	if code != http.StatusForbidden {
		t.Errorf("a tab without rights: %d %v", code, v)
	}
	lessons := map[string]map[string]any{}
	for _, d := range []int{0, 1, 2, 3, 4} {
		for _, l := range f.list(token, "/timetable", "dateString", monday.AddDate(0, 0, d).Format("2006-01-02")) {
			for _, kind := range []string{"is_cancelled", "is_outing", "is_detention", "is_exempted", "is_test"} {
				if l[kind] == true {
					lessons[kind] = l
				}
			}
			for _, url := range l["virtual"].([]any) {
				if text, ok := url.(string); !ok || !strings.HasPrefix(text, "http") {
					t.Errorf("a meeting at %v", url)
				}
				lessons["virtual"] = l
			}
			if l["subject"].(map[string]any)["id"] == "0" {
				lessons["none"] = l
			}
		}
	}
	for _, kind := range []string{
		"is_cancelled", "is_outing", "is_detention", "is_exempted", "is_test", "virtual",
		"none",
	} {
		if lessons[kind] == nil {
			t.Errorf("the week has no lesson that %s", kind)
		}
	}
	code, v = f.get(token, "/grades")
	grades, _ := v.(map[string]any)
	kinds := map[float64]bool{}
	list, _ := grades["grades"].([]any)
	for _, g := range list {
		mark := g.(map[string]any)["grade"].(map[string]any)
		kind := mark["significant"].(float64)
		if kinds[kind] = true; kind != 0 && mark["value"] != -1.0 {
			t.Errorf("a mark that is none: %v", mark)
		}
	}
	for k := -1.0; k <= 8; k++ {
		if !kinds[k] {
			t.Errorf("no mark of the kind %v: %d", k, code)
		}
	}
	all := f.list(token, "/absences")
	spring := []string{"periodName", "Trimestre 3"} // nobody was away there yet
	none := f.list(token, "/absences", append(spring, "allPeriods", "false")...)
	if len(none) >= len(all) || len(f.list(token, "/absences", append(spring, "allPeriods", "")...)) != len(none) ||
		len(f.list(token, "/absences", append(spring, "allPeriods", "true")...)) != len(all) {
		t.Errorf("absences of all periods %d, of one %d", len(all), len(none))
	}
	code, v = f.get(token, "/export/ical")
	if address, _ := v.(string); code != 200 || !strings.Contains(address, "/ical/mesinformations.ics?icalsecurise=") {
		t.Errorf("the calendar's address: %d %v", code, v)
	}
	code, v = f.get(f.login("parent", "parent.html"), "/user")
	if u, _ := v.(map[string]any); code != 200 || len(u["children"].([]any)) != 2 {
		t.Errorf("a parent: %d %v", code, v)
	}
}

// TestHomeworkState toggles, or is as done says.
func TestHomeworkState(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":1000}}`)
	token := f.login("eleve", "eleve.html")
	first := f.list(token, "/homework", span(0, 14)...)[0]
	state := func() any {
		for _, h := range f.list(token, "/homework", span(0, 14)...) {
			if h["id"] == first["id"] {
				return h["done"]
			}
		}
		return nil
	}
	change := func(more ...any) {
		f.Helper()
		members := map[string]any{
			"token": token, "homeworkId": first["id"], "dateFrom": span(0, 14)[1], "dateTo": span(0, 14)[3],
		}
		for i := 0; i+1 < len(more); i += 2 {
			members[fmt.Sprint(more[i])] = more[i+1]
		}
		code, v := f.post("/homework/changeState", members)
		f.want("a change", 200, "ok", code, v)
	}
	was, _ := first["done"].(bool)
	for _, c := range []struct {
		more []any
		want bool
	}{
		{nil, !was},
		{nil, was},
		{[]any{"done", true}, true},
		{[]any{"done", true}, true},
		{[]any{"done", "false"}, false},
	} {
		if change(c.more...); state() != c.want {
			t.Errorf("after %v: %v, want %v", c.more, state(), c.want)
		}
	}
	code, v := f.post("/homework/changeState", map[string]any{
		"token": token, "homeworkId": "nothing", "dateFrom": today, "dateTo": today,
	})
	f.want("none of this id", 404, "not found", code, v)
}

// TestDiscussions are read, marked, answered, begun and deleted; each of them can be found, not the first one alone.
func TestDiscussions(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":1000}}`)
	token := f.login("eleve", "eleve.html")
	list := f.list(token, "/discussions")
	if len(list) < 3 {
		t.Fatalf("%d discussions", len(list))
	}
	at := func(id any) map[string]any {
		for _, d := range f.list(token, "/discussions") {
			if d["id"] == id {
				return d
			}
		}
		return nil
	}
	act := func(path string, id any, more ...string) (int, any) {
		members := map[string]any{"token": token, "discussionId": id}
		for i := 0; i+1 < len(more); i += 2 {
			members[more[i]] = more[i+1]
		}
		return f.post("/discussion/"+path, members)
	}
	replied, closed := false, false
	for _, d := range list {
		code, v := act("readState", d["id"])
		f.want("read", 200, "ok", code, v)
		ofOthers := slices.ContainsFunc(d["messages"].([]any), func(m any) bool {
			return m.(map[string]any)["author"] != nil
		})
		if before, after := d["unread"].(float64), at(d["id"])["unread"].(float64); ofOthers &&
			(before > 0) == (after > 0) {
			t.Errorf("unread %v, after the change %v", before, after)
		}
		code, v = act("reply", d["id"], "content", "Bien reçu")
		if d["replyable"] == true {
			replied = true
			f.want("a reply", 200, "ok", code, v)
			messages := at(d["id"])["messages"].([]any)
			if last := messages[len(messages)-1].(map[string]any); last["content"] != "Bien reçu" || last["author"] != nil {
				t.Errorf("%v", last)
			}
		} else {
			closed = true
			f.want("a closed one", 403, "not replyable", code, v)
		}
	}
	if !replied || !closed {
		t.Error("the school has no open and closed discussions")
	}
	last := list[len(list)-1]
	code, v := act("delete", last["id"])
	f.want("the last one deleted", 200, "ok", code, v)
	if at(last["id"]) != nil {
		t.Error("it is still there")
	}
	code, v = act("delete", "nothing")
	f.want("none of this id", 404, "not found", code, v)
	to := f.list(token, "/recipients")
	ids := []string{fmt.Sprint(to[0]["id"]), fmt.Sprint(to[len(to)-1]["id"])}
	for what, members := range map[string]map[string]any{
		"a list": {"recipients": ids}, "one": {"recipientId": ids[0], "subject": "Devoirs"},
		"a text": {"recipients": strings.Join(ids, ",")},
	} {
		members["token"], members["content"] = token, "Bonjour ("+what+")"
		code, v := f.post("/discussion/create", members)
		f.want(what, 200, "ok", code, v)
		found := slices.ContainsFunc(f.list(token, "/discussions"), func(d map[string]any) bool {
			messages := d["messages"].([]any)
			return len(messages) == 1 && messages[0].(map[string]any)["content"] == "Bonjour ("+what+")"
		})
		if !found {
			t.Errorf("%s: the message is not there", what)
		}
	}
	code, v = f.post("/discussion/create", map[string]any{
		"token": token, "content": "x",
		"recipients": []string{"nobody"},
	})
	f.want("an unknown recipient", 404, "not found", code, v)
}

// TestChildren of a parent: named in each request, or chosen with the login.
func TestChildren(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":1000}}`)
	token := f.login("parent", "parent.html")
	_, v := f.get(token, "/user")
	children := v.(map[string]any)["children"].([]any)
	second := children[1].(map[string]any)
	name := func(token string, values ...string) any {
		_, v := f.get(token, "/user", values...)
		return v.(map[string]any)["name"]
	}
	if name(token) == second["name"] || name(token, "child", fmt.Sprint(second["id"])) != second["name"] ||
		name(token, "child", fmt.Sprint(second["name"])) != second["name"] {
		t.Errorf("%v, %v", name(token), name(token, "child", fmt.Sprint(second["id"])))
	}
	code, v := f.get(token, "/user", "child", "another's")
	if code != http.StatusBadRequest {
		t.Errorf("another's child: %d %v", code, v)
	}
	if got := name(f.login("parent", "parent.html", "child", fmt.Sprint(second["name"]))); got != second["name"] {
		t.Errorf("chosen with the login: %v", got)
	}
}
