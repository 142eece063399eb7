package pronote

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5" //nolint:gosec // the vendor's protocol
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// maxBody is the size of a message, in bytes.
const maxBody = 1 << 20

var (
	errPadding = errors.New("the padding is invalid")
	errForm    = errors.New("the message has not the form of this session")
)

func digest(b []byte) []byte {
	sum := md5.Sum(b) //nolint:gosec // the vendor's protocol
	return sum[:]
}

// noIV is the initialisation vector of a session's start and of QR codes.
func noIV() []byte { return make([]byte, aes.BlockSize) }

// chain returns AES-128 for a key; all keys are MD5 digests.
func chain(key []byte) cipher.Block {
	block, err := aes.NewCipher(key)
	if err != nil {
		block, _ = aes.NewCipher(digest(key))
	}
	return block
}

// encrypt is AES-CBC with PKCS#7 padding.
func encrypt(key, iv, plain []byte) []byte {
	n := aes.BlockSize - len(plain)%aes.BlockSize
	padded := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(n)}, n)...)
	cipher.NewCBCEncrypter(chain(key), iv).CryptBlocks(padded, padded)
	return padded
}

func decrypt(key, iv, data []byte) ([]byte, error) {
	if len(data) == 0 || len(data)%aes.BlockSize != 0 {
		return nil, errPadding
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(chain(key), iv).CryptBlocks(plain, data)
	n := int(plain[len(plain)-1])
	if n == 0 || n > aes.BlockSize || !bytes.Equal(plain[len(plain)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, errPadding
	}
	return plain[:len(plain)-n], nil
}

func encryptHex(key, iv []byte, plain string) string {
	return upperHex(encrypt(key, iv, []byte(plain)))
}

func decryptHex(key, iv []byte, text string) (string, error) {
	data, err := hex.DecodeString(text)
	if err != nil {
		return "", err
	}
	plain, err := decrypt(key, iv, data)
	return string(plain), err
}

func upperHex(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

// passwordKey is the key that a login and password make.
func passwordKey(login, alea, password string) []byte {
	sum := sha256.Sum256([]byte(alea + password))
	return digest([]byte(login + upperHex(sum[:])))
}

func deflate(data []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, 6)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err = w.Close() // writes the end
	return out.Bytes(), err
}

func inflate(data []byte) ([]byte, error) {
	r := flate.NewReader(bytes.NewReader(data))
	defer r.Close()
	plain, err := io.ReadAll(io.LimitReader(r, 4*maxBody))
	if err == nil && len(plain) == 4*maxBody {
		err = errForm
	}
	return plain, err
}

// flags are the page's CrA and CoA.
type flags struct{ encrypt, compress, anyCase bool }

// read returns the JSON of a request's dataSec. What is compressed is the hexadecimal text of the JSON.
func (f flags) read(dataSec json.RawMessage, key, iv []byte) ([]byte, error) {
	if !f.encrypt && !f.compress {
		if !bytes.HasPrefix(bytes.TrimSpace(dataSec), []byte("{")) {
			return nil, errForm
		}
		return dataSec, nil
	}
	var text string
	if err := json.Unmarshal(dataSec, &text); err != nil || !f.anyCase && text != strings.ToUpper(text) {
		return nil, errForm
	}
	data, err := hex.DecodeString(text)
	if err != nil {
		return nil, err
	}
	if f.encrypt {
		if data, err = decrypt(key, iv, data); err != nil {
			return nil, err
		}
	}
	if !f.compress {
		return data, nil
	}
	if data, err = inflate(data); err != nil {
		return nil, err
	}
	return hex.DecodeString(string(data))
}

// write returns an answer's dataSec. What is compressed is the JSON itself, unlike in requests.
func (f flags) write(v any, key, iv []byte) (any, error) {
	data, err := marshal(v)
	if err != nil {
		return nil, err
	}
	if !f.encrypt && !f.compress {
		return json.RawMessage(data), nil
	}
	if f.compress {
		if data, err = deflate(data); err != nil {
			return nil, err
		}
	}
	if f.encrypt {
		data = encrypt(key, iv, data)
	}
	return upperHex(data), nil
}

// marshal is JSON that keeps < and > as they are, as the vendor does.
func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(out.Bytes()), err
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}
