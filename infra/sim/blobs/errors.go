package blobs

import (
	"encoding/xml"
	"net/http"
	"strings"
)

// An apiError is an answer with an error's code.
type apiError struct {
	status        int
	code, message string
}

var (
	errUnknownResource  = &apiError{404, "ResourceNotFound", "The specified resource does not exist."}
	errUnsupported      = &apiError{400, "UnsupportedQueryParameter", "The operation is not simulated."}
	errNoContainer      = &apiError{404, "ContainerNotFound", "The specified container does not exist."}
	errNoBlob           = &apiError{404, "BlobNotFound", "The specified blob does not exist."}
	errContainerExists  = &apiError{409, "ContainerAlreadyExists", "The specified container already exists."}
	errBlobExists       = &apiError{409, "BlobAlreadyExists", "The specified blob already exists."}
	errCondition        = &apiError{412, "ConditionNotMet", "A condition of the headers is not met."}
	errNotModified      = &apiError{304, "ConditionNotMet", "A condition of the headers is not met."}
	errMD5              = &apiError{400, "Md5Mismatch", "The MD5 value is not the one of the content."}
	errInvalidMD5       = &apiError{400, "InvalidMd5", "The MD5 value specified in the request is invalid."}
	errRange            = &apiError{416, "InvalidRange", "The range is invalid for the size of the blob."}
	errNoLength         = &apiError{411, "MissingContentLengthHeader", "The Content-Length header was not specified."}
	errBody             = &apiError{400, "InvalidInput", "The body could not be read whole."}
	errBlobType         = &apiError{409, "InvalidBlobType", "The blob type is invalid for this operation."}
	errBlockID          = &apiError{400, "InvalidBlockId", "The specified block ID is invalid."}
	errBlockList        = &apiError{400, "InvalidBlockList", "The specified block list is invalid."}
	errXML              = &apiError{400, "InvalidXmlDocument", "The XML specified is not syntactically valid."}
	errSnapshots        = &apiError{409, "SnapshotsPresent", "The blob has snapshots."}
	errArchived         = &apiError{409, "BlobArchived", "This operation is not permitted on an archived blob."}
	errRehydrating      = &apiError{409, "BlobBeingRehydrated", "The blob is being rehydrated."}
	errAppendPosition   = &apiError{412, "AppendPositionConditionNotMet", "The append position condition was not met."}
	errMaxSize          = &apiError{412, "MaxBlobSizeConditionNotMet", "The max blob size condition was not met."}
	errQueryOutOfRange  = &apiError{400, "OutOfRangeQueryParameterValue", "A query parameter is out of range."}
	errQueryValue       = &apiError{400, "InvalidQueryParameterValue", "The value of a query parameter is invalid."}
	errName             = &apiError{400, "InvalidResourceName", "The resource name contains invalid characters."}
	errHeaderMissing    = &apiError{400, "MissingRequiredHeader", "A required HTTP header was not specified."}
	errHeaderValue      = &apiError{400, "InvalidHeaderValue", "The value of a header is invalid."}
	errNoAuthentication = &apiError{401, "NoAuthenticationInformation", "Server failed to authenticate the request."}
	errNoRight          = &apiError{
		403,
		"AuthorizationPermissionMismatch",
		"The permission does not include this operation.",
	}
)

// Errors of leases.
var (
	errLeaseMissing    = &apiError{412, "LeaseIdMissing", "The blob has a lease, and no lease ID was given."}
	errLeaseMismatch   = &apiError{412, "LeaseIdMismatchWithBlobOperation", "The lease ID is not the one of the blob."}
	errLeaseNotPresent = &apiError{412, "LeaseNotPresentWithBlobOperation", "There is no lease on the blob."}
	errLeaseLost       = &apiError{412, "LeaseLost", "The lease for the blob has expired."}
	errLeasePresent    = &apiError{409, "LeaseAlreadyPresent", "There is already a lease present."}
	errLeaseID         = &apiError{
		409,
		"LeaseIdMismatchWithLeaseOperation",
		"The lease ID is not the one of the blob.",
	}
	errNoLease          = &apiError{409, "LeaseNotPresentWithLeaseOperation", "There is no lease on the blob."}
	errLeaseBroken      = &apiError{409, "LeaseIsBrokenAndCannotBeRenewed", "The lease has been broken."}
	errLeaseBreaking    = &apiError{409, "LeaseIsBreakingAndCannotBeAcquired", "The lease is being broken."}
	errLeaseIDIsMissing = &apiError{400, "MissingRequiredHeader", "x-ms-lease-id was not specified."}
)

// faultCodes are the codes of errors that a fault may ask for by their status alone.
var faultCodes = map[int]string{
	403: "AuthenticationFailed", 404: "BlobNotFound", 500: "InternalError", 503: "ServerBusy",
}

// write answers with an error in XML.
func (e *apiError) write(w http.ResponseWriter) {
	h := w.Header()
	for name := range h { // those of an answer that would have been good
		if strings.HasPrefix(name, "Content-") {
			h.Del(name)
		}
	}
	h.Set("X-Ms-Error-Code", e.code)
	if e.status == http.StatusNotModified {
		w.WriteHeader(e.status)
		return
	}
	body := struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: e.code, Message: e.message + "\nRequestId:" + h.Get("X-Ms-Request-Id")}
	writeXML(w, e.status, body)
}

func writeXML(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(xml.Header))
	_ = xml.NewEncoder(w).Encode(body)
}
