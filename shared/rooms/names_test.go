package rooms_test

import (
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/rooms"
)

// TestNamesReachDocumentsAndTokens: whichever letters they have, and those of before as they were.
func TestNamesReachDocumentsAndTokens(t *testing.T) {
	t.Parallel()
	if rooms.SnapshotName("blue room_1.a") != "rooms/blue room_1.a.json" || rooms.WatchName("blue") != "blue.json" ||
		rooms.ClaimName("blue") != "bookings/blue.json" {
		t.Error("documents of before are not found")
	}
	for _, room := range []string{"blue", "Room 1", "Salle de réunion", strings.Repeat("é", 64), strings.Repeat("会", 42)} {
		if got := rooms.SnapshotRoom(rooms.SnapshotName(room)); got != room {
			t.Errorf("%q came back as %q", room, got)
		}
		token := rooms.ChannelToken("key", "channel", room)
		if got, ok := rooms.CheckChannelToken(token, "channel", "key"); !ok || got != room || len(token) > 256 {
			t.Errorf("the token of %q, %d characters, is one of %q (%t)", room, len(token), got, ok)
		}
	}
	if !strings.HasPrefix(rooms.ChannelToken("key", "channel", "blue"), "room=blue&sig=") {
		t.Error("tokens of plain names have another form than before")
	}
}

// TestNamesThatCannotBeUsed are refused with a sentence, and two rooms on one calendar are a warning.
func TestNamesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	s := rooms.Settings{Rooms: []rooms.RoomSettings{
		{Name: "a/b", CalendarID: "c@x"}, {Name: "e\u0301tage", CalendarID: "C@x"}, {Name: "étage", CalendarID: "d"},
	}}
	err := s.Validate()
	for _, want := range []string{
		`at "/rooms/0/room_name": the name cannot be used: it has a /`,
		`/rooms/2/room_name": "étage" is the name of /rooms/1 too`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := s.Warnings(); err == nil ||
		!strings.Contains(err.Error(), `at "/rooms/1/gcal_calendar_id": a/b and étage have the same calendar`) {
		t.Errorf("warnings: %v", err)
	}
	if _, ok := s.Room("e\u0301tage"); !ok {
		t.Error("a room is found by one of the ways to type its name only")
	}
}

// TestTokensOfAnEmptyKeyAreRefused: a key that is not set, as WEBHOOK_KEY_PREVIOUS most of the time, signs nothing.
func TestTokensOfAnEmptyKeyAreRefused(t *testing.T) {
	t.Parallel()
	token := rooms.ChannelToken("", "channel", "blue")
	for _, keys := range [][]string{{""}, {"key", ""}, {"", "key"}, nil} {
		if room, ok := rooms.CheckChannelToken(token, "channel", keys...); ok {
			t.Errorf("a token that was signed with no key is one of %q under the keys %q", room, keys)
		}
	}
	if _, ok := rooms.CheckChannelToken(rooms.ChannelToken("key", "channel", "blue"), "channel", "", "key"); !ok {
		t.Error("an empty key hides the one after it")
	}
}
