package pronote

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/carillon-calendar/carillon/shared/recorded"
)

// BenchmarkTimetable decodes a recorded week of 26 lessons.
func BenchmarkTimetable(b *testing.B) {
	data, err := os.ReadFile(filepath.Join(recorded.Dir(b, "pronote"), "pawnote2024_PageEmploiDuTemps.json"))
	if err != nil {
		b.Fatal(err)
	}
	year := Year{Places: 20, Ends: []string{3: "10h55"}}
	for b.Loop() {
		var got struct {
			Data struct {
				Lessons list[wireLesson] `json:"ListeCours"`
			} `json:"data"`
		}
		if err := json.Unmarshal(data, &got); err != nil || len(got.Data.Lessons) < 26 {
			b.Fatal(len(got.Data.Lessons), err)
		}
		for _, w := range got.Data.Lessons {
			w.lesson(year)
		}
	}
}
