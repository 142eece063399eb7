package googlecal

import (
	"context"
	"errors"
	"net/http"

	"cloud.google.com/go/auth"
	"google.golang.org/api/googleapi"
)

// NotFound reports an answer 404 or 410.
func NotFound(err error) bool {
	code := status(err)
	return code == http.StatusNotFound || code == http.StatusGone
}

// Answered reports whether a failed call was answered at all; else it may or may not have been done.
func Answered(err error) bool { return status(err) != 0 }

// Duplicate reports that an event with this id exists or once did.
func Duplicate(err error) bool { return status(err) == http.StatusConflict }

// Permanent reports an answer that repeating the call will not change, and its reason.
func Permanent(err error) (reason string, ok bool) {
	var api *googleapi.Error
	if !errors.As(err, &api) || transient(err) {
		return "", false
	}
	if len(api.Errors) > 0 {
		return api.Errors[0].Reason, true
	}
	return http.StatusText(api.Code), true
}

func status(err error) int {
	if api, ok := errors.AsType[*googleapi.Error](err); ok {
		return api.Code
	}
	return 0
}

// keyRefused reports that Google gives no token for the account's key: it has been deleted, or our clock is wrong.
func keyRefused(err error) bool {
	token, ok := errors.AsType[*auth.Error](err)
	return ok && token.Response != nil &&
		(token.Response.StatusCode == http.StatusBadRequest || token.Response.StatusCode == http.StatusUnauthorized)
}

// transient follows developers.google.com/workspace/calendar/api/guides/errors:
// both 403 and 429 tell of the rate, and 5xx pass.
func transient(err error) bool {
	var api *googleapi.Error
	if !errors.As(err, &api) {
		return !errors.Is(err, context.Canceled) && !keyRefused(err)
	}
	if api.Code == http.StatusTooManyRequests || api.Code >= 500 {
		return true
	}
	if api.Code != http.StatusForbidden || len(api.Errors) == 0 {
		return false
	}
	reason := api.Errors[0].Reason
	return reason == "rateLimitExceeded" || reason == "userRateLimitExceeded"
}
