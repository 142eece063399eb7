// Package pronote is a client of PRONOTE, a school's server of timetables, homework and grades, in the form that its
// web pages speak since version 2025.1.3: a page that begins a session, then calls in JSON, each with an order number.
//
// The protocol has no public description by its maker. What is here follows from watching the web pages and from what
// the clients pronotepy 2.15 and pawnote 1.6 document; a fact that differs between the versions 2025 and 2026 says so.
//
// A [Session] is what a login leaves: its keys, cookies, tabs and whom it is of. It can be kept as JSON and continued
// by another process. PRONOTE allows one call at a time in a session and ends it where an order number is skipped or
// sent twice; who numbers the calls is the caller's [Orders].
package pronote
