package pronote

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// An envelope is a message's outer form, in both directions.
type envelope struct {
	Session int             `json:"session"`
	No      string          `json:"no"`
	ID      string          `json:"id"`
	DataSec json.RawMessage `json:"dataSec"`
}

// A call is one function's call in a session.
type call struct {
	*Server

	sess  *session
	now   time.Time
	data  obj
	tab   int
	child string // Signature.membre
	after func() // runs when the answer is written: new keys count from the next call
}

// function is one that the server knows: when it may be called, for which tabs, by what it is answered.
type function struct {
	from, to phase
	tabs     []int // none: it needs no Signature
	answer   func(*call) (any, error)
}

var functions = map[string]function{
	"FonctionParametres":               {fresh, fresh, nil, (*call).parameters},
	"Identification":                   {known, known, nil, (*call).identify},
	"Authentification":                 {known, known, nil, (*call).authenticate},
	"SecurisationCompteDoubleAuth":     {half, open, nil, (*call).secure},
	"ParametresUtilisateur":            {open, open, nil, (*call).user},
	"SaisieDeconnexion":                {known, open, nil, (*call).disconnect},
	"Navigation":                       {open, open, []int{anyTab}, (*call).navigate},
	"JetonAppliMobile":                 {open, open, []int{7}, (*call).mobileToken},
	"PageInfosPerso":                   {open, open, []int{49, 16}, (*call).person},
	"PageEmploiDuTemps":                {open, open, []int{16}, (*call).timetable},
	"PageCahierDeTexte":                {open, open, []int{88, 89}, (*call).homework},
	"SaisieTAFFaitEleve":               {open, open, []int{88}, (*call).homeworkDone},
	"DernieresNotes":                   {open, open, []int{198}, (*call).grades},
	"DernieresEvaluations":             {open, open, []int{201}, (*call).evaluations},
	"PagePresence":                     {open, open, []int{19}, (*call).presence},
	"PageActualites":                   {open, open, []int{8}, (*call).news},
	"SaisieActualites":                 {open, open, []int{8}, (*call).newsRead},
	"ListeMessagerie":                  {open, open, []int{131}, (*call).threads},
	"ListeMessages":                    {open, open, []int{131}, (*call).messages},
	"SaisieMessage":                    {open, open, []int{131}, (*call).send},
	"ListeRessourcesPourCommunication": {open, open, []int{131}, (*call).recipients},
	"PageMenus":                        {open, open, []int{10}, (*call).menus},
}

// appelfonction answers a function's call.
func (s *Server) appelfonction(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var in envelope
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields() // the names of older versions
	if err != nil || dec.Decode(&in) != nil || r.PathValue("session") != strconv.Itoa(in.Session) ||
		r.PathValue("no") != in.No {
		s.refuse(w, errPage)
		return
	}
	if _, ok := functions[in.ID]; ok {
		s.Count(in.ID)
	}
	space, _ := strconv.Atoi(r.PathValue("space"))
	kind := s.strike(callKinds)
	switch kind {
	case "suspended":
		message(w, http.StatusOK, suspended)
		return
	case "closed":
		message(w, http.StatusOK, unavailable)
		return
	case "slow":
		select {
		case <-time.After(time.Second):
		case <-r.Context().Done():
			return
		}
	}
	answer, err := s.exchange(r, in, space, sha256.Sum256(body), kind)
	if err != nil {
		s.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if kind == "cut" {
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		_, _ = w.Write(answer[:len(answer)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // closes the connection
	}
	_, _ = w.Write(answer)
}

// refuse answers with an error outside of any encryption.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	var f *fault
	if !errors.As(err, &f) {
		slog.Error("simulated school", slog.Any("error", err))
		message(w, http.StatusInternalServerError, unavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(obj{"Erreur": f.object()})
}

func (f *fault) object() obj { return obj{"G": f.code, "Titre": f.title, "Message": f.message} }

// exchange checks a call and returns the bytes of its answer.
func (s *Server) exchange(
	r *http.Request, in envelope, space int, body [sha256.Size]byte, kind string,
) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, err := s.admit(r, in.Session, space)
	if err != nil {
		return nil, err
	}
	if one.last.answer != nil && one.last.body == body {
		return one.last.answer, nil // repeated after a network failure
	}
	text, err := decryptHex(one.key, one.iv, in.No)
	if err != nil || text != strconv.Itoa(one.order) {
		one.over = errOrder.code
		return nil, errOrder
	}
	order := one.order
	one.order += 2
	one.used = s.Now()
	if code, err := strconv.Atoi(kind); err == nil && code != errRefused.code && code != errObject.code {
		if faultOf(code).ends {
			one.over = code
		}
		return nil, faultOf(code)
	}
	c := &call{Server: s, sess: one, now: s.today(), after: func() {}}
	content, err := c.run(in, kind)
	if err != nil {
		return nil, err
	}
	answer, err := s.seal(one, in.ID, order+1, content, kind)
	if err != nil {
		return nil, err
	}
	c.after()
	one.last = exchange{order, body, answer}
	return answer, nil
}

// run returns an answer's content, or an error that is shown outside of it.
func (c *call) run(in envelope, kind string) (obj, error) {
	plain, err := c.flags.read(in.DataSec, c.sess.key, c.sess.iv)
	if err != nil {
		return nil, errPage
	}
	if kind == "attente" {
		wait := obj{"ParametresAtt": obj{"delai": 0.05, "repeterRequete": true, "sansBlocageInterface": false}}
		return obj{"data": obj{}, "nom": in.ID, "Signature": obj{"SignatureAttente": wait}, "SignatureAttente": wait}, nil
	}
	if code, err := strconv.Atoi(kind); err == nil { // within the answer, where clients must find it, too
		return obj{"nom": in.ID, "Erreur": faultOf(code).object()}, nil
	}
	data, err := c.perform(in.ID, plain)
	if f := (*fault)(nil); errors.As(err, &f) && f.code == 0 {
		return obj{"nom": in.ID, "Signature": obj{"Erreur": true, "MessageErreur": f.message}}, nil
	}
	return obj{"data": data, "nom": in.ID, "Signature": obj{"ModeExclusif": false}}, err
}

// perform runs the function.
func (c *call) perform(name string, plain []byte) (any, error) {
	fn, ok := functions[name]
	if !ok {
		return nil, errRefused
	}
	if c.sess.phase < fn.from || c.sess.phase > fn.to {
		return nil, errPage
	}
	var in struct {
		Data      obj  `json:"data"`
		Signature *obj `json:"Signature"`
	}
	if err := json.Unmarshal(plain, &in); err != nil {
		return nil, errPage
	}
	c.data = in.Data
	if fn.tabs != nil {
		if err := c.sign(in.Signature, fn.tabs); err != nil {
			return nil, err
		}
	}
	return fn.answer(c)
}

// seal writes an answer under the session's present keys.
func (s *Server) seal(one *session, id string, order int, content obj, kind string) ([]byte, error) {
	key := one.key
	if kind == "wrongkey" {
		key = random(len(key))
	}
	dataSec, err := s.flags.write(content, key, one.iv)
	if err != nil {
		return nil, err
	}
	return marshal(obj{
		"id": id, "session": one.id, "no": encryptHex(key, one.iv, strconv.Itoa(order)), "dataSec": dataSec,
	})
}
