package soap

import (
	_ "embed"
	"encoding/xml"
	"io"
	"strings"
	"text/template"
)

//go:embed booking.wsdl
var wsdl string

// description is the WSDL. html/template would not escape XML as XML.
var description = template.Must(template.New("wsdl").Parse(wsdl))

// Operations are what the service has.
var Operations = []string{"addBooking", "cancelBooking", "getBookings", "getNotifications"}

// WriteWSDL writes the service's description (w3.org/TR/wsdl), with the address that it is called at.
func WriteWSDL(w io.Writer, address string) error {
	var escaped strings.Builder
	if err := xml.EscapeText(&escaped, []byte(address)); err != nil {
		return err
	}
	return description.Execute(w, struct {
		Operations []string
		Address    string
	}{Operations, escaped.String()})
}
