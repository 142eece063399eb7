package console

import (
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"path"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/pages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

var (
	//go:embed frame.html
	frameFile embed.FS
	//go:embed texts
	textFiles embed.FS
	//go:embed web
	assets embed.FS
)

var (
	texts = faults.Load(textFiles, "texts")
	frame = pages.NewFrame(frameFile, "frame.html", texts)
)

// overviewName is the first page's.
const overviewName = "overview"

// A pageView is a page in the frame.
type pageView struct {
	Title, Script string
	Style         string // beside the shared one; "": none
	Links         []link
	Content       template.HTML // of a file that is part of the program
	Texts         pageTexts
}

// pageTexts are what a page's scripts show, in the reader's language, with their parameters' places: those that all
// pages share, and its own.
type pageTexts struct {
	Shared map[string]any `json:"shared"`
	Page   map[string]any `json:"page"`
}

// A link of the navigation.
type link struct {
	Path, Title string
	Here        bool
}

// servePages serves the first page, that of every bridge, and what they load.
func (c *console) servePages(handle func(pattern string, h http.Handler)) error {
	all := together{assets}
	first, err := c.page(assets, texts, overviewName)
	if err != nil {
		return err
	}
	handle("GET /{$}", first)
	for _, b := range c.Bridges {
		if b.Page == nil {
			continue
		}
		page, err := c.page(b.Page, b.Texts, b.Name)
		if err != nil {
			return err
		}
		handle("GET /"+b.Name+".html", page)
		all = append(all, b.Page)
	}
	handle("/", http.FileServerFS(all))
	return nil
}

// page serves a file's contents in the frame; that of a bridge which does not run leads to the first page.
func (c *console) page(files fs.FS, own *faults.Catalogue, name string) (http.Handler, error) {
	content, err := fs.ReadFile(files, "web/"+name+".html")
	if err != nil {
		return nil, err
	}
	return web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		if _, ok := c.running(name); !ok && name != overviewName {
			http.Redirect(w, r, "./", http.StatusSeeOther)
			return nil
		}
		return frame.Write(w, r, "frame.html", func(lang string) any {
			view := pageView{Script: name + ".js", Content: template.HTML(content)} //nolint:gosec // G203: see pageView
			if _, err := fs.Stat(files, "web/"+name+".css"); err == nil {
				view.Style = name + ".css"
			}
			view.Links = c.links(lang, name)
			view.Texts = pageTexts{texts.Templates(lang, "shared"), own.Templates(lang, "page")}
			for _, l := range view.Links {
				if l.Here {
					view.Title = l.Title
				}
			}
			return view
		})
	}), nil
}

// running is a bridge that runs here.
func (c *console) running(name string) (machine.Running, bool) {
	for _, b := range c.Running {
		if b.Name == name {
			return b, true
		}
	}
	return machine.Running{}, false
}

// links are the pages of what runs here.
func (c *console) links(lang, here string) []link {
	list := []link{{"./", texts.Text(lang, overviewName, nil), here == overviewName}}
	for _, b := range c.Running {
		if b.Page != nil {
			list = append(list, link{b.Name + ".html", titleOf(b.Bridge, lang), here == b.Name})
		}
	}
	return list
}

func titleOf(b machine.Bridge, lang string) string { return b.Texts.Text(lang, "title", nil) }

// together is the files of several folders web: each is the first's that has it. Pages are served in the frame only,
// and folders are not listed.
type together []fs.FS

// Open implements [fs.FS].
func (t together) Open(name string) (fs.File, error) {
	for _, one := range t {
		info, err := fs.Stat(one, path.Join("web", name))
		if err == nil && info.Mode().IsRegular() && path.Ext(name) != ".html" {
			return one.Open(path.Join("web", name))
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}
