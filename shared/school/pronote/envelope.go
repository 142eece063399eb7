package pronote

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
)

// MaxAnswer is how large an answer may be, as it comes and as it is unpacked, in bytes.
const MaxAnswer = 8 << 20

// An envelope is a call's body and its answer's, in the names since version 2025.1.3.
type envelope struct {
	Session int64           `json:"session"`
	No      string          `json:"no"`
	ID      string          `json:"id"`
	Secured json.RawMessage `json:"dataSec,omitempty"`

	Clear    json.RawMessage `json:"dataNonSec,omitempty"`
	Fault    *fault          `json:"Erreur,omitempty"`
	Awaiting *awaiting       `json:"SignatureAttente,omitempty"`
}

// A fault is PRONOTE's error. Its sentences may name a person and are not kept.
type fault struct {
	G number
}

// An awaiting answer is not ready yet.
type awaiting struct {
	Parameters struct {
		Delay  float64 `json:"delai"` // seconds
		Repeat flag    `json:"repeterRequete"`
	} `json:"ParametresAtt"`
}

// pack makes the secured part of a call: compressed is the hexadecimal text of the JSON, and not the JSON itself, as it
// is in answers.
func (s *Session) pack(content []byte) (json.RawMessage, error) {
	if !s.Encrypt && !s.Compress {
		return content, nil
	}
	if s.Compress {
		var packed bytes.Buffer
		w, err := flate.NewWriter(&packed, 6)
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, hex.EncodeToString(content)); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		content = packed.Bytes()
	}
	if s.Encrypt {
		content = s.secret().encrypt(content)
	}
	return json.Marshal(upper(content))
}

// unpack reads the secured part of an answer.
func (s *Session) unpack(secured json.RawMessage) ([]byte, error) {
	if len(secured) == 0 || secured[0] != '"' {
		return secured, nil
	}
	var text string
	if err := json.Unmarshal(secured, &text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	data, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if s.Encrypt {
		if data, err = s.secret().decrypt(data); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
		}
	}
	if !s.Compress {
		return data, nil
	}
	r := flate.NewReader(bytes.NewReader(data))
	data, err = io.ReadAll(io.LimitReader(r, MaxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if len(data) > MaxAnswer {
		return nil, fmt.Errorf("%w: it is too long", ErrAnswer)
	}
	return data, nil
}

// A content is the secured part in the clear.
type content struct {
	Data      json.RawMessage `json:"data"`
	Signature struct {
		Fault    json.RawMessage `json:"Erreur"`
		Awaiting *awaiting       `json:"SignatureAttente"`
	} `json:"Signature"`
	Fault    *fault    `json:"Erreur"`
	Awaiting *awaiting `json:"SignatureAttente"`
}

// code is the error in the content; false: there is none.
func (c content) code() (int, bool) {
	if c.Fault != nil {
		return int(c.Fault.G), true
	}
	raw := bytes.TrimSpace(c.Signature.Fault)
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) || bytes.Equal(raw, []byte("false")) {
		return 0, false
	}
	var f fault
	if json.Unmarshal(raw, &f) != nil {
		_ = f.G.UnmarshalJSON(raw)
	}
	return int(f.G), true
}
