package school

import (
	"encoding/json"
	"time"
)

// A Date is a moment on the school's clocks, without a zone. In JSON it is "2026-11-27 08:00".
type Date struct{ time.Time }

// dateLayout is the form of dates in answers.
const dateLayout = "2006-01-02 15:04"

// MarshalJSON implements [json.Marshaler]; no date is null.
func (d Date) MarshalJSON() ([]byte, error) {
	if d.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(d.Format(dateLayout))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (d *Date) UnmarshalJSON(data []byte) error {
	var text *string
	err := json.Unmarshal(data, &text)
	if d.Time = (time.Time{}); err != nil || text == nil {
		return err
	}
	d.Time, err = time.Parse(dateLayout, *text)
	return err
}

// Midnight is when its day begins.
func (d Date) Midnight() Date {
	return Date{time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, time.UTC)}
}

// ParseDay reads a day, "2026-11-27".
func ParseDay(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	return Date{t}, err
}

// DayOf is the day on which an instant lies on clocks of a zone.
func DayOf(t time.Time, zone *time.Location) Date {
	y, m, d := t.In(zone).Date()
	return Date{time.Date(y, m, d, 0, 0, 0, 0, time.UTC)}
}

// The types below are answers of the API, in the form that Papillon's clients read.

// A User is GET /user.
type User struct {
	Name          string   `json:"name"`
	Class         string   `json:"class"`
	Establishment string   `json:"establishment"`
	Phone         *string  `json:"phone"`
	Picture       *string  `json:"profile_picture"`
	Delegate      []string `json:"delegue"` // classes that the pupil speaks for
	Periods       []Period `json:"periods"`
	Children      []Child  `json:"children"` // of a parent
}

// A Child is one of a parent's.
type Child struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	Class         string `json:"class"`
	Establishment string `json:"establishment"`
}

// A Period is a part of the school year. Both ends are in it.
type Period struct {
	Start  string `json:"start"` // 2026-09-01
	End    string `json:"end"`
	Name   string `json:"name"`
	ID     string `json:"id"`
	Actual bool   `json:"actual"` // today is in it
}

// A Subject is what is taught.
type Subject struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Groups bool   `json:"groups"` // taught in groups
}

// NoSubject stands where there is none.
func NoSubject() Subject { return Subject{ID: "0"} }

// A File is an attachment.
type File struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	URL  string `json:"url"`
	Type int    `json:"type"` // FileLink or FileStored
}

// Types of files.
const (
	FileLink   = 0
	FileStored = 1
)

// A Lesson is one of GET /timetable.
type Lesson struct {
	ID        string   `json:"id"`
	Num       int      `json:"num"` // of two at the same time the higher one is shown
	Subject   Subject  `json:"subject"`
	Teachers  []string `json:"teachers"`
	Rooms     []string `json:"rooms"`
	Groups    []string `json:"group_names"`
	Memo      *string  `json:"memo"`
	Virtual   []string `json:"virtual"` // addresses of video meetings
	Start     Date     `json:"start"`
	End       Date     `json:"end"`
	Color     *string  `json:"background_color"`
	Status    *string  `json:"status"`
	Cancelled bool     `json:"is_cancelled"`
	Outing    bool     `json:"is_outing"`
	Detention bool     `json:"is_detention"`
	Exempted  bool     `json:"is_exempted"`
	Test      bool     `json:"is_test"`
}

// A Homework is one of GET /homework.
type Homework struct {
	ID          string  `json:"id"`
	Subject     Subject `json:"subject"`
	Description string  `json:"description"`
	Color       *string `json:"background_color"`
	Done        bool    `json:"done"`
	Date        Date    `json:"date"`
	Files       []File  `json:"files"`
}

// Grades is GET /grades.
type Grades struct {
	Grades   []Grade   `json:"grades"`
	Averages []Average `json:"averages"`
	Overall  Number    `json:"overall_average"`
}

// A Grade is a mark.
type Grade struct {
	ID          string    `json:"id"`
	Subject     Subject   `json:"subject"`
	Date        Date      `json:"date"`
	Description string    `json:"description"`
	Bonus       bool      `json:"is_bonus"`
	Optional    bool      `json:"is_optional"`
	OutOf20     bool      `json:"is_out_of_20"`
	Grade       GradeMark `json:"grade"`
	Files       []File    `json:"files"`
}

// A GradeMark is a mark in numbers.
type GradeMark struct {
	Value       Number `json:"value"`
	OutOf       Number `json:"out_of"`
	Coefficient Number `json:"coefficient"`
	Average     Number `json:"average"`
	Max         Number `json:"max"`
	Min         Number `json:"min"`
	Significant int    `json:"significant"` // 0: value is a number; else why it is none
}

// An Average is a subject's.
type Average struct {
	Subject     Subject `json:"subject"`
	Average     Number  `json:"average"`
	Class       Number  `json:"class_average"`
	Max         Number  `json:"max"`
	Min         Number  `json:"min"`
	OutOf       Number  `json:"out_of"`
	Significant int     `json:"significant"`
}

