package sync

import (
	"embed"
	"errors"
	"strconv"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/campus/ecal"
	"github.com/carillon-calendar/carillon/shared/campus/wigor"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

// errKnownRefused says that the credentials are those which MonCampus has refused before.
var errKnownRefused = errors.New("MonCampus has refused this username and password; they are not tried again")

// Codes of faults, stable for programs. What they mean to a person is in texts/.
const (
	codeRefused     = "moncampus_refused"
	codeSilent      = "moncampus_no_answer"
	codeIncomplete  = "moncampus_incomplete"
	codeLogin       = "moncampus_login"
	codeClock       = "moncampus_clock"
	codeECALRefused = "ecal_refused"
	codeECALUnknown = "ecal_calendar"
	codeECALSilent  = "ecal_no_answer"
	codeWrites      = "writes_failed"
	codeNotVerified = "not_verified"
	codeHeld        = "deletions_held"
	codeUnreadable  = "lessons_unreadable"
	codeSettings    = "settings"
	codeOutOfTime   = "out_of_time" // the next run goes on
	codeNotRun      = "not_run"
)

//go:embed texts
var textFiles embed.FS

// texts are what codes mean, what a person can do, and the e-mails, by language.
var texts = faults.Load(textFiles, "texts")

// rules are which faults errors are; the first that fits.
var rules = []faults.Rule{
	{Err: wigor.ErrRefused, Code: codeRefused},
	{Err: errKnownRefused, Code: codeRefused},
	{Err: wigor.ErrLogin, Code: codeLogin},
	{Err: wigor.ErrIncomplete, Code: codeIncomplete},
	{Err: campus.ErrOddHours, Code: codeClock},
	{Err: campus.ErrShifted, Code: codeClock},
	{Err: ecal.ErrRefused, Code: codeECALRefused},
	{Err: ecal.ErrNotFound, Code: codeECALUnknown},
	{Err: ecal.ErrNoAnswer, Code: codeECALSilent},
	{Err: wigor.ErrNoAnswer, Code: codeSilent},
}

// params are what the texts of an instance's faults name; held is how many deletions wait for a person's consent.
func params(inst campus.Instance, held int) faults.Params {
	return faults.Params{"instance": inst.Name, "n": strconv.Itoa(held)}
}
