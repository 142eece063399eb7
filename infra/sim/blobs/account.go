package blobs

import (
	"crypto/rand"
	"encoding/base64"
	"time"

	azcontainer "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"
)

// Name is the name of a simulated account, also Azurite's.
const Name = "devstoreaccount1"

// An Account is a storage account as its owner has it. Its clients are Microsoft's own, and have all rights.
type Account struct {
	URL string // such as http://127.0.0.1:10000/devstoreaccount1/
	Key string // in base64
}

// NewAccount returns the account that a server at an address such as http://127.0.0.1:10000 has, with a new key.
func NewAccount(address string) Account {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return Account{Key: base64.StdEncoding.EncodeToString(key)}.At(address)
}

// At is the account where its server has another address.
func (a Account) At(address string) Account {
	a.URL = address + "/" + Name + "/"
	return a
}

// Service returns the account's client.
func (a Account) Service() (*service.Client, error) {
	cred, err := service.NewSharedKeyCredential(Name, a.Key)
	if err != nil {
		return nil, err
	}
	return service.NewClientWithSharedKeyCredential(a.URL, cred, nil)
}

// Container returns a container's client.
func (a Account) Container(name string) (*azcontainer.Client, error) {
	client, err := a.Service()
	if err != nil {
		return nil, err
	}
	return client.NewContainerClient(name), nil
}

// Token makes a shared access signature for a container: rights such as rdl, valid until an instant.
func (a Account) Token(name, rights string, until time.Time) (string, error) {
	cred, err := service.NewSharedKeyCredential(Name, a.Key)
	if err != nil {
		return "", err
	}
	values := sas.BlobSignatureValues{
		Protocol: sas.ProtocolHTTPSandHTTP, ExpiryTime: until.UTC(), Permissions: rights, ContainerName: name,
	}
	signed, err := values.SignWithSharedKey(cred)
	if err != nil {
		return "", err
	}
	return signed.Encode(), nil
}