// An Evaluation is one of GET /evaluations.
type Evaluation struct {
	ID           string        `json:"id"`
	Subject      Subject       `json:"subject"`
	Name         string        `json:"name"`
	Description  string        `json:"description"`
	Teacher      string        `json:"teacher"`
	Date         Date          `json:"date"`
	Levels       []string      `json:"paliers"`
	Coefficient  Number        `json:"coefficient"`
	Acquisitions []Acquisition `json:"acquisitions"`
}

// An Acquisition is a skill with the level that was reached.
type Acquisition struct {
	ID           string  `json:"id"`
	Name         *string `json:"name"`
	Coefficient  Number  `json:"coefficient"`
	Abbreviation string  `json:"abbreviation"`
	Domain       string  `json:"domain"`
	Level        string  `json:"level"`
}

// An Absence is one of GET /absences.
type Absence struct {
	ID        string   `json:"id"`
	From      Date     `json:"from"`
	To        Date     `json:"to"`
	Justified bool     `json:"justified"`
	Hours     *string  `json:"hours"` // 4h00
	Reasons   []string `json:"reasons"`
}

// A Delay is one of GET /delays.
type Delay struct {
	ID            string   `json:"id"`
	Date          Date     `json:"date"`
	Duration      int      `json:"duration"` // minutes
	Justified     bool     `json:"justified"`
	Justification *string  `json:"justification"`
	Reasons       []string `json:"reasons"`
}

// A Punishment is one of GET /punishments.
type Punishment struct {
	ID          string             `json:"id"`
	Schedulable bool               `json:"schedulable"`
	Schedule    []PunishmentTime   `json:"schedule"`
	Date        Date               `json:"date"`
	GivenBy     string             `json:"given_by"`
	Exclusion   bool               `json:"exclusion"`
	InLesson    bool               `json:"during_lesson"`
	Homework    PunishmentHomework `json:"homework"`
	Reason      PunishmentReason   `json:"reason"`
	Nature      string             `json:"nature"`
	Duration    *float64           `json:"duration"` // seconds
}

// A PunishmentTime is when one takes place.
type PunishmentTime struct {
	ID       string   `json:"id"`
	Start    Date     `json:"start"`
	Duration *float64 `json:"duration"` // seconds
}

// A PunishmentHomework is what is to be done.
type PunishmentHomework struct {
	Text      *string `json:"text"`
	Documents []File  `json:"documents"`
}

// A PunishmentReason is why.
type PunishmentReason struct {
	Text          []string `json:"text"`
	Circumstances string   `json:"circumstances"`
	Documents     []File   `json:"documents"`
}

// A News is one of GET /news.
type News struct {
	ID          string            `json:"id"`
	Title       *string           `json:"title"`
	Date        Date              `json:"date"`
	Category    string            `json:"category"`
	Read        bool              `json:"read"`
	Survey      bool              `json:"survey"`
	Anonymous   bool              `json:"anonymous_survey"`
	Author      string            `json:"author"`
	Content     string            `json:"content"`
	Attachments []File            `json:"attachments"`
	Questions   []json.RawMessage `json:"html_content"` // as PRONOTE has them: clients read its names
}

// A Discussion is one of GET /discussions.
type Discussion struct {
	ID        string    `json:"id"`
	Subject   string    `json:"subject"`
	Creator   *string   `json:"creator"` // null: oneself
	Date      Date      `json:"date"`    // of the first message
	Unread    int       `json:"unread"`
	Closed    bool      `json:"closed"`
	Replyable bool      `json:"replyable"`
	Messages  []Message `json:"messages"` // the oldest first
}

// A Message is one of a discussion.
type Message struct {
	ID      string  `json:"id"`
	Content string  `json:"content"`
	Author  *string `json:"author"` // null: oneself
	Date    Date    `json:"date"`
	Seen    bool    `json:"seen"`
}

// A Recipient is one of GET /recipients.
type Recipient struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Type      string   `json:"type"` // teacher or staff
	Email     *string  `json:"email"`
	Functions []string `json:"functions"`
	Discusses bool     `json:"with_discussion"`
	Kind      int      `json:"-"` // PRONOTE's, for writing to
}

// A Menu is a meal of GET /menu. A course that is not there is null.
type Menu struct {
	ID    string  `json:"id"`
	Name  *string `json:"name"`
	Date  string  `json:"date"` // 2026-11-27
	Type  Meal    `json:"type"`
	First []Food  `json:"first_meal"`

	Dessert []Food `json:"dessert"`
	Cheese  []Food `json:"cheese"`
	Other   []Food `json:"other_meal"`
	Side    []Food `json:"side_meal"`
	Main    []Food `json:"main_meal"`
}

// A Meal says which of the day's it is.
type Meal struct {
	Lunch  bool `json:"is_lunch"`
	Dinner bool `json:"is_dinner"`
}

// A Food is part of a course.
type Food struct {
	Name   string  `json:"name"`
	Labels []Label `json:"labels"`
}

// A Label says what a food has or lacks.
type Label struct {
	ID    string  `json:"id"`
	Name  string  `json:"name"`
	Color *string `json:"color"`
}
