package pronote

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5" //nolint:gosec // the protocol's
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/big"
	"strconv"
	"strings"
	"sync"
)

// keySize is AES-128's: keys and vectors are MD5 sums.
const keySize = 16

// A secret is a key with its initial vector.
type secret struct{ key, iv []byte }

// first encrypts until the login has another key.
func first() secret { return secret{digest(nil), make([]byte, keySize)} }

func digest(data []byte) []byte {
	sum := md5.Sum(data) //nolint:gosec // the protocol's
	return sum[:]
}

// errPadding is a text that was encrypted by another key.
var errPadding = errors.New("the text was not encrypted by this key")

// encrypt is AES in CBC mode, with the padding of PKCS #7.
func (s secret) encrypt(text []byte) []byte {
	block, err := aes.NewCipher(s.key)
	if err != nil { // another length than keySize
		return nil
	}
	pad := keySize - len(text)%keySize
	padded := append(make([]byte, 0, len(text)+pad), text...)
	for range pad {
		padded = append(padded, byte(pad))
	}
	cipher.NewCBCEncrypter(block, s.iv).CryptBlocks(padded, padded)
	return padded
}

func (s secret) decrypt(data []byte) ([]byte, error) {
	block, err := aes.NewCipher(s.key)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 || len(data)%keySize != 0 {
		return nil, errPadding
	}
	text := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, s.iv).CryptBlocks(text, data)
	pad := int(text[len(text)-1])
	if pad == 0 || pad > keySize {
		return nil, errPadding
	}
	for _, b := range text[len(text)-pad:] {
		if int(b) != pad {
			return nil, errPadding
		}
	}
	return text[:len(text)-pad], nil
}

// number is an order number as it is sent, and its answer's.
func (s secret) number(order int) string {
	return hex.EncodeToString(s.encrypt([]byte(strconv.Itoa(order))))
}

// orderOf reads a number; it may be in capitals.
func (s secret) orderOf(number string) (int, error) {
	data, err := hex.DecodeString(number)
	if err != nil {
		return 0, err
	}
	text, err := s.decrypt(data)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(text))
}

// upper is bytes as bodies have them.
func upper(data []byte) string { return strings.ToUpper(hex.EncodeToString(data)) }

// sessionVector draws the vector of a session: its random source, which goes to the server, and its MD5 sum.
func sessionVector() (source, iv []byte) {
	source = make([]byte, keySize)
	_, _ = rand.Read(source) // never fails (crypto/rand)
	return source, digest(source)
}

// serverModulus is of the RSA key that all servers have had for years.
const serverModulus = "B99B77A3D72D3A29B4271FC7B7300E2F791EB8948174BE7B8024667E915446D4EEA0C2424B8D1EBF7E2DDF" +
	"F94691C6E994E839225C627D140A8F1146D1B0B5F18A09BBD3D8F421CA1E3E4796B301EEBCCF80D81A32A1" +
	"580121B8294433C38377083C5517D5921E8A078CDC019B15775292EFDA2C30251B1CCABE812386C893E5"

// serverKey is the RSA key that all servers have, for sessions without TLS.
var serverKey = sync.OnceValue(func() *rsa.PublicKey {
	n, _ := new(big.Int).SetString(serverModulus, 16)
	return &rsa.PublicKey{N: n, E: 65537}
})

// uuid is the random source as FonctionParametres has it.
func uuid(source []byte, key *rsa.PublicKey) (string, error) {
	if key == nil {
		return base64.StdEncoding.EncodeToString(source), nil
	}
	data, err := rsa.EncryptPKCS1v15(rand.Reader, key, source) //nolint:staticcheck // the protocol's
	return base64.StdEncoding.EncodeToString(data), err
}

// A credential proves who logs in, without the password being sent.
type credential struct {
	login, password string
	ent             bool
}

// key encrypts the answer to the challenge. alea is a salt that 2025's servers send.
func (c credential) key(alea string, lowerLogin, lowerPassword bool, iv []byte) secret {
	login, password := strings.TrimSpace(c.login), strings.TrimSpace(c.password)
	if lowerLogin {
		login = strings.ToLower(login)
	}
	if lowerPassword {
		password = strings.ToLower(password)
	}
	sum := sha256.Sum256([]byte(alea + password))
	text := upper(sum[:])
	if !c.ent {
		text = login + text
	}
	return secret{digest([]byte(text)), iv}
}

// answer is the answer to a challenge. Up to 2026.1 it has the challenge's every second character; from 2026.2 on it is
// the challenge itself. An [errPadding] says that the password is wrong: nothing was sent yet.
func (s secret) answer(challenge string, direct bool) (string, error) {
	if direct {
		return hex.EncodeToString(s.encrypt([]byte(challenge))), nil
	}
	data, err := hex.DecodeString(challenge)
	if err != nil {
		return "", err
	}
	text, err := s.decrypt(data)
	if err != nil {
		return "", err
	}
	runes := []rune(string(text))
	kept := make([]rune, 0, len(runes)/2+1)
	for i := 0; i < len(runes); i += 2 {
		kept = append(kept, runes[i])
	}
	return hex.EncodeToString(s.encrypt([]byte(string(kept)))), nil
}

// sessionKey is the key of an accepted session: cle is its bytes as decimal numbers with commas, encrypted.
func (s secret) sessionKey(cle string) ([]byte, error) {
	data, err := hex.DecodeString(cle)
	if err != nil {
		return nil, err
	}
	text, err := s.decrypt(data)
	if err != nil {
		return nil, err
	}
	var numbers []byte
	for part := range strings.SplitSeq(string(text), ",") {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, byte(n))
	}
	return digest(numbers), nil
}
